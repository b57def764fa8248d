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
