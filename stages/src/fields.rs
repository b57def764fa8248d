//! The numbers of the fields that processors look into, by message, and of the enumerations' values that they look for. Paths
//! of conditions go by the schema's names instead.

/// `Resource`.
pub(crate) mod resource {
    pub(crate) const ATTRIBUTES: u32 = 1;
}

/// `InstrumentationScope`.
pub(crate) mod scope {
    pub(crate) const NAME: u32 = 1;
    pub(crate) const VERSION: u32 = 2;
}

/// `ResourceSpans`, `ScopeLogs` and all of their kind.
pub(crate) mod group {
    pub(crate) const SCHEMA_URL: u32 = 3;
}

/// `Span`.
pub(crate) mod span {
    pub(crate) const TRACE_ID: u32 = 1;
    pub(crate) const TRACE_STATE: u32 = 3;
    pub(crate) const PARENT: u32 = 4;
    pub(crate) const NAME: u32 = 5;
    pub(crate) const KIND: u32 = 6;
    pub(crate) const START: u32 = 7;
    pub(crate) const END: u32 = 8;
    pub(crate) const ATTRIBUTES: u32 = 9;
    pub(crate) const DROPPED_ATTRIBUTES: u32 = 10;
    pub(crate) const EVENTS: u32 = 11;
    pub(crate) const LINKS: u32 = 13;
    pub(crate) const STATUS: u32 = 15;

    /// `SPAN_KIND_SERVER` and `SPAN_KIND_CONSUMER`.
    pub(crate) const SERVING: [u64; 2] = [2, 5];
}

/// `Span.Event`.
pub(crate) mod event {
    pub(crate) const TIME: u32 = 1;
    pub(crate) const ATTRIBUTES: u32 = 3;
    pub(crate) const DROPPED_ATTRIBUTES: u32 = 4;
}

/// `Span.Link`.
pub(crate) mod link {
    pub(crate) const ATTRIBUTES: u32 = 4;
    pub(crate) const DROPPED_ATTRIBUTES: u32 = 5;
}

/// `Status`.
pub(crate) mod status {
    pub(crate) const MESSAGE: u32 = 2;
    pub(crate) const CODE: u32 = 3;

    /// `STATUS_CODE_ERROR`.
    pub(crate) const ERROR: u64 = 2;
}

/// `LogRecord`.
pub(crate) mod log {
    pub(crate) const TIME: u32 = 1;
    pub(crate) const SEVERITY_TEXT: u32 = 3;
    pub(crate) const BODY: u32 = 5;
    pub(crate) const ATTRIBUTES: u32 = 6;
    pub(crate) const DROPPED_ATTRIBUTES: u32 = 7;
    pub(crate) const TRACE_ID: u32 = 9;
}

/// `Metric`.
pub(crate) mod metric {
    pub(crate) const NAME: u32 = 1;

    /// The fields of its kinds, each with the number of its data points' shape: gauge and sum have the same.
    pub(crate) const POINTS: [(u32, usize); 5] = [(5, 0), (7, 0), (9, 1), (10, 2), (11, 3)];

    /// The attributes of data points, by shape.
    pub(crate) const POINT_ATTRIBUTES: [u32; 4] = [7, 9, 1, 7];
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanlayer_otlp::{
        Signal,
        schema::{Message, request},
    };

    fn within(message: &'static Message, name: &str) -> &'static Message {
        message.field_named(name).unwrap().nested().unwrap()
    }

    #[test]
    fn the_numbers_are_the_schemas() {
        let item = |signal, names: [&str; 3]| names.into_iter().fold(request(signal), within);
        let spans = item(Signal::Traces, ["resource_spans", "scope_spans", "spans"]);
        let logs = item(Signal::Logs, ["resource_logs", "scope_logs", "log_records"]);
        let metrics = item(Signal::Metrics, ["resource_metrics", "scope_metrics", "metrics"]);
        let group = within(request(Signal::Traces), "resource_spans");
        for (message, names) in [
            (within(group, "resource"), &[("attributes", resource::ATTRIBUTES)][..]),
            (
                within(within(group, "scope_spans"), "scope"),
                &[("name", scope::NAME), ("version", scope::VERSION)],
            ),
            (group, &[("schema_url", group::SCHEMA_URL)]),
            (within(group, "scope_spans"), &[("schema_url", group::SCHEMA_URL)]),
            (
                spans,
                &[
                    ("trace_id", span::TRACE_ID),
                    ("trace_state", span::TRACE_STATE),
                    ("parent_span_id", span::PARENT),
                    ("name", span::NAME),
                    ("kind", span::KIND),
                    ("start_time_unix_nano", span::START),
                    ("end_time_unix_nano", span::END),
                    ("attributes", span::ATTRIBUTES),
                    ("dropped_attributes_count", span::DROPPED_ATTRIBUTES),
                    ("events", span::EVENTS),
                    ("links", span::LINKS),
                    ("status", span::STATUS),
                ],
            ),
            (
                within(spans, "events"),
                &[
                    ("time_unix_nano", event::TIME),
                    ("attributes", event::ATTRIBUTES),
                    ("dropped_attributes_count", event::DROPPED_ATTRIBUTES),
                ],
            ),
            (
                within(spans, "links"),
                &[("attributes", link::ATTRIBUTES), ("dropped_attributes_count", link::DROPPED_ATTRIBUTES)],
            ),
            (within(spans, "status"), &[("message", status::MESSAGE), ("code", status::CODE)]),
            (
                logs,
                &[
                    ("time_unix_nano", log::TIME),
                    ("severity_text", log::SEVERITY_TEXT),
                    ("body", log::BODY),
                    ("attributes", log::ATTRIBUTES),
                    ("dropped_attributes_count", log::DROPPED_ATTRIBUTES),
                    ("trace_id", log::TRACE_ID),
                ],
            ),
            (metrics, &[("name", metric::NAME)]),
        ] {
            for (name, number) in names {
                assert_eq!(message.field_named(name).unwrap().number, *number, "{}.{name}", message.name);
            }
        }
        let kinds = ["gauge", "sum", "histogram", "exponential_histogram", "summary"];
        for (kind, (number, shape)) in kinds.into_iter().zip(metric::POINTS) {
            assert_eq!(metrics.field_named(kind).unwrap().number, number, "{kind}");
            let points = within(within(metrics, kind), "data_points");
            let attributes = points.field_named("attributes").unwrap().number;
            assert_eq!(attributes, metric::POINT_ATTRIBUTES[shape], "{kind}");
        }
    }
}
