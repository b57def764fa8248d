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
//! Where data can go, each with its own page:
//!
//! | destination | takes | |
//! |---|---|---|
//! | [`Destination::otlp`] | all signals | OTLP/HTTP (protobuf, JSON), OTLP/gRPC; Jaeger, and every vendor that speaks OTLP |
//! | [`Destination::zipkin`] | traces | Zipkin v2 JSON |
//! | [`Destination::json_events`] | one signal | JSON of any shape, by a [`Mapping`] with presets |
//! | [`Destination::file`] | all signals | JSON lines in a file that turns over |
//! | [`Destination::console`] | traces | trees on a terminal |
//! | [`Destination::stdout`] | all signals | OTLP/JSON lines on standard output |
//! | [`Destination::custom`] | any | your own [`Export`], with [`read`] to look into batches |
//!
//! What holds at any moment:
//!
//! - What was accepted is held, or was delivered, rejected or refused by the destination, or evicted, and is counted as
//!   such ([`Stats`]).
//! - Dropping a flush loses nothing: what was not settled goes back, and goes out again as it was, under the same
//!   `Idempotency-Key`.
//! - No wait outlives its [`Deadline`].
//! - One destination never delays another: each has its own lane.

mod batch;
mod compose;
pub mod console;
mod deadline;
mod destination;
mod encode;
mod export;
mod health;
mod join;
mod lane;
pub mod letters;
mod mapping;
mod notice;
mod payload;
mod pieces;
mod pipeline;
mod queue;
pub mod read;
#[cfg(feature = "sdk")]
pub mod sdk;
mod secret;
pub mod settings;
mod spool;
pub mod stage;
mod stats;

pub use batch::Batch;
pub use compose::Single;
pub use deadline::Deadline;
pub use destination::{
    file::{Durability, JsonLines, Rotation},
    memory::Memory,
    server::{RetryOn, Server},
};
pub use encode::{Compression, Encoding, Format};
pub use export::{Export, Outcome};
pub use health::Health;
pub use mapping::Mapping;
pub use notice::{Notice, Observer};
pub use payload::{Payload, Priority};
pub use pipeline::{Admission, Flushed, Lost, Pipeline, Report};
pub use queue::{Lanes, Route};
pub use secret::Secret;
pub use settings::{BatchLimits, Destination, Settings, Spool, WhenFull};
pub use spanlayer_otlp::{Malformed, Signal, Summary};
pub use spool::Figures as SpoolFigures;
pub use stage::{
    breaker::BreakerSettings,
    retry::{Backoff, Growth},
};
pub use stats::{
    DestinationPending, DestinationStats, DestinationTotals, Pending, SignalTotals, Stats, TrafficTotals,
};
