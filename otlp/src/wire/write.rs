//! Writing: every function appends to the `Vec` it is given.
//!
//! `…_field` always writes, as for members of a oneof and `optional` fields. `…_unless_zero` and `…_unless_empty` leave
//! the default out, as proto3 does for all other fields.

use super::WireType;

/// Appends a varint.
#[inline]
pub fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes [`varint`] writes for a value: 1 to 10.
#[inline]
pub const fn varint_length(value: u64) -> usize {
    // Seven bits a byte; zero takes one byte too.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Appends a field's key.
#[inline]
pub fn tag(out: &mut Vec<u8>, number: u32, wire_type: WireType) {
    varint(out, u64::from(number) << 3 | wire_type as u64);
}

/// How many bytes [`tag`] writes for a field number.
#[inline]
pub const fn tag_length(number: u32) -> usize {
    varint_length((number as u64) << 3)
}

/// Appends a `uint32`, `uint64`, `int32`, `int64`, `bool` or enum field. A negative number is passed as it sign-extends
/// to 64 bits.
#[inline]
pub fn varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    tag(out, number, WireType::Varint);
    varint(out, value);
}

/// [`varint_field`], unless the value is the default.
#[inline]
pub fn varint_unless_zero(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        varint_field(out, number, value);
    }
}

/// Appends a `sint32` field (zigzag).
#[inline]
pub fn sint32_field(out: &mut Vec<u8>, number: u32, value: i32) {
    varint_field(out, number, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Appends a `fixed32` field.
#[inline]
pub fn fixed32_field(out: &mut Vec<u8>, number: u32, value: u32) {
    tag(out, number, WireType::Fixed32);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a `fixed64` or `sfixed64` field.
#[inline]
pub fn fixed64_field(out: &mut Vec<u8>, number: u32, value: u64) {
    tag(out, number, WireType::Fixed64);
    out.extend_from_slice(&value.to_le_bytes());
}

/// [`fixed64_field`], unless the value is the default.
#[inline]
pub fn fixed64_unless_zero(out: &mut Vec<u8>, number: u32, value: u64) {
    if value != 0 {
        fixed64_field(out, number, value);
    }
}

/// Appends a `double` field, bit for bit.
#[inline]
pub fn double_field(out: &mut Vec<u8>, number: u32, value: f64) {
    fixed64_field(out, number, value.to_bits());
}

/// Appends a `bytes` or `string` field, or a message that is already encoded.
#[inline]
pub fn bytes_field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    tag(out, number, WireType::Len);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// [`bytes_field`], unless the value is the default.
#[inline]
pub fn bytes_unless_empty(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    if !value.is_empty() {
        bytes_field(out, number, value);
    }
}

/// Appends a message field whose body `body` writes.
///
/// The body is written first behind a length of one byte, and moved when it turns out to be longer than 127: right for
/// messages of up to a few kilobytes. For large ones see [`Tree`](super::Tree).
#[inline]
pub fn message_field(out: &mut Vec<u8>, number: u32, body: impl FnOnce(&mut Vec<u8>)) {
    tag(out, number, WireType::Len);
    let start = out.len() + 1;
    out.push(0);
    body(out);
    let length = out.len() - start;
    if length < 0x80 {
        out[start - 1] = length as u8;
    } else {
        widen(out, start, length);
    }
}

/// Makes room for a length of more than one byte before the body at `start`.
#[cold]
fn widen(out: &mut Vec<u8>, start: usize, length: usize) {
    let extra = varint_length(length as u64) - 1;
    out.resize(out.len() + extra, 0);
    out.copy_within(start..start + length, start + extra);
    let mut rest = length as u64;
    for byte in &mut out[start - 1..start - 1 + extra] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[start - 1 + extra] = rest as u8;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Fields, Value};

    #[test]
    fn a_varint_is_as_long_as_announced() {
        let edges = (0..64).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit]).chain([u64::MAX]);
        for value in edges {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out.len(), varint_length(value), "{value}");
        }
    }

    #[test]
    fn messages_of_every_length_class_come_back_whole() {
        for length in [0, 1, 127, 128, 129, 16_383, 16_384, 2_097_152] {
            let body = vec![7; length];
            let mut out = vec![0xEE];
            message_field(&mut out, 300, |out| out.extend_from_slice(&body));
            let mut plain = vec![0xEE];
            bytes_field(&mut plain, 300, &body);
            assert_eq!(out, plain, "{length}");
            let field = Fields::new(&out[1..]).next().unwrap().unwrap();
            assert_eq!((field.number, field.value), (300, Value::Bytes(&body)));
        }
    }

    #[test]
    fn zigzag_keeps_small_negative_numbers_short() {
        for (value, encoded) in
            [(0, 0), (-1, 1), (1, 2), (-2, 3), (i32::MAX, u32::MAX - 1), (i32::MIN, u32::MAX)]
        {
            let mut out = Vec::new();
            sint32_field(&mut out, 1, value);
            assert_eq!(Fields::new(&out).next().unwrap().unwrap().value, Value::Varint(encoded.into()));
        }
    }
}
