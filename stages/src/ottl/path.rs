//! Paths: what they lead to is looked up in the schema, once.

use super::{
    Context, Failed, Fault,
    functions::unhex,
    types::{self, Types},
};
use crate::{
    fields::metric::POINTS,
    record::{Held, Key, Record, Value},
    scene::{Level, Scene},
    suggest,
};
use bytes::Bytes;
use spanlayer_otlp::schema::{Field, Kind, Message};

/// A way to a value.
#[derive(Debug)]
pub(super) struct Path {
    level: Level,
    leads: Leads,
    keys: Vec<Key>,
}

/// Where a path leads within its record.
#[derive(Debug)]
enum Leads {
    /// To a field; for data points by their shape.
    Field(Vec<Option<&'static Field>>, View),
    /// To a field of a nested message.
    Within(u32, &'static Field),
    /// To a fact of a metric that its data holds.
    Metric(Fact),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum View {
    /// As it is.
    Plain,
    /// A time of a count of nanoseconds.
    Time,
    /// As a text.
    Text,
}

#[derive(Clone, Copy, Debug)]
enum Fact {
    Type,
    Temporality,
    Monotonic,
}

/// What the Collector calls otherwise than the protocol does.
const ALIASES: [(&str, &str, View); 6] = [
    ("value_double", "as_double", View::Plain),
    ("value_int", "as_int", View::Plain),
    ("start_time", "start_time_unix_nano", View::Time),
    ("end_time", "end_time_unix_nano", View::Time),
    ("time", "time_unix_nano", View::Time),
    ("observed_time", "observed_time_unix_nano", View::Time),
];

const FACTS: [(&str, Fact); 3] =
    [("type", Fact::Type), ("aggregation_temporality", Fact::Temporality), ("is_monotonic", Fact::Monotonic)];

/// A segment of a path as it is written.
pub(super) struct Segment {
    pub(super) name: String,
    pub(super) at: (usize, usize),
}

impl Path {
    pub(super) fn resolve(context: Context, segments: &[Segment], keys: Vec<Key>) -> Result<Self, Fault> {
        let (mut of, mut rest) = (context, segments);
        if let [first, more @ ..] = segments
            && !more.is_empty()
            && let Some(named) = Context::named(&first.name)
        {
            if !context.is_within(named) {
                let what = format!("a {} has no {} here", context.name(), first.name);
                return Err(Fault::new(first.at, what, format!("begin with `{}.`", context.name())));
            }
            (of, rest) = (named, more);
        }
        let Some((first, rest)) = rest.split_first() else {
            return Err(Fault::new((0, 1), "a path is empty", "write a path such as `attributes[\"x\"]`"));
        };
        let mut path = Self { level: of.level(), leads: Leads::Metric(Fact::Type), keys };
        let fact = FACTS.iter().find(|(name, _)| of == Context::Metric && *name == first.name);
        let suffix = rest.first();
        if let (Some((_, fact)), None) = (fact, suffix) {
            path.leads = Leads::Metric(*fact);
            return Ok(path);
        }
        let alias = ALIASES.iter().find(|(name, ..)| *name == first.name);
        let (name, view) = alias.map_or((first.name.as_str(), View::Plain), |(_, name, view)| (*name, *view));
        let messages = of.messages();
        let fields: Vec<Option<&Field>> = messages.iter().map(|message| named(message, name)).collect();
        let Some(field) = fields.iter().flatten().next().copied() else {
            let mut fault = unknown(of, &messages, first);
            let written: Vec<&str> = [first].into_iter().chain(rest).map(|one| one.name.as_str()).collect();
            if Context::named(&first.name).is_some() {
                fault.what = format!("`{}` is no value", first.name);
                fault.remedy =
                    format!("write `{}.attributes[\"…\"]`, or another path after a point", first.name);
            } else if written.len() > 1 && !fault.remedy.starts_with("did") {
                fault.remedy = format!("write `attributes[\"{}\"]` for an attribute", written.join("."));
            }
            return Err(fault);
        };
        path.leads = match (suffix, field.kind) {
            (None, _) => Leads::Field(fields, view),
            (Some(suffix), Kind::Id { .. } | Kind::Enum(_)) if suffix.name == "string" => {
                Leads::Field(fields, View::Text)
            }
            (Some(suffix), Kind::Message(message)) if is_any(message) && suffix.name == "string" => {
                Leads::Field(fields, View::Text)
            }
            (Some(suffix), Kind::Message(message)) if message.name == "Status" => {
                match named(message, &suffix.name) {
                    Some(inner) => Leads::Within(field.number, inner),
                    None => return Err(unknown_name(suffix, message.fields.iter().map(|field| field.name))),
                }
            }
            (Some(suffix), _) => {
                let what = format!("`{}` has no `{}`", first.name, suffix.name);
                return Err(Fault::new(suffix.at, what, "take it out"));
            }
        };
        if let Some(more) = rest.get(1) {
            return Err(Fault::new(more.at, format!("`{}` leads nowhere", more.name), "take it out"));
        }
        if !path.keys.is_empty()
            && !matches!(field.kind, Kind::Message(message) if is_any(message) || is_pair(message))
        {
            let what = format!("`{}` has no elements", first.name);
            return Err(Fault::new(first.at, what, "take `[…]` out"));
        }
        if matches!(path.leads, Leads::Field(_, View::Plain))
            && let Kind::Message(message) = field.kind
            && !is_any(message)
            && !is_pair(message)
        {
            let remedy = match message.name {
                "Status" => "write `status.code` or `status.message`",
                "Event" => "use the context `spanevent`",
                _ => "use a path to a single value",
            };
            return Err(Fault::new(first.at, format!("`{}` is no value", first.name), remedy));
        }
        Ok(path)
    }

    /// What it may lead to, as far as that is known before there is anything.
    pub(super) fn types(&self) -> Types {
        match &self.leads {
            _ if !self.keys.is_empty() => types::ANY,
            Leads::Field(fields, view) => {
                fields.iter().fold(0, |all, field| all | field.map_or(types::NIL, |field| held(field, *view)))
            }
            Leads::Within(_, field) => held(field, View::Plain),
            Leads::Metric(Fact::Monotonic) => types::BOOL,
            Leads::Metric(_) => types::INT,
        }
    }

    /// What it can be set to.
    pub(super) fn takes(&self) -> Types {
        match &self.leads {
            Leads::Metric(_) => 0,
            _ if !self.keys.is_empty() => types::ANY,
            Leads::Field(fields, view) => {
                fields.iter().flatten().fold(0, |all, field| all | settable(field, *view))
            }
            Leads::Within(_, field) => settable(field, View::Plain),
        }
    }

    /// The symbols that stand for its numbers, if it has any.
    pub(super) fn symbols(&self) -> &'static [(&'static str, i32)] {
        let field = match &self.leads {
            Leads::Field(fields, View::Plain) => fields.iter().flatten().next().copied(),
            Leads::Within(_, field) => Some(*field),
            _ => None,
        };
        match field.map(|field| field.kind) {
            Some(Kind::Enum(names)) => names,
            _ => &[],
        }
    }

    pub(super) fn get(&self, scene: &mut Scene<'_>) -> Value {
        let shape = scene.shape;
        let Some(record) = scene.at(self.level) else { return Value::Nil };
        let value = match &self.leads {
            Leads::Field(fields, view) => {
                let field = if self.level == Level::Part { fields.get(shape) } else { fields.first() };
                let Some(field) = field.copied().flatten() else { return Value::Nil };
                match (field.kind, self.keys.first()) {
                    // One attribute is read without the others.
                    (Kind::Message(message), Some(Key::Name(key))) if is_pair(message) => {
                        let value = record.attribute(field.number, key);
                        return self.keys[1..].iter().fold(value, |value, key| value.member(key));
                    }
                    _ => read(record, field, *view),
                }
            }
            Leads::Within(number, field) => read(&record.look(*number), field, View::Plain),
            Leads::Metric(fact) => fact.of(record),
        };
        self.keys.iter().fold(value, |value, key| value.member(key))
    }

    /// Sets what it leads to.
    pub(super) fn set(&self, scene: &mut Scene<'_>, value: Value) -> Result<(), Failed> {
        let shape = scene.shape;
        let Some(record) = scene.at(self.level) else { return Ok(()) };
        match &self.leads {
            Leads::Field(fields, view) => {
                let field = if self.level == Level::Part { fields.get(shape) } else { fields.first() };
                let Some(field) = field.copied().flatten() else { return Ok(()) };
                match (field.kind, self.keys.split_first()) {
                    (Kind::Message(message), Some((Key::Name(key), keys))) if is_pair(message) => {
                        let mut whole = record.attribute(field.number, key);
                        whole.set_member(keys, value);
                        record.attributes(field.number).set(key, &whole);
                    }
                    (Kind::Message(message), Some(_)) if is_any(message) => {
                        let mut whole = read(record, field, View::Plain);
                        whole.set_member(&self.keys, value);
                        write(record, field, View::Plain, whole)?;
                    }
                    _ => write(record, field, *view, value)?,
                }
            }
            Leads::Within(number, field) => {
                let mut inner = record.look(*number);
                write(&mut inner, field, View::Plain, value)?;
                record.set(*number, Held::Bytes(inner.encode().into()));
            }
            Leads::Metric(_) => return Err(Failed("this cannot be set".to_owned())),
        }
        scene.changed = true;
        Ok(())
    }
}

fn named(message: &'static Message, name: &str) -> Option<&'static Field> {
    message.fields.iter().find(|field| field.name == name)
}

fn is_any(message: &Message) -> bool {
    message.name == "AnyValue"
}

fn is_pair(message: &Message) -> bool {
    message.name == "KeyValue"
}

fn unknown(context: Context, messages: &[&'static Message], segment: &Segment) -> Fault {
    let own = messages.iter().flat_map(|message| message.fields).map(|field| field.name);
    let aliases =
        ALIASES.iter().filter(|(_, of, _)| messages.iter().any(|message| named(message, of).is_some()));
    let facts = FACTS.iter().filter(|_| context == Context::Metric).map(|(name, _)| *name);
    let contexts = Context::ALL.into_iter().filter(|one| context.is_within(*one)).map(Context::name);
    unknown_name(segment, own.chain(aliases.map(|(name, ..)| *name)).chain(facts).chain(contexts))
}

fn unknown_name<'k>(segment: &Segment, known: impl Iterator<Item = &'k str> + Clone) -> Fault {
    let otherwise = || {
        if segment.name == "cache" {
            return "keep it in an attribute, and delete that".to_owned();
        }
        let mut names: Vec<&str> = Vec::new();
        for name in known.clone() {
            if let Err(place) = names.binary_search(&name) {
                names.insert(place, name);
            }
        }
        format!("there are {}", names.join(", "))
    };
    let remedy = suggest::did_you_mean(&segment.name, known.clone(), otherwise);
    Fault::new(segment.at, format!("`{}` is not known here", segment.name), remedy)
}

/// What [`read`] makes of a field.
fn held(field: &Field, view: View) -> Types {
    match field.kind {
        Kind::Message(message) if is_pair(message) => types::MAP,
        Kind::Message(_) if view == View::Plain => types::ANY,
        Kind::String => types::TEXT,
        _ if view == View::Text => types::TEXT,
        Kind::Bytes | Kind::Id { .. } => types::ID,
        Kind::Bool => types::BOOL,
        Kind::Double => types::DOUBLE,
        _ if view == View::Time => types::TIME,
        _ => types::INT,
    }
}

/// What [`write`] takes for a field.
fn settable(field: &Field, view: View) -> Types {
    match field.kind {
        Kind::Id { .. } if view == View::Plain => types::BYTES | types::ID,
        Kind::Fixed64 | Kind::Sfixed64 => types::INT | types::TIME,
        Kind::Sint32 => 0,
        _ => held(field, view),
    }
}

fn read(record: &Record, field: &Field, view: View) -> Value {
    let number = field.number;
    let bits = || record.bits(number);
    let value = match field.kind {
        Kind::Message(message) if is_pair(message) => record.attribute_map(number),
        Kind::Message(_) => Value::read(record.bytes(number)),
        Kind::String => Value::Text(record.text(number).to_owned()),
        // An id that is not there is all zeros.
        Kind::Id { length, .. } if record.bytes(number).is_empty() => Value::Id(vec![0; length].into()),
        Kind::Bytes | Kind::Id { .. } => Value::Id(Bytes::copy_from_slice(record.bytes(number))),
        Kind::Bool => Value::Bool(bits() != 0),
        Kind::Double => Value::Double(f64::from_bits(bits())),
        Kind::Sint32 => Value::Int((bits() >> 1).cast_signed() ^ -(bits() & 1).cast_signed()),
        _ if view == View::Time => Value::Time(bits().cast_signed()),
        Kind::Enum(names) if view == View::Text => Value::Text(enum_text(names, bits())),
        _ => Value::Int(bits().cast_signed()),
    };
    match value {
        Value::Text(_) | Value::Int(_) | Value::Time(_) => value,
        value if view == View::Text => Value::Text(value.to_text()),
        value => value,
    }
}

/// As Go's `String()` of such a value: `Server` for `SPAN_KIND_SERVER`.
fn enum_text(names: &[(&str, i32)], bits: u64) -> String {
    let common =
        names.first().map_or(0, |(name, _)| name.len() - name.rsplit('_').next().unwrap_or_default().len());
    let found = names.iter().find(|(_, number)| i64::from(*number) == bits.cast_signed());
    let word = found.and_then(|(name, _)| name.get(common..)).unwrap_or_default();
    word.get(..1).unwrap_or_default().to_owned() + &word.get(1..).unwrap_or_default().to_ascii_lowercase()
}

fn write(record: &mut Record, field: &Field, view: View, value: Value) -> Result<(), Failed> {
    // What is read as a text may be set as one.
    let value = match (field.kind, value) {
        (Kind::Enum(names), Value::Text(text)) if view == View::Text => {
            let found = names.iter().find(|(_, number)| enum_text(names, *number as u64) == text);
            found.map_or(Value::Text(text), |(_, number)| Value::Int(i64::from(*number)))
        }
        (Kind::Id { .. }, Value::Text(text)) if view == View::Text => {
            unhex(&text).map_or(Value::Text(text), Value::Bytes)
        }
        (_, value) => value,
    };
    let wrong = |value: &Value| Err(Failed(format!("`{}` cannot be set to {}", field.name, value.name())));
    let number = field.number;
    let fixed = matches!(field.kind, Kind::Fixed64 | Kind::Sfixed64);
    match (field.kind, value) {
        (Kind::Message(message), Value::Nil) if is_any(message) => record.remove(number),
        (Kind::Message(message), Value::Map(entries)) if is_pair(message) => {
            record.attributes(number).replace(&entries);
        }
        (Kind::Message(message), value) if is_any(message) => {
            let mut out = Vec::new();
            value.write(&mut out);
            record.set(number, Held::Bytes(out.into()));
        }
        (Kind::String, Value::Text(text)) => record.set_bytes(number, text),
        (Kind::Bool, Value::Bool(flag)) => record.set(number, Held::Varint(u64::from(flag))),
        (Kind::Double, Value::Double(value)) => record.set(number, Held::Fixed64(value.to_bits())),
        (Kind::Id { length, .. }, Value::Bytes(bytes) | Value::Id(bytes))
            if bytes.len() == length && bytes.iter().any(|byte| *byte != 0) =>
        {
            record.set(number, Held::Bytes(bytes));
        }
        (_, Value::Int(value) | Value::Time(value)) if fixed => {
            record.set(number, Held::Fixed64(value.cast_unsigned()));
        }
        (Kind::Enum(_) | Kind::Uint32 | Kind::Int32 | Kind::Uint64 | Kind::Int64, Value::Int(value)) => {
            record.set(number, Held::Varint(value.cast_unsigned()));
        }
        (_, value) => return wrong(&value),
    }
    // Of a oneof, only one may be there.
    let other = match field.name {
        "as_double" => Some(6),
        "as_int" => Some(4),
        _ => None,
    };
    other.into_iter().for_each(|other| record.remove(other));
    Ok(())
}

impl Fact {
    fn of(self, metric: &Record) -> Value {
        let Some(place) = POINTS.iter().position(|(number, _)| metric.has(*number)) else {
            return Value::Int(0);
        };
        let data = || metric.look(POINTS[place].0);
        match self {
            Self::Type => Value::Int(place as i64 + 1),
            Self::Temporality => Value::Int(data().bits(2).cast_signed()),
            Self::Monotonic => Value::Bool(place == 1 && data().bits(3) != 0),
        }
    }
}
