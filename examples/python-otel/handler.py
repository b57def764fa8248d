"""A function in Python with OpenTelemetry's own SDK, and nothing of spanlayer's but the layer.

The SDK exports to the layer on this machine, so a flush is a few milliseconds however far away the backend is.
"""

import json
import logging
import os

from opentelemetry import metrics, propagate, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

# The SDK reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES itself; without a name, the function's is as good.
name = os.environ.get("OTEL_SERVICE_NAME") or os.environ["AWS_LAMBDA_FUNCTION_NAME"]
resource = Resource.create({"service.name": name})

traces = TracerProvider(resource=resource)
traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(traces)
tracer = trace.get_tracer("orders")

# Lambda freezes the process between invocations, and timers with it: metrics are flushed by hand, as spans are.
reader = PeriodicExportingMetricReader(OTLPMetricExporter(), export_interval_millis=3_600_000)
meters = MeterProvider([reader], resource=resource)
metrics.set_meter_provider(meters)
orders = metrics.get_meter("orders").create_counter("orders.placed", unit="{order}")

logger = logging.getLogger("orders")
logger.setLevel(logging.INFO)


def handler(event: dict, context) -> dict:
    upstream = propagate.extract(event.get("headers") or {})
    # The id is how the layer recognises the invocation's span; for a function that makes none it makes one itself.
    attributes = {"faas.invocation_id": context.aws_request_id, "faas.trigger": "http"}
    try:
        with tracer.start_as_current_span(
            name, context=upstream, kind=trace.SpanKind.SERVER, attributes=attributes
        ):
            return place(event)
    finally:
        # After this the process may be frozen for good.
        traces.force_flush()
        meters.force_flush()


def place(event: dict) -> dict:
    customer = (event.get("queryStringParameters") or {}).get("customer", "nobody")
    with tracer.start_as_current_span("save order", attributes={"customer": customer}):
        orders.add(1)
        logger.info("order of %s saved", customer)
    return {"statusCode": 201, "body": json.dumps({"customer": customer})}
