//! Messages to JSON objects. The bytes have passed the scan, so nothing here can fail.

use super::text::{base64, double, hex, quoted};
use crate::{
    schema::{Field, Kind, Label, Message},
    wire::{Fields, Value, WireType, read_varint},
};
use std::{borrow::Cow, fmt::Write};

/// Appends a message as an object.
///
/// Fields may lie in any order and repeated ones apart, so the body is passed over once a field that is there: a
/// dozen short passes, since nested messages are skipped by their length.
pub(super) fn message(out: &mut String, message: &'static Message, body: &[u8]) {
    out.push('{');
    let mut first = true;
    for field in present(message, body) {
        let values = || Fields::new(body).flatten().filter(|other| other.number == field.number);
        if field.label == Label::Repeated {
            name(out, field, &mut first);
            out.push('[');
            let mut between = Separator(false);
            for value in values() {
                element(out, field, value.value, &mut between);
            }
            out.push(']');
        } else if let Some(nested) = field.nested() {
            name(out, field, &mut first);
            self::message(out, nested, &joined(values().filter_map(|value| value.bytes())));
        } else {
            let last = values().last().map_or(Value::Bytes(&[]), |last| last.value);
            if field.always || !is_absent(field, last) {
                name(out, field, &mut first);
                scalar(out, field, last);
            }
        }
    }
    out.push('}');
}

/// The message's fields that are there, or are always to be written, by number. Of a oneof, the last that is there.
fn present(message: &'static Message, body: &[u8]) -> impl Iterator<Item = &'static Field> {
    let mut seen = 0u32;
    let mut choice = None;
    for other in Fields::new(body).flatten() {
        if let Some(field) = message.field(other.number) {
            seen |= 1 << field.number;
            if field.label == Label::Oneof {
                choice = Some(field.number);
            }
        }
    }
    message.fields.iter().filter(move |field| {
        let there = seen & 1 << field.number != 0 || field.always;
        there && (field.label != Label::Oneof || choice == Some(field.number))
    })
}

/// A message that came in several pieces is all of them in a row (protobuf, *Last One Wins*).
fn joined<'a>(mut pieces: impl Iterator<Item = &'a [u8]>) -> Cow<'a, [u8]> {
    let first = pieces.next().unwrap_or_default();
    match pieces.next() {
        None => Cow::Borrowed(first),
        Some(second) => {
            let mut all = [first, second].concat();
            pieces.for_each(|piece| all.extend_from_slice(piece));
            Cow::Owned(all)
        }
    }
}

fn is_absent(field: &Field, value: Value<'_>) -> bool {
    field.label == Label::Single
        && match value {
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::Varint(bits) | Value::Fixed64(bits) => bits == 0,
            Value::Fixed32(bits) => bits == 0,
        }
}

fn name(out: &mut String, field: &Field, first: &mut bool) {
    if !std::mem::take(first) {
        out.push(',');
    }
    out.push('"');
    out.push_str(field.json);
    out.push_str("\":");
}

/// Writes a comma before all but the first.
struct Separator(bool);

impl Separator {
    fn write(&mut self, out: &mut String) {
        if std::mem::replace(&mut self.0, true) {
            out.push(',');
        }
    }
}

/// One value of a repeated field, or several that are packed.
fn element(out: &mut String, field: &'static Field, value: Value<'_>, between: &mut Separator) {
    match (field.kind, value) {
        (Kind::Message(nested), Value::Bytes(body)) => {
            between.write(out);
            message(out, nested, body);
        }
        (kind, Value::Bytes(packed)) if kind.wire_type() != WireType::Len => {
            for value in unpacked(kind.wire_type(), packed) {
                between.write(out);
                scalar(out, field, value);
            }
        }
        _ => {
            between.write(out);
            scalar(out, field, value);
        }
    }
}

fn unpacked(wire_type: WireType, packed: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = packed.get(at..).filter(|rest| !rest.is_empty())?;
        match wire_type {
            WireType::Fixed64 => {
                at += 8;
                Some(Value::Fixed64(u64::from_le_bytes(*rest.first_chunk()?)))
            }
            WireType::Fixed32 => {
                at += 4;
                Some(Value::Fixed32(u32::from_le_bytes(*rest.first_chunk()?)))
            }
            WireType::Varint | WireType::Len => Some(Value::Varint(read_varint(packed, &mut at).ok()?)),
        }
    })
}

fn scalar(out: &mut String, field: &Field, value: Value<'_>) {
    let bits = match value {
        Value::Bytes(bytes) => return text(out, field, bytes),
        Value::Varint(bits) | Value::Fixed64(bits) => bits,
        Value::Fixed32(bits) => bits.into(),
    };
    // Writing to a `String` cannot fail.
    let _ = match field.kind {
        Kind::Bool => write!(out, "{}", bits != 0),
        Kind::Double => {
            double(out, f64::from_bits(bits));
            Ok(())
        }
        Kind::Uint64 | Kind::Fixed64 => write!(out, "\"{bits}\""),
        Kind::Int64 | Kind::Sfixed64 => write!(out, "\"{}\"", bits.cast_signed()),
        Kind::Sint32 => write!(out, "{}", unzigzag(bits as u32)),
        Kind::Int32 | Kind::Enum(_) => write!(out, "{}", bits as i32),
        _ => write!(out, "{}", bits as u32),
    };
}

const fn unzigzag(bits: u32) -> i32 {
    (bits >> 1).cast_signed() ^ -((bits & 1).cast_signed())
}

fn text(out: &mut String, field: &Field, bytes: &[u8]) {
    match field.kind {
        Kind::String => quoted(out, &String::from_utf8_lossy(bytes)),
        Kind::Id { .. } => {
            out.push('"');
            hex(out, bytes);
            out.push('"');
        }
        _ => {
            out.push('"');
            base64(out, bytes);
            out.push('"');
        }
    }
}
