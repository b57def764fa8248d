//! Try, check and replay Spanlayer's telemetry from a terminal.
//!
//! ```text
//! args ──▶ demo │ local ──▶ stage (emulator, extension, function, destination) ──▶ tree, figures
//! ```

pub mod paint; // colour, or none
pub mod tree; // spans as trees
