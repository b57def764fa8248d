//! Reading: one field after another from a slice, nothing copied.

use super::WireType;
use std::{fmt, ops::Range};

/// What is wrong with bytes that do not parse as fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end inside a value.
    Truncated,
    /// A varint of more than 64 bits.
    Varint,
    /// A key with the field number zero, or above 2^29 - 1.
    FieldNumber,
    /// A group, or one of the two wire types that do not exist.
    WireType,
}

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "the bytes end inside a value",
            Self::Varint => "a varint exceeds 64 bits",
            Self::FieldNumber => "impossible field number",
            Self::WireType => "impossible wire type",
        })
    }
}

impl std::error::Error for WireError {}

/// Reads the varint at `*at` and moves `*at` behind it.
#[inline]
pub fn read_varint(bytes: &[u8], at: &mut usize) -> Result<u64, WireError> {
    match bytes.get(*at) {
        Some(&byte) if byte < 0x80 => {
            *at += 1;
            Ok(u64::from(byte))
        }
        _ => read_long_varint(bytes, at),
    }
}

fn read_long_varint(bytes: &[u8], at: &mut usize) -> Result<u64, WireError> {
    let mut value = 0;
    for (index, &byte) in bytes.get(*at..).unwrap_or_default().iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            // The tenth byte holds the one bit that is left of 64.
            if index == 9 && byte > 1 {
                return Err(WireError::Varint);
            }
            *at += index + 1;
            return Ok(value);
        }
    }
    Err(if bytes.len() - *at < 10 { WireError::Truncated } else { WireError::Varint })
}

/// Reads the key at `*at`: field number and wire type.
#[inline]
pub(crate) fn read_key(bytes: &[u8], at: &mut usize) -> Result<(u32, WireType), WireError> {
    let key = read_varint(bytes, at)?;
    let number = key >> 3;
    if number == 0 || number >= 1 << 29 {
        return Err(WireError::FieldNumber);
    }
    Ok((number as u32, WireType::of(key).ok_or(WireError::WireType)?))
}

/// Reads a length and the bytes it announces.
#[inline]
pub(crate) fn read_bytes<'a>(bytes: &'a [u8], at: &mut usize) -> Result<&'a [u8], WireError> {
    let length = read_varint(bytes, at)?;
    let rest = &bytes[*at..];
    // Compared as 64 bits, so that no length wraps on any platform.
    if length > rest.len() as u64 {
        return Err(WireError::Truncated);
    }
    *at += length as usize;
    Ok(&rest[..length as usize])
}

#[inline]
pub(crate) fn read_array<const N: usize>(bytes: &[u8], at: &mut usize) -> Result<[u8; N], WireError> {
    let array = bytes[*at..].first_chunk().ok_or(WireError::Truncated)?;
    *at += N;
    Ok(*array)
}

/// One field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A varint, not sign-extended and not unzigzagged.
    Varint(u64),
    /// Eight bytes as a number.
    Fixed64(u64),
    /// A string, bytes, message, or packed numbers.
    Bytes(&'a [u8]),
    /// Four bytes as a number.
    Fixed32(u32),
}

/// One field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The field's number.
    pub number: u32,
    /// Its value.
    pub value: Value<'a>,
    /// Where key and value lie in the message's body.
    pub range: Range<usize>,
}

impl<'a> Field<'a> {
    /// The value, when it is length-delimited.
    #[inline]
    pub fn bytes(&self) -> Option<&'a [u8]> {
        match self.value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

/// The fields of a message's body, in their order. After an error it ends.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// Starts at the first field.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    #[inline]
    fn read(&mut self) -> Result<Field<'a>, WireError> {
        let start = self.at;
        let mut at = start;
        let (number, wire_type) = read_key(self.bytes, &mut at)?;
        let value = match wire_type {
            WireType::Varint => Value::Varint(read_varint(self.bytes, &mut at)?),
            WireType::Fixed64 => Value::Fixed64(u64::from_le_bytes(read_array(self.bytes, &mut at)?)),
            WireType::Len => Value::Bytes(read_bytes(self.bytes, &mut at)?),
            WireType::Fixed32 => Value::Fixed32(u32::from_le_bytes(read_array(self.bytes, &mut at)?)),
        };
        self.at = at;
        Ok(Field { number, value, range: start..at })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, WireError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.at = self.bytes.len();
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only_error(bytes: &[u8]) -> WireError {
        let mut fields = Fields::new(bytes);
        let error = fields.next().unwrap().unwrap_err();
        assert!(fields.next().is_none(), "nothing follows an error");
        error
    }

    #[test]
    fn every_kind_of_damage_is_told_apart() {
        assert_eq!(only_error(&[0x08]), WireError::Truncated);
        assert_eq!(only_error(&[0x08, 0x80]), WireError::Truncated);
        assert_eq!(only_error(&[0x09, 1, 2, 3]), WireError::Truncated);
        assert_eq!(only_error(&[0x0a, 5, 1, 2, 3, 4]), WireError::Truncated);
        assert_eq!(only_error(&[0x0d, 1, 2, 3]), WireError::Truncated);
        assert_eq!(only_error(&[&[0x0a][..], &[0xff; 9], &[1]].concat()), WireError::Truncated);
        assert_eq!(only_error(&[&[0x08][..], &[0xff; 9], &[2]].concat()), WireError::Varint);
        assert_eq!(only_error(&[&[0x08][..], &[0x80; 11]].concat()), WireError::Varint);
        assert_eq!(only_error(&[0x00, 0x00]), WireError::FieldNumber);
        assert_eq!(only_error(&[0x80, 0x80, 0x80, 0x80, 0x10, 0x00]), WireError::FieldNumber);
        for group in [0x0b, 0x0c, 0x0e, 0x0f] {
            assert_eq!(only_error(&[group, 0]), WireError::WireType);
        }
    }

    #[test]
    fn the_largest_varint_and_field_number_are_read() {
        let bytes = [&[0xf8, 0xff, 0xff, 0xff, 0x0f][..], &[0xff; 9], &[1]].concat();
        let field = Fields::new(&bytes).next().unwrap().unwrap();
        assert_eq!((field.number, field.value), ((1 << 29) - 1, Value::Varint(u64::MAX)));
        assert_eq!(field.range, 0..bytes.len());
    }
}
