//! What takes data in.

use super::Component;
use crate::options::{Kind, Opt, fatal, ignored, needed, opt};

pub(crate) const ALL: &[Component] = &[
    Component {
        name: "otlp",
        also: &[],
        options: OTLP,
        about: "takes OTLP from any SDK; what a wrapped function sends through its socket comes in here too",
    },
    Component {
        name: "telemetryapi",
        also: &["awslambda_telemetry"],
        options: TELEMETRY,
        about: "takes what Lambda itself tells: init and invocations as spans and metrics, what functions print as log records; beside Lambda, nothing",
    },
    Component { name: "nop", also: &[], options: &[], about: "takes nothing in" },
];

const OTLP: &[Opt] = &[needed(
    "protocols",
    Kind::Section(PROTOCOLS),
    "",
    "which forms of OTLP; one that is not named is not received",
)];

const PROTOCOLS: &[Opt] = &[
    opt("http", Kind::Section(HTTP), "off", "OTLP/HTTP, protobuf and JSON"),
    opt("grpc", Kind::Section(GRPC), "off", "OTLP/gRPC"),
];

const HTTP: &[Opt] = &[
    needed("endpoint", Kind::Listen, "localhost:4318", "where to listen; `SPANLAYER_OTLP_HTTP` counts first"),
    ignored("cors", Kind::Free, "no browser sends here"),
    ignored("include_metadata", Kind::Bool, "requests' headers are not kept"),
    ignored("max_request_body_size", Kind::Whole(0, u64::MAX), "requests of up to 64 MiB are taken"),
    ignored("compression_algorithms", Kind::Texts, "gzip, zstd, deflate and none are taken"),
    fatal("traces_url_path", "send to `/v1/traces`"),
    fatal("metrics_url_path", "send to `/v1/metrics`"),
    fatal("logs_url_path", "send to `/v1/logs`"),
    ignored("read_timeout", Kind::Duration, "limits are built in"),
    ignored("read_header_timeout", Kind::Duration, "limits are built in"),
    ignored("write_timeout", Kind::Duration, "limits are built in"),
    ignored("idle_timeout", Kind::Duration, "limits are built in"),
    ignored("keep_alives_enabled", Kind::Bool, "connections are kept alive"),
    ignored("transport", Kind::Text, "TCP it is"),
    TLS,
    AUTH,
];

const GRPC: &[Opt] = &[
    needed("endpoint", Kind::Listen, "localhost:4317", "where to listen; `SPANLAYER_OTLP_GRPC` counts first"),
    ignored("transport", Kind::Text, "TCP it is"),
    ignored("max_recv_msg_size_mib", Kind::Whole(0, u64::MAX), "messages of up to 64 MiB are taken"),
    ignored("max_concurrent_streams", Kind::Whole(0, u64::MAX), "limits are built in"),
    ignored("read_buffer_size", Kind::Whole(0, u64::MAX), "buffers are built in"),
    ignored("write_buffer_size", Kind::Whole(0, u64::MAX), "buffers are built in"),
    ignored("keepalive", Kind::Free, "a loopback connection needs none"),
    ignored("include_metadata", Kind::Bool, "requests' headers are not kept"),
    TLS,
    AUTH,
];

const TLS: Opt = fatal(
    "tls",
    "leave it out: within a function nothing leaves the machine; beside Lambda put what ends TLS before the receiver",
);

const AUTH: Opt = fatal("auth", "leave it out: nobody but this machine reaches a receiver on `localhost`");

const TELEMETRY: &[Opt] = &[
    opt(
        "types",
        Kind::Texts,
        "",
        "`platform`, `function`, `extension`: of what is told; all of them if it is left out",
    ),
    needed(
        "port",
        Kind::Whole(0, 65535),
        "4324",
        "where Lambda sends it; another port is used if this one is taken; `SPANLAYER_TELEMETRY_API` counts first",
    ),
    opt(
        "metrics_temporality",
        Kind::Choice(&["delta", "cumulative"]),
        "",
        "whether counters and histograms say what came since the last time, or since the start; by default what `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` says",
    ),
    ignored("export_interval_ms", Kind::Whole(0, u64::MAX), "metrics go out with the flushes"),
    ignored("log_report", Kind::Bool, "reports become spans and metrics"),
    ignored("maxItems", Kind::Whole(0, u64::MAX), "what Lambda buffers is chosen so that nothing waits"),
    ignored("maxBytes", Kind::Whole(0, u64::MAX), "what Lambda buffers is chosen so that nothing waits"),
    ignored("timeoutMs", Kind::Whole(0, u64::MAX), "what Lambda buffers is chosen so that nothing waits"),
];
