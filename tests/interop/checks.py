#!/usr/bin/env python3
"""What OpenTelemetry's Python SDK sends to the layer arrives at the destination: every item, once, unchanged."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[1] / "aws")]

from environment import Environment, Where  # noqa: E402
from support import checks, otlp  # noqa: E402
from support.checks import check, equal  # noqa: E402

FUNCTION = Path(__file__).resolve().parent / "function.py"
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


if __name__ == "__main__":
    sys.exit(checks.run(*Where.arguments()))
