//! A message's fields, tolerantly: what does not parse is not there.

use std::{fmt, marker::PhantomData};

use spanlayer_otlp::wire::{Field, Fields, Value, read_varint};

use super::Attributes;

/// The body of a message.
#[derive(Clone, Copy, Default)]
pub(super) struct Message<'a>(&'a [u8]);

impl fmt::Debug for Message<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl<'a> Message<'a> {
    pub(super) const fn new(body: &'a [u8]) -> Self {
        Self(body)
    }

    pub(super) fn fields(self) -> impl Iterator<Item = Field<'a>> + use<'a> {
        Fields::new(self.0).flatten()
    }

    /// The messages in a field that repeats.
    pub(super) fn all(self, number: u32) -> impl Iterator<Item = Message<'a>> + use<'a> {
        self.fields().filter(move |field| field.number == number).filter_map(|field| message(&field))
    }

    /// The message in a field that does not. Of several, the last counts.
    pub(super) fn last(self, number: u32) -> Option<Message<'a>> {
        self.all(number).last()
    }

    pub(super) const fn attributes(self, number: u32) -> Attributes<'a> {
        Attributes::new(self, number)
    }

    pub(super) const fn repeated<T>(self, number: u32) -> Repeated<'a, T> {
        Repeated { message: self, number, of: PhantomData }
    }

    /// Numbers that repeat, packed or not; eight bytes each.
    pub(super) fn fixed(self, number: u32) -> impl Iterator<Item = u64> + use<'a> {
        let fields = self.fields().filter(move |field| field.number == number);
        fields.flat_map(|field| {
            let (one, packed) = match field.value {
                Value::Fixed64(bits) => (Some(bits), &[][..]),
                Value::Bytes(packed) => (None, packed.as_chunks::<8>().0),
                _ => (None, &[][..]),
            };
            one.into_iter().chain(packed.iter().map(|bytes| u64::from_le_bytes(*bytes)))
        })
    }

    /// Numbers that repeat, packed or not; varints.
    pub(super) fn varints(self, number: u32) -> impl Iterator<Item = u64> + use<'a> {
        let fields = self.fields().filter(move |field| field.number == number);
        fields.flat_map(|field| {
            let (one, packed) = match field.value {
                Value::Varint(value) => (Some(value), &[][..]),
                Value::Bytes(packed) => (None, packed),
                _ => (None, &[][..]),
            };
            let mut at = 0;
            let rest = std::iter::from_fn(move || {
                (at < packed.len()).then(|| read_varint(packed, &mut at).ok()).flatten()
            });
            one.into_iter().chain(rest)
        })
    }
}

/// What is made of a message's body.
pub(super) trait View<'a> {
    fn read(message: Message<'a>) -> Self;
}

/// Parts of a message of which there may be any number. Walked anew by every iteration.
pub struct Repeated<'a, T> {
    message: Message<'a>,
    number: u32,
    of: PhantomData<T>,
}

#[expect(private_bounds, reason = "only this module's own views are ever repeated")]
impl<'a, T: View<'a>> Repeated<'a, T> {
    /// One after the other, in the order of the message.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        self.message.all(self.number).map(T::read)
    }
}

impl<T> Clone for Repeated<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Repeated<'_, T> {}

impl<T> Default for Repeated<'_, T> {
    fn default() -> Self {
        Message::default().repeated(0)
    }
}

impl<T> fmt::Debug for Repeated<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of them", self.message.all(self.number).count())
    }
}

pub(super) fn message<'a>(field: &Field<'a>) -> Option<Message<'a>> {
    field.bytes().map(Message)
}

pub(super) fn text<'a>(field: &Field<'a>) -> &'a str {
    field.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
}

/// An integer, however it is laid out.
pub(super) const fn bits(field: &Field<'_>) -> u64 {
    match field.value {
        Value::Varint(bits) | Value::Fixed64(bits) => bits,
        Value::Fixed32(bits) => bits as u64,
        Value::Bytes(_) => 0,
    }
}

pub(super) const fn double(field: &Field<'_>) -> f64 {
    f64::from_bits(bits(field))
}

/// A signed number of 32 bits in the form where small ones are short.
pub(super) const fn sint32(field: &Field<'_>) -> i32 {
    let bits = bits(field) as u32;
    (bits >> 1).cast_signed() ^ -((bits & 1).cast_signed())
}

/// An id of exactly so many bytes that are not all zero.
pub(super) fn id<const N: usize>(field: &Field<'_>) -> Option<[u8; N]> {
    let id: [u8; N] = field.bytes()?.try_into().ok()?;
    (id != [0; N]).then_some(id)
}
