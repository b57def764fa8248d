//! The protobuf wire format, as far as OTLP uses it: writing fields to a `Vec<u8>`, and reading them from a slice.
//!
//! Groups (wire types 3 and 4) are not part of it: no version of OTLP has had them, and receivers disagree about them.

mod read;
mod tree;
mod write;

pub use read::{Field, Fields, Value, WireError, read_varint};
pub(crate) use read::{read_array, read_bytes};
pub use tree::Tree;
pub use write::{
    bytes_field, bytes_unless_empty, double_field, fixed32_field, fixed64_field, fixed64_unless_zero,
    message_field, sint32_field, tag, tag_length, varint, varint_field, varint_length, varint_unless_zero,
};

/// How a field's value is laid out (protobuf encoding specification, *Message Structure*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireType {
    /// Seven bits a byte, least significant first.
    Varint = 0,
    /// Eight bytes, little-endian.
    Fixed64 = 1,
    /// A varint length, then that many bytes: strings, bytes, messages, packed numbers.
    Len = 2,
    /// Four bytes, little-endian.
    Fixed32 = 5,
}

impl WireType {
    /// The wire type of a key's low three bits; `None` for groups and the two unassigned numbers.
    #[inline]
    pub const fn of(key: u64) -> Option<Self> {
        match key & 7 {
            0 => Some(Self::Varint),
            1 => Some(Self::Fixed64),
            2 => Some(Self::Len),
            5 => Some(Self::Fixed32),
            _ => None,
        }
    }
}
