//! What is wrong with a file: where, what, and what to do.

use std::fmt;

/// A place in a file. Lines and columns begin with 1; columns and widths count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At {
    /// The line.
    pub line: u32,
    /// The column of the first character meant.
    pub column: u32,
    /// How many characters are meant.
    pub width: u32,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// What it is about does not work, and is left out.
    Error,
    /// It works, and is unwise.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong or unwise. Never holds a value that may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where it is.
    pub at: At,
    /// What it is about, as `exporters::otlp::endpoint`; empty for what is wrong with the text itself.
    pub path: String,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// Whether the line's value may be secret, so that whoever shows the line must leave the value out.
    pub secret: bool,
}

impl Problem {
    /// Something that does not work.
    pub fn error(at: At, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            at,
            path: String::new(),
            what: what.into(),
            remedy: remedy.into(),
            secret: false,
        }
    }

    /// Something that works, and is unwise.
    pub fn warning(at: At, what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(at, what, remedy) }
    }

    /// The same about this.
    #[must_use]
    pub fn about(self, path: impl Into<String>) -> Self {
        Self { path: path.into(), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: ", self.at.line, self.at.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.what)?;
        if self.remedy.is_empty() { Ok(()) } else { write!(f, "; {}", self.remedy) }
    }
}
