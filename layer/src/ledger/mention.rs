//! Invocation spans among the spans of a payload: those that name their invocation, as every instrumentation of Lambda
//! handlers does. A payload without any costs one search for a few bytes.

use memchr::memmem;
use spanlayer_otlp::wire::{Fields, Value};

/// A span that names an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mention<'a> {
    /// The invocation: the value of `faas.invocation_id`, or of `faas.execution`, as it was called until 2023.
    pub request_id: &'a str,
    /// The span's trace.
    pub trace_id: [u8; 16],
    /// The span.
    pub span_id: [u8; 8],
    /// Its parent.
    pub parent: Option<[u8; 8]>,
    /// Whether it is the invocation's own, by its kind: `SERVER` or `CONSUMER`. A span inside may carry a copy of the
    /// attribute.
    pub outermost: bool,
    /// `faas.trigger`, where it says so.
    pub trigger: Option<&'a str>,
}

/// The first invocation that a span of the payload (an encoded `ExportTraceServiceRequest`) names.
pub fn mentions_invocation(payload: &[u8]) -> Option<&str> {
    let mut first = None;
    each_mention(payload, |mention| {
        first.get_or_insert(mention.request_id);
    });
    first
}

/// Hands over every span of the payload that names an invocation. What is malformed ends it; the pipeline says so
/// elsewhere.
pub fn each_mention<'a>(payload: &'a [u8], mut take: impl FnMut(Mention<'a>)) {
    if !may_mention(payload) {
        return;
    }
    for spans in messages(payload, 1).flat_map(|resource| messages(resource, 2)) {
        for span in messages(spans, 2) {
            if may_mention(span)
                && let Some(mention) = mention(span)
            {
                take(mention);
            }
        }
    }
}

fn may_mention(bytes: &[u8]) -> bool {
    memmem::find_iter(bytes, PREFIX).any(|at| {
        let rest = &bytes[at + PREFIX.len()..];
        KEYS.iter().any(|key| rest.starts_with(&key[PREFIX.len()..]))
    })
}

/// The bodies of a message's length-delimited fields of one number.
fn messages(bytes: &[u8], number: u32) -> impl Iterator<Item = &[u8]> {
    let fields = Fields::new(bytes).map_while(Result::ok);
    fields.filter(move |field| field.number == number).filter_map(|field| field.bytes())
}

fn mention(span: &[u8]) -> Option<Mention<'_>> {
    let mut found = Mention {
        request_id: "",
        trace_id: [0; 16],
        span_id: [0; 8],
        parent: None,
        outermost: false,
        trigger: None,
    };
    for field in Fields::new(span).map_while(Result::ok) {
        match (field.number, field.value) {
            (1, Value::Bytes(id)) => found.trace_id = id.try_into().ok()?,
            (2, Value::Bytes(id)) => found.span_id = id.try_into().ok()?,
            (4, Value::Bytes(id)) => found.parent = id.try_into().ok(),
            // An outgoing call may name the invocation that it makes.
            (6, Value::Varint(CLIENT | PRODUCER)) => return None,
            (6, Value::Varint(kind)) => found.outermost = matches!(kind, SERVER | CONSUMER),
            (9, Value::Bytes(attribute)) => match text_attribute(attribute) {
                Some((key, value)) if KEYS.contains(&key) => found.request_id = value,
                Some((b"faas.trigger", value)) => found.trigger = Some(value),
                _ => {}
            },
            _ => {}
        }
    }
    (!found.request_id.is_empty() && found.span_id != [0; 8]).then_some(found)
}

/// The value of the attribute `key` among encoded attributes, fields `number` of a message; text only.
pub(super) fn find_text<'a>(attributes: &'a [u8], number: u32, key: &[u8]) -> Option<&'a str> {
    messages(attributes, number)
        .filter_map(text_attribute)
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

/// Key and value of a `KeyValue` that holds a string.
fn text_attribute(attribute: &[u8]) -> Option<(&[u8], &str)> {
    let key = messages(attribute, 1).next()?;
    let value = messages(messages(attribute, 2).next()?, 1).next()?;
    Some((key, std::str::from_utf8(value).ok()?))
}

const PREFIX: &[u8] = b"faas.";
const KEYS: [&[u8]; 2] = [b"faas.invocation_id", b"faas.execution"];

// `Span.SpanKind`.
pub(super) const INTERNAL: u64 = 1;
pub(super) const SERVER: u64 = 2;
const CLIENT: u64 = 3;
const PRODUCER: u64 = 4;
const CONSUMER: u64 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use spanlayer_otlp::wire::{bytes_field, message_field, varint_field};
    use spanlayer_pipeline::message::{Value::Text, attribute};

    fn span(kind: u64, attributes: &[(&str, &str)]) -> Vec<u8> {
        let mut out = Vec::new();
        bytes_field(&mut out, 1, &[7; 16]);
        bytes_field(&mut out, 2, &[9; 8]);
        bytes_field(&mut out, 5, b"handle");
        varint_field(&mut out, 6, kind);
        for (key, value) in attributes {
            attribute(&mut out, 9, key, Text(value));
        }
        out
    }

    fn payload(spans: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        message_field(&mut out, 1, |out| {
            message_field(out, 1, |out| attribute(out, 1, "faas.name", Text("orders")));
            message_field(out, 2, |out| {
                for span in spans {
                    bytes_field(out, 2, span);
                }
            });
        });
        out
    }

    #[test]
    fn a_span_names_its_invocation_by_either_attribute() {
        for key in ["faas.invocation_id", "faas.execution"] {
            let payload = payload(&[span(1, &[]), span(2, &[("faas.trigger", "http"), (key, "0c7e")])]);
            assert_eq!(mentions_invocation(&payload), Some("0c7e"));
            let mut mentions = Vec::new();
            each_mention(&payload, |mention| mentions.push(mention));
            let expected = Mention {
                request_id: "0c7e",
                trace_id: [7; 16],
                span_id: [9; 8],
                parent: None,
                outermost: true,
                trigger: Some("http"),
            };
            assert_eq!(mentions, [expected]);
        }
    }

    #[test]
    fn names_in_other_places_and_of_other_invocations_are_none() {
        let in_event = {
            let mut span = span(2, &[]);
            message_field(&mut span, 11, |out| attribute(out, 3, "faas.invocation_id", Text("x")));
            span
        };
        for span in [
            span(2, &[("faas.name", "faas.invocation_id")]),
            span(2, &[("faas.invocation_id", "")]),
            span(2, &[("faas.invocation_identity", "x")]),
            span(3, &[("faas.invocation_id", "of the callee")]),
            in_event,
        ] {
            assert_eq!(mentions_invocation(&payload(&[span])), None);
        }
    }

    #[test]
    fn damaged_payloads_are_walked_to_where_the_damage_is() {
        let whole = payload(&[span(2, &[("faas.invocation_id", "0c7e")])]);
        for length in 0..whole.len() {
            let _ = mentions_invocation(&whole[..length]);
        }
        assert_eq!(mentions_invocation(b"faas.invocation_id"), None);
    }
}
