//! Components that people's files have and that are not here: what to use instead, and whether they can be left out.

use super::Role;

/// What to do about a component that is not supported, and whether a pipeline is the same without it.
pub(crate) fn instead(role: Role, kind: &str) -> Option<(&'static str, bool)> {
    let found = UNSUPPORTED.iter().find(|(of, name, ..)| *of == role && *name == kind);
    found.map(|(.., harmless, instead)| (*instead, *harmless))
}

/// Role, type, harmless, instead. Harmless: without it data goes to the same places with nothing in it that was to be
/// taken out.
const UNSUPPORTED: &[(Role, &str, bool, &str)] = &[
    (Role::Receiver, "jaeger", false, "let the SDK send OTLP to `localhost:4318`"),
    (Role::Receiver, "zipkin", false, "let the SDK send OTLP to `localhost:4318`"),
    (Role::Receiver, "prometheus", false, "let the SDK send metrics as OTLP to `localhost:4318`"),
    (Role::Receiver, "hostmetrics", false, "`telemetryapi` has Lambda's own figures of each invocation"),
    (Role::Receiver, "statsd", false, "let the SDK send metrics as OTLP to `localhost:4318`"),
    (Role::Receiver, "awsxray", false, "let the SDK send OTLP to `localhost:4318`"),
    (Role::Receiver, "filelog", false, "print lines: `telemetryapi` has what functions print"),
    (
        Role::Processor,
        "resourcedetection",
        true,
        "leave it out: a function's resource is always told; elsewhere set `OTEL_RESOURCE_ATTRIBUTES` for the SDK",
    ),
    (
        Role::Processor,
        "k8sattributes",
        true,
        "leave it out, and set `OTEL_RESOURCE_ATTRIBUTES` in the pod, from what Kubernetes tells it of itself",
    ),
    (Role::Processor, "groupbytrace", true, "leave it out: an invocation's spans are kept together"),
    (Role::Processor, "groupbyattrs", true, "leave it out: neighbours of one resource are joined anyway"),
    (
        Role::Processor,
        "cumulativetodelta",
        false,
        "set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta for the SDK",
    ),
    (
        Role::Processor,
        "deltatocumulative",
        false,
        "set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative for the SDK",
    ),
    (Role::Processor, "metricstransform", false, "use `transform` with `metric_statements`"),
    (
        Role::Exporter,
        "awsxray",
        false,
        "use `otlphttp` with `sigv4auth` and `traces_endpoint: https://xray.<region>.amazonaws.com/v1/traces`",
    ),
    (
        Role::Exporter,
        "awsemf",
        false,
        "use `otlphttp` with `sigv4auth` and `metrics_endpoint: https://monitoring.<region>.amazonaws.com/v1/metrics`",
    ),
    (
        Role::Exporter,
        "awscloudwatchlogs",
        false,
        "use `otlphttp` with `sigv4auth` and `logs_endpoint: https://logs.<region>.amazonaws.com/v1/logs`",
    ),
    (
        Role::Exporter,
        "prometheusremotewrite",
        false,
        "use `otlphttp` to `/api/v1/otlp`, which Prometheus and its relatives take",
    ),
    (Role::Exporter, "prometheus", false, "use `otlphttp` to `/api/v1/otlp`: nobody can scrape a function"),
    (Role::Exporter, "jaeger", false, "use `otlp` to port 4317, which Jaeger takes"),
    (
        Role::Exporter,
        "datadog",
        false,
        "use `otlphttp` with Datadog's OTLP endpoint and the header `dd-api-key`",
    ),
    (Role::Exporter, "loki", false, "use `otlphttp` to `/otlp`, which Loki takes"),
    (Role::Exporter, "splunk_hec", false, "use `otlphttp` with Splunk's OTLP endpoint"),
    (Role::Exporter, "sapm", false, "use `otlphttp` with Splunk's OTLP endpoint"),
    (Role::Exporter, "kafka", false, "use `otlphttp` to a Collector that has the exporter"),
    (Role::Exporter, "googlecloud", false, "use `otlphttp` with `https://telemetry.googleapis.com`"),
    (Role::Exporter, "coralogix", false, "use `otlphttp` with Coralogix's OTLP endpoint"),
    (Role::Exporter, "elasticsearch", false, "use `otlphttp` with Elastic's OTLP endpoint"),
    (Role::Exporter, "loadbalancing", false, "use `otlphttp` to an address that balances"),
    (Role::Exporter, "clickhouse", false, "use `otlphttp` to a Collector that has the exporter"),
    (Role::Exporter, "azuremonitor", false, "use `otlphttp` to a Collector that has the exporter"),
    (Role::Connector, "spanmetrics", true, "`telemetryapi` has `faas.*` metrics of each invocation"),
    (Role::Connector, "servicegraph", true, "let the backend make it from the spans"),
    (Role::Connector, "count", true, "`telemetryapi` has `faas.*` metrics of each invocation"),
    (Role::Extension, "healthcheckv2", true, "use `health_check`; in a function leave it out"),
    (Role::Extension, "pprof", true, "leave it out: nothing of it is here"),
    (Role::Extension, "zpages", true, "leave it out: `/metrics` beside `health_check` has the figures"),
    (
        Role::Extension,
        "file_storage",
        true,
        "leave it out: what was accepted is spooled in `SPANLAYER_STATE_DIR`",
    ),
    (Role::Extension, "memory_ballast", true, "leave it out: there is no garbage to collect"),
];
