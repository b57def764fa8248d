#!/usr/bin/env python3
"""What OpenTelemetry's Python SDK sends to the layer arrives at the destination: every item, once, unchanged; and the
example in Python works as it says."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "aws")]

from environment import Environment, Where  # noqa: E402
from support import checks, otlp  # noqa: E402
from support.checks import check, equal, true  # noqa: E402

HERE = Path(__file__).resolve().parent
FUNCTION = HERE / "function.py"
RUNTIME = HERE / "bootstrap"
EXAMPLE = HERE.parents[1] / "examples" / "python-otel"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
CALLS, SPANS = 4, 25
EXPECTED = sorted(f"call {call} span {number}" for call in range(CALLS) for number in range(SPANS))


@check
def protobuf_arrives_as_it_is(where):
    arrives(where, "http/protobuf", "none")


@check
def protobuf_arrives_when_the_sdk_compresses_it(where):
    arrives(where, "http/protobuf", "gzip")


@check
def json_arrives_as_it_is(where):
    arrives(where, "http/json", "none")


@check
def json_arrives_when_the_sdk_compresses_it(where):
    arrives(where, "http/json", "gzip")


@check
def grpc_arrives_as_it_is(where):
    arrives(where, "grpc", "none")


@check
def grpc_arrives_when_the_sdk_compresses_it(where):
    arrives(where, "grpc", "gzip")


def arrives(where, protocol: str, compression: str) -> None:
    env = {
        # The SDK and the layer read the same variables. Ours come first for the layer; the SDK does not know them.
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{4317 if protocol == 'grpc' else 4318}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_SERVICE_NAME": "shop",
        "SPANLAYER_EXPORTER_OTLP_ENDPOINT": where.sink,
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
    }
    if compression != "none":  # a word that the SDK's gRPC exporter does not know
        env["OTEL_EXPORTER_OTLP_COMPRESSION"] = compression
    with Environment(where, f"python-{protocol.removeprefix('http/')}-{compression}", FUNCTION, where.layer, env) as environment:
        for call in range(CALLS):
            [answer] = environment.invoke({"call": call, "spans": SPANS})
            equal(answer.json(), {"flushed": [True, True, True]}, "the function's answer")
        environment.stop()
        requests = environment.requests()

    spans = otlp.spans(requests)
    equal(sorted(span.name for span in spans), EXPECTED, "spans")
    equal({span.resource["service.name"] for span in spans}, {"shop"}, "the service")
    equal({span.attributes["text"] for span in spans}, {"grüße ✓"}, "an attribute")
    equal({span.scope for span in spans}, {"interop"}, "the scope")

    records = list(otlp.log_records(requests))
    equal(sorted(record.body.string_value for record in records), EXPECTED, "log records")
    equal({record.span_id.hex() for record in records}, {span.id for span in spans}, "the spans of the log records")

    # The counter is cumulative: each flush sends its value so far.
    points = [point.as_int for metric in otlp.metrics(requests) if metric.name == "calls"
              for point in metric.sum.data_points]
    equal(points, [SPANS * (call + 1) for call in range(CALLS)], "values of the counter, in order")

    # The layer compresses for the way out, whatever the SDK did.
    equal({request.headers.get("content-encoding") for request in requests}, {"gzip"}, "encodings on the wire")
    equal({request.headers["content-type"] for request in requests}, {"application/x-protobuf"}, "formats on the wire")


@check
def the_example_in_python_is_one_trace_with_its_metrics(where):
    """Under AWS's emulator, which tells extensions nothing: all is the SDK's own."""
    event = {"headers": {"traceparent": PARENT}, "queryStringParameters": {"customer": "ada"}}
    env = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318",
        "SPANLAYER_EXPORTER_OTLP_ENDPOINT": where.sink,
        **python(EXAMPLE),
    }
    with Environment(where, "python-example", RUNTIME, where.layer, env) as environment:
        [answer] = environment.invoke(event)
        equal(answer.json(), {"statusCode": 201, "body": '{"customer": "ada"}'}, "the function's answer")
        environment.stop()
        requests = environment.requests()

    spans = {span.name: span for span in otlp.spans(requests)}
    equal(set(spans), {"function", "save order"}, "spans")
    invocation, child = spans["function"], spans["save order"]
    equal({span.trace for span in spans.values()}, {PARENT[3:35]}, "traces")
    equal((invocation.parent, invocation.kind), (PARENT[36:52], otlp.KIND_SERVER), "the invocation's span")
    equal((child.parent, child.attributes), (invocation.id, {"customer": "ada"}), "the span in it")

    [orders] = [metric for metric in otlp.metrics(requests) if metric.name == "orders.placed"]
    equal([point.as_int for point in orders.sum.data_points], [1], "orders")


@check
def the_layer_adds_to_the_example_in_python_what_only_the_platform_knows(where):
    shown = local(where, EXAMPLE, expect=0)
    for part in (f"trace {PARENT[3:35]}", "├─ init ", "├─ platform.report ", "└─ save order ", "order of ada saved"):
        true(part in shown, f"{part!r} in what it shows:\n{shown}")
    equal(shown.count("\ntrace "), 1, "traces")


@check
def an_invocation_of_which_a_handler_in_python_tells_nothing_is_completed(where):
    with tempfile.TemporaryDirectory(dir=where.logs) as silent:
        (Path(silent) / "handler.py").write_text("def handler(event, context):\n    return event['missing']\n")
        shown = local(where, Path(silent), expect=1)
    for part in ("ERROR", "the function failed: Runtime.Unknown", "spanlayer.origin=platform", "KeyError: 'missing'"):
        true(part in shown, f"{part!r} in what it shows:\n{shown}")


def local(where, code: Path, expect: int) -> str:
    """What `spanlayer-cli local` shows of one request to a handler in Python under AWS's own runtime."""
    event = where.logs / "python.json"
    event.write_text(json.dumps({"headers": {"traceparent": PARENT}, "queryStringParameters": {"customer": "ada"}}))
    variables = [argument for name, value in python(code).items() for argument in ("--env", f"{name}={value}")]
    command = [where.binary("spanlayer-cli"), "local", "--function", RUNTIME, "--event", event, *variables]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    equal(done.returncode, expect, f"exit status; it said: {done.stdout}{done.stderr}")
    return done.stdout


def python(code: Path) -> dict[str, str]:
    return {"PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": str(code)}


if __name__ == "__main__":
    sys.exit(checks.run(*Where.arguments()))
