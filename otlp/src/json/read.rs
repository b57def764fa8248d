//! JSON objects and arrays to messages.

use super::scalar::Scalar;
use crate::{
    schema::{Field, Kind, Label, Message},
    wire::{Tree, WireType},
};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// An object, read into the body of a message. How deep objects nest is bounded by `serde_json`: 128 levels, which is
/// less than [`MAX_DEPTH`](crate::scan::MAX_DEPTH) messages, since every repeated field takes a level for its array.
pub(super) struct Body<'t> {
    pub(super) message: &'static Message,
    pub(super) tree: &'t mut Tree,
}

impl<'de> DeserializeSeed<'de> for Body<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Body<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object ({})", self.message.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = 0u32;
        let mut choice: Option<&Field> = None;
        while let Some(name) = map.next_key_seed(Name(self.message))? {
            let Some(field) = name else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            if seen & 1 << field.number != 0 {
                return Err(A::Error::custom(format_args!("{} is there twice", field.json)));
            }
            seen |= 1 << field.number;
            let present = map.next_value_seed(Maybe { field, tree: self.tree })?;
            if present
                && field.label == Label::Oneof
                && let Some(other) = choice.replace(field)
            {
                let (a, b) = (other.json, field.json);
                return Err(A::Error::custom(format_args!("{a} and {b} exclude each other")));
            }
        }
        Ok(())
    }
}

/// A member's name; `None` when the message has no such field.
struct Name(&'static Message);

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<&'static Field>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<&'static Field>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.0.field_named(name))
    }
}

/// A member's value, or `null`; says which.
struct Maybe<'t> {
    field: &'static Field,
    tree: &'t mut Tree,
}

impl<'de> DeserializeSeed<'de> for Maybe<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Maybe<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_unit<E: Error>(self) -> Result<bool, E> {
        Ok(false)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        let Self { field, tree } = self;
        match field.label {
            Label::Repeated => deserializer.deserialize_seq(Elements { field, tree })?,
            _ => One { field, tree }.deserialize(deserializer)?,
        }
        Ok(true)
    }
}

/// One value of a field, with its key.
struct One<'t> {
    field: &'static Field,
    tree: &'t mut Tree,
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Self { field, tree } = self;
        match field.kind {
            Kind::Message(message) => {
                tree.open(field.number);
                Body { message, tree }.deserialize(deserializer)?;
                tree.close();
                Ok(())
            }
            _ => Scalar { field, out: tree.fields(), packed: false }.deserialize(deserializer),
        }
    }
}

/// An array: the values of a repeated field. Numbers are packed.
struct Elements<'t> {
    field: &'static Field,
    tree: &'t mut Tree,
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an array ({})", self.field.json)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<(), A::Error> {
        let Self { field, tree } = self;
        if field.wire_type == WireType::Len {
            while array.next_element_seed(One { field, tree })?.is_some() {}
            return Ok(());
        }
        let mut values = Vec::new();
        while array.next_element_seed(Scalar { field, out: &mut values, packed: true })?.is_some() {}
        if !values.is_empty() {
            tree.open(field.number);
            tree.fields().append(&mut values);
            tree.close();
        }
        Ok(())
    }
}
