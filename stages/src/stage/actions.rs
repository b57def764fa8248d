//! `attributes` and `resource`: what is done to attributes, in the order written.

use super::{attributes_of, select::Select};
use crate::{
    fields::resource,
    record::{Attributes, Record, Value},
    scene::{Level, walk},
};
use regex_lite::Regex;
use ring::digest;
use spanlayer_otlp::{Signal, json::text::to_hex};

/// See the module's documentation.
#[derive(Debug)]
pub struct Actions {
    /// Whose attributes.
    pub target: Target,
    /// Of those, which.
    pub select: Select,
    /// What is done.
    pub actions: Vec<Action>,
}

/// Whose attributes are changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Those of spans, log records and data points.
    Items,
    /// Those of resources.
    Resources,
}

/// One thing that is done.
#[derive(Debug)]
pub enum Action {
    /// Adds an attribute, unless it is there.
    Insert(String, Source),
    /// Sets an attribute that is there.
    Update(String, Source),
    /// Sets an attribute.
    Upsert(String, Source),
    /// Takes out an attribute, and all whose names match.
    Delete(Option<String>, Option<Regex>),
    /// Puts the SHA-256 of values in their place.
    Hash(Option<String>, Option<Regex>),
    /// Sets an attribute for each named group that the value matches.
    Extract(String, Regex),
    /// Makes a value another type.
    Convert(String, Convert),
}

/// Where a value is from.
#[derive(Debug)]
pub enum Source {
    /// It is this.
    Value(Value),
    /// It is that of another attribute, if there is one.
    Attribute(String),
}

/// What a value becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convert {
    /// A whole number.
    Int,
    /// A number.
    Double,
    /// A text.
    Text,
}

impl Actions {
    pub(super) fn run(&self, signal: Signal, root: &mut Record) -> bool {
        let level = match (self.target, signal) {
            (Target::Resources, _) => Level::Resource,
            (Target::Items, Signal::Metrics) => Level::Part,
            (Target::Items, _) => Level::Item,
        };
        walk(signal, root, level, &mut |scene| {
            if level != Level::Resource && !self.select.takes(signal, scene) {
                return true;
            }
            let number = if level == Level::Resource {
                resource::ATTRIBUTES
            } else {
                attributes_of(signal, scene.shape)
            };
            let Some(record) = scene.at(level) else { return true };
            let mut attributes = record.attributes(number);
            let mut changed = false;
            for action in &self.actions {
                changed |= action.run(&mut attributes);
            }
            scene.changed |= changed;
            true
        })
    }
}

impl Action {
    /// Whether it changed anything.
    fn run(&self, on: &mut Attributes<'_>) -> bool {
        match self {
            Self::Insert(key, source) => on.get(key).is_none() && source.set(key, on),
            Self::Update(key, source) => on.get(key).is_some() && source.set(key, on),
            Self::Upsert(key, source) => source.set(key, on),
            Self::Delete(key, pattern) => on.retain(|name| !is_meant(name, key, pattern)) > 0,
            Self::Hash(key, pattern) => {
                let meant = on.entries().into_iter().filter(|(name, _)| is_meant(name, key, pattern));
                let meant: Vec<_> = meant.filter(|(_, value)| *value != Value::Nil).collect();
                for (name, value) in &meant {
                    on.set(name, &Value::Text(hashed(value)));
                }
                !meant.is_empty()
            }
            Self::Extract(key, pattern) => {
                let Some(Value::Text(text)) = on.get(key) else { return false };
                let Some(found) = pattern.captures(&text) else { return false };
                for name in pattern.capture_names().flatten() {
                    let part = found.name(name).map_or("", |part| part.as_str());
                    on.set(name, &Value::Text(part.to_owned()));
                }
                true
            }
            Self::Convert(key, to) => {
                let Some(changed) = on.get(key).and_then(|value| to.of(&value)) else { return false };
                on.set(key, &changed);
                true
            }
        }
    }
}

fn is_meant(name: &str, key: &Option<String>, pattern: &Option<Regex>) -> bool {
    key.as_deref() == Some(name) || pattern.as_ref().is_some_and(|pattern| pattern.is_match(name))
}

/// Of the bytes that the Collector hashes: a text's own, a number's eight, a truth value's one.
fn hashed(value: &Value) -> String {
    let bytes = match value {
        Value::Text(text) => text.as_bytes().to_vec(),
        Value::Bool(flag) => vec![u8::from(*flag)],
        Value::Int(number) => number.to_le_bytes().to_vec(),
        Value::Double(number) => number.to_le_bytes().to_vec(),
        other => other.to_text().into_bytes(),
    };
    to_hex(digest::digest(&digest::SHA256, &bytes).as_ref())
}

impl Source {
    fn set(&self, key: &str, on: &mut Attributes<'_>) -> bool {
        let found = match self {
            Self::Value(value) => Some(value.clone()),
            Self::Attribute(name) => on.get(name),
        };
        let Some(value) = found.filter(|value| on.get(key).as_ref() != Some(value)) else { return false };
        on.set(key, &value);
        true
    }
}

impl Convert {
    /// The value as another; `None` if it cannot be, or is already.
    fn of(self, value: &Value) -> Option<Value> {
        match (self, value) {
            (Self::Int, Value::Int(_)) | (Self::Double, Value::Double(_)) | (Self::Text, Value::Text(_)) => {
                None
            }
            (Self::Int, Value::Double(number)) => Some(Value::Int(*number as i64)),
            (Self::Int | Self::Double, Value::Bool(flag)) => {
                let number = i64::from(*flag);
                Some(if self == Self::Int { Value::Int(number) } else { Value::Double(number as f64) })
            }
            (Self::Int, Value::Text(text)) => text.parse().ok().map(Value::Int),
            (Self::Double, Value::Int(number)) => Some(Value::Double(*number as f64)),
            (Self::Double, Value::Text(text)) => text.parse().ok().map(Value::Double),
            (Self::Text, Value::Nil) | (Self::Int | Self::Double, _) => None,
            (Self::Text, other) => Some(Value::Text(other.to_text())),
        }
    }
}
