//! Shapes that are known by name.

use std::time::Duration;

use spanlayer_otlp::json::text::quoted;

use super::Mapping;

impl Mapping {
    /// Events in an envelope, `{"project_id", "events", "sent_at"}`, to `/v1/ingest`: times in milliseconds, durations
    /// in milliseconds with three decimals, `status` `ok` or `error`.
    pub fn events(project_id: &str) -> Self {
        preset(&EVENTS.replace("PROJECT", &json_string(project_id)))
    }

    /// The compact form of [`events`](Self::events): ids, operation and times only, and no `sent_at`. Meant to be sent
    /// with zstd.
    pub fn compact_events(project_id: &str) -> Self {
        preset(&COMPACT_EVENTS.replace("PROJECT", &json_string(project_id)))
    }

    /// `{"spans", "resource"}`: the objects of [`span_lines`](Self::span_lines), and their resource with its attributes
    /// as texts. Batches of several resources go out as several requests, each with ten seconds for an attempt.
    pub fn spans_with_resource() -> Self {
        Self { limit: Duration::from_secs(10), ..preset(&SPANS_WITH_RESOURCE.replace("SPAN", SPAN)) }
    }

    /// A plain array of spans: times in RFC 3339, `status` `UNSET`, `OK` or `ERROR`, `parent_span_id` left out for
    /// roots.
    pub fn span_array() -> Self {
        preset(SPAN_ARRAY)
    }

    /// One object a span with all that it has; as lines, what [`Destination::file`](crate::Destination::file) writes.
    pub fn span_lines() -> Self {
        preset(&SPAN_LINES.replace("SPAN", SPAN))
    }

    /// Metrics by scope, `{"resource_attributes", "scope_metrics", "timestamp"}`. Batches of several resources go out
    /// as several requests.
    pub fn metrics() -> Self {
        preset(METRICS)
    }
}

/// The presets are part of the program, and a test reads every one: there is nothing to go wrong here.
#[expect(clippy::expect_used, reason = "the text is a constant but for a quoted string")]
fn preset(text: &str) -> Mapping {
    text.parse().expect("a preset is a mapping")
}

fn json_string(text: &str) -> String {
    let mut out = String::new();
    // What begins with a dollar sign would be taken for a placeholder.
    let escaped = if text.starts_with('$') { format!("${text}") } else { text.to_owned() };
    quoted(&mut out, &escaped);
    out
}

const EVENTS: &str = r#"{
    "path": "/v1/ingest",
    "body": {
        "project_id": PROJECT,
        "events": {"$each": "spans", "as": {
            "type": "span",
            "trace_id": "$trace_id",
            "span_id": "$span_id",
            "parent_span_id": "$parent_span_id",
            "service": "$service|unknown",
            "operation": "$name",
            "start_time_ms": "$start.ms",
            "duration_ms": "$duration.ms.3",
            "status": "$outcome",
            "status_message": "$status_message|",
            "attributes": "$attributes",
            "events": {"$each": "events", "as": {
                "name": "$name",
                "timestamp_ms": "$time.ms",
                "attributes": "$attributes"
            }}
        }},
        "sent_at": "$now"
    }
}"#;

const COMPACT_EVENTS: &str = r#"{
    "path": "/v1/ingest",
    "body": {
        "project_id": PROJECT,
        "events": {"$each": "spans", "as": {
            "trace_id": "$trace_id",
            "span_id": "$span_id",
            "operation": "$name",
            "start_time": "$start.ms",
            "duration_ms": "$duration.ms.3"
        }}
    }
}"#;

const SPAN: &str = r#"{
    "trace_id": "$trace_id",
    "span_id": "$span_id",
    "parent_span_id": "$parent_span_id",
    "name": "$name",
    "kind": "$kind",
    "start_time": "$start",
    "end_time": "$end",
    "duration_ns": "$duration.ns",
    "attributes": "$attributes",
    "events": {"$each": "events", "as": {
        "name": "$name",
        "timestamp": "$time",
        "attributes": "$attributes"
    }},
    "links": {"$each": "links", "as": {
        "trace_id": "$trace_id",
        "span_id": "$span_id",
        "attributes": "$attributes"
    }},
    "status": {"code": "$status", "message": "$status_message|"},
    "service": "$service"
}"#;

const SPAN_LINES: &str = r#"{"body": {"$each": "spans", "as": SPAN}}"#;

const SPANS_WITH_RESOURCE: &str = r#"{
    "body": {
        "spans": {"$each": "spans", "as": SPAN},
        "resource": {"service_name": "$service", "attributes": "$resource.text"}
    }
}"#;

const SPAN_ARRAY: &str = r#"{
    "body": {"$each": "spans", "as": {
        "trace_id": "$trace_id",
        "span_id": "$span_id",
        "parent_span_id?": "$parent_span_id",
        "name": "$name",
        "start_time": "$start",
        "end_time": "$end",
        "status": "$status",
        "attributes": "$attributes",
        "events": {"$each": "events", "as": {
            "name": "$name",
            "timestamp": "$time",
            "attributes": "$attributes"
        }}
    }}
}"#;

const METRICS: &str = r#"{
    "body": {
        "resource_attributes": "$resource",
        "scope_metrics": {"$each": "scopes", "as": {
            "scope_name": "$scope_name|",
            "scope_version": "$scope_version|",
            "metrics": {"$each": "metrics", "as": {
                "name": "$name",
                "description": "$description|",
                "unit": "$unit|",
                "type": "$type",
                "data_points": {"$each": "points", "as": {
                    "attributes": "$attributes",
                    "start_time": "$start",
                    "time": "$time",
                    "value": "$value"
                }}
            }}
        }},
        "timestamp": "$now"
    }
}"#;
