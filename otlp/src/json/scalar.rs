//! JSON strings, numbers and Booleans to fields.

use super::text::{unbase64, unhex};
use crate::{
    schema::{Field, Kind, Label, Need},
    wire::{WireType, tag, varint},
};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, Unexpected, Visitor};
use serde_json::value::RawValue;
use std::fmt;

/// One scalar, appended to `out`: with its key, unless it is packed; and not at all if it is a default that means
/// absence.
pub(super) struct Scalar<'o> {
    pub(super) field: &'static Field,
    pub(super) out: &'o mut Vec<u8>,
    pub(super) packed: bool,
}

impl<'de> DeserializeSeed<'de> for Scalar<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if !matches!(self.field.kind, Kind::Double) {
            return deserializer.deserialize_any(self);
        }
        // The standard library reads doubles exactly.
        let text = <&RawValue>::deserialize(deserializer)?.get();
        match text.parse() {
            Ok(value) => self.double(value),
            // Not a JSON number: a string, or something wrong.
            Err(_) => {
                serde_json::Deserializer::from_str(text).deserialize_any(self).map_err(D::Error::custom)
            }
        }
    }
}

impl Scalar<'_> {
    fn bits(self, bits: u64) {
        if bits == 0 && self.field.label == Label::Single {
            return;
        }
        let wire_type = self.field.wire_type;
        if !self.packed {
            tag(self.out, self.field.number, wire_type);
        }
        match wire_type {
            WireType::Fixed64 => self.out.extend_from_slice(&bits.to_le_bytes()),
            WireType::Fixed32 => self.out.extend_from_slice(&(bits as u32).to_le_bytes()),
            _ => varint(self.out, bits),
        }
    }

    fn double<E: Error>(self, value: f64) -> Result<(), E> {
        if value.is_infinite() {
            // JSON has no infinity, so it was written with too many digits.
            return Err(E::custom(format_args!("{} is out of range", self.field.json)));
        }
        self.bits(value.to_bits());
        Ok(())
    }

    fn bytes(self, bytes: &[u8]) {
        if !bytes.is_empty() || self.field.label != Label::Single {
            tag(self.out, self.field.number, WireType::Len);
            varint(self.out, bytes.len() as u64);
            self.out.extend_from_slice(bytes);
        }
    }

    /// An integer of any kind. 128 bits hold all of them.
    fn integer<E: Error>(self, value: i128) -> Result<(), E> {
        let (least, most): (i128, i128) = match self.field.kind {
            Kind::Uint32 | Kind::Fixed32 => (0, u32::MAX.into()),
            Kind::Uint64 | Kind::Fixed64 => (0, u64::MAX.into()),
            Kind::Int64 | Kind::Sfixed64 => (i64::MIN.into(), i64::MAX.into()),
            _ => (i32::MIN.into(), i32::MAX.into()),
        };
        if !(least..=most).contains(&value) {
            return Err(E::custom(format_args!("{} is out of range: {value}", self.field.json)));
        }
        let bits = match self.field.kind {
            Kind::Sint32 => {
                let value = value as i32;
                u64::from(((value << 1) ^ (value >> 31)).cast_unsigned())
            }
            // Two's complement: negative numbers sign-extend to 64 bits.
            _ => value as u64,
        };
        self.bits(bits);
        Ok(())
    }

    fn is_integer(&self) -> bool {
        !matches!(
            self.field.kind,
            Kind::Message(_) | Kind::String | Kind::Bytes | Kind::Id { .. } | Kind::Bool | Kind::Double
        )
    }

    fn id<E: Error>(self, text: &str, length: usize, need: Need) -> Result<(), E> {
        let mut id = [0; 16];
        match unhex(text, &mut id) {
            Some(0) if need == Need::Optional => Ok(()),
            Some(read) if read == length => {
                self.bytes(&id[..length]);
                Ok(())
            }
            _ => Err(E::custom(format_args!("{} must be {} hex digits", self.field.json, 2 * length))),
        }
    }
}

impl Visitor<'_> for Scalar<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.field.kind {
            Kind::Message(_) => "an object",
            Kind::String => "a string",
            Kind::Bytes => "base64 in a string",
            Kind::Id { .. } => "hex digits in a string",
            Kind::Bool => "true or false",
            Kind::Double => "a number",
            Kind::Enum(_) => "a number or a name",
            _ => "an integer",
        };
        write!(f, "{what} ({})", self.field.json)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        if !matches!(self.field.kind, Kind::Bool) {
            return Err(E::invalid_type(Unexpected::Bool(value), &self));
        }
        self.bits(value.into());
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        if self.is_integer() {
            self.integer(value.into())
        } else {
            Err(E::invalid_type(Unexpected::Unsigned(value), &self))
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        if self.is_integer() {
            self.integer(value.into())
        } else {
            Err(E::invalid_type(Unexpected::Signed(value), &self))
        }
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        // protobuf's JSON takes 1.0 and 1e3 for integers.
        if self.is_integer() && value.fract() == 0.0 {
            self.integer(value as i128)
        } else {
            Err(E::invalid_type(Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.field.kind {
            Kind::String => {
                self.bytes(text.as_bytes());
                Ok(())
            }
            Kind::Id { length, need } => self.id(text, length, need),
            Kind::Bytes => {
                let bytes = unbase64(text);
                let bytes =
                    bytes.ok_or_else(|| E::custom(format_args!("{} is not base64", self.field.json)))?;
                self.bytes(&bytes);
                Ok(())
            }
            Kind::Double => {
                let value = match text {
                    "NaN" => Some(f64::NAN),
                    "Infinity" => Some(f64::INFINITY),
                    "-Infinity" => Some(f64::NEG_INFINITY),
                    // The standard library also reads "inf" and "nan", which JSON does not have.
                    _ => text.parse::<f64>().ok().filter(|value| value.is_finite()),
                };
                let value = value.ok_or_else(|| E::invalid_type(Unexpected::Str(text), &self))?;
                self.bits(value.to_bits());
                Ok(())
            }
            Kind::Enum(names) if names.iter().any(|(name, _)| *name == text) => {
                let number = names.iter().find(|(name, _)| *name == text).map_or(0, |(_, number)| *number);
                self.integer(number.into())
            }
            _ if self.is_integer() => match text.parse::<i128>() {
                Ok(value) => self.integer(value),
                Err(_) => Err(E::invalid_type(Unexpected::Str(text), &self)),
            },
            _ => Err(E::invalid_type(Unexpected::Str(text), &self)),
        }
    }
}
