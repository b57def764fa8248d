//! Attributes, and the values they have.

use std::fmt;

use super::field::{self, Message};

/// The value of an attribute, or the body of a log record (`AnyValue`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum Value<'a> {
    /// There is none.
    #[default]
    Empty,
    /// A string.
    Text(&'a str),
    /// True or false.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// A number, possibly infinite or none at all.
    Double(f64),
    /// Several values, which need not be of one type.
    Array(Array<'a>),
    /// Values by name.
    Map(Attributes<'a>),
    /// Bytes.
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub(super) fn read(message: Message<'a>) -> Self {
        let mut value = Self::Empty;
        for field in message.fields() {
            // A oneof: of several, the last counts.
            value = match (field.number, field.bytes()) {
                (1, Some(_)) => Self::Text(field::text(&field)),
                (2, None) => Self::Bool(field::bits(&field) != 0),
                (3, None) => Self::Int(field::bits(&field).cast_signed()),
                (4, None) => Self::Double(field::double(&field)),
                (5, Some(body)) => Self::Array(Array(Message::new(body))),
                (6, Some(body)) => Self::Map(Message::new(body).attributes(1)),
                (7, Some(bytes)) => Self::Bytes(bytes),
                _ => value,
            };
        }
        value
    }
}

/// Values in a row.
#[derive(Clone, Copy, Default)]
pub struct Array<'a>(Message<'a>);

impl<'a> Array<'a> {
    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        self.0.all(1).map(Value::read)
    }
}

impl PartialEq for Array<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Array<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A value and its name.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Attribute<'a> {
    /// The name.
    pub key: &'a str,
    /// The value.
    pub value: Value<'a>,
}

/// Values by name, in the order in which they were recorded.
#[derive(Clone, Copy, Default)]
pub struct Attributes<'a> {
    message: Message<'a>,
    number: u32,
}

impl<'a> Attributes<'a> {
    pub(super) const fn new(message: Message<'a>, number: u32) -> Self {
        Self { message, number }
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        self.message.all(self.number).map(|pair| {
            let mut attribute = Attribute::default();
            for field in pair.fields() {
                match (field.number, field::message(&field)) {
                    (1, _) => attribute.key = field::text(&field),
                    (2, Some(value)) => attribute.value = Value::read(value),
                    _ => {}
                }
            }
            attribute
        })
    }

    /// The value of this name. Of several, the last counts, as in a map.
    pub fn find(&self, key: &str) -> Option<Value<'a>> {
        self.iter().filter(|attribute| attribute.key == key).last().map(|attribute| attribute.value)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.message.all(self.number).next().is_none()
    }
}

impl PartialEq for Attributes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Attributes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|Attribute { key, value }| (key, value))).finish()
    }
}
