//! What a receiver answers: full or partial success, or a `Status`.

use crate::{
    Signal,
    wire::{Fields, Value, bytes_unless_empty, message_field, varint_unless_zero},
};
use serde_json::json;

/// The two encodings of OTLP/HTTP. An answer uses the request's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `application/x-protobuf`
    Protobuf,
    /// `application/json`
    Json,
}

impl Encoding {
    /// The value of `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }

    /// The encoding that a `Content-Type` names, parameters and case aside; `None` for any other.
    pub fn of_content_type(value: &str) -> Option<Self> {
        let essence = value.split(';').next().unwrap_or_default().trim();
        // The second is what the registry of media types has meanwhile, and what some senders use.
        if essence.eq_ignore_ascii_case("application/x-protobuf")
            || essence.eq_ignore_ascii_case("application/protobuf")
        {
            Some(Self::Protobuf)
        } else if essence.eq_ignore_ascii_case("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }
}

/// `google.rpc.Status`: the body of a failure. Details are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// A gRPC status code; OTLP/HTTP leaves it unused.
    pub code: i32,
    /// What went wrong, for a developer.
    pub message: String,
}

impl Status {
    /// The body of a failure with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { code: 0, message: message.into() }
    }

    /// The encoded body.
    pub fn encode(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Protobuf => {
                let mut out = Vec::new();
                varint_unless_zero(&mut out, 1, i64::from(self.code).cast_unsigned());
                bytes_unless_empty(&mut out, 2, self.message.as_bytes());
                out
            }
            Encoding::Json => json!({ "code": self.code, "message": self.message }).to_string().into_bytes(),
        }
    }

    /// Reads a body as far as it goes. `None` when it is no `Status` with a message: proxies answer with whatever they
    /// like.
    pub fn decode(body: &[u8], encoding: Encoding) -> Option<Self> {
        let status = match encoding {
            Encoding::Protobuf => Self::from_protobuf(body)?,
            Encoding::Json => {
                let body: serde_json::Value = serde_json::from_slice(body).ok()?;
                Self {
                    code: lenient_integer(&body["code"]) as i32,
                    message: body["message"].as_str()?.to_owned(),
                }
            }
        };
        (!status.message.is_empty()).then_some(status)
    }

    fn from_protobuf(body: &[u8]) -> Option<Self> {
        let mut status = Self::default();
        for field in Fields::new(body) {
            let field = field.ok()?;
            match (field.number, field.value) {
                (1, Value::Varint(code)) => status.code = code as i32,
                (2, Value::Bytes(text)) => status.message = String::from_utf8_lossy(text).into_owned(),
                _ => {}
            }
        }
        Some(status)
    }
}

/// The `partial_success` of an `Export…ServiceResponse`. Nothing rejected and a message is a warning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartialSuccess {
    /// Items that were not taken, and must not be sent again.
    pub rejected: u64,
    /// Why.
    pub message: String,
}

impl PartialSuccess {
    /// The encoded response. With nothing rejected and no message, that is a full success: no bytes, or `{}`.
    pub fn encode(&self, signal: Signal, encoding: Encoding) -> Vec<u8> {
        let full = *self == Self::default();
        match encoding {
            Encoding::Protobuf if full => Vec::new(),
            Encoding::Json if full => b"{}".to_vec(),
            Encoding::Protobuf => {
                let mut out = Vec::new();
                message_field(&mut out, 1, |out| {
                    varint_unless_zero(out, 1, self.rejected);
                    bytes_unless_empty(out, 2, self.message.as_bytes());
                });
                out
            }
            Encoding::Json => {
                let partial = json!({
                    rejected_name(signal): self.rejected.to_string(),
                    "errorMessage": self.message,
                });
                json!({ "partialSuccess": partial }).to_string().into_bytes()
            }
        }
    }

    /// Reads a response as far as it goes. What is not one counts as a full success, which the status code has said
    /// already.
    pub fn decode(body: &[u8], signal: Signal, encoding: Encoding) -> Self {
        match encoding {
            Encoding::Protobuf => Self::from_protobuf(body),
            Encoding::Json => {
                let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
                let partial = &body["partialSuccess"];
                Self {
                    rejected: u64::try_from(lenient_integer(&partial[rejected_name(signal)])).unwrap_or(0),
                    message: partial["errorMessage"].as_str().unwrap_or_default().to_owned(),
                }
            }
        }
    }

    fn from_protobuf(body: &[u8]) -> Self {
        let mut partial = Self::default();
        let outer = Fields::new(body).flatten().filter(|field| field.number == 1);
        for field in outer.filter_map(|field| field.bytes()).flat_map(|body| Fields::new(body).flatten()) {
            match (field.number, field.value) {
                // A negative count makes no sense, and none is safer than 2^63.
                (1, Value::Varint(count)) => {
                    partial.rejected = u64::try_from(count.cast_signed()).unwrap_or(0)
                }
                (2, Value::Bytes(text)) => partial.message = String::from_utf8_lossy(text).into_owned(),
                _ => {}
            }
        }
        partial
    }
}

const fn rejected_name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Metrics => "rejectedDataPoints",
        Signal::Logs => "rejectedLogRecords",
    }
}

/// 64-bit integers are strings in OTLP/JSON, and numbers in practice; what is neither is zero.
fn lenient_integer(value: &serde_json::Value) -> i64 {
    value.as_i64().or_else(|| value.as_str()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENCODINGS: [Encoding; 2] = [Encoding::Protobuf, Encoding::Json];

    #[test]
    fn what_is_answered_is_read_back() {
        let status = Status { code: -3, message: "spans[1].traceId: \"zü\" is no id".to_owned() };
        let partial = PartialSuccess { rejected: u64::from(u32::MAX) + 1, message: "quota".to_owned() };
        let warning = PartialSuccess { rejected: 0, message: "deprecated".to_owned() };
        for encoding in ENCODINGS {
            assert_eq!(Status::decode(&status.encode(encoding), encoding).as_ref(), Some(&status));
            for signal in Signal::ALL {
                for partial in [&partial, &warning, &PartialSuccess::default()] {
                    let body = partial.encode(signal, encoding);
                    assert_eq!(&PartialSuccess::decode(&body, signal, encoding), partial);
                }
            }
        }
    }

    #[test]
    fn a_full_success_over_protobuf_has_no_body() {
        assert_eq!(PartialSuccess::default().encode(Signal::Traces, Encoding::Protobuf), b"");
        assert_eq!(PartialSuccess::default().encode(Signal::Traces, Encoding::Json), b"{}");
    }

    #[test]
    fn a_proxys_error_page_is_no_status() {
        for encoding in ENCODINGS {
            for page in [&b"<html>502</html>"[..], b"", b"[]", b"{\"error\":1}", &[0x12, 0x7f, 0x41]] {
                assert_eq!(Status::decode(page, encoding), None, "{encoding:?} {page:?}");
                let partial = PartialSuccess::decode(page, Signal::Logs, encoding);
                assert_eq!(partial, PartialSuccess::default());
            }
        }
    }

    #[test]
    fn counts_may_be_numbers_and_are_never_negative() {
        let body = br#"{"partialSuccess":{"rejectedSpans":3}}"#;
        assert_eq!(PartialSuccess::decode(body, Signal::Traces, Encoding::Json).rejected, 3);
        let body = br#"{"partialSuccess":{"rejectedSpans":"-3"}}"#;
        assert_eq!(PartialSuccess::decode(body, Signal::Traces, Encoding::Json).rejected, 0);
        let mut body = Vec::new();
        message_field(&mut body, 1, |out| varint_unless_zero(out, 1, u64::MAX));
        assert_eq!(PartialSuccess::decode(&body, Signal::Traces, Encoding::Protobuf).rejected, 0);
    }

    #[test]
    fn content_types_are_compared_without_case_and_parameters() {
        let json = Encoding::of_content_type("Application/JSON; charset=utf-8");
        assert_eq!(json, Some(Encoding::Json));
        assert_eq!(Encoding::of_content_type("application/x-protobuf"), Some(Encoding::Protobuf));
        assert_eq!(Encoding::of_content_type("text/plain"), None);
        assert_eq!(Encoding::of_content_type(""), None);
    }
}
