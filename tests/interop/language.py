"""The Collector's processors and ours, given the same file and the same data: what comes out is the same.

The table of conditions, values and edits is that of stages/tests/ottl.rs.
"""

import json
import random
import sys
from pathlib import Path

from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from processes import Collector, Extension, Sink, free_port, post
from support import otlp
from support.checks import check, equal

TABLE = json.loads((Path(__file__).resolve().parents[2] / "stages" / "tests" / "ottl.json").read_text())
KINDS = {"traces": ("/v1/traces", ExportTraceServiceRequest), "logs": ("/v1/logs", ExportLogsServiceRequest)}
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def answers(where, signal: str, processors: dict, request) -> list:
    """What the Collector and the extension make of a request, as messages: `[theirs, ours]`."""
    path, _ = KINDS[signal]
    both = []
    with Sink(sys.executable) as sink:
        exporter = {"otlp_http": {"endpoint": f"http://127.0.0.1:{sink.port}", "compression": "none"}}
        with Collector(where.collector, exporter, processors, [signal]) as collector:
            post(f"http://127.0.0.1:{collector.http}{path}", request.SerializeToString(), PROTOBUF)
            equal(collector.end(), 0, "how the Collector ended")
        both.append(merged(sink, request))
    with Sink(sys.executable) as sink:
        pipeline = {"receivers": ["otlp"], "processors": list(processors), "exporters": ["otlphttp"]}
        config = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{free_port()}"}}}},
            "processors": processors,
            "exporters": {"otlphttp": {"endpoint": f"http://127.0.0.1:{sink.port}", "compression": "none"}},
            "service": {"pipelines": {signal: pipeline}},
        }
        env = {"SPANLAYER_CONFIG": f"yaml:{json.dumps(config)}", "SPANLAYER_REDACT": "off"}
        with Extension(where.extension, env) as extension:
            post(f"http://127.0.0.1:{extension.http}{path}", request.SerializeToString(), PROTOBUF)
            equal(extension.end(), 0, "how the extension ended")
        both.append(merged(sink, request))
    return both


def merged(sink: Sink, request):
    """Everything that came, as one message."""
    all_of_it = type(request)()
    for one in otlp.requests(sink.received()):
        all_of_it.MergeFrom(one.message)
    return all_of_it


def items(message) -> list:
    """The spans or log records."""
    groups = message.resource_spans if hasattr(message, "resource_spans") else message.resource_logs
    scopes = [scope for group in groups for scope in getattr(group, "scope_spans", None) or group.scope_logs]
    return [item for scope in scopes for item in getattr(scope, "spans", None) or scope.log_records]


def attributes(item) -> dict:
    return {one.key: json_format.MessageToDict(one.value) for one in item.attributes}


def plain(value: dict):
    """A map's value as the table has it."""
    [(kind, inner)] = value.items() or [("nil", None)]
    if kind == "kvlistValue":
        return {one["key"]: plain(one["value"]) for one in inner.get("values", [])}
    return int(inner) if kind == "intValue" else inner


@check
def conditions_values_and_edits_come_to_the_same_in_the_collector_and_here(where):
    lines = 0
    for signal in ("traces", "logs"):
        part = TABLE[signal]
        statements = []
        for n, (text, _) in enumerate(part["conditions"]):
            statements.append(f'set(attributes["c.{n}"], true) where {text}')
        for n, (text, _) in enumerate(part["values"]):
            statements.append(f'set(attributes["v.{n}"], {text})')
        for n, (text, _) in enumerate(part["edits"]):
            statements.append(f'set(attributes["e.{n}"], attributes["map"])')
            statements.append(text.replace("@", f'attributes["e.{n}"]'))
        # A dollar begins a reference in files, unless it is doubled.
        statements = [text.replace("$", "$$") for text in statements]
        group = {"context": part["context"], "statements": statements}
        processors = {"transform": {"error_mode": "ignore", {"traces": "trace", "logs": "log"}[signal] + "_statements": [group]}}
        _, kind = KINDS[signal]
        request = json_format.ParseDict(ids_as_bytes(part["subject"]), kind())
        for who, message in zip(("the Collector", "the extension"), answers(where, signal, processors, request)):
            [item] = items(message)
            got = attributes(item)
            wrong = []
            for n, (text, holds) in enumerate(part["conditions"]):
                if (f"c.{n}" in got) != holds:
                    wrong.append(f"{text}: {not holds}")
            for n, (text, value) in enumerate(part["values"]):
                if got.get(f"v.{n}") != value:
                    wrong.append(f"{text}: {got.get(f'v.{n}')}, expected {value}")
            for n, (text, value) in enumerate(part["edits"]):
                if plain(got.get(f"e.{n}", {"kvlistValue": {}})) != value:
                    wrong.append(f"{text}: {plain(got[f'e.{n}'])}, expected {value}")
            if wrong:
                raise AssertionError(f"{who}:\n" + "\n".join(wrong))
            lines += len(part["conditions"]) + len(part["values"]) + len(part["edits"])
    return f"{lines // 2} lines"


def ids_as_bytes(subject):
    """OTLP/JSON has ids in hexadecimal, protobuf's JSON in base64."""
    import base64

    if isinstance(subject, dict):
        return {key: base64.b64encode(bytes.fromhex(value)).decode() if key in ("traceId", "spanId") else ids_as_bytes(value)
                for key, value in subject.items()}
    return [ids_as_bytes(one) for one in subject] if isinstance(subject, list) else subject


def many_spans(count: int):
    """Spans of as many traces, some of which were sampled before."""
    chance = random.Random(7)
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    for n in range(count):
        span = spans.add(name=f"/orders/{n}", kind=1 + n % 5, trace_id=chance.randbytes(16), span_id=chance.randbytes(8))
        span.attributes.add(key="n").value.int_value = n
        if n % 3 == 0:
            span.trace_state = f"ot=rv:{chance.getrandbits(56) | 1 << 55:014x};th:8,other=1"
        if n % 50 == 0:
            span.attributes.add(key="sampling.priority").value.int_value = n % 100 // 50
        if n % 7 == 0:
            span.status.code = 2
    return request


@check
def the_same_spans_are_filtered_by_the_collector_and_here(where):
    conditions = ['status.code == STATUS_CODE_ERROR and attributes["n"] < 1000', 'IsMatch(name, "1$$")', "kind == SPAN_KIND_SERVER"]
    filters = {"filter": {"error_mode": "ignore", "traces": {"span": conditions}}}
    theirs, ours = answers(where, "traces", filters, many_spans(2000))
    equal([span.name for span in items(ours)], [span.name for span in items(theirs)], "what is left")
    return f"{len(items(ours))} of 2000 are left"


@check
def the_same_attributes_come_of_actions_in_the_collector_and_here(where):
    actions = [
        {"key": "n", "action": "hash"}, {"key": "new", "value": 5, "action": "insert"},
        {"key": "copy", "from_attribute": "n", "action": "upsert"}, {"pattern": "^samp", "action": "delete"},
        {"key": "text", "value": "https://host/path", "action": "insert"},
        {"key": "text", "pattern": "^(?P<scheme>[a-z]+)://(?P<host>[^/]+)", "action": "extract"},
        {"key": "new", "action": "convert", "converted_type": "string"},
    ]
    processors = {"attributes": {"exclude": {"match_type": "regexp", "span_names": ["0$$"]}, "actions": actions}}
    theirs, ours = answers(where, "traces", processors, many_spans(100))
    equal([attributes(span) for span in items(ours)], [attributes(span) for span in items(theirs)], "attributes")


@check
def the_same_traces_are_kept_by_the_collectors_sampler_and_here(where):
    told = []
    for settings in ({"mode": "proportional"}, {"mode": "equalizing"}, {"hash_seed": 22}):
        sampler = {"probabilistic_sampler": {"sampling_percentage": 30, **settings}}
        theirs, ours = answers(where, "traces", sampler, many_spans(2000))
        equal([span.name for span in items(ours)], [span.name for span in items(theirs)], f"{settings}: what is kept")

        def states(message):
            return [(span.name, sorted(";".join(span.trace_state.split(",")).replace("ot=", "").split(";"))) for span in items(message)]

        for got, expected in zip(states(ours), states(theirs)):
            equal(got, expected, f"{settings}: a trace state")
        told.append(len(items(ours)))
    return f"{told} of 2000 are kept"
