//! One span.

use super::{attributes, unix_nanos};
use crate::wire::{
    bytes_field, bytes_unless_empty, fixed32_field, fixed64_unless_zero, message_field, varint_field,
    varint_unless_zero,
};
use opentelemetry::{
    KeyValue, SpanId,
    trace::{Event, Link, SpanContext, SpanKind, Status},
};
use opentelemetry_sdk::trace::SpanData;

/// Says that the next bit is known (`trace.proto`, `SpanFlags`).
const CONTEXT_HAS_IS_REMOTE: u32 = 0x100;
/// The parent, or the linked span, is in another process.
const CONTEXT_IS_REMOTE: u32 = 0x200;

/// Appends the body of one `Span` message.
pub fn span(out: &mut Vec<u8>, span: &SpanData) {
    let context = &span.span_context;
    bytes_field(out, 1, &context.trace_id().to_bytes());
    bytes_field(out, 2, &context.span_id().to_bytes());
    trace_state(out, context);
    if span.parent_span_id != SpanId::INVALID {
        bytes_field(out, 4, &span.parent_span_id.to_bytes());
    }
    bytes_unless_empty(out, 5, span.name.as_bytes());
    varint_field(out, 6, kind(&span.span_kind));
    fixed64_unless_zero(out, 7, unix_nanos(span.start_time));
    fixed64_unless_zero(out, 8, unix_nanos(span.end_time));
    attributes(out, 9, pairs(&span.attributes));
    varint_unless_zero(out, 10, span.dropped_attributes_count.into());
    for event in span.events.iter() {
        message_field(out, 11, |out| write_event(out, event));
    }
    varint_unless_zero(out, 12, span.events.dropped_count.into());
    for link in span.links.iter() {
        message_field(out, 13, |out| write_link(out, link));
    }
    varint_unless_zero(out, 14, span.links.dropped_count.into());
    status(out, &span.status);
    fixed32_field(out, 16, flags(context, span.parent_span_is_remote));
}

fn write_event(out: &mut Vec<u8>, event: &Event) {
    fixed64_unless_zero(out, 1, unix_nanos(event.timestamp));
    bytes_unless_empty(out, 2, event.name.as_bytes());
    attributes(out, 3, pairs(&event.attributes));
    varint_unless_zero(out, 4, event.dropped_attributes_count.into());
}

fn write_link(out: &mut Vec<u8>, link: &Link) {
    let context = &link.span_context;
    bytes_field(out, 1, &context.trace_id().to_bytes());
    bytes_field(out, 2, &context.span_id().to_bytes());
    trace_state(out, context);
    attributes(out, 4, pairs(&link.attributes));
    varint_unless_zero(out, 5, link.dropped_attributes_count.into());
    fixed32_field(out, 6, flags(context, context.is_remote()));
}

/// Field 3, in spans and links alike.
fn trace_state(out: &mut Vec<u8>, context: &SpanContext) {
    bytes_unless_empty(out, 3, context.trace_state().header().as_bytes());
}

/// Field 15. An unset status is the same as none.
fn status(out: &mut Vec<u8>, status: &Status) {
    let (code, message) = match status {
        Status::Unset => return,
        Status::Ok => (1, ""),
        Status::Error { description } => (2, description.as_ref()),
    };
    message_field(out, 15, |out| {
        bytes_unless_empty(out, 2, message.as_bytes());
        varint_field(out, 3, code);
    });
}

fn flags(context: &SpanContext, is_remote: bool) -> u32 {
    let remote = if is_remote { CONTEXT_IS_REMOTE } else { 0 };
    u32::from(context.trace_flags().to_u8()) | CONTEXT_HAS_IS_REMOTE | remote
}

fn kind(kind: &SpanKind) -> u64 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn pairs(attributes: &[KeyValue]) -> impl Iterator<Item = (&opentelemetry::Key, &opentelemetry::Value)> {
    attributes.iter().map(|kv| (&kv.key, &kv.value))
}
