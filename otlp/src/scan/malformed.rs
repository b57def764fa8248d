//! What is wrong with a request, and where.

use crate::{
    schema::{Field, Label},
    wire::{Fields, WireError},
};
use std::fmt;

/// A request that a receiver may refuse: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Malformed {
    /// Which field, as in `resource_spans[0].scope_spans[1].spans[7].trace_id`; empty for the request itself.
    pub path: String,
    /// Where the faulty value or its key starts, in bytes from the start of the request; for a missing field, where the
    /// message starts that lacks it.
    pub offset: usize,
    /// What is wrong there.
    pub reason: Reason,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, offset, reason } = self;
        if path.is_empty() {
            write!(f, "at byte {offset}: {reason}")
        } else {
            write!(f, "{path} at byte {offset}: {reason}")
        }
    }
}

impl std::error::Error for Malformed {}

/// Why a request is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The bytes end inside a value.
    Truncated,
    /// A varint of more than 64 bits.
    Varint,
    /// A field number that does not exist in protobuf.
    FieldNumber,
    /// A wire type that does not belong to the field, or to no field at all.
    WireType,
    /// Text that is not UTF-8.
    Utf8,
    /// A trace or span id of the wrong length.
    IdLength {
        /// The length it has.
        is: usize,
        /// The length it must have.
        must: usize,
    },
    /// A span whose id, or trace id, is all zeros.
    ZeroId,
    /// A field that must be there is not.
    Missing,
    /// Messages nested deeper than [`MAX_DEPTH`](super::MAX_DEPTH).
    TooDeep,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end inside the value"),
            Self::Varint => f.write_str("a number exceeds 64 bits"),
            Self::FieldNumber => f.write_str("not a field number"),
            Self::WireType => f.write_str("wrong wire type"),
            Self::Utf8 => f.write_str("not UTF-8"),
            Self::IdLength { is, must } => write!(f, "must be {must} bytes, is {is}"),
            Self::ZeroId => f.write_str("must not be all zeros"),
            Self::Missing => f.write_str("must be there"),
            Self::TooDeep => write!(f, "nested deeper than {} messages", super::MAX_DEPTH),
        }
    }
}

impl From<WireError> for Reason {
    fn from(error: WireError) -> Self {
        match error {
            WireError::Truncated => Self::Truncated,
            WireError::Varint => Self::Varint,
            WireError::FieldNumber => Self::FieldNumber,
            WireError::WireType => Self::WireType,
        }
    }
}

/// A reason on its way out of the walk: each message adds its field and its offset.
#[derive(Debug)]
pub(super) struct Fault {
    reason: Reason,
    offset: usize,
    /// Innermost first.
    path: Vec<String>,
}

impl Fault {
    /// At the start of the value that is being looked at.
    #[cold]
    pub(super) fn here(reason: Reason) -> Box<Self> {
        Box::new(Self { reason, offset: 0, path: Vec::new() })
    }

    /// At a place in the current message, outside any known field.
    #[cold]
    pub(super) fn wire(error: WireError, offset: usize) -> Box<Self> {
        Box::new(Self { reason: error.into(), offset, path: Vec::new() })
    }

    /// At a field of the current message.
    #[cold]
    pub(super) fn at(field: &Field, reason: Reason, offset: usize) -> Box<Self> {
        Box::new(Self { reason, offset, path: vec![field.name.to_owned()] })
    }

    /// The fault as seen from the message around: `field`'s value, which starts at `value_at` in `body`, holds it.
    #[cold]
    pub(super) fn inside(mut self: Box<Self>, field: &Field, body: &[u8], value_at: usize) -> Box<Self> {
        self.offset += value_at;
        self.path.push(if field.label == Label::Repeated {
            // Counted only now, so that a valid request does not pay for it.
            let before = Fields::new(body)
                .map_while(Result::ok)
                .take_while(|other| other.range.end < value_at)
                .filter(|other| other.number == field.number)
                .count();
            format!("{}[{before}]", field.name)
        } else {
            field.name.to_owned()
        });
        self
    }
}

impl Malformed {
    pub(super) fn new(fault: Fault) -> Self {
        let path: Vec<&str> = fault.path.iter().rev().map(String::as_str).collect();
        Self { path: path.join("."), offset: fault.offset, reason: fault.reason }
    }
}
