//! One walk over an encoded request: is it valid, how many items does it hold, did any of them fail?
//!
//! Nothing is decoded and nothing is allocated unless the request is malformed. A batch is a concatenation of requests,
//! so a request that any receiver would refuse must not get in: it would take its neighbours along. Hence the walk is
//! as strict as the strictest receiver: UTF-8, the lengths of ids, wire types, truncation, depth.

mod malformed;

pub use malformed::{Malformed, Reason};

use crate::{
    Signal,
    schema::{Field, Kind, Label, Mark, Message, Need, request},
    wire::{WireError, WireType, read_array, read_bytes, read_varint},
};
use malformed::Fault;

/// What a request holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Spans, data points or log records.
    pub items: usize,
    /// Items that tell of a failure: spans with the status `ERROR`, log records with a severity of `ERROR` or above.
    pub errors: usize,
}

/// The deepest nesting of messages that common protobuf parsers read by default.
pub const MAX_DEPTH: usize = 100;

/// Walks an `Export…ServiceRequest`. An empty one is valid.
///
/// # Errors
///
/// Says where the request is malformed and why.
pub fn scan(signal: Signal, bytes: &[u8]) -> Result<Summary, Malformed> {
    let mut scan = Scan { summary: Summary::default(), failed: false };
    match scan.message(request(signal), bytes, 0) {
        Ok(()) => Ok(scan.summary),
        Err(fault) => Err(Malformed::new(*fault)),
    }
}

struct Scan {
    summary: Summary,
    /// Whether the current item tells of a failure.
    failed: bool,
}

/// Boxed, so that the result of each step stays in registers.
type Step = Result<(), Box<Fault>>;

impl Scan {
    fn message(&mut self, message: &'static Message, body: &[u8], depth: usize) -> Step {
        let mut at = 0;
        let mut seen = 0u32;
        while at < body.len() {
            let start = at;
            let key = read_varint(body, &mut at).map_err(|e| Fault::wire(e, start))?;
            let number = key >> 3;
            let known = if number < 32 { message.field(number as u32) } else { None };
            let Some(field) = known else {
                skip(key, body, &mut at).map_err(|e| Fault::wire(e, start))?;
                continue;
            };
            seen |= 1 << number;
            if key & 7 == field.wire_type as u64 {
                self.value(field, body, &mut at, depth)?;
            } else if key & 7 == WireType::Len as u64 && field.label == Label::Repeated {
                packed(field, body, &mut at)?;
            } else {
                return Err(Fault::at(field, Reason::WireType, start));
            }
        }
        if seen & message.required != message.required {
            return Err(missing(message, seen));
        }
        Ok(())
    }

    #[inline]
    fn value(&mut self, field: &'static Field, body: &[u8], at: &mut usize, depth: usize) -> Step {
        let start = *at;
        match field.wire_type {
            WireType::Len => {
                let length = read_varint(body, at).map_err(|e| Fault::at(field, e.into(), start))?;
                let rest = &body[*at..];
                if length > rest.len() as u64 {
                    return Err(Fault::at(field, Reason::Truncated, start));
                }
                let (value, value_at) = (&rest[..length as usize], *at);
                *at += value.len();
                self.delimited(field, value, depth).map_err(|fault| fault.inside(field, body, value_at))
            }
            WireType::Varint => {
                let value = read_varint(body, at).map_err(|e| Fault::at(field, e.into(), start))?;
                if let Mark::Failed { least, most } = field.mark {
                    // Enumerations are 32 bits, whatever the varint holds.
                    self.failed = (least..=most).contains(&(value as i32));
                }
                Ok(())
            }
            WireType::Fixed64 => fixed(8, field, body, at),
            WireType::Fixed32 => fixed(4, field, body, at),
        }
    }

    #[inline]
    fn delimited(&mut self, field: &'static Field, value: &[u8], depth: usize) -> Step {
        match field.kind {
            Kind::Message(_) if depth == MAX_DEPTH => Err(Fault::here(Reason::TooDeep)),
            Kind::Message(nested) if field.mark == Mark::Item => {
                self.failed = false;
                self.message(nested, value, depth + 1)?;
                self.summary.items += 1;
                self.summary.errors += usize::from(self.failed);
                Ok(())
            }
            Kind::Message(nested) => self.message(nested, value, depth + 1),
            Kind::String if !is_utf8(value) => Err(Fault::here(Reason::Utf8)),
            Kind::Id { length, need } => identifier(value, length, need),
            _ => Ok(()),
        }
    }
}

#[inline]
fn identifier(value: &[u8], length: usize, need: Need) -> Step {
    if value.len() == length {
        let zero = need == Need::Valid && value.iter().all(|&byte| byte == 0);
        return if zero { Err(Fault::here(Reason::ZeroId)) } else { Ok(()) };
    }
    if need == Need::Optional && value.is_empty() {
        return Ok(());
    }
    Err(Fault::here(Reason::IdLength { is: value.len(), must: length }))
}

#[inline]
fn fixed(width: usize, field: &'static Field, body: &[u8], at: &mut usize) -> Step {
    if body.len() - *at < width {
        return Err(Fault::at(field, Reason::Truncated, *at));
    }
    *at += width;
    Ok(())
}

/// Checks repeated numbers that share one length.
fn packed(field: &'static Field, body: &[u8], at: &mut usize) -> Step {
    let start = *at;
    let fault = |reason| Fault::at(field, reason, start);
    let values = read_bytes(body, at).map_err(|e| fault(e.into()))?;
    match field.wire_type {
        WireType::Varint => {
            let mut at = 0;
            while at < values.len() {
                read_varint(values, &mut at).map_err(|e| fault(e.into()))?;
            }
            Ok(())
        }
        WireType::Fixed64 if values.len() % 8 != 0 => Err(fault(Reason::Truncated)),
        WireType::Fixed32 if values.len() % 4 != 0 => Err(fault(Reason::Truncated)),
        _ => Ok(()),
    }
}

/// Passes over a field that this version of the schema does not know.
#[cold]
fn skip(key: u64, body: &[u8], at: &mut usize) -> Result<(), WireError> {
    if key >> 3 == 0 || key >> 3 >= 1 << 29 {
        return Err(WireError::FieldNumber);
    }
    match WireType::of(key).ok_or(WireError::WireType)? {
        WireType::Varint => read_varint(body, at).map(drop),
        WireType::Len => read_bytes(body, at).map(drop),
        WireType::Fixed64 => read_array::<8>(body, at).map(drop),
        WireType::Fixed32 => read_array::<4>(body, at).map(drop),
    }
}

#[cold]
fn missing(message: &'static Message, seen: u32) -> Box<Fault> {
    let absent = message.required & !seen;
    match message.field(absent.trailing_zeros()) {
        Some(field) => Fault::at(field, Reason::Missing, 0),
        None => Fault::here(Reason::Missing),
    }
}

/// Attribute keys and values are short and mostly ASCII: eight bytes at a time, the rest by the standard library.
#[inline]
fn is_utf8(text: &[u8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = text.as_chunks::<8>();
    let high = words.iter().fold(0, |high, word| high | u64::from_ne_bytes(*word)) & HIGH;
    let tail = rest.iter().fold(0, |high, byte| high | byte) & 0x80;
    (high == 0 && tail == 0) || std::str::from_utf8(text).is_ok()
}
