//! What a destination received, as spans to draw.

use crate::tree::{Event, Kind, Link, Span, Status};
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::LogRecord,
    resource::v1::Resource,
    trace::v1 as proto,
};

/// One span of OTLP, to draw. Ids of the wrong length cannot come here: the receiver refuses them.
pub fn span(resource: Option<&Resource>, span: &proto::Span) -> Span {
    Span {
        trace_id: id(&span.trace_id),
        span_id: id(&span.span_id),
        parent_id: (!span.parent_span_id.is_empty()).then(|| id(&span.parent_span_id)),
        name: span.name.clone(),
        kind: match span.kind() {
            proto::span::SpanKind::Server => Kind::Server,
            proto::span::SpanKind::Client => Kind::Client,
            proto::span::SpanKind::Producer => Kind::Producer,
            proto::span::SpanKind::Consumer => Kind::Consumer,
            proto::span::SpanKind::Internal | proto::span::SpanKind::Unspecified => Kind::Internal,
        },
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        status: status(span.status.as_ref()),
        service: service(resource),
        attributes: attributes(&span.attributes),
        events: span.events.iter().map(event).collect(),
        links: span
            .links
            .iter()
            .map(|link| Link { trace_id: id(&link.trace_id), span_id: id(&link.span_id) })
            .collect(),
    }
}

/// A log record as an event of a span, with the ids of its trace and span (zeros where it has none).
pub fn log(record: &LogRecord) -> ([u8; 16], [u8; 8], Event) {
    let time = if record.time_unix_nano > 0 { record.time_unix_nano } else { record.observed_time_unix_nano };
    let mut attributes = attributes(&record.attributes);
    // The span says it.
    attributes.retain(|(key, _)| key != "faas.invocation_id");
    let level = if record.severity_text.is_empty() { "log" } else { &record.severity_text };
    let body = text(record.body.as_ref());
    // Lines of text often begin with it.
    let name = if body.starts_with(level) { body } else { format!("{level} {body}") };
    (id(&record.trace_id), id(&record.span_id), Event { name, time, attributes })
}

fn event(event: &proto::span::Event) -> Event {
    Event { name: event.name.clone(), time: event.time_unix_nano, attributes: attributes(&event.attributes) }
}

fn status(status: Option<&proto::Status>) -> Status {
    match status {
        Some(status) if status.code() == proto::status::StatusCode::Error => {
            Status::Error(status.message.clone())
        }
        Some(status) if status.code() == proto::status::StatusCode::Ok => Status::Ok,
        _ => Status::Unset,
    }
}

fn service(resource: Option<&Resource>) -> String {
    let attributes = resource.map(|resource| attributes(&resource.attributes)).unwrap_or_default();
    attributes.into_iter().find(|(key, _)| key == "service.name").map(|(_, name)| name).unwrap_or_default()
}

fn attributes(attributes: &[KeyValue]) -> Vec<(String, String)> {
    attributes.iter().map(|pair| (pair.key.clone(), text(pair.value.as_ref()))).collect()
}

/// A value as a person would write it.
fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(value)) => value.to_string(),
        Some(Value::IntValue(value)) => value.to_string(),
        Some(Value::DoubleValue(value)) => value.to_string(),
        Some(Value::BytesValue(bytes)) => format!("{} bytes", bytes.len()),
        Some(Value::ArrayValue(array)) => {
            format!("[{}]", array.values.iter().map(|value| text(Some(value))).collect::<Vec<_>>().join(", "))
        }
        Some(Value::KvlistValue(list)) => {
            let pairs = list.values.iter().map(|pair| format!("{}: {}", pair.key, text(pair.value.as_ref())));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        // Indexes into a profile's table of strings mean nothing in a trace.
        Some(other) => format!("{other:?}"),
    }
}

/// An id of `N` bytes; cut or filled with zeros, should it have another length.
fn id<const N: usize>(bytes: &[u8]) -> [u8; N] {
    std::array::from_fn(|at| bytes.get(at).copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::{ArrayValue, KeyValueList};

    fn pair(key: &str, value: Value) -> KeyValue {
        KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
    }

    #[test]
    fn every_kind_of_value_reads_like_text() {
        let array = ArrayValue {
            values: vec![AnyValue { value: Some(Value::IntValue(1)) }, AnyValue { value: None }],
        };
        let list = KeyValueList { values: vec![pair("k", Value::BoolValue(true))] };
        let values = [
            pair("a", Value::StringValue("s".to_owned())),
            pair("b", Value::DoubleValue(0.5)),
            pair("c", Value::BytesValue(vec![1, 2])),
            pair("d", Value::ArrayValue(array)),
            pair("e", Value::KvlistValue(list)),
        ];
        let texts: Vec<String> = attributes(&values).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["s", "0.5", "2 bytes", "[1, ]", "{k: true}"]);
    }

    #[test]
    fn a_root_has_no_parent_and_an_error_keeps_its_message() {
        let error =
            proto::Status { code: proto::status::StatusCode::Error.into(), message: "boom".to_owned() };
        let resource = Resource {
            attributes: vec![pair("service.name", Value::StringValue("orders".to_owned()))],
            ..Resource::default()
        };
        let received = proto::Span {
            trace_id: vec![7; 16],
            span_id: vec![1; 8],
            kind: proto::span::SpanKind::Consumer.into(),
            status: Some(error),
            ..proto::Span::default()
        };
        let drawn = span(Some(&resource), &received);
        assert_eq!((drawn.parent_id, drawn.kind), (None, Kind::Consumer));
        assert_eq!(drawn.status, Status::Error("boom".to_owned()));
        assert_eq!((drawn.service.as_str(), drawn.trace_id), ("orders", [7; 16]));
    }
}
