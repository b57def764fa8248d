//! Try, check and replay Spanlayer's telemetry from a terminal.
//!
//! ```text
//! args ──▶ demo │ local ──▶ stage (emulator, extension, function, destination) ──▶ tree, figures
//! ```

pub mod args; // the command line
pub mod failure; // what went wrong and what to do
pub mod files; // executables and events, checked first
pub mod paint; // colour, or none
pub mod received; // OTLP as spans to draw
pub mod tree; // spans as trees
