//! What goes wrong, said so that the reader knows what to do next.

use std::fmt;

/// A failure: what happened, and what to do about it.
#[derive(Debug)]
pub struct Failure {
    what: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// The command line is wrong, or names a file that will not do: exit status 2.
    pub fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, code: 2 }
    }

    /// Something failed on the way: exit status 1.
    pub fn run(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, code: 1 }
    }

    /// Something is wrong, and all of it was said already: exit with this status.
    pub fn told(code: u8) -> Self {
        Self { what: String::new(), hint: None, code }
    }

    /// Whether there is still something to say.
    pub fn is_told(&self) -> bool {
        self.what.is_empty()
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// The exit status.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  {}", hint.replace('\n', "\n  ")),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Failure {}
