//! OTLP in, compressed batches out.
//!
//! ```text
//!  accept ─▶ payload ─▶ queue ─▶ batch ─▶ encode ─▶ breaker ▸ retry ▸ meter ▸ timeout ▸ destination
//!            scanned    bounded   formed   once per  └───────── one stack per destination ────────┘
//!                       in bytes  once     encoding                (see `compose`)
//! ```
//!
//! A [`Pipeline`] moves encoded requests. It keeps what it accepted in a queue that all destinations share, forms
//! batches by joining requests, and sends them when it is told to [`flush`](Pipeline::flush): it has no task and no
//! timer of its own, so that whoever is billed for the time decides when it is spent. Making one costs nothing: sockets,
//! TLS and certificates are touched by the first export that needs them.
//!
//! ```
//! use spanlayer_pipeline::{Admission, Deadline, Payload, Pipeline, Settings, Signal};
//! use std::{collections::HashMap, time::Duration};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let vars = HashMap::from([("OTEL_EXPORTER_OTLP_ENDPOINT", "https://otlp.example.com")]);
//! let loaded = Settings::from_vars(&vars, &[]);
//! assert!(loaded.problems.is_empty());
//!
//! let pipeline = Pipeline::new(loaded.settings);
//! let empty = Payload::scan(Signal::Traces, Default::default()).expect("an empty request is a valid one");
//! assert_eq!(pipeline.accept(empty), Admission::Accepted);
//!
//! let flushed = pipeline.flush(Deadline::within(Duration::from_secs(2))).await;
//! assert_eq!(flushed.left, 0);
//! # }
//! ```
//!
//! In a program of your own:
//!
//! ```toml
//! [dependencies]
//! spanlayer-pipeline = { git = "https://github.com/spanlayer/spanlayer", features = ["sdk"] }
//! opentelemetry = "0.33"
//! tokio = { version = "1", features = ["macros", "rt"] }
//! ```
//!
//! | cargo feature | |
//! |---|---|
//! | `grpc`, on by default | OTLP/gRPC, and with it HTTP/2 |
//! | `sdk` | exporters for `opentelemetry_sdk` 0.33 |
//! | `aws` | SigV4, S3, Secrets Manager, Systems Manager, with the credentials that there are in Lambda and in containers |
//! | `aws-chain` | the same, with credentials from profiles, web identity and instances |
//!
//! Three ways to use it:
//!
//! - A [`Pipeline`], as above: a queue, batches, a lane for each destination. What the extension is built of.
//! - A stack: a destination by itself ([`Destination::exporter`], [`Otlp::exporter`](settings::Otlp::exporter)), wrapped in
//!   [stages](stage). No queue, no batches, just [`Export`].
//! - Either of them as an exporter of `opentelemetry_sdk`, in any Rust program: feature `sdk`, module `sdk`. A complete
//!   program with two destinations, one filtered to errors, both retried, with a meter:
//!
//! ```no_run
//! # #[cfg(feature = "sdk")] mod program {
//! use opentelemetry::trace::Tracer as _;
//! use spanlayer_pipeline::{Backoff, sdk, settings::Otlp, stage::*};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let collector = Otlp::http("http://127.0.0.1:4318")?.exporter().retry(Backoff::otlp());
//!     let alerts = Otlp::http("https://alerts.example.com")?.header("x-api-key", "s3cr3t")?.exporter();
//!     let alerts = alerts.retry(Backoff::otlp()).errors_only();
//!     let both = FanOut::new().to(collector).to(alerts).metered(&Meter::printing("shop"));
//!     let telemetry = sdk::Wiring::service("shop", "1.2.3").start(both);
//!     telemetry.tracer("shop").in_span("checkout", |_| println!("sold"));
//!     Ok(telemetry.shutdown()?)
//! }
//! # }
//! # fn main() {}
//! ```
//!
//! Where data can go, each with its own page:
//!
//! | destination | takes | |
//! |---|---|---|
//! | [`Destination::otlp`] | all signals | OTLP/HTTP (protobuf, JSON), OTLP/gRPC; Jaeger, and every vendor that speaks OTLP |
//! | [`Destination::zipkin`] | traces | Zipkin v2 JSON |
//! | [`Destination::json_events`] | one signal | JSON of any shape, by a [`Mapping`] with presets |
//! | `Destination::s3` | all signals | objects in S3 (cargo feature `aws`) |
//! | [`Destination::file`] | all signals | JSON lines in a file that turns over |
//! | [`Destination::console`] | traces | trees on a terminal |
//! | [`Destination::stdout`] | all signals | OTLP/JSON lines on standard output |
//! | [`Destination::memory`] | all signals | memory, for tests |
//! | [`Destination::custom`] | any | your own [`Export`], with [`read`] to look into batches |
//!
//! How requests say who sends them, and how they get there ([`auth`], [`settings::Otlp`], [`Server`]):
//!
//! | | |
//! |---|---|
//! | [`Auth::Bearer`](auth::Auth::Bearer), [`Auth::Basic`](auth::Auth::Basic) | a token; a user and a password |
//! | [`Auth::OAuth2`](auth::Auth::OAuth2) | client credentials |
//! | `Auth::SigV4` | AWS's signatures (cargo feature `aws`) |
//! | `secret_headers` | API keys and any other header |
//! | [`auth::Value`] | where a secret lies: here, in a variable, in a file, in Secrets Manager, in Systems Manager |
//! | [`Compression`] | gzip 1 to 9 (2), zstd 1 to 19 (1), none |
//! | [`settings::ClientCertificate`], `certificate` | mTLS, and an authority of one's own alone; replaced files count at once |
//! | [`settings::Proxy`] | HTTP proxies and their exceptions |
//!
//! What can be wrapped around, each with its own page:
//!
//! | wrapper | | defaults, policies |
//! |---|---|---|
//! | [`Retry`](stage::Retry) | repeats failed exports | [`Backoff::exponential`] (3 attempts, 100 ms × 2, at most 5 s), [`Backoff::linear`] (1 s × attempt), [`Backoff::otlp`] |
//! | [`Breaker`](stage::Breaker) | leaves a failing destination alone | [`BreakerSettings::default`]: 5 failures, 30 s, one probe |
//! | [`Timeout`](stage::Timeout) | limits an attempt | OTLP, Zipkin and files 10 s, JSON and S3 30 s |
//! | [`FanOut`](stage::FanOut) | several destinations, independent of each other | 16 batches under way to each |
//! | [`Filter`](stage::Filter) | errors only, a name's beginning, any predicate | |
//! | [`Metered`](stage::Metered) | counts exports, items, failures | |
//! | [`Buffer`](stage::Buffer) | collects small batches | 512 items, 5 s, 10,000 and 16 MiB at most |
//! | [`SubBatch`](stage::SubBatch) | splits large batches, and those refused as too large | JSON 500 items, OTLP 8,192 and 2 MiB |
//! | [`Throttle`](stage::Throttle) | requests, items, bytes a second | |
//! | [`Idempotency`](stage::Idempotency) | keys made of the content | a key drawn for each batch |
//!
//! Shapes of JSON that are known by name, for [`Destination::json_events`] and [`Destination::file`]:
//!
//! | shape | preset |
//! |---|---|
//! | JSON lines, an object for each span | [`Mapping::span_lines`], what [`Destination::file`] writes |
//! | spans and their resource in one object | [`Mapping::spans_with_resource`] |
//! | a plain array of spans | [`Mapping::span_array`] |
//! | metrics by scope | [`Mapping::metrics`] |
//! | a vendor's events in an envelope, and their compact form | [`Mapping::events`], [`Mapping::compact_events`] |
//!
//! What a pipeline counts, holds and was answered is read from [`Pipeline::metrics`], as OTLP or as Prometheus' text, under the
//! names of the semantic conventions: module [`metrics`].
//!
//! For programs of one's own (cargo feature `sdk`): `sdk::Exporter` is a `SpanExporter`, a `LogExporter` and a
//! `PushMetricExporter`; `sdk::Wiring` sets up batch processors, a sampler and a resource; `sdk::Preferences` has temporality
//! and aggregation of metrics; flushes and shutdowns are bounded, and see to every destination and every buffer.
//!
//! # Every feature, and where it is
//!
//! | exporters | |
//! |---|---|
//! | a file of JSON lines, an object for each span | [`Destination::file`], [`JsonLines`], [`Rotation`], [`Durability`] |
//! | JSON of one's own by HTTP, spans with their resource | [`Mapping::spans_with_resource`] |
//! | a plain array of spans | [`Mapping::span_array`] |
//! | metrics as JSON | [`Mapping::metrics`] |
//! | a backend with a format of its own: fields, envelope and path by configuration | [`Mapping`], [`Mapping::events`] |
//! | its compact form, with zstd | [`Mapping::compact_events`], [`Compression::ZSTD`] |
//! | an authentication scheme of its own, any headers | [`Server::header`](Server::header), [`auth::Value`] |
//! | a console for development: trees, colours, a line at the end | [`Destination::console`], [`console::Console`] |
//! | standard output as OTLP/JSON lines | [`Destination::stdout`] |
//! | Zipkin | [`Destination::zipkin`] |
//! | Jaeger | [`Destination::otlp`], to its ports 4317 and 4318 |
//! | objects in S3 | `Destination::s3` |
//! | AWS's own endpoints for traces, logs and metrics, signed | [`Destination::otlp`] with `Auth::SigV4` |
//! | memory, for tests | [`Destination::memory`] |
//!
//! | OTLP | |
//! |---|---|
//! | HTTP with protobuf and with JSON, gRPC; traces, metrics, logs | [`Otlp::http`](settings::Otlp::http), [`Otlp::grpc`](settings::Otlp::grpc), [`settings::Protocol`] |
//! | endpoint, headers, compression, timeout by the specification's variables | [`Settings::from_vars`], [`settings::TABLE`] |
//! | an endpoint with a path of its own | [`Otlp::http`](settings::Otlp::http) |
//! | an HTTP client of one's own | [`Otlp::over`](settings::Otlp::over), [`Server::over`](Server::over) |
//! | requests as JSON, and JSON as requests | [`otlp::json`] |
//! | what may be repeated, `Retry-After` as seconds or a date, lost answers | [`Destination::otlp`], [`Backoff::otlp`] |
//! | partial success, counted and never repeated | [`Outcome::Delivered`] |
//! | receivers of OTLP/HTTP and OTLP/gRPC | the extension (`spanlayer-extension`), beside a function |
//! | a Collector, Zipkin and Jaeger at the other end | `tests/interop` |
//!
//! | around any destination | |
//! |---|---|
//! | retries, exponential or linear, with jitter; which answers are worth one | [`Retry`](stage::Retry), [`Backoff`], [`RetryOn`] |
//! | several destinations at once, none of which holds up another | [`FanOut`](stage::FanOut) |
//! | filters: errors only, a name's beginning, any predicate | [`Filter`](stage::Filter) |
//! | meters: exports, spans, failures, bytes before and after compression | [`Meter`](stage::Meter), [`Stats`] |
//! | buffers: by number, by time, on demand | [`Buffer`](stage::Buffer) |
//! | sub-batches by items and bytes, halves of what is too large | [`SubBatch`](stage::SubBatch) |
//! | throttles: requests, items, bytes a second | [`Throttle`](stage::Throttle) |
//! | a circuit breaker | [`Breaker`](stage::Breaker), [`Circuit`](stage::Circuit) |
//! | timeouts, told from refused connections and from answers, which are quoted | [`Timeout`](stage::Timeout), [`Outcome`] |
//! | keys that tell a repetition from a second batch | [`Idempotency`](stage::Idempotency), [`Batch::idempotency_key`] |
//! | cancellation: who drops an export closes its connection | [`Export::export`] |
//! | compression: gzip, zstd, their levels, none; made once, and reported | [`Compression`], [`TrafficTotals`] |
//!
//! | in a program with `opentelemetry_sdk` (cargo feature `sdk`) | |
//! |---|---|
//! | span, log and metric exporter of any stack | `sdk::Exporter` |
//! | batch processors, sampler, resource, flush and shutdown, both bounded | `sdk::Wiring`, `sdk::Telemetry` |
//! | temporality and aggregation as the environment prefers | `sdk::Preferences`, `sdk::exponential_histograms` |
//! | a shutdown that waits for what is under way; none after it | `sdk::Exporter` |
//! | an end by SIGTERM and SIGINT | `sdk::Telemetry::until_stopped` |
//!
//! | delivery | |
//! |---|---|
//! | a queue bounded in bytes, batches, four exports at once to each destination, connections that are kept | [`Pipeline`], [`BatchLimits`] |
//! | one bounded in items and bytes | [`BufferSettings`](stage::BufferSettings) |
//! | at least once: equal bytes under an equal key, also after a crash | [`Spool`], [`Pipeline::recover`] |
//! | best effort | [`Destination::best_effort`], or a stack without [`Retry`](stage::Retry) |
//! | one bad item among many refused alone | [`Destination::otlp`], [`SubBatch`](stage::SubBatch) |
//! | dead letters | [`letters`] |
//! | never on a request's path | [`Pipeline::accept`], which never waits |
//!
//! | authentication and transport | |
//! |---|---|
//! | bearer, basic, API keys | [`Auth::Bearer`](auth::Auth::Bearer), [`Auth::Basic`](auth::Auth::Basic), `secret_headers` |
//! | OAuth2 client credentials, tokens renewed before they expire and after a 401 | [`auth::OAuth2`] |
//! | secrets in variables, files, Secrets Manager, Systems Manager, with a time to live | [`auth::Value`], [`auth::TIME_TO_LIVE`] |
//! | client certificates, an authority of one's own; rotation without a restart | [`settings::ClientCertificate`] |
//! | warnings of certificates that expire | [`Notice::CertificateExpires`] |
//! | proxies and their exceptions | [`settings::Proxy`] |
//!
//! What holds at any moment:
//!
//! - What was accepted is held, or was delivered, rejected or refused by the destination, or evicted, and is counted as
//!   such ([`Stats`]).
//! - Dropping a flush loses nothing: what was not settled goes back, and goes out again as it was, under the same
//!   `Idempotency-Key`.
//! - No wait outlives its [`Deadline`].
//! - One destination never delays another: each has its own lane.

mod admit;
pub mod auth;
#[cfg(feature = "aws")]
pub mod aws;
mod batch;
mod compose;
pub mod console;
mod deadline;
mod destination;
mod encode;
mod ending;
mod export;
mod health;
pub mod histogram;
mod join;
mod lane;
pub mod letters;
mod mapping;
mod measured;
pub mod message;
pub mod metrics;
mod notice;
mod payload;
mod pieces;
mod pipeline;
mod queue;
pub mod read;
mod recall;
mod received;
#[cfg(feature = "sdk")]
pub mod sdk;
mod secret;
pub mod settings;
mod spool;
pub mod stage;
mod stats;

/// Servers that do as told, which tests within the crate need as well.
#[cfg(all(test, feature = "aws", not(feature = "aws-chain")))]
#[path = "../tests/support"]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod servers {
    #[allow(dead_code, reason = "tests elsewhere need more of it")]
    pub(crate) mod http;
    #[allow(dead_code, reason = "tests elsewhere need more of it")]
    mod listen;
}

pub use batch::Batch;
pub use compose::Single;
pub use deadline::Deadline;
pub use destination::{
    file::{Durability, JsonLines, Rotation},
    memory::Memory,
    server::{RetryOn, Server},
};
pub use encode::{Compression, Encoding, Format};
pub use ending::{Code, Ending, Fault};
pub use export::{Export, Outcome};
pub use health::Health;
pub use letters::Figures as LetterFigures;
pub use mapping::Mapping;
pub use notice::{Notice, Observer};
pub use payload::{Payload, Priority};
pub use pipeline::{Admission, Flushed, HeldBack, Lost, Pipeline, Recovered, Report};
pub use queue::{Lanes, Route};
pub use received::{Sender, Volume};
pub use secret::Secret;
pub use settings::{BatchLimits, Destination, Settings, Spool, WhenFull};
pub use spanlayer_otlp::{self as otlp, Malformed, Signal, Summary};
pub use spanlayer_process::{self as process, Redactor};
pub use spanlayer_stages as stages;
pub use spool::Figures as SpoolFigures;
pub use stage::{
    breaker::BreakerSettings,
    retry::{Backoff, Growth},
};
pub use stats::{
    DestinationPending, DestinationStats, DestinationTotals, Pending, SignalTotals, Stats, TrafficTotals,
};
