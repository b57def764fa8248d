//! Spans as trees on a terminal: who called whom, when, how long, and what went wrong.
//!
//! ```text
//! spans ──▶ forest ──▶ draw
//! ```
//!
//! What arrives may be incomplete, doubled, out of order or from clocks that disagree. Every span given is drawn
//! exactly once (or counted as a duplicate), in an order that depends on the spans alone.

mod draw; // lines: columns, bars, what hangs below a span
mod facts; // what is said in words: status, oddities, attributes, events
mod forest; // spans grouped into traces and put in order
mod span; // what a drawing needs to know of a span
mod text; // widths, truncation, durations

pub use draw::{Options, render};
pub use span::{Event, Kind, Link, Span, Status};
pub use text::duration;
