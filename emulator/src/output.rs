//! What the processes write: captured by lines, for telemetry, for tests, and for error messages.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// Who wrote a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The function.
    Function,
    /// The extension of this name.
    Extension(String),
}

/// One line of output.
#[derive(Clone, Debug)]
pub struct Line {
    /// Who wrote it.
    pub source: Source,
    /// Whether it came over standard error.
    pub stderr: bool,
    /// The text, without its line break.
    pub text: String,
    /// When it was read, as Unix time.
    pub at: Duration,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Function => write!(f, "[function] {}", self.text),
            Source::Extension(name) => write!(f, "[{name}] {}", self.text),
        }
    }
}

/// The lines so far. Bounded: a load test must not fill the memory with what a function logs.
#[derive(Debug, Default)]
pub(crate) struct Output {
    lines: Mutex<VecDeque<Line>>,
}

impl Output {
    pub(crate) fn push(&self, line: Line) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The last lines, for an error message.
    pub(crate) fn tail(&self) -> String {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let from = lines.len().saturating_sub(40);
        lines.iter().skip(from).map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }
}

const KEPT: usize = 20_000;
