//! Options that several components have.

use crate::options::{Kind, Opt, fatal, ignored, needed, opt, refused};

pub(crate) const TIMEOUT: Opt =
    opt("timeout", Kind::Duration, "10s", "limit of each attempt; `0` for none but the deadline");

pub(crate) const HEADERS: Opt = needed("headers", Kind::Headers, "", "sent with every request");

pub(crate) const TLS: Opt = needed("tls", Kind::Section(TLS_OPTIONS), "", "certificates");

pub(crate) const RETRY: Opt = opt(
    "retry_on_failure",
    Kind::Section(RETRY_OPTIONS),
    "",
    "how attempts are repeated within one flush; what remains undelivered stays queued",
);

pub(crate) const QUEUE: Opt = opt(
    "sending_queue",
    Kind::Section(QUEUE_OPTIONS),
    "",
    "batches; all destinations share one queue, which is always there",
);

pub(crate) const AUTH: Opt =
    needed("auth", Kind::Section(AUTH_OPTIONS), "", "an extension that authenticates requests");

pub(crate) const PROXY: Opt = needed(
    "proxy_url",
    Kind::Address,
    "",
    "an HTTP proxy; by default what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say",
);

pub(crate) const TENANTS: Opt = needed(
    "tenants",
    Kind::Section(TENANTS_OPTIONS),
    "",
    "tenants with destinations of their own, each with a circuit breaker and a part of the queue",
);

const TENANTS_OPTIONS: &[Opt] = &[
    needed(
        "attribute",
        Kind::Text,
        "",
        "what names the tenant: an attribute of the span, data point or log record, else of its resource; by default `tenant.id`",
    ),
    needed("table", Kind::Sections(TENANT), "", "the tenants"),
    needed(
        "unknown",
        Kind::Choice(&["drop", "default"]),
        "",
        "what belongs to no tenant of the table: `drop`, which is the default, sends it nowhere, and it is counted; `default` sends it where \
         the exporter's own options say",
    ),
];

const TENANT: &[Opt] = &[
    needed("tenant", Kind::Text, "", "the attribute's value"),
    needed(
        "endpoint",
        Kind::Target,
        "",
        "where the tenant's data goes, with none of the exporter's own headers and authentication; by default to the exporter's own",
    ),
    needed(
        "headers",
        Kind::Headers,
        "",
        "sent with every request, at the exporter's own endpoint beside its own",
    ),
    needed("auth", Kind::Section(AUTH_OPTIONS), "", "the extension that authenticates the tenant's requests"),
];

const AUTH_OPTIONS: &[Opt] =
    &[needed("authenticator", Kind::Text, "", "the extension's id, as in `sigv4auth`")];

const TLS_OPTIONS: &[Opt] = &[
    opt("insecure", Kind::Bool, "false", "`true`: no TLS, for an endpoint without a scheme"),
    needed(
        "ca_file",
        Kind::Text,
        "",
        "PEM file of the certificates to trust, instead of Mozilla's, which are built in",
    ),
    needed("cert_file", Kind::Text, "", "PEM file of our own certificate chain (mTLS)"),
    needed("key_file", Kind::Text, "", "PEM file of our own key (mTLS)"),
    refused("insecure_skip_verify", "name the server's certificate, or its authority's, with `ca_file`"),
    fatal("ca_pem", "put it into a file of the function's package, and name that with `ca_file`"),
    fatal("cert_pem", "put it into a file, and name that with `cert_file`"),
    fatal("key_pem", "put it into a file, and name that with `key_file`"),
    fatal("server_name_override", "use the name that the certificate has as the endpoint's host"),
    refused(
        "include_system_ca_certs_pool",
        "Mozilla's certificates are built in; name others with `ca_file`",
    ),
    ignored("min_version", Kind::Choice(&["1.0", "1.1", "1.2", "1.3"]), "TLS 1.2 and 1.3 are spoken"),
    ignored("max_version", Kind::Choice(&["1.2", "1.3"]), "TLS 1.2 and 1.3 are spoken"),
    ignored("reload_interval", Kind::Duration, "replaced files count from the next request on"),
    ignored("cipher_suites", Kind::Texts, "those of rustls are used"),
    ignored("curve_preferences", Kind::Texts, "those of rustls are used"),
];

const RETRY_OPTIONS: &[Opt] = &[
    opt(
        "enabled",
        Kind::Bool,
        "true",
        "`false`: one attempt a flush; what failed is still tried again with the next, unless `sending_queue.enabled` is `false` as well",
    ),
    opt("initial_interval", Kind::Duration, "1s", "the first wait, drawn between 70 % of it and all of it"),
    opt("max_interval", Kind::Duration, "30s", "waits double up to this"),
    ignored(
        "max_elapsed_time",
        Kind::Duration,
        "waiting is billed, so all waits of a flush add up to a second at most; nothing is given up for its age",
    ),
    ignored(
        "randomization_factor",
        Kind::Number(0.0, 1.0),
        "waits are drawn between 70 % and all of their length",
    ),
    ignored("multiplier", Kind::Number(1.0, f64::MAX), "waits double"),
];

const QUEUE_OPTIONS: &[Opt] = &[
    opt("batch", Kind::Section(QUEUE_BATCH), "", "how much is sent at a time"),
    opt(
        "enabled",
        Kind::Bool,
        "true",
        "`false`, with `retry_on_failure.enabled: false`: best effort, so that what one attempt does not deliver is given up and counted; by itself it has no effect",
    ),
    ignored(
        "queue_size",
        Kind::Whole(0, u64::MAX),
        "the queue is bounded in bytes, for all destinations: `SPANLAYER_QUEUE_BYTES`",
    ),
    ignored("sizer", Kind::Choice(&["requests", "items", "bytes"]), "the queue is bounded in bytes"),
    ignored("num_consumers", Kind::Whole(0, u64::MAX), "a destination has one lane"),
    ignored("storage", Kind::Text, "what was accepted is spooled in `SPANLAYER_STATE_DIR`"),
    ignored(
        "block_on_overflow",
        Kind::Bool,
        "a function is never made to wait: when the queue is full, the oldest healthy data is given up and counted",
    ),
    ignored("wait_for_result", Kind::Bool, "a function is never made to wait"),
];

const QUEUE_BATCH: &[Opt] = &[
    opt("max_size", Kind::Whole(1, u64::MAX), "", "the most that is sent at a time, in what `sizer` says"),
    opt("sizer", Kind::Choice(&["items", "bytes"]), "items", "what `max_size` counts"),
    ignored("min_size", Kind::Whole(0, u64::MAX), "when to send is `SPANLAYER_FLUSH`'s decision"),
    ignored("flush_timeout", Kind::Duration, "when to send is `SPANLAYER_FLUSH`'s decision"),
    ignored("partition", Kind::Free, "batches are not partitioned by metadata"),
];
