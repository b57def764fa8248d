"""A request of each signal that has every kind of value in it, made of OpenTelemetry's own messages."""

import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

# Some servers only show what happened lately. Whole microseconds, which is all that Jaeger and Zipkin keep.
NOW = int(time.time() * 1_000_000) * 1000
TRACE, PARENT, CHILD = bytes(range(1, 17)), bytes(range(1, 9)), bytes(range(11, 19))
MILLISECOND = 1_000_000


def value(of) -> AnyValue:
    match of:
        case bool():
            return AnyValue(bool_value=of)
        case int():
            return AnyValue(int_value=of)
        case float():
            return AnyValue(double_value=of)
        case str():
            return AnyValue(string_value=of)
        case bytes():
            return AnyValue(bytes_value=of)
        case list():
            return AnyValue(array_value=ArrayValue(values=map(value, of)))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=pairs(of)))
    raise TypeError(of)


def pairs(of: dict) -> list[KeyValue]:
    return [KeyValue(key=key, value=value(one)) for key, one in of.items()]


ATTRIBUTES = {
    "text": "grüße ✓ \"\\\n\t", "empty": "", "int": -(2**63), "large": 2**63 - 1, "double": 0.1, "true": True, "false": False,
    "bytes": b"\0\xff", "list": ["a", 1, 2.5, False], "map": {"inner": {"deep": [1, [2]]}},
}
PLACE = dict(schema_url="https://opentelemetry.io/schemas/1.44.0")
RESOURCE = Resource(attributes=pairs({"service.name": "shop", "host.cpus": 2}), dropped_attributes_count=1)
SCOPE = InstrumentationScope(name="interop", version="1.2", attributes=pairs({"s": 1}), dropped_attributes_count=2)


def traces() -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scoped = request.resource_spans.add(resource=RESOURCE, **PLACE).scope_spans.add(scope=SCOPE, **PLACE)
    for kind in range(6):
        span = scoped.spans.add(
            trace_id=TRACE, span_id=bytes([kind + 1] * 8), parent_span_id=b"" if kind == 0 else bytes([1] * 8), name=f"kind {kind}",
            kind=kind, trace_state="vendor=a,other=b", flags=0x301, start_time_unix_nano=NOW + kind * MILLISECOND,
            end_time_unix_nano=NOW + (10 + kind) * MILLISECOND, attributes=pairs(ATTRIBUTES), dropped_attributes_count=3,
            dropped_events_count=4, dropped_links_count=5)
        span.events.add(time_unix_nano=NOW + MILLISECOND, name="event", attributes=pairs({"n": 1}), dropped_attributes_count=6)
        span.links.add(trace_id=TRACE[::-1], span_id=CHILD, trace_state="l=1", attributes=pairs({"l": "x"}),
                       dropped_attributes_count=7, flags=0x101)
        span.status.code = kind % 3
        if kind % 3 == 2:
            span.status.message = "no such order"
    return request


def metrics() -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    scoped = request.resource_metrics.add(resource=RESOURCE, **PLACE).scope_metrics.add(scope=SCOPE, **PLACE)
    point = dict(attributes=pairs({"k": "v"}), start_time_unix_nano=NOW - MILLISECOND, time_unix_nano=NOW)
    exemplar = dict(time_unix_nano=NOW, trace_id=TRACE, span_id=CHILD, filtered_attributes=pairs({"e": 1}))

    def metric(name, **more):
        return scoped.metrics.add(name=name, description=f"about {name}", unit="By", **more)

    metric("gauge").gauge.data_points.add(**point, as_double=-0.5).exemplars.add(**exemplar, as_double=1e300)
    metric("int gauge").gauge.data_points.add(**point, as_int=-(2**63), flags=0)
    metric("no value").gauge.data_points.add(**point, flags=1)
    for temporality in (1, 2):
        total = metric(f"sum {temporality}").sum
        total.aggregation_temporality, total.is_monotonic = temporality, temporality == 2
        total.data_points.add(**point, as_int=7).exemplars.add(**exemplar, as_int=7)
        histogram = metric(f"histogram {temporality}").histogram
        histogram.aggregation_temporality = temporality
        histogram.data_points.add(**point, count=6, sum=10.5, min=0.5, max=9.0, bucket_counts=[1, 2, 3],
                                  explicit_bounds=[1.0, 5.0]).exemplars.add(**exemplar, as_double=4.0)
        exponential = metric(f"exponential {temporality}").exponential_histogram
        exponential.aggregation_temporality = temporality
        one = exponential.data_points.add(**point, count=9, sum=3.0, min=-1.0, max=8.0, scale=-3, zero_count=2,
                                          zero_threshold=1e-6)
        one.positive.offset, one.negative.offset = -7, 5
        one.positive.bucket_counts.extend([0, 4, 2**40])
        one.negative.bucket_counts.extend([1])
    summary = metric("summary").summary.data_points.add(**point, count=4, sum=6.0)
    summary.quantile_values.add(quantile=0.5, value=1.5)
    summary.quantile_values.add(quantile=1.0, value=3.0)
    return request


def logs() -> ExportLogsServiceRequest:
    request = ExportLogsServiceRequest()
    scoped = request.resource_logs.add(resource=RESOURCE, **PLACE).scope_logs.add(scope=SCOPE, **PLACE)
    for number, body in enumerate(["text ✓", 7, -0.25, True, b"\x01\x02", [1, "two"], {"a": {"b": 1}}]):
        scoped.log_records.add(
            time_unix_nano=NOW, observed_time_unix_nano=NOW + 1, severity_number=number * 4, severity_text=f"level {number}",
            body=value(body), attributes=pairs(ATTRIBUTES), dropped_attributes_count=1, flags=1, trace_id=TRACE, span_id=CHILD,
            event_name="device.app.lifecycle")
    return request


ALL = {"/v1/traces": traces(), "/v1/metrics": metrics(), "/v1/logs": logs()}
