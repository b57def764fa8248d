//! What the wrapper itself has to say: a line on standard error, marked, so that it is never taken for the function's.

use std::{fmt, io::Write as _};

/// Writes a warning. A closed standard error is no reason to stop a function.
pub(crate) fn warn(what: impl fmt::Display) {
    let _ = writeln!(std::io::stderr(), "[spanlayer] WARN {what}");
}
