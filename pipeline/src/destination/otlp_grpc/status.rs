//! The status that a call ends with: a code, words, and details, of which the delay matters.

use std::{fmt, time::Duration};

use http::{HeaderMap, StatusCode};
use spanlayer_otlp::{
    json::text::unbase64,
    wire::{Fields, Value},
};

use crate::ending::RPC;

/// A gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(pub(super) u32);

impl Code {
    pub(super) const OK: Self = Self(0);
    pub(super) const CANCELLED: Self = Self(1);
    pub(super) const UNKNOWN: Self = Self(2);
    pub(super) const INVALID_ARGUMENT: Self = Self(3);
    pub(super) const DEADLINE_EXCEEDED: Self = Self(4);
    pub(super) const PERMISSION_DENIED: Self = Self(7);
    pub(super) const RESOURCE_EXHAUSTED: Self = Self(8);
    pub(super) const ABORTED: Self = Self(10);
    pub(super) const OUT_OF_RANGE: Self = Self(11);
    pub(super) const UNIMPLEMENTED: Self = Self(12);
    pub(super) const INTERNAL: Self = Self(13);
    pub(super) const UNAVAILABLE: Self = Self(14);
    pub(super) const DATA_LOSS: Self = Self(15);
    pub(super) const UNAUTHENTICATED: Self = Self(16);

    /// What an answer of plain HTTP stands for (gRPC, *HTTP to gRPC Status Code Mapping*).
    pub(super) const fn of_http(status: StatusCode) -> Self {
        match status.as_u16() {
            400 => Self::INTERNAL,
            401 => Self::UNAUTHENTICATED,
            403 => Self::PERMISSION_DENIED,
            404 => Self::UNIMPLEMENTED,
            429 | 502 | 503 | 504 => Self::UNAVAILABLE,
            _ => Self::UNKNOWN,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match RPC.get(self.0 as usize) {
            Some(name) => f.write_str(name),
            None => write!(f, "gRPC status {}", self.0),
        }
    }
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: Code,
    pub(super) message: String,
    /// The delay of a `google.rpc.RetryInfo`: that there is one says that another attempt makes sense, also if it names
    /// no time.
    pub(super) retry_info: Option<Option<Duration>>,
}

impl Status {
    /// Reads trailers, or the headers of an answer without a body. `None` if they hold no status.
    pub(super) fn of(fields: &HeaderMap) -> Option<Self> {
        let code = fields.get("grpc-status")?.to_str().ok().and_then(|code| code.trim().parse().ok());
        let message = fields.get("grpc-message").map(|text| percent_decoded(text.as_bytes()));
        let details =
            fields.get("grpc-status-details-bin").and_then(|text| unbase64(text.to_str().ok()?.trim()));
        let details = details.map(|status| Details::of(&status)).unwrap_or_default();
        Some(Self {
            code: code.map_or(Code::UNKNOWN, Code),
            message: message.unwrap_or(details.message),
            retry_info: details.retry_info,
        })
    }
}

/// What `grpc-status-details-bin` adds: a `google.rpc.Status`.
#[derive(Default)]
struct Details {
    message: String,
    retry_info: Option<Option<Duration>>,
}

impl Details {
    /// As far as the bytes can be read.
    fn of(status: &[u8]) -> Self {
        let mut details = Self::default();
        for field in Fields::new(status).flatten() {
            match (field.number, field.value) {
                (2, Value::Bytes(text)) => details.message = String::from_utf8_lossy(text).into_owned(),
                (3, Value::Bytes(any)) => details.retry_info = details.retry_info.or_else(|| retry_info(any)),
                _ => {}
            }
        }
        details
    }
}

/// The delay, if this `google.protobuf.Any` holds a `google.rpc.RetryInfo`.
fn retry_info(any: &[u8]) -> Option<Option<Duration>> {
    let part = |number| {
        Fields::new(any).flatten().filter(move |field| field.number == number).find_map(|field| field.bytes())
    };
    let kind = part(1)?;
    // `type.googleapis.com/google.rpc.RetryInfo`; only what follows the last slash counts.
    if kind.rsplit(|byte| *byte == b'/').next() != Some(b"google.rpc.RetryInfo") {
        return None;
    }
    let info = part(2).unwrap_or_default();
    let delay = Fields::new(info).flatten().filter(|field| field.number == 1).find_map(|field| field.bytes());
    Some(delay.and_then(duration))
}

/// A `google.protobuf.Duration`, unless it is negative.
fn duration(bytes: &[u8]) -> Option<Duration> {
    let (mut seconds, mut nanos) = (0, 0);
    for field in Fields::new(bytes).flatten() {
        match (field.number, field.value) {
            (1, Value::Varint(value)) => seconds = value.cast_signed(),
            (2, Value::Varint(value)) => nanos = value.cast_signed(),
            _ => {}
        }
    }
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanos))
}

/// `grpc-message` is percent-encoded UTF-8; what is not stays as it is.
fn percent_decoded(text: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        let byte = (first == b'%').then(|| Some((digit(0)? << 4 | digit(1)?) as u8)).flatten();
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use spanlayer_otlp::{
        json::text::base64,
        wire::{bytes_field, message_field, varint_field},
    };

    use super::*;

    /// `grpc-status-details-bin` with a `RetryInfo` of this many seconds and nanoseconds.
    pub(in super::super) fn details(delay: Option<(i64, i64)>) -> String {
        let mut status = Vec::new();
        varint_field(&mut status, 1, 14);
        bytes_field(&mut status, 2, b"in the details");
        message_field(&mut status, 3, |any| bytes_field(any, 1, b"type.googleapis.com/google.rpc.Help"));
        message_field(&mut status, 3, |any| {
            bytes_field(any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
            message_field(any, 2, |info| {
                if let Some((seconds, nanos)) = delay {
                    message_field(info, 1, |delay| {
                        varint_field(delay, 1, seconds.cast_unsigned());
                        varint_field(delay, 2, nanos.cast_unsigned());
                    });
                }
            });
        });
        let mut text = String::new();
        base64(&mut text, &status);
        text
    }

    fn status(fields: &[(&'static str, &str)]) -> Option<Status> {
        Status::of(
            &fields.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect(),
        )
    }

    #[test]
    fn a_status_is_a_code_and_decoded_words() {
        let read = status(&[("grpc-status", "8"), ("grpc-message", "quota %C3%BC 100% %zz")]).unwrap();
        assert_eq!((read.code, &*read.message), (Code::RESOURCE_EXHAUSTED, "quota ü 100% %zz"));
        assert_eq!(read.retry_info, None);
        assert_eq!(status(&[("grpc-message", "words alone")]), None);
        assert_eq!(status(&[("grpc-status", "soon")]).unwrap().code, Code::UNKNOWN);
        assert_eq!(Code(16).to_string(), "UNAUTHENTICATED");
        assert_eq!(Code(99).to_string(), "gRPC status 99");
    }

    #[test]
    fn the_delay_is_found_among_the_details_with_and_without_padding() {
        let read =
            |details: &str| status(&[("grpc-status", "14"), ("grpc-status-details-bin", details)]).unwrap();
        let padded = details(Some((2, 500_000_000)));
        for text in [&*padded, padded.trim_end_matches('=')] {
            assert_eq!(read(text).retry_info, Some(Some(Duration::from_millis(2500))));
            assert_eq!(read(text).message, "in the details");
        }
        assert_eq!(read(&details(None)).retry_info, Some(None));
        assert_eq!(read(&details(Some((-1, 0)))).retry_info, Some(None), "negative");
        assert_eq!(read(&details(Some((1, -1)))).retry_info, Some(None), "negative");
        let absurd = read(&details(Some((i64::MAX, 0)))).retry_info;
        assert_eq!(absurd, Some(Some(Duration::from_secs(i64::MAX as u64))));
        for nonsense in ["", "%", "AAAA", "////"] {
            assert_eq!(read(nonsense).retry_info, None, "{nonsense}");
        }
    }
}
