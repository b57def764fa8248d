//! An encoded request, as spans to draw.

use super::tree::{Event, Kind, Link, Span, Status};
use crate::{
    mapping::write::plain,
    read::{self, Attributes},
};

/// The spans of an `ExportTraceServiceRequest`.
pub fn spans(request: &[u8]) -> Vec<Span> {
    read::spans(request).map(|span| owned(&span)).collect()
}

fn owned(span: &read::Span<'_>) -> Span {
    Span {
        trace_id: span.trace_id,
        span_id: span.span_id,
        parent_id: span.parent_span_id,
        name: span.name.to_owned(),
        kind: match span.kind {
            read::Kind::Server => Kind::Server,
            read::Kind::Client => Kind::Client,
            read::Kind::Producer => Kind::Producer,
            read::Kind::Consumer => Kind::Consumer,
            read::Kind::Internal | read::Kind::Unspecified => Kind::Internal,
        },
        start: span.start,
        end: span.end,
        status: match span.status {
            read::Status::Unset => Status::Unset,
            read::Status::Ok => Status::Ok,
            read::Status::Error => Status::Error(span.status_message.to_owned()),
        },
        service: span.resource.service_name().unwrap_or_default().to_owned(),
        attributes: texts(span.attributes),
        events: span.events.iter().map(|event| event_of(&event)).collect(),
        links: span
            .links
            .iter()
            .map(|link| Link { trace_id: link.trace_id, span_id: link.span_id })
            .collect(),
    }
}

fn event_of(event: &read::Event<'_>) -> Event {
    Event { name: event.name.to_owned(), time: event.time, attributes: texts(event.attributes) }
}

fn texts(attributes: Attributes<'_>) -> Vec<(String, String)> {
    attributes.iter().map(|attribute| (attribute.key.to_owned(), plain(attribute.value))).collect()
}
