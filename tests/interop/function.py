#!/usr/bin/env python3
"""A function in another language: OpenTelemetry's Python SDK, set up by nothing but its own variables.

Its runtime is the loop at the bottom. An event `{"call": 3, "spans": 5}` makes that many spans, as many log records, and
adds as much to a counter; all is flushed before the answer, as OpenTelemetry advises for Lambda.
"""

import json
import logging
import os
import urllib.request

from opentelemetry import metrics, trace
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/json":
    from opentelemetry.exporter.otlp.json.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.json.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
elif os.environ["OTEL_EXPORTER_OTLP_PROTOCOL"] == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

traces = TracerProvider()
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
tracer = traces.get_tracer("interop")

meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=3_600_000)])
counter = meters.get_meter("interop").create_counter("calls", unit="{call}")

logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
logger = logging.getLogger("interop")
logger.setLevel(logging.INFO)
logger.addHandler(LoggingHandler(logger_provider=logs))


def handle(event: dict) -> dict:
    for number in range(event["spans"]):
        name = f"call {event['call']} span {number}"
        with tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT, attributes={"text": "grüße ✓", "n": number}):
            logger.info(name)
            counter.add(1)
    # True when everything was acknowledged in time.
    return {"flushed": [provider.force_flush() for provider in (traces, meters, logs)]}


def main() -> None:
    api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
    while True:
        with urllib.request.urlopen(f"{api}/next") as event:
            request_id = event.headers["Lambda-Runtime-Aws-Request-Id"]
            answer = handle(json.load(event))
        urllib.request.urlopen(f"{api}/{request_id}/response", json.dumps(answer).encode()).close()


if __name__ == "__main__":
    main()
