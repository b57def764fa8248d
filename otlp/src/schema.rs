//! The messages of OTLP as one static table, which drives the scan, JSON and splitting.
//!
//! It follows opentelemetry-proto 1.11.0. What a later version adds is skipped by the scan, kept by splitting and
//! batching (they copy bytes), and left out of JSON.

mod logs;
mod metrics;
mod shared;
mod trace;

use crate::{Signal, wire::WireType};

pub use logs::LOGS_REQUEST;
pub use metrics::METRICS_REQUEST;
pub use trace::TRACES_REQUEST;

/// A message: its name and fields.
#[derive(Debug)]
pub struct Message {
    /// The name without its package, as in `ScopeSpans`.
    pub name: &'static str,
    /// The fields, by number.
    pub fields: &'static [Field],
    /// The fields again, at their numbers: the scan looks up every field it meets.
    by_number: [Option<&'static Field>; FIELD_NUMBERS],
    /// The numbers, as bits, of fields that must be there.
    pub(crate) required: u32,
}

/// One more than the highest field number that OTLP uses may be.
const FIELD_NUMBERS: usize = 32;

impl Message {
    const fn new(name: &'static str, fields: &'static [Field]) -> Self {
        let mut by_number = [None; FIELD_NUMBERS];
        let mut required = 0;
        let mut at = 0;
        while at < fields.len() {
            let number = fields[at].number as usize;
            assert!(by_number[number].is_none(), "a field number is there twice");
            by_number[number] = Some(&fields[at]);
            if matches!(fields[at].kind, Kind::Id { need: Need::Valid | Need::Present, .. }) {
                required |= 1 << number;
            }
            at += 1;
        }
        Self { name, fields, by_number, required }
    }

    /// The field with a number.
    #[inline]
    pub fn field(&self, number: u32) -> Option<&'static Field> {
        *self.by_number.get(number as usize)?
    }

    /// The field with a JSON name, or with its name in the `.proto` file.
    pub fn field_named(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.json == name || field.name == name)
    }
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The number on the wire.
    pub number: u32,
    /// The name in the `.proto` file.
    pub name: &'static str,
    /// The name in JSON.
    pub json: &'static str,
    /// The type.
    pub kind: Kind,
    /// How one value is laid out.
    pub wire_type: WireType,
    /// How often it may be there.
    pub label: Label,
    /// Written in JSON even when it is empty: readers count on it.
    pub(crate) always: bool,
    /// What the scan counts here.
    pub(crate) mark: Mark,
}

impl Field {
    /// The message that the field holds, if it holds one.
    #[inline]
    pub fn nested(&self) -> Option<&'static Message> {
        match self.kind {
            Kind::Message(message) => Some(message),
            _ => None,
        }
    }
}

/// How often a field may be there, and what its absence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// Once; a scalar's default is the same as absence.
    Single,
    /// Once; a default is not the same as absence.
    Optional,
    /// Once, and then no other of the message's oneof. (No message of OTLP has two.)
    Oneof,
    /// Any number of times.
    Repeated,
}

/// A field's type.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A nested message.
    Message(&'static Message),
    /// UTF-8.
    String,
    /// Any bytes; base64 in JSON.
    Bytes,
    /// A trace or span id; hexadecimal in JSON.
    Id {
        /// 16 or 8 bytes.
        length: usize,
        /// Whether it may be absent.
        need: Need,
    },
    /// `bool`.
    Bool,
    /// `uint32`.
    Uint32,
    /// `int32`.
    Int32,
    /// `uint64`.
    Uint64,
    /// `int64`.
    Int64,
    /// `sint32`.
    Sint32,
    /// `fixed32`.
    Fixed32,
    /// `fixed64`.
    Fixed64,
    /// `sfixed64`.
    Sfixed64,
    /// `double`.
    Double,
    /// An enumeration: its names, each with its number.
    Enum(&'static [(&'static str, i32)]),
}

impl Kind {
    /// How one value of the type is laid out.
    #[inline]
    pub const fn wire_type(self) -> WireType {
        match self {
            Self::Message(_) | Self::String | Self::Bytes | Self::Id { .. } => WireType::Len,
            Self::Fixed32 => WireType::Fixed32,
            Self::Fixed64 | Self::Sfixed64 | Self::Double => WireType::Fixed64,
            _ => WireType::Varint,
        }
    }
}

/// What a receiver asks of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// There, of the right length, and not all zeros: a span's own ids.
    Valid,
    /// There and of the right length. A link may point nowhere: specification, *Span*, *Link*.
    Present,
    /// Absent, empty, or of the right length.
    Optional,
}

/// What the scan does at a field beside checking it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    /// Items are inside each value.
    Within,
    /// Each value is an item: a span, a data point, a log record.
    Item,
    /// The item failed if the value, a status code or a severity, lies in this range.
    Failed {
        /// The first that means failure.
        least: i32,
        /// The last.
        most: i32,
    },
}

/// The request that carries a signal: `Export…ServiceRequest`.
pub const fn request(signal: Signal) -> &'static Message {
    match signal {
        Signal::Traces => &TRACES_REQUEST,
        Signal::Metrics => &METRICS_REQUEST,
        Signal::Logs => &LOGS_REQUEST,
    }
}

/// Trace ids have 16 bytes, span ids 8.
const TRACE_ID: usize = 16;
const SPAN_ID: usize = 8;

const fn field(number: u32, name: &'static str, json: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        json,
        kind,
        wire_type: kind.wire_type(),
        label: Label::Single,
        always: false,
        mark: Mark::None,
    }
}

const fn repeated(number: u32, name: &'static str, json: &'static str, kind: Kind) -> Field {
    Field { label: Label::Repeated, ..field(number, name, json, kind) }
}

const fn optional(number: u32, name: &'static str, json: &'static str, kind: Kind) -> Field {
    Field { label: Label::Optional, ..field(number, name, json, kind) }
}

const fn oneof(number: u32, name: &'static str, json: &'static str, kind: Kind) -> Field {
    Field { label: Label::Oneof, ..field(number, name, json, kind) }
}

const fn always(field: Field) -> Field {
    Field { always: true, ..field }
}

const fn within(field: Field) -> Field {
    Field { mark: Mark::Within, ..field }
}

const fn items(number: u32, name: &'static str, json: &'static str, message: &'static Message) -> Field {
    Field { mark: Mark::Item, ..repeated(number, name, json, Kind::Message(message)) }
}

const fn id(number: u32, name: &'static str, json: &'static str, length: usize, need: Need) -> Field {
    field(number, name, json, Kind::Id { length, need })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn visit(
        message: &'static Message,
        seen: &mut HashSet<&'static str>,
        check: &mut impl FnMut(&Message, &Field),
    ) {
        if !seen.insert(message.name) {
            return;
        }
        for field in message.fields {
            check(message, field);
            if let Kind::Message(nested) = field.kind {
                visit(nested, seen, check);
            }
        }
    }

    #[test]
    fn every_json_name_is_the_proto_name_in_camel_case() {
        let mut seen = HashSet::new();
        for signal in Signal::ALL {
            visit(request(signal), &mut seen, &mut |message, field| {
                let mut words = field.name.split('_');
                let mut camel = words.next().unwrap().to_owned();
                for word in words {
                    camel += &word[..1].to_uppercase();
                    camel += &word[1..];
                }
                assert_eq!(camel, field.json, "{}", message.name);
            });
        }
        assert!(seen.len() >= 25, "the walk reaches every message");
    }

    #[test]
    fn numbers_and_names_lead_to_the_same_field() {
        let mut seen = HashSet::new();
        for signal in Signal::ALL {
            visit(request(signal), &mut seen, &mut |message, field| {
                assert_eq!(message.field(field.number).unwrap().name, field.name);
                assert_eq!(message.field_named(field.json).unwrap().number, field.number);
                assert_eq!(message.field_named(field.name).unwrap().number, field.number);
            });
        }
        assert!(TRACES_REQUEST.field(2).is_none() && TRACES_REQUEST.field(1 << 28).is_none());
    }
}
