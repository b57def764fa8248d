//! The OpenTelemetry Transformation Language: conditions and statements, compiled once.
//!
//! ```text
//! text ─ lex ─▶ tokens ─ parse ─▶ Condition, Statement ─ eval ─▶ a truth value, a change
//!                          └─ paths, functions: looked up once, and what is unknown is told with its column
//! ```
//!
//! ```
//! use spanlayer_stages::ottl::{Condition, Context};
//!
//! Condition::compile(r#"attributes["http.route"] == "/health" and status.code != STATUS_CODE_ERROR"#, Context::Span)?;
//! let fault = Condition::compile(r#"nam == "x""#, Context::Span).unwrap_err();
//! assert_eq!((fault.at, fault.remedy.as_str()), (0, "did you mean `name`?"));
//! # Ok::<(), spanlayer_stages::ottl::Fault>(())
//! ```

mod calls;
mod compare;
mod context;
mod editors;
mod eval;
mod functions;
mod lex;
mod parse;
mod path;
mod symbols;
mod types;

pub use context::Context;
pub use functions::go_nanos;
pub use parse::{contexts, is_statement};

use crate::scene::Scene;
use std::fmt;

/// Something that is true or not of a place.
#[derive(Debug)]
pub struct Condition {
    context: Context,
    test: eval::Test,
    warnings: Vec<Fault>,
}

/// Something that is done to a place, where a condition holds.
#[derive(Debug)]
pub struct Statement {
    context: Context,
    edit: editors::Edit,
    only: Option<eval::Test>,
    warnings: Vec<Fault>,
}

impl Condition {
    /// Compiles a condition about places of this kind.
    ///
    /// # Errors
    ///
    /// Says where the text is wrong, and what would be right.
    pub fn compile(text: &str, context: Context) -> Result<Self, Fault> {
        let (test, warnings) = parse::Parser::new(text, context)?.condition()?;
        Ok(Self { context, test, warnings })
    }

    /// Whether it holds.
    ///
    /// # Errors
    ///
    /// When a value is not what a function takes.
    pub fn holds(&self, scene: &mut Scene<'_>) -> Result<bool, Failed> {
        self.test.holds(scene)
    }

    /// The kind of places that it is about.
    pub const fn context(&self) -> Context {
        self.context
    }

    /// What the Collector would take as well, and what cannot be meant: comparisons that always come to the same, and values
    /// of a kind that is not taken.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }
}

impl Statement {
    /// Compiles a statement about places of this kind.
    ///
    /// # Errors
    ///
    /// Says where the text is wrong, and what would be right.
    pub fn compile(text: &str, context: Context) -> Result<Self, Fault> {
        let (edit, only, warnings) = parse::Parser::new(text, context)?.statement()?;
        Ok(Self { context, edit, only, warnings })
    }

    /// Does it, if its condition holds.
    ///
    /// # Errors
    ///
    /// When a value is not what a function takes. Nothing is changed then.
    pub fn run(&self, scene: &mut Scene<'_>) -> Result<(), Failed> {
        match &self.only {
            Some(only) if !only.holds(scene)? => Ok(()),
            _ => self.edit.run(scene),
        }
    }

    /// The kind of places that it is about.
    pub const fn context(&self) -> Context {
        self.context
    }

    /// What the Collector would take as well, and what cannot be meant: comparisons that always come to the same, and values
    /// of a kind that is not taken.
    pub fn warnings(&self) -> &[Fault] {
        &self.warnings
    }
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, in characters from the start.
    pub at: usize,
    /// How many characters are meant.
    pub width: usize,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl Fault {
    pub(crate) fn new(place: (usize, usize), what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { at: place.0, width: place.1, what: what.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}; {}", self.at + 1, self.what, self.remedy)
    }
}

impl std::error::Error for Fault {}

/// Why something could not be evaluated. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed(pub String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

#[cfg(test)]
mod tests;
