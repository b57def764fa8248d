//! What a condition or statement is about, and the messages that its paths lead through.

use crate::{fields::metric::POINTS, scene::Level};
use spanlayer_otlp::{
    Signal,
    schema::{Message, request},
};

/// The kind of places that a condition or statement is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Context {
    /// Resources.
    Resource,
    /// Instrumentation scopes.
    Scope,
    /// Spans.
    Span,
    /// Events of spans.
    SpanEvent,
    /// Metrics.
    Metric,
    /// Data points of metrics.
    DataPoint,
    /// Log records.
    Log,
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Resource, Self::Scope, Self::Span, Self::SpanEvent, Self::Metric, Self::DataPoint, Self::Log];

    /// Its name in the Collector.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resource => "resource",
            Self::Scope => "scope",
            Self::Span => "span",
            Self::SpanEvent => "spanevent",
            Self::Metric => "metric",
            Self::DataPoint => "datapoint",
            Self::Log => "log",
        }
    }

    /// The context of a name, also where that stands before a path.
    pub fn named(name: &str) -> Option<Self> {
        let name = if name == "instrumentation_scope" { "scope" } else { name };
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// How deep it lies.
    pub const fn level(self) -> Level {
        match self {
            Self::Resource => Level::Resource,
            Self::Scope => Level::Scope,
            Self::Span | Self::Metric | Self::Log => Level::Item,
            Self::SpanEvent | Self::DataPoint => Level::Part,
        }
    }

    /// Whether data of a signal has such places.
    pub fn is_of(self, signal: Signal) -> bool {
        match self {
            Self::Resource | Self::Scope => true,
            Self::Span | Self::SpanEvent => signal == Signal::Traces,
            Self::Metric | Self::DataPoint => signal == Signal::Metrics,
            Self::Log => signal == Signal::Logs,
        }
    }

    /// Whether a place of this kind belongs to one of the other, or is one.
    pub fn is_within(self, other: Self) -> bool {
        match other {
            Self::Resource => true,
            Self::Scope => self != Self::Resource,
            Self::Span => matches!(self, Self::Span | Self::SpanEvent),
            Self::Metric => matches!(self, Self::Metric | Self::DataPoint),
            _ => self == other,
        }
    }

    /// The messages that such a place may be: one, but for data points, which have four shapes.
    pub(super) fn messages(self) -> Vec<&'static Message> {
        let signal = match self {
            Self::Metric | Self::DataPoint => Signal::Metrics,
            Self::Log => Signal::Logs,
            _ => Signal::Traces,
        };
        let down = |numbers: &[u32]| {
            let mut message = request(signal);
            for number in numbers {
                message = message.field(*number)?.nested()?;
            }
            Some(message)
        };
        let found = match self {
            Self::Resource => vec![down(&[1, 1])],
            Self::Scope => vec![down(&[1, 2, 1])],
            Self::SpanEvent => vec![down(&[1, 2, 2, 11])],
            // Gauge and sum have the same.
            Self::DataPoint => POINTS[1..].iter().map(|(number, _)| down(&[1, 2, 2, *number, 1])).collect(),
            Self::Span | Self::Metric | Self::Log => vec![down(&[1, 2, 2])],
        };
        found.into_iter().flatten().collect()
    }
}
