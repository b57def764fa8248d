//! The status that a call ends with: a code, words, and if it may be repeated, when.

use super::super::Fault;
use http::{HeaderMap, HeaderValue};
use spanlayer_otlp::{
    json::text::base64,
    wire::{bytes_field, message_field, varint_field, varint_unless_zero},
};
use std::time::Duration;

/// A gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Code(u8);

impl Code {
    pub(super) const OK: Self = Self(0);
    pub(super) const INVALID_ARGUMENT: Self = Self(3);
    pub(super) const DEADLINE_EXCEEDED: Self = Self(4);
    pub(super) const RESOURCE_EXHAUSTED: Self = Self(8);
    pub(super) const UNIMPLEMENTED: Self = Self(12);
    pub(super) const INTERNAL: Self = Self(13);
    pub(super) const UNAVAILABLE: Self = Self(14);
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: Code,
    message: String,
    retry_after: Option<Duration>,
}

impl Status {
    pub(super) const OK: Self = Self { code: Code::OK, message: String::new(), retry_after: None };

    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    pub(super) fn bad(message: &str) -> Self {
        Self::new(Code::INVALID_ARGUMENT, message)
    }

    /// Adds the fields of trailers, or of the headers of an answer that has nothing else.
    pub(super) fn write(&self, fields: &mut HeaderMap) {
        fields.insert("grpc-status", HeaderValue::from(u16::from(self.code.0)));
        if let Ok(message) = HeaderValue::try_from(percent_encoded(&self.message))
            && !message.is_empty()
        {
            fields.insert("grpc-message", message);
        }
        if let Some(wait) = self.retry_after
            && let Ok(details) = HeaderValue::try_from(self.details(wait))
        {
            fields.insert("grpc-status-details-bin", details);
        }
    }

    /// A `google.rpc.Status` with a `RetryInfo`: without one, a client takes an exhausted resource for exhausted for
    /// good.
    fn details(&self, wait: Duration) -> String {
        let mut status = Vec::new();
        varint_field(&mut status, 1, self.code.0.into());
        bytes_field(&mut status, 2, self.message.as_bytes());
        message_field(&mut status, 3, |any| {
            bytes_field(any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
            message_field(any, 2, |info| {
                message_field(info, 1, |delay| {
                    varint_unless_zero(delay, 1, wait.as_secs());
                    varint_unless_zero(delay, 2, wait.subsec_nanos().into());
                });
            });
        });
        let mut text = String::new();
        base64(&mut text, &status);
        // "Implementations should emit unpadded values."
        text.truncate(text.trim_end_matches('=').len());
        text
    }
}

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let code = match fault {
            Fault::Bad(_) => Code::INVALID_ARGUMENT,
            Fault::Stalled => Code::DEADLINE_EXCEEDED,
            Fault::TooLarge { .. } | Fault::Crowded { .. } | Fault::Busy { .. } => Code::RESOURCE_EXHAUSTED,
            Fault::Closed => Code::UNAVAILABLE,
        };
        Self { code, message: fault.to_string(), retry_after: fault.retry_after() }
    }
}

/// `grpc-message` holds printable ASCII; everything else, and the percent sign, is written as bytes.
fn percent_encoded(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'%' | ..b' ' | 0x7f.. => {
                let digit = |bits: u8| char::from(DIGITS[usize::from(bits)]);
                out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => out.push(byte.into()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanlayer_otlp::{json::text::unbase64, wire::Fields};

    fn fields(status: impl Into<Status>) -> HeaderMap {
        let mut fields = HeaderMap::new();
        status.into().write(&mut fields);
        fields
    }

    #[test]
    fn each_fault_has_its_code_and_its_words() {
        let second = Duration::from_secs(1);
        for (fault, code) in [
            (Fault::Bad("spans[0]: no id".to_owned()), "3"),
            (Fault::Stalled, "4"),
            (Fault::TooLarge { limit: 7 }, "8"),
            (Fault::Crowded { retry_after: None }, "8"),
            (Fault::Crowded { retry_after: Some(second) }, "8"),
            (Fault::Busy { retry_after: second }, "8"),
            (Fault::Closed, "14"),
        ] {
            let fields = fields(fault.clone());
            assert_eq!(fields["grpc-status"], code);
            assert_eq!(fields["grpc-message"], fault.to_string());
            let may_come_again = fields.contains_key("grpc-status-details-bin");
            assert_eq!(may_come_again, fault.retry_after().is_some(), "{fault:?}");
        }
        assert_eq!(fields(Status::OK).len(), 1);
    }

    #[test]
    fn who_may_come_again_is_told_when() {
        let fields = fields(Fault::Busy { retry_after: Duration::from_millis(2500) });
        let details = fields["grpc-status-details-bin"].to_str().unwrap();
        assert!(!details.contains('='));
        let status = unbase64(details).unwrap();
        let part = |bytes: &[u8], number| {
            let field = Fields::new(bytes).flatten().find(|field| field.number == number).unwrap();
            field.bytes().unwrap().to_vec()
        };
        let any = part(&status, 3);
        assert_eq!(part(&any, 1), b"type.googleapis.com/google.rpc.RetryInfo");
        let mut delay = Vec::new();
        varint_field(&mut delay, 1, 2);
        varint_field(&mut delay, 2, 500_000_000);
        assert_eq!(part(&part(&any, 2), 1), delay);
    }

    #[test]
    fn words_are_written_in_printable_ascii() {
        assert_eq!(percent_encoded("100 % \"zü\"\n"), "100 %25 \"z%C3%BC\"%0A");
    }
}
