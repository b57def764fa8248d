//! Values: of attributes and bodies, and of everything that a condition is about.

use bytes::Bytes;
use spanlayer_otlp::{
    json::text,
    wire::{self, Fields},
};

/// A value.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// None.
    #[default]
    Nil,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other.
    Double(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
    /// A trace or span id: bytes that are compared with ids only.
    Id(Bytes),
    /// A moment, in nanoseconds since 1970.
    Time(i64),
    /// How long, in nanoseconds.
    Duration(i64),
    /// A list.
    List(Vec<Self>),
    /// Names with values.
    Map(Vec<(String, Self)>),
}

impl Value {
    /// Reads an encoded `AnyValue`.
    pub fn read(body: &[u8]) -> Self {
        let mut value = Self::Nil;
        for field in Fields::new(body).map_while(Result::ok) {
            value = match (field.number, field.value) {
                (1, wire::Value::Bytes(text)) => Self::Text(String::from_utf8_lossy(text).into_owned()),
                (2, wire::Value::Varint(bits)) => Self::Bool(bits != 0),
                (3, wire::Value::Varint(bits)) => Self::Int(bits.cast_signed()),
                (4, wire::Value::Fixed64(bits)) => Self::Double(f64::from_bits(bits)),
                (5, wire::Value::Bytes(list)) => Self::List(nested(list).map(Self::read).collect()),
                (6, wire::Value::Bytes(map)) => Self::Map(nested(map).map(pair).collect()),
                (7, wire::Value::Bytes(bytes)) => Self::Bytes(Bytes::copy_from_slice(bytes)),
                _ => continue,
            };
        }
        value
    }

    /// Appends it as an `AnyValue`'s body. What such a value cannot hold is written as the closest that it can.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nil => {}
            Self::Bool(flag) => wire::varint_field(out, 2, u64::from(*flag)),
            Self::Int(number) | Self::Time(number) | Self::Duration(number) => {
                wire::varint_field(out, 3, number.cast_unsigned());
            }
            Self::Double(number) => wire::double_field(out, 4, *number),
            Self::Text(text) => wire::bytes_field(out, 1, text.as_bytes()),
            Self::Bytes(bytes) | Self::Id(bytes) => wire::bytes_field(out, 7, bytes),
            Self::List(values) => wire::message_field(out, 5, |list| {
                values.iter().for_each(|value| wire::message_field(list, 1, |any| value.write(any)));
            }),
            Self::Map(entries) => wire::message_field(out, 6, |map| {
                entries.iter().for_each(|(key, value)| write_pair(map, 1, key, value));
            }),
        }
    }

    /// Cuts texts, those in lists too, to so many bytes.
    pub(crate) fn cut(&mut self, most: usize) {
        match self {
            Self::Text(text) => {
                let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at));
                text.truncate(end.unwrap_or_default());
            }
            Self::List(values) => values.iter_mut().for_each(|value| value.cut(most)),
            _ => {}
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// As the Collector writes a value where a text is wanted.
    pub fn to_text(&self) -> String {
        match self {
            Self::Nil => String::new(),
            Self::Bool(flag) => flag.to_string(),
            Self::Int(number) | Self::Time(number) => number.to_string(),
            Self::Double(number) => double(*number),
            Self::Text(text) => text.clone(),
            Self::Id(bytes) => text::to_hex(bytes),
            Self::Bytes(bytes) => {
                let mut out = String::new();
                text::base64(&mut out, bytes);
                out
            }
            Self::Duration(nanos) => format!("{}s", double(*nanos as f64 / 1e9)),
            Self::List(_) | Self::Map(_) => {
                let mut out = String::new();
                self.json(&mut out);
                out
            }
        }
    }

    fn json(&self, out: &mut String) {
        let each = |out: &mut String, n: usize| {
            if n > 0 {
                out.push(',');
            }
        };
        match self {
            Self::Nil => out.push_str("null"),
            Self::Text(text) => text::quoted(out, text),
            Self::Bytes(_) | Self::Id(_) => text::quoted(out, &self.to_text()),
            Self::List(values) => {
                out.push('[');
                for (n, value) in values.iter().enumerate() {
                    each(out, n);
                    value.json(out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push('{');
                // In the order of their names, as Go writes maps.
                let mut entries: Vec<_> = entries.iter().collect();
                entries.sort_by(|one, other| one.0.cmp(&other.0));
                for (n, (key, value)) in entries.into_iter().enumerate() {
                    each(out, n);
                    text::quoted(out, key);
                    out.push(':');
                    value.json(out);
                }
                out.push('}');
            }
            _ => out.push_str(&self.to_text()),
        }
    }

    /// What it is, for a message.
    pub const fn name(&self) -> &'static str {
        KINDS[self.kind()]
    }

    /// Its place in [`KINDS`].
    pub(crate) const fn kind(&self) -> usize {
        match self {
            Self::Nil => 0,
            Self::Bool(_) => 1,
            Self::Int(_) => 2,
            Self::Double(_) => 3,
            Self::Text(_) => 4,
            Self::Bytes(_) => 5,
            Self::Id(_) => 6,
            Self::Time(_) => 7,
            Self::Duration(_) => 8,
            Self::List(_) => 9,
            Self::Map(_) => 10,
        }
    }

    /// The element that a key leads to; nil if there is none.
    pub(crate) fn member(&self, key: &Key) -> Self {
        match (self, key) {
            (Self::Map(entries), Key::Name(name)) => {
                let found = entries.iter().find(|(key, _)| key == name);
                found.map(|(_, value)| value.clone()).unwrap_or_default()
            }
            (Self::List(values), Key::Place(place)) => values.get(*place).cloned().unwrap_or_default(),
            _ => Self::Nil,
        }
    }

    /// Sets the element that keys lead to, and makes the maps on the way there.
    pub(crate) fn set_member(&mut self, keys: &[Key], value: Self) {
        let Some((key, keys)) = keys.split_first() else {
            *self = value;
            return;
        };
        match key {
            Key::Name(name) => {
                if !matches!(self, Self::Map(_)) {
                    *self = Self::Map(Vec::new());
                }
                let Self::Map(entries) = self else { return };
                let at = entries.iter().position(|(key, _)| key == name).unwrap_or_else(|| {
                    entries.push((name.clone(), Self::Nil));
                    entries.len() - 1
                });
                entries[at].1.set_member(keys, value);
            }
            Key::Place(place) => {
                if let Self::List(values) = self
                    && let Some(found) = values.get_mut(*place)
                {
                    found.set_member(keys, value);
                }
            }
        }
    }
}

/// What values are.
pub(crate) const KINDS: [&str; 11] = [
    "nil",
    "a truth value",
    "a whole number",
    "a number",
    "a text",
    "bytes",
    "an id",
    "a time",
    "a duration",
    "a list",
    "a map",
];

/// What leads from a value to an element of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    Name(String),
    Place(usize),
}

fn nested(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    let fields = Fields::new(body).map_while(Result::ok).filter(|field| field.number == 1);
    fields.filter_map(|field| field.bytes())
}

fn pair(body: &[u8]) -> (String, Value) {
    let (key, value) = split_pair(body);
    (String::from_utf8_lossy(key).into_owned(), Value::read(value))
}

/// Key and value of an encoded `KeyValue`.
pub(super) fn split_pair(body: &[u8]) -> (&[u8], &[u8]) {
    let (mut key, mut value) = (&[][..], &[][..]);
    for field in Fields::new(body).map_while(Result::ok) {
        match (field.number, field.bytes()) {
            (1, Some(bytes)) => key = bytes,
            (2, Some(bytes)) => value = bytes,
            _ => {}
        }
    }
    (key, value)
}

pub(super) fn write_pair(out: &mut Vec<u8>, number: u32, key: &str, value: &Value) {
    wire::message_field(out, number, |pair| {
        wire::bytes_field(pair, 1, key.as_bytes());
        wire::message_field(pair, 2, |any| value.write(any));
    });
}

/// As Go's JSON writes it: without a point where it needs none, with an exponent where that is shorter.
fn double(number: f64) -> String {
    if number != 0.0 && !(1e-6..1e21).contains(&number.abs()) && number.is_finite() {
        let text = format!("{number:e}");
        let Some((digits, exponent)) = text.split_once('e') else { return text };
        // Go signs exponents.
        return match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        };
    }
    number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_comes_back() {
        let values = vec![
            Value::Nil,
            Value::Bool(false),
            Value::Int(-1),
            Value::Double(-0.5),
            Value::Text(String::new()),
            Value::Bytes(Bytes::from_static(b"\xff")),
        ];
        let map = Value::Map(vec![("k".to_owned(), Value::List(values))]);
        let mut out = Vec::new();
        map.write(&mut out);
        assert_eq!(Value::read(&out), map);
    }

    #[test]
    fn texts_of_values_are_gos() {
        for (value, text) in [
            (Value::Double(1.0), "1"),
            (Value::Double(1e21), "1e+21"),
            (Value::Double(1.5e-7), "1.5e-07"),
            (Value::Bool(true), "true"),
            (Value::Bytes(Bytes::from_static(b"abcd")), "YWJjZA=="),
            (
                Value::Map(vec![
                    ("b".into(), Value::List(vec![Value::Int(1), Value::Nil])),
                    ("a".into(), Value::Text("\"".into())),
                ]),
                r#"{"a":"\"","b":[1,null]}"#,
            ),
        ] {
            assert_eq!(value.to_text(), text);
        }
    }

    #[test]
    fn setting_an_element_makes_the_way_there() {
        let mut value = Value::Nil;
        let name = |name: &str| Key::Name(name.to_owned());
        value.set_member(&[name("a"), name("b")], Value::Int(1));
        assert_eq!(value.member(&name("a")).member(&name("b")), Value::Int(1));
        let mut list = Value::List(vec![Value::Int(1)]);
        list.set_member(&[Key::Place(0)], Value::Int(2));
        list.set_member(&[Key::Place(9)], Value::Int(3));
        assert_eq!(list, Value::List(vec![Value::Int(2)]));
    }
}
