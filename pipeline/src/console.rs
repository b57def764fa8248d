//! Traces on a terminal, as trees: who called whom, when, how long, and what went wrong.

pub mod paint; // colour, or none
mod show; // requests as spans to draw
pub mod tree; // spans as trees

use std::io::{self, IsTerminal};

use spanlayer_host::vars::{Process, Vars};

use paint::Paint;
pub use show::spans;

/// How traces are shown on standard output.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Console {
    /// Every attribute, each on a line of its own.
    pub verbose: bool,
    /// Columns to fill.
    pub width: usize,
    /// Colours, or none.
    pub paint: Paint,
}

impl Default for Console {
    /// As standard output is: in colours if it is a terminal (and `NO_COLOR` and `TERM` say nothing else), as wide as
    /// `COLUMNS` says or else 120 columns; with the attributes that say most.
    fn default() -> Self {
        let width = Process.get("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(120);
        Self { verbose: false, width, paint: Paint::for_stream(io::stdout().is_terminal(), &Process) }
    }
}

impl Console {
    /// With every attribute.
    pub fn verbose() -> Self {
        Self { verbose: true, ..Self::default() }
    }
}
