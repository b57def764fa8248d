//! Try, check and replay Spanlayer's telemetry from a terminal.
//!
//! ```text
//! args ──▶ check │ explain │ diff │ schema ──▶ spanlayer_config
//! args ──▶ demo │ local ──▶ environment (emulator, extension, function, destination) ──▶ tree, figures
//!      └─▶ replay │ cost ──▶ source ──▶ letters, delivered │ figures, added up
//! ```

#![warn(clippy::print_stdout)] // which panics where nobody reads any more: `screen::print` does not

pub mod args; // the command line
pub mod check; // pipeline files, before they are deployed
pub mod cost; // last lines of extensions, added up
pub mod demo; // the examples, shown
pub mod diff; // how two pipeline files differ
pub mod environment; // a function on an emulated Lambda
pub mod failure; // what went wrong and what to do
pub mod figures; // what it cost
pub mod files; // executables and events, checked first
pub mod local; // the user's own function, shown
pub mod measured; // metrics, summed up
pub mod received; // OTLP as spans to draw
pub mod replay; // dead letters, delivered
pub mod rewired; // a pipeline file whose data is shown
pub mod screen; // where the output goes
pub mod show; // invocations with their traces
mod source; // where lines of extensions are read from

pub use spanlayer_pipeline::console::{paint, tree}; // colour, or none; spans as trees
