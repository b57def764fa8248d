//! One message of a request, open for reading and changing: a list of fields, of which only those are opened that
//! somebody asks for. Everything else, fields that nobody knows included, is kept as it came.
//!
//! ```text
//! bytes ─▶ Record ─ take ─▶ Record … ─ put ─▶ bytes
//!             └─ attributes: found and replaced by key, each kept encoded
//! ```

mod attributes;
mod value;

pub use attributes::Attributes;
pub use value::Value;
pub(crate) use value::{KINDS, Key};

use bytes::Bytes;
use spanlayer_otlp::wire::{self, Fields, WireType};

/// A message, one level of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    fields: Vec<Field>,
}

/// One field of a message.
#[derive(Clone, Debug, PartialEq)]
struct Field {
    number: u32,
    held: Held,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Held {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    /// A text, bytes, or a message that nobody has opened.
    Bytes(Bytes),
    /// A message that was opened.
    Record(Record),
}

impl Held {
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The number, as it lies there.
    pub(crate) const fn bits(&self) -> Option<u64> {
        match self {
            Self::Varint(bits) | Self::Fixed64(bits) => Some(*bits),
            Self::Fixed32(bits) => Some(*bits as u64),
            _ => None,
        }
    }
}

impl Record {
    /// Opens a message: its first level, without copying. What is malformed ends it, so the bytes should have been
    /// scanned.
    pub fn open(bytes: &Bytes) -> Self {
        let fields = Fields::new(bytes).map_while(Result::ok).map(|field| {
            let held = match field.value {
                wire::Value::Varint(bits) => Held::Varint(bits),
                wire::Value::Fixed64(bits) => Held::Fixed64(bits),
                wire::Value::Fixed32(bits) => Held::Fixed32(bits),
                wire::Value::Bytes(body) => Held::Bytes(bytes.slice_ref(body)),
            };
            Field { number: field.number, held }
        });
        Self { fields: fields.collect() }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The message, encoded.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        for Field { number, held } in &self.fields {
            match held {
                Held::Varint(bits) => wire::varint_field(out, *number, *bits),
                Held::Fixed64(bits) => wire::fixed64_field(out, *number, *bits),
                Held::Fixed32(bits) => wire::fixed32_field(out, *number, *bits),
                Held::Bytes(bytes) => wire::bytes_field(out, *number, bytes),
                // Its length comes first, so that nothing has to be moved.
                Held::Record(record) => {
                    wire::tag(out, *number, WireType::Len);
                    wire::varint(out, record.length() as u64);
                    record.write(out);
                }
            }
        }
    }

    /// How many bytes [`encode`](Self::encode) makes.
    pub(crate) fn length(&self) -> usize {
        let of = |Field { number, held }: &Field| {
            let within = |length: usize| wire::varint_length(length as u64) + length;
            wire::tag_length(*number)
                + match held {
                    Held::Varint(bits) => wire::varint_length(*bits),
                    Held::Fixed64(_) => 8,
                    Held::Fixed32(_) => 4,
                    Held::Bytes(bytes) => within(bytes.len()),
                    Held::Record(record) => within(record.length()),
                }
        };
        self.fields.iter().map(of).sum()
    }

    /// The last value of a field, which is the one that counts.
    pub(crate) fn get(&self, number: u32) -> Option<&Held> {
        self.fields.iter().rev().find(|field| field.number == number).map(|field| &field.held)
    }

    /// A text; empty if it is not there.
    pub fn text(&self, number: u32) -> &str {
        let bytes = self.get(number).and_then(Held::bytes);
        bytes.and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Bytes, as an id has them; none if it is not there.
    pub fn bytes(&self, number: u32) -> &[u8] {
        self.get(number).and_then(Held::bytes).map(|bytes| &bytes[..]).unwrap_or_default()
    }

    /// A number, as it lies there; zero if it is not there.
    pub fn bits(&self, number: u32) -> u64 {
        self.get(number).and_then(Held::bits).unwrap_or_default()
    }

    /// A nested message, to look into. Changes to it change nothing here.
    pub fn look(&self, number: u32) -> Self {
        match self.get(number) {
            Some(Held::Bytes(bytes)) => Self::open(bytes),
            Some(Held::Record(record)) => record.clone(),
            _ => Self::default(),
        }
    }

    /// Sets a field, whatever was there.
    pub(crate) fn set(&mut self, number: u32, held: Held) {
        let Some(last) = self.fields.iter().rposition(|field| field.number == number) else {
            return self.fields.push(Field { number, held });
        };
        self.fields[last].held = held;
        let mut at = 0..;
        self.fields.retain(|field| {
            let at = at.next().unwrap_or_default();
            at >= last || field.number != number
        });
    }

    /// Sets a text or bytes; an empty one is taken out, which is the same.
    pub fn set_bytes(&mut self, number: u32, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if bytes.is_empty() { self.remove(number) } else { self.set(number, Held::Bytes(bytes)) }
    }

    /// Takes a field out, however often it is there.
    pub(crate) fn remove(&mut self, number: u32) {
        self.fields.retain(|field| field.number != number);
    }

    /// Takes out the nested messages of one field, opened. [`put`](Self::put) takes them back.
    pub(crate) fn take(&mut self, number: u32) -> Vec<Self> {
        let open = |field: Field| match field.held {
            Held::Bytes(bytes) => Self::open(&bytes),
            Held::Record(record) => record,
            _ => Self::default(),
        };
        self.fields.extract_if(.., |field| field.number == number).map(open).collect()
    }

    /// Takes out one nested message, opened; an empty one if it is not there.
    pub(crate) fn take_one(&mut self, number: u32) -> Self {
        self.take(number).pop().unwrap_or_default()
    }

    /// Puts a nested message before everything else: readers want to know first what the rest belongs to.
    pub(crate) fn put_first(&mut self, number: u32, record: Self) {
        self.fields.insert(0, Field { number, held: Held::Record(record) });
    }

    /// Adds nested messages.
    pub(crate) fn put(&mut self, number: u32, records: impl IntoIterator<Item = Self>) {
        let fields = records.into_iter().map(|record| Field { number, held: Held::Record(record) });
        self.fields.extend(fields);
    }

    /// Whether a field is there.
    pub(crate) fn has(&self, number: u32) -> bool {
        self.fields.iter().any(|field| field.number == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_opened_and_put_back_is_the_same_and_what_nobody_knows_is_kept() {
        let mut inner = Vec::new();
        wire::varint_field(&mut inner, 3, 300);
        wire::bytes_field(&mut inner, 900, b"from a later version");
        let mut outer = Vec::new();
        wire::fixed32_field(&mut outer, 16, 7);
        wire::fixed64_field(&mut outer, 7, u64::MAX);
        wire::bytes_field(&mut outer, 2, &inner);
        wire::bytes_field(&mut outer, 2, &[]);
        let outer = Bytes::from(outer);
        let mut record = Record::open(&outer);
        assert_eq!(record.encode(), &outer[..]);
        let taken = record.take(2);
        assert_eq!((taken.len(), taken[0].bits(3), taken[0].text(900)), (2, 300, "from a later version"));
        record.put(2, taken);
        assert_eq!(record.encode(), &outer[..]);
    }

    #[test]
    fn the_last_of_several_counts_and_setting_leaves_one() {
        let mut bytes = Vec::new();
        wire::bytes_field(&mut bytes, 5, b"first");
        wire::varint_field(&mut bytes, 6, 2);
        wire::bytes_field(&mut bytes, 5, b"second");
        let mut record = Record::open(&bytes.into());
        assert_eq!(record.text(5), "second");
        record.set_bytes(5, "third");
        assert_eq!((record.fields.len(), record.text(5), record.bits(6)), (2, "third", 2));
        record.set_bytes(5, "");
        assert!(!record.has(5));
    }
}
