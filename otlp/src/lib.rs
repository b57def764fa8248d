//! OTLP as bytes: schema, scan, split, JSON, and writing what an SDK recorded.
//!
//! ```text
//! schema ──▶ scan   one walk, no allocation: valid? how many items? any errors?
//!        ──▶ json   OTLP/JSON to protobuf and back
//!        ──▶ split  one request into several, none over a limit
//! wire   ──▶ sdk    what `opentelemetry_sdk` recorded, encoded as it ends (feature `sdk`)
//! ```
//!
//! Requests stay encoded from end to end: concatenated requests of one signal are one request, so nothing here decodes
//! into a tree of structures.

mod signal;

pub use signal::Signal;
