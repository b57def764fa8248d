"""What a destination received, decoded with OpenTelemetry's own messages."""

import base64
import gzip
import json
from dataclasses import dataclass, field
from typing import Any, Iterator

import zstandard
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MESSAGES = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}

DECODERS = {None: bytes, "gzip": gzip.decompress, "zstd": lambda wire: zstandard.ZstdDecompressor().decompressobj().decompress(wire)}

# opentelemetry/proto/trace/v1/trace.proto
KIND_SERVER, KIND_CONSUMER = 2, 5
STATUS_ERROR = 2


@dataclass
class Request:
    """One request as it came over the wire, and its message."""

    path: str
    headers: dict[str, str]
    wire: bytes
    message: Any


@dataclass
class Span:
    """A span, with its resource and scope beside it."""

    name: str
    trace: str
    id: str
    parent: str
    kind: int
    status: int
    start: int
    end: int
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str
    events: list[str] = field(default_factory=list)


def requests(lines: str) -> list[Request]:
    """Decodes the answer of the sink's `GET /received`; an undecodable body is an error of the test."""
    return [request(json.loads(line)) for line in lines.splitlines()]


def request(one: dict) -> Request:
    wire = base64.b64decode(one["body"])
    body = DECODERS[one["headers"].get("content-encoding")](wire)
    message = MESSAGES[one["path"]]()
    message.ParseFromString(body)
    return Request(one["path"], one["headers"], wire, message)


def spans(received: list[Request]) -> list[Span]:
    return [
        Span(
            name=span.name,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            kind=span.kind,
            status=span.status.code,
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            attributes=attributes(span.attributes),
            resource=attributes(group.resource.attributes),
            scope=scoped.scope.name,
            events=[event.name for event in span.events],
        )
        for one in received
        if one.path == "/v1/traces"
        for group in one.message.resource_spans
        for scoped in group.scope_spans
        for span in scoped.spans
    ]


def log_records(received: list[Request]) -> Iterator[Any]:
    for one in received:
        if one.path == "/v1/logs":
            for group in one.message.resource_logs:
                for scoped in group.scope_logs:
                    yield from scoped.log_records


def metrics(received: list[Request]) -> Iterator[Any]:
    for one in received:
        if one.path == "/v1/metrics":
            for group in one.message.resource_metrics:
                for scoped in group.scope_metrics:
                    yield from scoped.metrics


def attributes(pairs) -> dict[str, Any]:
    return {pair.key: value(pair.value) for pair in pairs}


def value(any_value) -> Any:
    which = any_value.WhichOneof("value")
    if which == "array_value":
        return [value(item) for item in any_value.array_value.values]
    if which == "kvlist_value":
        return attributes(any_value.kvlist_value.values)
    return getattr(any_value, which) if which else None
