//! Pipeline files in the OpenTelemetry Collector's own vocabulary.
//!
//! ```text
//! text ──▶ yaml (positions kept)
//! ```

pub mod problem; // what is wrong, where, and what to do
pub mod yaml; // text to values that know where they stand
