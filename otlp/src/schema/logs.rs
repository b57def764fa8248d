//! `logs_service.proto` and `logs.proto`.

use super::{
    Field, Kind, Mark, Message, Need, SPAN_ID, TRACE_ID, field, id, items, repeated,
    shared::{ANY_VALUE, KEY_VALUE, RESOURCE, SCOPE},
    within,
};

/// `ExportLogsServiceRequest`.
pub static LOGS_REQUEST: Message = Message::new(
    "ExportLogsServiceRequest",
    &[within(repeated(1, "resource_logs", "resourceLogs", Kind::Message(&RESOURCE_LOGS)))],
);

static RESOURCE_LOGS: Message = Message::new(
    "ResourceLogs",
    &[
        field(1, "resource", "resource", Kind::Message(&RESOURCE)),
        within(repeated(2, "scope_logs", "scopeLogs", Kind::Message(&SCOPE_LOGS))),
        field(3, "schema_url", "schemaUrl", Kind::String),
    ],
);

static SCOPE_LOGS: Message = Message::new(
    "ScopeLogs",
    &[
        field(1, "scope", "scope", Kind::Message(&SCOPE)),
        items(2, "log_records", "logRecords", &LOG_RECORD),
        field(3, "schema_url", "schemaUrl", Kind::String),
    ],
);

/// The lowest severity number of the range ERROR (logs data model, *Displaying Severity*).
const ERROR: i32 = 17;

/// There is nothing above FATAL, so no upper bound.
const FAILED: Mark = Mark::Failed { least: ERROR, most: i32::MAX };

static LOG_RECORD: Message = Message::new(
    "LogRecord",
    &[
        field(1, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        Field { mark: FAILED, ..field(2, "severity_number", "severityNumber", Kind::Enum(SEVERITY)) },
        field(3, "severity_text", "severityText", Kind::String),
        field(5, "body", "body", Kind::Message(&ANY_VALUE)),
        repeated(6, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(7, "dropped_attributes_count", "droppedAttributesCount", Kind::Uint32),
        field(8, "flags", "flags", Kind::Fixed32),
        id(9, "trace_id", "traceId", TRACE_ID, Need::Optional),
        id(10, "span_id", "spanId", SPAN_ID, Need::Optional),
        field(11, "observed_time_unix_nano", "observedTimeUnixNano", Kind::Fixed64),
        field(12, "event_name", "eventName", Kind::String),
    ],
);

const SEVERITY: &[(&str, i32)] = &[
    ("SEVERITY_NUMBER_UNSPECIFIED", 0),
    ("SEVERITY_NUMBER_TRACE", 1),
    ("SEVERITY_NUMBER_TRACE2", 2),
    ("SEVERITY_NUMBER_TRACE3", 3),
    ("SEVERITY_NUMBER_TRACE4", 4),
    ("SEVERITY_NUMBER_DEBUG", 5),
    ("SEVERITY_NUMBER_DEBUG2", 6),
    ("SEVERITY_NUMBER_DEBUG3", 7),
    ("SEVERITY_NUMBER_DEBUG4", 8),
    ("SEVERITY_NUMBER_INFO", 9),
    ("SEVERITY_NUMBER_INFO2", 10),
    ("SEVERITY_NUMBER_INFO3", 11),
    ("SEVERITY_NUMBER_INFO4", 12),
    ("SEVERITY_NUMBER_WARN", 13),
    ("SEVERITY_NUMBER_WARN2", 14),
    ("SEVERITY_NUMBER_WARN3", 15),
    ("SEVERITY_NUMBER_WARN4", 16),
    ("SEVERITY_NUMBER_ERROR", 17),
    ("SEVERITY_NUMBER_ERROR2", 18),
    ("SEVERITY_NUMBER_ERROR3", 19),
    ("SEVERITY_NUMBER_ERROR4", 20),
    ("SEVERITY_NUMBER_FATAL", 21),
    ("SEVERITY_NUMBER_FATAL2", 22),
    ("SEVERITY_NUMBER_FATAL3", 23),
    ("SEVERITY_NUMBER_FATAL4", 24),
];
