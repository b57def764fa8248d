//! `trace_service.proto` and `trace.proto`.

use super::{
    Field, Kind, Mark, Message, Need, SPAN_ID, TRACE_ID, field, id, items, repeated,
    shared::{KEY_VALUE, RESOURCE, SCOPE},
    within,
};

/// `ExportTraceServiceRequest`.
pub static TRACES_REQUEST: Message = Message::new(
    "ExportTraceServiceRequest",
    &[within(repeated(1, "resource_spans", "resourceSpans", Kind::Message(&RESOURCE_SPANS)))],
);

static RESOURCE_SPANS: Message = Message::new(
    "ResourceSpans",
    &[
        field(1, "resource", "resource", Kind::Message(&RESOURCE)),
        within(repeated(2, "scope_spans", "scopeSpans", Kind::Message(&SCOPE_SPANS))),
        field(3, "schema_url", "schemaUrl", Kind::String),
    ],
);

static SCOPE_SPANS: Message = Message::new(
    "ScopeSpans",
    &[
        field(1, "scope", "scope", Kind::Message(&SCOPE)),
        items(2, "spans", "spans", &SPAN),
        field(3, "schema_url", "schemaUrl", Kind::String),
    ],
);

static SPAN: Message = Message::new(
    "Span",
    &[
        id(1, "trace_id", "traceId", TRACE_ID, Need::Valid),
        id(2, "span_id", "spanId", SPAN_ID, Need::Valid),
        field(3, "trace_state", "traceState", Kind::String),
        id(4, "parent_span_id", "parentSpanId", SPAN_ID, Need::Optional),
        field(5, "name", "name", Kind::String),
        field(6, "kind", "kind", Kind::Enum(SPAN_KIND)),
        field(7, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        field(8, "end_time_unix_nano", "endTimeUnixNano", Kind::Fixed64),
        repeated(9, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(10, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        repeated(11, "events", "events", Kind::Message(&EVENT)),
        field(12, "dropped_events_count", "droppedEventsCount", Kind::Uint32),
        repeated(13, "links", "links", Kind::Message(&LINK)),
        field(14, "dropped_links_count", "droppedLinksCount", Kind::Uint32),
        field(15, "status", "status", Kind::Message(&STATUS)),
        field(16, "flags", "flags", Kind::Fixed32),
    ],
);

const SPAN_KIND: &[(&str, i32)] = &[
    ("SPAN_KIND_UNSPECIFIED", 0),
    ("SPAN_KIND_INTERNAL", 1),
    ("SPAN_KIND_SERVER", 2),
    ("SPAN_KIND_CLIENT", 3),
    ("SPAN_KIND_PRODUCER", 4),
    ("SPAN_KIND_CONSUMER", 5),
];

static EVENT: Message = Message::new(
    "Event",
    &[
        field(1, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        field(2, "name", "name", Kind::String),
        repeated(3, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(4, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
    ],
);

static LINK: Message = Message::new(
    "Link",
    &[
        id(1, "trace_id", "traceId", TRACE_ID, Need::Present),
        id(2, "span_id", "spanId", SPAN_ID, Need::Present),
        field(3, "trace_state", "traceState", Kind::String),
        repeated(4, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(5, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        field(6, "flags", "flags", Kind::Fixed32),
    ],
);

static STATUS: Message = Message::new(
    "Status",
    &[
        field(2, "message", "message", Kind::String),
        Field {
            mark: Mark::Failed { least: 2, most: 2 },
            ..field(3, "code", "code", Kind::Enum(STATUS_CODE))
        },
    ],
);

const STATUS_CODE: &[(&str, i32)] =
    &[("STATUS_CODE_UNSET", 0), ("STATUS_CODE_OK", 1), ("STATUS_CODE_ERROR", 2)];
