//! Where the output goes: its width and colours, and the progress beside it.

use crate::paint::Paint;
use spanlayer_host::vars::Vars;
use std::io::{self, IsTerminal, Write};

/// What somebody else wrote, without what would move a terminal's cursor, or change its colours or its title.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Standard output and standard error, as they were found.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Colours of standard output.
    pub paint: Paint,
    /// Colours of standard error.
    pub paint_errors: Paint,
    /// Columns of standard output; 120 where it is no terminal.
    pub width: usize,
    live: bool,
}

impl Screen {
    /// Looks at standard output and standard error.
    pub fn find(vars: &dyn Vars) -> Self {
        let live = io::stderr().is_terminal();
        Self {
            paint: Paint::for_stream(io::stdout().is_terminal(), vars),
            paint_errors: Paint::for_stream(live, vars),
            width: terminal_size::terminal_size().map_or(120, |(width, _)| usize::from(width.0)),
            live,
        }
    }

    /// Says what is going on, on standard error: on a terminal in one line that changes, elsewhere not at all.
    pub fn progress(&self, what: &str) {
        if self.live {
            eprint!("\r\x1b[K{what}");
            let _ = io::stderr().flush();
        }
    }

    /// Takes the last progress away.
    pub fn done(&self) {
        self.progress("");
    }
}
