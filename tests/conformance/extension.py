#!/usr/bin/env python3
"""One fixed list of calls to the Extensions and Telemetry APIs, made against any Lambda, and what came of each.

Launched as an extension (an executable in `/opt/extensions`, or given to the emulator), it finds the API in
AWS_LAMBDA_RUNTIME_API and appends a JSON line per check to the file named by CONFORMANCE_RESULTS:

    {"check": "register_without_name", "status": 403, "error_type": "Extension.InvalidExtensionName", "fields": [...]}

`fields` are the sorted keys of the answer's JSON body, or what the check says. `note` holds what may differ from one
Lambda to another, and is not compared. It needs one invocation (none under Managed Instances) and a shutdown.

    extension.py compare PROFILE RESULTS

compares such a file with `expected.json` beside this script. Profiles: `service` (the Telemetry API works), `local`
(it answers 202, as in AWS's local emulator), `managed` (Managed Instances).
"""

import http.client
import http.server
import json
import os
import re
import sys
import threading
import time

RUNTIME_API = os.environ.get("AWS_LAMBDA_RUNTIME_API", "")
MANAGED = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "lambda-managed-instances"
RESULTS = os.environ.get("CONFORMANCE_RESULTS", "/tmp/conformance.jsonl")
NAME = os.path.basename(sys.argv[0])
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
NOBODY = "00000000-0000-4000-8000-000000000000"
REGISTER = "/2020-01-01/extension/register"
NEXT = "/2020-01-01/extension/event/next"
INIT_ERROR = "/2020-01-01/extension/init/error"
EXIT_ERROR = "/2020-01-01/extension/exit/error"
TELEMETRY = "/2022-07-01/telemetry"

# What belongs to the runtime, and no extension is to see. (The log group and stream and the concurrency belong here
# too, but AWS's local emulator shows them.)
RUNTIME_ONLY = [
    "_HANDLER",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_EXECUTION_ENV",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
]

# An emulator may know of no trace.
OPTIONAL = ["invoke_tracing"]

writing = threading.Lock()


def write(check, status=None, error_type=None, fields=None, note=None):
    line = {"check": check, "status": status, "error_type": error_type, "fields": fields or []}
    if note is not None:
        line["note"] = note
    with writing, open(RESULTS, "a", encoding="utf-8") as results:
        results.write(json.dumps(line) + "\n")


def call(method, path, body=None, headers=None):
    """One request on a connection of its own: status, headers, body (parsed if it is JSON)."""
    connection = http.client.HTTPConnection(RUNTIME_API.removeprefix("http://"))
    if body is not None and not isinstance(body, str):
        body = json.dumps(body)
    connection.request(method, path, body=body, headers=headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    try:
        return answer.status, answer.headers, json.loads(text)
    except ValueError:
        return answer.status, answer.headers, None


def check(name, method, path, body=None, headers=None):
    """Makes a call and writes down what came of it."""
    status, answer_headers, body = call(method, path, body, headers)
    shape = body if isinstance(body, dict) else {}
    write(name, status, shape.get("errorType"), sorted(shape), note=shape.get("errorMessage"))
    return status, answer_headers, body


def named(name=None, **more):
    headers = {"Lambda-Extension-Name": name or NAME}
    headers.update(more)
    return headers


def identified(identifier):
    return {"Lambda-Extension-Identifier": identifier}


def subscription(port, **changes):
    body = {
        "schemaVersion": "2025-01-29",
        "types": ["platform", "function", "extension"],
        "buffering": {"maxItems": 1000, "maxBytes": 262144, "timeoutMs": 25},
        "destination": {"protocol": "HTTP", "URI": f"http://sandbox.localdomain:{port}/"},
    }
    body.update(changes)
    return {key: value for key, value in body.items() if value is not None}


class Listener(http.server.BaseHTTPRequestHandler):
    """Takes telemetry."""

    protocol_version = "HTTP/1.1"
    events = []

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Listener.events.extend(json.loads(body))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def before_registration():
    check("register_without_name", "POST", REGISTER, {"events": []})
    check("register_with_an_empty_name", "POST", REGISTER, {"events": []}, {"Lambda-Extension-Name": ""})
    check("register_without_a_body", "POST", REGISTER, "", named())
    check("register_with_a_body_that_is_not_json", "POST", REGISTER, "{events", named())
    check("register_with_a_body_that_is_a_list", "POST", REGISTER, "[]", named())
    check("register_for_events_that_are_text", "POST", REGISTER, {"events": "SHUTDOWN"}, named())
    check("register_for_an_unknown_event", "POST", REGISTER, {"events": ["SHUTDOWN", "NAP"]}, named())
    check("register_for_an_event_in_lower_case", "POST", REGISTER, {"events": ["shutdown"]}, named())
    keys = {"events": ["SHUTDOWN"], "configurationKeys": ["KEY"]}
    check("register_with_configuration_keys", "POST", REGISTER, keys, named())
    internal = named("conformance-internal")
    check("register_an_internal_one_for_shutdown", "POST", REGISTER, {"events": ["SHUTDOWN"]}, internal)
    if MANAGED:
        check("register_for_invoke_under_managed_instances", "POST", REGISTER, {"events": ["INVOKE"]}, named())
        check("register_an_internal_one_for_invoke", "POST", REGISTER, {"events": ["INVOKE"]}, internal)
    for name, path, method in [
        ("next", NEXT, "GET"),
        ("init_error", INIT_ERROR, "POST"),
        ("exit_error", EXIT_ERROR, "POST"),
        ("telemetry", TELEMETRY, "PUT"),
    ]:
        typed = {"Lambda-Extension-Function-Error-Type": "Extension.Conformance"}
        body = subscription(4243) if name == "telemetry" else None
        check(f"{name}_without_an_identifier", method, path, body, typed)
        check(f"{name}_with_a_bad_identifier", method, path, body, typed | identified("nobody"))
        check(f"{name}_with_an_unknown_identifier", method, path, body, typed | identified(NOBODY))
    check("an_unknown_path", "GET", "/2020-01-01/extension/nothing")
    check("a_wrong_method", "GET", REGISTER)


def registration():
    """Registers this extension, and one that stands for an internal one; their identifiers."""
    events = {"events": ["SHUTDOWN"] if MANAGED else ["INVOKE", "SHUTDOWN"]}
    features = named(**{"Lambda-Extension-Accept-Feature": "nothing, accountId"})
    status, headers, body = call("POST", REGISTER, events, features)
    # An emulator may know of no account.
    write("register", status, None, sorted(set(body) - {"accountId"}), note=body)
    identifier = headers["Lambda-Extension-Identifier"]
    write("the_identifier_is_a_uuid", fields=[bool(UUID.fullmatch(identifier or ""))])
    check("register_twice", "POST", REGISTER, events, named())

    events = {"events": [] if MANAGED else ["INVOKE"]}
    status, headers, body = call("POST", REGISTER, events, named("conformance-internal"))
    write("register_an_internal_one", status, None, sorted(body))
    internal = headers["Lambda-Extension-Identifier"]
    check("register_an_internal_one_twice", "POST", REGISTER, events, named("conformance-internal"))
    return identifier, internal


def after_registration(identifier, port):
    me = identified(identifier)
    check("init_error_without_a_type", "POST", INIT_ERROR, None, me)
    check("exit_error_without_a_type", "POST", EXIT_ERROR, None, me)
    for name, body in [
        ("that_is_not_json", "{"),
        ("without_a_schema_version", subscription(port, schemaVersion=None)),
        ("for_an_unknown_schema_version", subscription(port, schemaVersion="2021-01-01")),
        ("without_types", subscription(port, types=None)),
        ("for_no_type", subscription(port, types=[])),
        ("for_an_unknown_type", subscription(port, types=["platform", "metrics"])),
        ("with_too_few_items", subscription(port, buffering={"maxItems": 999})),
        ("with_too_many_items", subscription(port, buffering={"maxItems": 10001})),
        ("with_too_few_bytes", subscription(port, buffering={"maxBytes": 262143})),
        ("with_too_many_bytes", subscription(port, buffering={"maxBytes": 1048577})),
        ("with_too_short_a_timeout", subscription(port, buffering={"timeoutMs": 24})),
        ("with_too_long_a_timeout", subscription(port, buffering={"timeoutMs": 30001})),
        ("without_a_destination", subscription(port, destination=None)),
        ("without_a_uri", subscription(port, destination={"protocol": "HTTP"})),
        ("by_an_unknown_protocol", subscription(port, destination={"protocol": "UDP", "URI": "http://sandbox:1"})),
        (
            "to_another_host",
            subscription(port, destination={"protocol": "HTTP", "URI": "http://example.com:4243"}),
        ),
    ]:
        # The status only: AWS's local emulator does not escape its messages, so that some bodies are no JSON.
        status, _, answer = call("PUT", TELEMETRY, body, me)
        write(f"telemetry_{name}", status, note=answer)
    check("telemetry", "PUT", TELEMETRY, subscription(port), me)


def first_event(identifier, internal):
    """Asks for the first event twice at once: one is refused, whichever comes second. Init is not over before the
    internal extension asks as well, so no event comes in between."""
    answers = []
    refused = threading.Event()

    def ask():
        answer = call("GET", NEXT, None, identified(identifier))
        answers.append(answer)
        if answer[0] != 200:
            refused.set()

    asking = [threading.Thread(target=ask) for _ in range(2)]
    for thread in asking:
        thread.start()
    refused.wait(10)
    status, _, body = answers[0]
    write("next_while_waiting_for_one", status, body.get("errorType"), sorted(body))
    threading.Thread(target=work_internally, args=(internal,), daemon=True).start()
    for thread in asking:
        thread.join()
    return answers[1]


def work_internally(identifier):
    """Takes the internal extension's events, until there is nobody to ask."""
    first = True
    while True:
        try:
            status, _, event = call("GET", NEXT, None, identified(identifier))
        except OSError:
            return
        if status != 200:
            return
        if first:
            write("an_internal_ones_event", status, None, [event["eventType"]])
        first = False


def take(event, headers, identifier, first):
    """Looks at an event. The calls that are no longer allowed are tried during the first one."""
    keys = sorted(set(event) - {"tracing"})
    kind = event["eventType"]
    left = event["deadlineMs"] - time.time() * 1000
    if kind == "INVOKE" and first:
        write("invoke", fields=keys, note=event)
        write("invoke_deadline_is_ahead", fields=[0 < left <= 900_000])
        write("invoke_request_id_is_a_uuid", fields=[bool(UUID.fullmatch(event["requestId"]))])
        write("invoke_event_has_an_identifier", fields=[bool(headers.get("Lambda-Extension-Event-Identifier"))])
        if "tracing" in event:
            write("invoke_tracing", fields=[*sorted(event["tracing"]), event["tracing"]["type"]])
    if kind == "SHUTDOWN":
        write("shutdown", fields=keys, note=event)
        write("shutdown_deadline_is_ahead", fields=[0 < left <= 2_100])
    if first:
        late = named("conformance-late")
        check("register_after_init", "POST", REGISTER, {"events": []}, late)
        check("telemetry_after_init", "PUT", TELEMETRY, subscription(4243), identified(identifier))
        typed = {"Lambda-Extension-Function-Error-Type": "Extension.Conformance"}
        check("init_error_after_init", "POST", INIT_ERROR, None, typed | identified(identifier))


def main():
    write("variables_of_the_runtime", fields=[key for key in RUNTIME_ONLY if key in os.environ])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    before_registration()
    identifier, internal = registration()
    after_registration(identifier, server.server_port)
    _, headers, event = first_event(identifier, internal)
    first = True
    while True:
        take(event, headers, identifier, first)
        first = False
        if event["eventType"] == "SHUTDOWN":
            break
        _, headers, event = call("GET", NEXT, None, identified(identifier))
    if Listener.events:
        keys = sorted({key for event in Listener.events for key in event})
        write("telemetry_events", fields=keys, note=sorted({event["type"] for event in Listener.events}))
    write("done")


def compare(profile, results):
    """Says in what the results differ from what is expected; the exit code."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "expected.json"), encoding="utf-8") as file:
        expected = {name: by_profile(wanted, profile) for name, wanted in json.load(file).items()}
    with open(results, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    seen = {line["check"]: [line["status"], line["error_type"], line["fields"]] for line in lines}
    differences = 0
    for name in [*expected, *(name for name in seen if name not in expected)]:
        got, want = seen.get(name), expected.get(name)
        if got != want and not (got is None and name in OPTIONAL):
            differences += 1
            print(f"{name}\n  expected {want}\n  got      {got}")
    print(f"{len(seen)} checks, {differences} differences from {profile}")
    return 1 if differences else 0


def by_profile(wanted, profile):
    """The expected status, error type and fields: one list for all profiles, or an object by profile, in which a
    profile that is missing does not make the check."""
    return wanted.get(profile) if isinstance(wanted, dict) else wanted


if __name__ == "__main__":
    if sys.argv[1:2] == ["compare"]:
        sys.exit(compare(*sys.argv[2:]))
    main()
