//! `include` and `exclude`: which spans, log records and metrics a processor is about.

use super::attributes_of;
use crate::{
    fields::{log, metric, resource, scope, span},
    record::{Record, Value},
    scene::Scene,
};
use regex_lite::Regex;
use spanlayer_otlp::Signal;

/// What is selected: what matches the first, if there is one, and not the second.
#[derive(Debug, Default)]
pub struct Select {
    /// What is taken.
    pub include: Option<Match>,
    /// What is left of that.
    pub exclude: Option<Match>,
}

/// What something has to be like: each list that is not empty must have one that fits, and all attributes must.
#[derive(Debug, Default)]
pub struct Match {
    /// `service.name`.
    pub services: Vec<Pattern>,
    /// Names of spans and metrics.
    pub names: Vec<Pattern>,
    /// Kinds of spans: `SPAN_KIND_SERVER` and so on.
    pub kinds: Vec<Pattern>,
    /// Bodies of log records that are texts.
    pub bodies: Vec<Pattern>,
    /// Severities of log records, as texts.
    pub severities: Vec<Pattern>,
    /// Attributes by name, each with what its value has to be like.
    pub attributes: Vec<(String, Option<Pattern>)>,
    /// The same of the resource.
    pub resources: Vec<(String, Option<Pattern>)>,
    /// Instrumentation scopes by name, each with its version.
    pub libraries: Vec<(Pattern, Option<Pattern>)>,
}

/// What a value has to be like.
#[derive(Debug)]
pub enum Pattern {
    /// This.
    Exact(Value),
    /// A text that this matches; numbers and truth values as they are written.
    Regex(Regex),
}

impl Pattern {
    fn fits(&self, value: &Value) -> bool {
        match self {
            Self::Exact(wanted) => value == wanted,
            Self::Regex(_)
                if matches!(value, Value::Nil | Value::List(_) | Value::Map(_) | Value::Bytes(_)) =>
            {
                false
            }
            Self::Regex(regex) => regex.is_match(&value.to_text()),
        }
    }
}

impl Select {
    /// Whether it selects everything.
    pub const fn is_everything(&self) -> bool {
        self.include.is_none() && self.exclude.is_none()
    }

    pub(super) fn takes(&self, signal: Signal, scene: &Scene<'_>) -> bool {
        self.include.as_ref().is_none_or(|one| one.fits(signal, scene))
            && !self.exclude.as_ref().is_some_and(|one| one.fits(signal, scene))
    }
}

impl Match {
    fn fits(&self, signal: Signal, scene: &Scene<'_>) -> bool {
        let empty = Record::default();
        let item = scene.item.as_deref().unwrap_or(&empty);
        let library = scene.scope.as_deref().unwrap_or(&empty);
        // A metric's attributes are those of its data points.
        let (holder, number) = match &scene.part {
            Some(point) if signal == Signal::Metrics => (&**point, attributes_of(signal, scene.shape)),
            _ => (item, attributes_of(signal, 0)),
        };
        let any = |patterns: &[Pattern], value: &dyn Fn() -> Value| {
            patterns.is_empty() || {
                let value = value();
                patterns.iter().any(|pattern| pattern.fits(&value))
            }
        };
        let all = |wanted: &[(String, Option<Pattern>)], record: &Record, number| {
            wanted.iter().all(|(key, pattern)| match record.attribute(number, key) {
                Value::Nil => false,
                value => pattern.as_ref().is_none_or(|pattern| pattern.fits(&value)),
            })
        };
        let text = |record: &Record, number| Value::Text(record.text(number).to_owned());
        let name = if signal == Signal::Metrics { metric::NAME } else { span::NAME };
        any(&self.services, &|| scene.resource.attribute(resource::ATTRIBUTES, "service.name"))
            && any(&self.names, &|| text(item, name))
            && any(&self.kinds, &|| Value::Text(kind(item.bits(span::KIND))))
            && any(&self.bodies, &|| Value::read(item.bytes(log::BODY)))
            && any(&self.severities, &|| text(item, log::SEVERITY_TEXT))
            && all(&self.attributes, holder, number)
            && all(&self.resources, scene.resource, resource::ATTRIBUTES)
            && (self.libraries.is_empty()
                || self.libraries.iter().any(|(name, version)| {
                    name.fits(&text(library, scope::NAME))
                        && version.as_ref().is_none_or(|one| one.fits(&text(library, scope::VERSION)))
                }))
    }
}

fn kind(number: u64) -> String {
    let names = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
    let name = usize::try_from(number).ok().and_then(|number| names.get(number));
    format!("SPAN_KIND_{}", name.unwrap_or(&names[0]))
}
