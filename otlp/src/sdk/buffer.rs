//! Encoded spans on their way to one request.

use super::{scope, span};
use crate::wire::{bytes_field, bytes_unless_empty, message_field, tag, tag_length, varint, varint_length};
use bytes::Bytes;
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::SpanData;

/// Spans of one resource, encoded as they are pushed and grouped by scope; taken out as a request.
///
/// Taking costs one copy of the spans' bytes and no encoding. Memory is kept for the next round.
///
/// Log records, given [encoded](Self::push_encoded), are grouped as well: both signals number these levels alike, and
/// what is taken out is an `ExportLogsServiceRequest` then.
#[derive(Debug)]
pub struct TraceBuffer {
    resource: Bytes,
    schema_url: String,
    groups: Vec<Group>,
    items: usize,
}

#[derive(Debug)]
struct Group {
    scope: InstrumentationScope,
    /// `ScopeSpans` without its spans.
    head: Vec<u8>,
    /// The spans, each with key and length: fields of `ScopeSpans`.
    spans: Vec<u8>,
}

/// Scopes are few; a program that makes new ones for ever must not grow the buffer for ever.
const MAX_KEPT_GROUPS: usize = 64;

/// What one round may keep allocated a scope; a rare giant is given back.
const MAX_KEPT_BYTES: usize = 256 * 1024;

impl TraceBuffer {
    /// An empty buffer for spans of a resource, given as an encoded `Resource` message body (see
    /// [`resource`](super::resource)).
    pub fn new(resource: impl Into<Bytes>) -> Self {
        Self { resource: resource.into(), schema_url: String::new(), groups: Vec::new(), items: 0 }
    }

    /// Sets the resource, for whoever does not know it from the start: an encoded `Resource` message body.
    pub fn set_resource(&mut self, resource: impl Into<Bytes>) {
        self.resource = resource.into();
    }

    /// Sets the schema URL of the resource.
    #[must_use]
    pub fn with_schema_url(mut self, url: impl Into<String>) -> Self {
        self.schema_url = url.into();
        self
    }

    /// Encodes a span.
    pub fn push(&mut self, data: &SpanData) {
        let group = self.group(&data.instrumentation_scope);
        message_field(&mut group.spans, 2, |out| span(out, data));
        self.items += 1;
    }

    /// Takes a span that is already encoded, as a `Span` message body, or a log record as that of a `LogRecord`.
    pub fn push_encoded(&mut self, scope: &InstrumentationScope, span: &[u8]) {
        bytes_field(&mut self.group(scope).spans, 2, span);
        self.items += 1;
    }

    /// The encoded `Resource` message body.
    pub fn resource(&self) -> &Bytes {
        &self.resource
    }

    /// How many spans it holds.
    pub fn items(&self) -> usize {
        self.items
    }

    /// Whether it holds no span.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// How long [`take_request`](Self::take_request) would be, in bytes.
    pub fn len_bytes(&self) -> usize {
        if self.is_empty() { 0 } else { field_length(self.resource_spans_length()) }
    }

    /// Takes everything out as an `ExportTraceServiceRequest`: no bytes when there is no span.
    pub fn take_request(&mut self) -> Vec<u8> {
        if self.is_empty() {
            return Vec::new();
        }
        let length = self.resource_spans_length();
        let mut out = Vec::with_capacity(field_length(length));
        tag(&mut out, 1, crate::wire::WireType::Len);
        varint(&mut out, length as u64);
        bytes_field(&mut out, 1, &self.resource);
        for group in self.groups.iter_mut().filter(|group| !group.spans.is_empty()) {
            tag(&mut out, 2, crate::wire::WireType::Len);
            varint(&mut out, group.length() as u64);
            out.extend_from_slice(&group.head);
            out.extend_from_slice(&group.spans);
            group.spans.clear();
            group.spans.shrink_to(MAX_KEPT_BYTES);
        }
        bytes_unless_empty(&mut out, 3, self.schema_url.as_bytes());
        self.groups.truncate(MAX_KEPT_GROUPS);
        self.items = 0;
        out
    }

    fn group(&mut self, scope: &InstrumentationScope) -> &mut Group {
        let at = self.groups.iter().position(|group| same(&group.scope, scope)).unwrap_or_else(|| {
            self.groups.push(Group::new(scope));
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }

    /// The length of the one `ResourceSpans` body.
    fn resource_spans_length(&self) -> usize {
        let groups = self.groups.iter().filter(|group| !group.spans.is_empty());
        let url = if self.schema_url.is_empty() { 0 } else { field_length(self.schema_url.len()) };
        field_length(self.resource.len())
            + groups.map(|group| field_length(group.length())).sum::<usize>()
            + url
    }
}

impl Group {
    fn new(of: &InstrumentationScope) -> Self {
        let mut head = Vec::new();
        bytes_field(&mut head, 1, &scope(of));
        // Ahead of the spans, although its number is higher: order is free, and the head stays in one piece.
        bytes_unless_empty(&mut head, 3, of.schema_url().unwrap_or_default().as_bytes());
        Self { scope: of.clone(), head, spans: Vec::new() }
    }

    fn length(&self) -> usize {
        self.head.len() + self.spans.len()
    }
}

/// Equality without the allocations that the API's own makes to ignore the order of attributes: scopes that differ
/// in order only are two groups, which is just as right.
fn same(one: &InstrumentationScope, other: &InstrumentationScope) -> bool {
    one.name() == other.name()
        && one.version() == other.version()
        && one.schema_url() == other.schema_url()
        && one.attributes().eq(other.attributes())
}

/// The length of a field below 16 whose value has `length` bytes.
fn field_length(length: usize) -> usize {
    tag_length(1) + varint_length(length as u64) + length
}
