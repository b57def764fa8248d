//! What sends data on.

use super::{Component, shared};
use crate::options::{Kind, Opt, fatal, ignored, needed, opt, refused};

pub(crate) const ALL: &[Component] = &[
    Component { name: "otlp", also: &["otlp_grpc"], options: OTLP_GRPC, about: "OTLP over gRPC" },
    Component { name: "otlphttp", also: &["otlp_http"], options: OTLP_HTTP, about: "OTLP over HTTP" },
    Component { name: "zipkin", also: &[], options: ZIPKIN, about: "spans as Zipkin's v2 JSON" },
    Component {
        name: "json_events",
        also: &[],
        options: JSON_EVENTS,
        about: "JSON of any shape, by a preset or a template of your own",
    },
    Component {
        name: "awss3",
        also: &[],
        options: S3,
        about: "objects in a bucket of S3, one for each batch, under a key that a repetition has as well",
    },
    Component { name: "file", also: &[], options: FILE, about: "OTLP/JSON lines in a file that turns over" },
    Component {
        name: "debug",
        also: &["logging"],
        options: DEBUG,
        about: "OTLP/JSON lines on standard output, and so in CloudWatch",
    },
    Component {
        name: "nop",
        also: &[],
        options: &[],
        about: "sends nothing: a pipeline without a destination",
    },
];

const OTLP_GRPC: &[Opt] = &[
    needed(
        "endpoint",
        Kind::Target,
        "",
        "host and port, or an address; without `http://` or `tls.insecure`, by TLS",
    ),
    needed("compression", Kind::Choice(&["gzip", "zstd", "none"]), "gzip", "of messages"),
    shared::HEADERS,
    Opt { default: "10s", ..shared::TIMEOUT },
    shared::TLS,
    shared::AUTH,
    shared::RETRY,
    shared::QUEUE,
    shared::TENANTS,
    ignored("balancer_name", Kind::Text, "one connection is enough for a function"),
    ignored("keepalive", Kind::Free, "a frozen function cannot keep a connection alive"),
    ignored("read_buffer_size", Kind::Whole(0, u64::MAX), "buffers are built in"),
    ignored("write_buffer_size", Kind::Whole(0, u64::MAX), "buffers are built in"),
    ignored("wait_for_ready", Kind::Bool, "attempts end with their timeout"),
    fatal("authority", "use the name that the server expects as the endpoint's host"),
    ignored("batcher", Kind::Free, "say it with `sending_queue.batch`"),
];

const OTLP_HTTP: &[Opt] = &[
    needed("endpoint", Kind::Address, "", "`v1/traces`, `v1/metrics`, `v1/logs` are added"),
    needed("traces_endpoint", Kind::Address, "", "the whole address for traces, used as it is"),
    needed("metrics_endpoint", Kind::Address, "", "the whole address for metrics, used as it is"),
    needed("logs_endpoint", Kind::Address, "", "the whole address for logs, used as it is"),
    needed("encoding", Kind::Choice(&["proto", "json"]), "proto", "how messages are written"),
    needed("compression", Kind::Choice(&["gzip", "zstd", "none"]), "gzip", "of requests"),
    opt("compression_params", Kind::Section(COMPRESSION), "", "how hard to compress"),
    shared::HEADERS,
    Opt { default: "30s", ..shared::TIMEOUT },
    shared::TLS,
    shared::AUTH,
    shared::PROXY,
    shared::RETRY,
    shared::QUEUE,
    shared::TENANTS,
    fatal("profiles_endpoint", "leave it out: profiles are not received"),
    ignored("read_buffer_size", Kind::Whole(0, u64::MAX), "buffers are built in"),
    ignored("write_buffer_size", Kind::Whole(0, u64::MAX), "buffers are built in"),
    ignored("max_idle_conns", Kind::Whole(0, u64::MAX), "a destination has one lane"),
    ignored("max_idle_conns_per_host", Kind::Whole(0, u64::MAX), "a destination has one lane"),
    ignored("max_conns_per_host", Kind::Whole(0, u64::MAX), "a destination has one lane"),
    ignored(
        "idle_conn_timeout",
        Kind::Duration,
        "connections that idled through a freeze are not used again",
    ),
    ignored("disable_keep_alives", Kind::Bool, "connections that idled through a freeze are not used again"),
    ignored("http2_read_idle_timeout", Kind::Duration, "HTTP/1.1 is spoken"),
    ignored("http2_ping_timeout", Kind::Duration, "HTTP/1.1 is spoken"),
    ignored("force_attempt_http2", Kind::Bool, "HTTP/1.1 is spoken"),
    refused("cookies", "leave it out: no cookies are kept"),
    ignored("batcher", Kind::Free, "say it with `sending_queue.batch`"),
];

const COMPRESSION: &[Opt] =
    &[opt("level", Kind::Whole(0, 19), "", "1 to 9 for gzip, 1 to 19 for zstd; by default a fast one")];

const ZIPKIN: &[Opt] = &[
    needed("endpoint", Kind::Address, "", "the server; `/api/v2/spans` is added if it is not there"),
    opt("format", Kind::Choice(&["json"]), "json", "how spans are written"),
    needed("compression", Kind::Choice(&["gzip", "zstd", "none"]), "none", "of requests"),
    shared::HEADERS,
    shared::TIMEOUT,
    shared::TLS,
    shared::AUTH,
    shared::PROXY,
    shared::RETRY,
    shared::QUEUE,
    shared::TENANTS,
    ignored("default_service_name", Kind::Text, "every span of a function has a service"),
];

const JSON_EVENTS: &[Opt] = &[
    needed("endpoint", Kind::Address, "", "the server; the mapping's path is added if it is not there"),
    needed("preset", Kind::Choice(PRESETS), "events", "a shape that is built in"),
    needed("project", Kind::Text, "", "`project_id` of the presets `events` and `compact_events`"),
    needed(
        "template",
        Kind::Free,
        "",
        "a shape of your own instead: what is posted, with placeholders such as `$span_id`",
    ),
    needed("path", Kind::Text, "", "below the endpoint; by default the preset's"),
    needed("compression", Kind::Choice(&["gzip", "zstd", "none"]), "none", "of requests"),
    shared::HEADERS,
    shared::TIMEOUT,
    shared::TLS,
    shared::AUTH,
    shared::PROXY,
    shared::RETRY,
    shared::QUEUE,
    shared::TENANTS,
];

/// Shapes that are known by name.
pub(crate) const PRESETS: &[&str] =
    &["events", "compact_events", "spans_with_resource", "span_array", "span_lines", "metrics"];

const S3: &[Opt] = &[
    needed("s3uploader", Kind::Section(UPLOADER), "", "where objects go"),
    needed("marshaler", Kind::Choice(&["otlp_json", "otlp_proto"]), "otlp_json", "what objects hold"),
    Opt { default: "30s", ..shared::TIMEOUT },
    shared::RETRY,
    shared::QUEUE,
    fatal("encoding", "choose a `marshaler`"),
    fatal("encoding_file_extension", "leave it out: keys end with what objects hold"),
    fatal("resource_attrs_to_s3", "use an exporter for each prefix, and pipelines that choose between them"),
];

const UPLOADER: &[Opt] = &[
    needed("s3_bucket", Kind::Text, "", "the bucket"),
    needed("s3_prefix", Kind::Text, "", "what keys begin with, as a folder"),
    needed("region", Kind::Text, "", "the bucket's; by default the one that the function runs in"),
    needed("endpoint", Kind::Address, "", "whatever speaks S3's protocol, instead of AWS"),
    opt("s3_force_path_style", Kind::Bool, "false", "the bucket's name is part of the path, not of the host"),
    needed("compression", Kind::Choice(&["gzip", "zstd", "none"]), "none", "of objects"),
    ignored("s3_partition_format", Kind::Text, "keys go by the hour of the batch's first item"),
    ignored("s3_partition", Kind::Text, "keys go by the hour of the batch's first item"),
    ignored("s3_partition_timezone", Kind::Text, "hours are those of UTC"),
    ignored("unique_key_func_name", Kind::Text, "keys hold the batch's `Idempotency-Key`"),
    ignored("disable_ssl", Kind::Bool, "`endpoint` says whether it is TLS"),
    ignored("retry_mode", Kind::Text, "say it with `retry_on_failure`"),
    ignored("retry_max_attempts", Kind::Whole(0, u64::MAX), "say it with `retry_on_failure`"),
    ignored("retry_max_backoff", Kind::Duration, "say it with `retry_on_failure`"),
    fatal("s3_base_prefix", "write it before `s3_prefix`"),
    fatal("file_prefix", "write it as part of `s3_prefix`"),
    fatal("role_arn", "give the function's own role `s3:PutObject`"),
    fatal("acl", "set it for the bucket"),
    fatal("storage_class", "set it by the bucket's lifecycle"),
];

const FILE: &[Opt] = &[
    needed("path", Kind::Text, "", "the file; on Lambda only `/tmp` can be written to"),
    opt("rotation", Kind::Section(ROTATION), "", "when a new file is begun"),
    opt("format", Kind::Choice(&["json"]), "json", "OTLP/JSON, a line for each batch"),
    ignored("append", Kind::Bool, "a file that is there is always appended to"),
    ignored("flush_interval", Kind::Duration, "each batch is written at once"),
    fatal("compression", "leave it out: lines are written as they are"),
    fatal("group_by", "use an exporter for each file, and pipelines that choose between them"),
    fatal("encoding", "leave it out: lines are OTLP/JSON"),
];

const ROTATION: &[Opt] = &[
    opt("max_megabytes", Kind::Whole(1, 10_240), "64", "the most a file may hold"),
    opt("max_backups", Kind::Whole(0, 1000), "3", "how many former files are kept"),
    ignored("max_days", Kind::Whole(0, u64::MAX), "an environment does not live for days"),
    ignored("localtime", Kind::Bool, "former files are numbered"),
];

const DEBUG: &[Opt] = &[
    ignored("verbosity", Kind::Choice(&["basic", "normal", "detailed"]), "everything is written"),
    ignored("loglevel", Kind::Text, "everything is written"),
    ignored("sampling_initial", Kind::Whole(0, u64::MAX), "everything is written"),
    ignored("sampling_thereafter", Kind::Whole(0, u64::MAX), "everything is written"),
    ignored("use_internal_logger", Kind::Bool, "lines go to standard output"),
];
