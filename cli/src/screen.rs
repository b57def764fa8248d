//! Where the output goes: its width and colours, and the progress beside it.

use crate::{failure::Failure, paint::Paint};
use spanlayer_host::vars::Vars;
use std::io::{self, ErrorKind, IsTerminal, Write};

/// What somebody else wrote, without what would move a terminal's cursor, or change its colours or its title.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Writes to standard output.
///
/// # Errors
///
/// When it cannot be written to. Where whoever reads it has had enough (`… | head`), there is nothing more to say.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::told(1),
        _ => Failure::run(format!("cannot write to standard output: {error}")),
    })
}

/// Writes a line to standard output.
///
/// # Errors
///
/// As [`print()`].
pub fn say(line: &str) -> Result<(), Failure> {
    print(&format!("{line}\n"))
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
            width: terminal_size::terminal_size_of(io::stdout())
                .map_or(120, |(width, _)| usize::from(width.0)),
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
