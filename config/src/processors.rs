//! Processors compiled, so that a mistake in one is found when the file is read.

mod attributes;
mod filter;
mod guards;
mod redaction;
mod routing;
mod sampler;
mod selection;
mod span;
mod tail;
mod transform;

pub(crate) use routing::{parts, signals};

use spanlayer_pipeline::stages::{
    ottl::{Condition, Context, Fault},
    record,
    stage::{OnError, Stage},
};

use crate::{
    declared::Declared,
    options::{Opt, check, section::Section},
    problem::{At, Problem, Severity},
    yaml::{Node, Scalar, Value},
};

/// What a processor does to payloads; nothing if it does nothing to them, or if something is wrong with it, which is then
/// told. `number` tells samplers apart: each pipeline has its own.
pub(crate) fn stage(one: &Declared<'_>, number: u64, problems: &mut Vec<Problem>) -> Option<Stage> {
    let mut maker = Maker { path: one.path(), problems };
    let section = one.section();
    match one.kind() {
        "attributes" => maker.attributes(section),
        "resource" => maker.resource(section),
        "filter" => maker.filter(section),
        "transform" => maker.transform(section),
        "span" => maker.span(section),
        "limits" => maker.limits(section),
        "clock" => Some(Maker::clock(section)),
        "schema" => maker.schema(section),
        "redaction" => maker.redaction(section),
        "probabilistic_sampler" => maker.sampler(section, one.at),
        "tail_sampling" => maker.tail(section, one.at, number),
        _ => None,
    }
}

/// Reads one processor's options.
struct Maker<'p> {
    path: String,
    problems: &'p mut Vec<Problem>,
}

impl Maker<'_> {
    fn wrong(&mut self, at: At, option: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let path = if option.is_empty() { self.path.clone() } else { format!("{}::{option}", self.path) };
        self.problems.push(Problem::error(at, what, remedy).about(path));
    }

    /// Says what is wrong with options that are written within a list.
    fn checked(&mut self, options: &'static [Opt], node: &Node, option: &str) {
        check::options(options, node, &format!("{}::{option}", self.path), true, self.problems);
    }

    /// What was made of a text in the language of conditions, which begins after so many characters of what is written:
    /// what is wrong with it, and what it warns of, is told at its place in the file.
    fn compiled<T>(
        &mut self,
        node: &Node,
        option: &str,
        before: usize,
        made: Result<T, Fault>,
        warnings: fn(&T) -> &[Fault],
    ) -> Option<T> {
        let (severity, faults) = match &made {
            Ok(made) => (Severity::Warning, warnings(made)),
            Err(fault) => (Severity::Error, std::slice::from_ref(fault)),
        };
        for fault in faults {
            let from = fault.at + before;
            let (at, exact) = place(node, from, fault.width);
            let what =
                if exact { fault.what.clone() } else { format!("character {}: {}", from + 1, fault.what) };
            self.wrong(at, option, what, fault.remedy.clone());
            if let Some(problem) = self.problems.last_mut() {
                problem.severity = severity;
            }
        }
        made.ok()
    }

    fn condition(&mut self, node: &Node, text: &str, context: Context, option: &str) -> Option<Condition> {
        self.compiled(node, option, 0, Condition::compile(text, context), Condition::warnings)
    }

    /// The text of something that must be known now.
    fn known<'n>(&mut self, node: &'n Node, option: &str) -> Option<&'n str> {
        if node.text().is_none() {
            self.wrong(
                node.at,
                option,
                "a text is expected here",
                "write it into the file itself, in quotes",
            );
        }
        node.text()
    }

    /// Conditions about places of this kind.
    fn conditions(&mut self, list: Option<&Node>, context: Context, option: &str) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for node in list.map(Node::items).unwrap_or_default() {
            let Some(text) = self.known(node, option) else { continue };
            conditions.extend(self.condition(node, text, context, option));
        }
        conditions
    }

    fn regex(&mut self, node: &Node, option: &str) -> Option<regex_lite::Regex> {
        let text = self.known(node, option)?;
        let made = regex_lite::Regex::new(text);
        made.map_err(|why| {
            let what = format!("this is no regular expression: {why}");
            self.wrong(node.at, option, what, "correct the pattern");
        })
        .ok()
    }

    fn regexes(&mut self, list: Option<&Node>, option: &str) -> Vec<regex_lite::Regex> {
        let items = list.map(Node::items).unwrap_or_default();
        items.iter().filter_map(|node| self.regex(node, option)).collect()
    }
}

/// `error_mode`, or its default.
fn on_error(section: Section<'_>) -> OnError {
    error_mode(section).unwrap_or_default()
}

/// `error_mode`, where it is written.
fn error_mode(section: Section<'_>) -> Option<OnError> {
    Some(match section.text("error_mode")?.as_str() {
        "propagate" => OnError::Propagate,
        "silent" => OnError::Silent,
        _ => OnError::Ignore,
    })
}

/// Where in the file a part of a text is, and whether that is exact: a text with escapes, or over several lines, is not
/// written as it is read.
fn place(node: &Node, from: usize, width: usize) -> (At, bool) {
    let Value::Scalar(Scalar { text, plain, literal: true }) = &node.value else { return (node.at, false) };
    let (quote, length) = (u32::from(!plain), text.chars().count());
    let written = node.at.width as usize;
    // What follows on the line counts as written, where there are no quotes.
    let as_read = if *plain { written >= length } else { written == length + 2 };
    if text.contains('\n') || !as_read {
        return (node.at, false);
    }
    let column = node.at.column + quote + u32::try_from(from).unwrap_or_default();
    (At { column, width: u32::try_from(width).unwrap_or(1).max(1), ..node.at }, true)
}

/// A value as it is written: numbers and truth values without quotes are such.
fn value(node: &Node) -> record::Value {
    match &node.value {
        Value::Null | Value::Later(_) | Value::Elsewhere(_) => record::Value::Nil,
        Value::Scalar(Scalar { text, plain: true, .. }) => {
            let truth = crate::options::value::boolean(text).map(record::Value::Bool);
            let whole = || text.parse().ok().map(record::Value::Int);
            let number = || text.parse().ok().map(record::Value::Double);
            truth.or_else(whole).or_else(number).unwrap_or_else(|| record::Value::Text(text.clone()))
        }
        Value::Scalar(Scalar { text, .. }) => record::Value::Text(text.clone()),
        Value::List(items) => record::Value::List(items.iter().map(value).collect()),
        Value::Map(entries) => {
            record::Value::Map(entries.iter().map(|(key, node)| (key.name.clone(), value(node))).collect())
        }
    }
}
