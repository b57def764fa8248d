//! OTLP as bytes: schema, scan, split, JSON, and writing what an SDK recorded.
//!
//! ```text
//! schema ──▶ scan   one walk, no allocation: valid? how many items? any errors?
//!        ──▶ json   OTLP/JSON to protobuf and back
//!        ──▶ split  one request into several, none over a limit
//! wire   ──▶ merge  several requests into one, neighbours with the same resource joined
//!        ──▶ status what a receiver answers
//!        ──▶ sdk    what `opentelemetry_sdk` recorded, encoded as it ends (feature `sdk`)
//! ```
//!
//! Requests stay encoded from end to end: concatenated requests of one signal are one request, so nothing here decodes
//! into a tree of structures.
//!
//! ```
//! use spanlayer_otlp::{Signal, json, scan};
//!
//! let span = r#"{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","status":{"code":2}}"#;
//! let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
//! let request = json::to_protobuf(Signal::Traces, text.as_bytes())?;
//! let summary = scan(Signal::Traces, &request)?;
//! assert_eq!((summary.items, summary.errors), (1, 1));
//!
//! let cut = scan(Signal::Traces, &request[..request.len() - 1]).unwrap_err();
//! assert_eq!(cut.to_string(), "resource_spans at byte 1: the bytes end inside the value");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod json;
pub mod merge;
pub mod scan;
pub mod schema;
#[cfg(feature = "sdk")]
pub mod sdk;
mod signal;
pub mod split;
pub mod status;
pub mod wire;

pub use scan::{Malformed, Summary, scan};
pub use signal::Signal;
