//! `metrics_service.proto` and `metrics.proto`.

use super::{
    Kind, Message, Need, SPAN_ID, TRACE_ID, field, id, items, oneof, optional, repeated,
    shared::{KEY_VALUE, RESOURCE, SCOPE},
    within,
};

/// `ExportMetricsServiceRequest`.
pub static METRICS_REQUEST: Message = Message::new(
    "ExportMetricsServiceRequest",
    &[within(repeated(1, "resource_metrics", "resourceMetrics", Kind::Message(&RESOURCE_METRICS)))],
);

static RESOURCE_METRICS: Message = Message::new(
    "ResourceMetrics",
    &[
        field(1, "resource", "resource", Kind::Message(&RESOURCE)),
        within(repeated(2, "scope_metrics", "scopeMetrics", Kind::Message(&SCOPE_METRICS))),
        field(3, "schema_url", "schemaUrl", Kind::String),
    ],
);

static SCOPE_METRICS: Message = Message::new(
    "ScopeMetrics",
    &[
        field(1, "scope", "scope", Kind::Message(&SCOPE)),
        within(repeated(2, "metrics", "metrics", Kind::Message(&METRIC))),
        field(3, "schema_url", "schemaUrl", Kind::String),
    ],
);

static METRIC: Message = Message::new(
    "Metric",
    &[
        field(1, "name", "name", Kind::String),
        field(2, "description", "description", Kind::String),
        field(3, "unit", "unit", Kind::String),
        within(oneof(5, "gauge", "gauge", Kind::Message(&GAUGE))),
        within(oneof(7, "sum", "sum", Kind::Message(&SUM))),
        within(oneof(9, "histogram", "histogram", Kind::Message(&HISTOGRAM))),
        within(oneof(
            10,
            "exponential_histogram",
            "exponentialHistogram",
            Kind::Message(&EXPONENTIAL_HISTOGRAM),
        )),
        within(oneof(11, "summary", "summary", Kind::Message(&SUMMARY))),
        repeated(12, "metadata", "metadata", Kind::Message(&KEY_VALUE)),
    ],
);

const TEMPORALITY: &[(&str, i32)] = &[
    ("AGGREGATION_TEMPORALITY_UNSPECIFIED", 0),
    ("AGGREGATION_TEMPORALITY_DELTA", 1),
    ("AGGREGATION_TEMPORALITY_CUMULATIVE", 2),
];

static GAUGE: Message = Message::new("Gauge", &[items(1, "data_points", "dataPoints", &NUMBER_DATA_POINT)]);

static SUM: Message = Message::new(
    "Sum",
    &[
        items(1, "data_points", "dataPoints", &NUMBER_DATA_POINT),
        field(2, "aggregation_temporality", "aggregationTemporality", Kind::Enum(TEMPORALITY)),
        field(3, "is_monotonic", "isMonotonic", Kind::Bool),
    ],
);

static HISTOGRAM: Message = Message::new(
    "Histogram",
    &[
        items(1, "data_points", "dataPoints", &HISTOGRAM_DATA_POINT),
        field(2, "aggregation_temporality", "aggregationTemporality", Kind::Enum(TEMPORALITY)),
    ],
);

static EXPONENTIAL_HISTOGRAM: Message = Message::new(
    "ExponentialHistogram",
    &[
        items(1, "data_points", "dataPoints", &EXPONENTIAL_HISTOGRAM_DATA_POINT),
        field(2, "aggregation_temporality", "aggregationTemporality", Kind::Enum(TEMPORALITY)),
    ],
);

static SUMMARY: Message =
    Message::new("Summary", &[items(1, "data_points", "dataPoints", &SUMMARY_DATA_POINT)]);

static NUMBER_DATA_POINT: Message = Message::new(
    "NumberDataPoint",
    &[
        field(2, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        field(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        oneof(4, "as_double", "asDouble", Kind::Double),
        repeated(5, "exemplars", "exemplars", Kind::Message(&EXEMPLAR)),
        oneof(6, "as_int", "asInt", Kind::Sfixed64),
        repeated(7, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(8, "flags", "flags", Kind::Uint32),
    ],
);

static HISTOGRAM_DATA_POINT: Message = Message::new(
    "HistogramDataPoint",
    &[
        field(2, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        field(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        field(4, "count", "count", Kind::Fixed64),
        optional(5, "sum", "sum", Kind::Double),
        repeated(6, "bucket_counts", "bucketCounts", Kind::Fixed64),
        repeated(7, "explicit_bounds", "explicitBounds", Kind::Double),
        repeated(8, "exemplars", "exemplars", Kind::Message(&EXEMPLAR)),
        repeated(9, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(10, "flags", "flags", Kind::Uint32),
        optional(11, "min", "min", Kind::Double),
        optional(12, "max", "max", Kind::Double),
    ],
);

static EXPONENTIAL_HISTOGRAM_DATA_POINT: Message = Message::new(
    "ExponentialHistogramDataPoint",
    &[
        repeated(1, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(2, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        field(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        field(4, "count", "count", Kind::Fixed64),
        optional(5, "sum", "sum", Kind::Double),
        field(6, "scale", "scale", Kind::Sint32),
        field(7, "zero_count", "zeroCount", Kind::Fixed64),
        field(8, "positive", "positive", Kind::Message(&BUCKETS)),
        field(9, "negative", "negative", Kind::Message(&BUCKETS)),
        field(10, "flags", "flags", Kind::Uint32),
        repeated(11, "exemplars", "exemplars", Kind::Message(&EXEMPLAR)),
        optional(12, "min", "min", Kind::Double),
        optional(13, "max", "max", Kind::Double),
        field(14, "zero_threshold", "zeroThreshold", Kind::Double),
    ],
);

static BUCKETS: Message = Message::new(
    "Buckets",
    &[field(1, "offset", "offset", Kind::Sint32), repeated(2, "bucket_counts", "bucketCounts", Kind::Uint64)],
);

static SUMMARY_DATA_POINT: Message = Message::new(
    "SummaryDataPoint",
    &[
        field(2, "start_time_unix_nano", "startTimeUnixNano", Kind::Fixed64),
        field(3, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        field(4, "count", "count", Kind::Fixed64),
        field(5, "sum", "sum", Kind::Double),
        repeated(6, "quantile_values", "quantileValues", Kind::Message(&VALUE_AT_QUANTILE)),
        repeated(7, "attributes", "attributes", Kind::Message(&KEY_VALUE)),
        field(8, "flags", "flags", Kind::Uint32),
    ],
);

static VALUE_AT_QUANTILE: Message = Message::new(
    "ValueAtQuantile",
    &[field(1, "quantile", "quantile", Kind::Double), field(2, "value", "value", Kind::Double)],
);

static EXEMPLAR: Message = Message::new(
    "Exemplar",
    &[
        field(2, "time_unix_nano", "timeUnixNano", Kind::Fixed64),
        oneof(3, "as_double", "asDouble", Kind::Double),
        id(4, "span_id", "spanId", SPAN_ID, Need::Optional),
        id(5, "trace_id", "traceId", TRACE_ID, Need::Optional),
        oneof(6, "as_int", "asInt", Kind::Sfixed64),
        repeated(7, "filtered_attributes", "filteredAttributes", Kind::Message(&KEY_VALUE)),
    ],
);
