//! What is being measured just now, on standard error, so that the table alone is on standard output.

use spanlayer_host::clock;
use std::{
    io::{self, IsTerminal, Write},
    time::Instant,
};

/// Says where the run is: one line that changes on a terminal, a line per section elsewhere.
pub(crate) struct Progress {
    live: bool,
    section: &'static str,
    since: Option<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { live: io::stderr().is_terminal(), section: "", since: None }
    }

    pub(crate) fn begin(&mut self, section: &'static str, about: &str) {
        self.end();
        self.section = section;
        self.since = Some(clock::monotonic());
        eprint!("{section}: {about}{}", if self.live { "" } else { "\n" });
    }

    /// So many of all are done.
    pub(crate) fn step(&self, what: &str, done: usize, all: usize) {
        if self.live {
            eprint!("\r\x1b[K{}: {what} {done}/{all}", self.section);
            let _ = io::stderr().flush();
        }
    }

    /// Ends the section that has begun.
    pub(crate) fn end(&mut self) {
        if let Some(since) = self.since.take() {
            let clear = if self.live { "\r\x1b[K" } else { "" };
            eprintln!("{clear}{}: done in {:.1} s", self.section, since.elapsed().as_secs_f64());
        }
    }
}
