//! Views over random requests, compared with what OpenTelemetry's own messages make of the same bytes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../otlp/tests/support/mod.rs"]
mod support;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value},
    logs::v1::LogRecord,
    metrics::v1::{
        AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint,
        SummaryDataPoint, exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
    resource::v1::Resource,
    trace::v1::{Span, Status, span},
};
use prost::Message;
use spanlayer_pipeline::{
    Mapping, Signal,
    read::{self, Attributes, Number, PointData, Temporality, Value},
};
use support::Random;

const REQUESTS: u64 = 2_000;

fn any(value: Value<'_>) -> AnyValue {
    use any_value::Value as Any;
    let value = match value {
        Value::Empty => None,
        Value::Text(text) => Some(Any::StringValue(text.to_owned())),
        Value::Bool(flag) => Some(Any::BoolValue(flag)),
        Value::Int(number) => Some(Any::IntValue(number)),
        Value::Double(number) => Some(Any::DoubleValue(number)),
        Value::Bytes(bytes) => Some(Any::BytesValue(bytes.to_vec())),
        Value::Array(array) => Some(Any::ArrayValue(ArrayValue { values: array.iter().map(any).collect() })),
        Value::Map(map) => Some(Any::KvlistValue(KeyValueList { values: pairs(map) })),
        other => panic!("{other:?}"),
    };
    AnyValue { value }
}

fn pairs(attributes: Attributes<'_>) -> Vec<KeyValue> {
    let pair = |attribute: read::Attribute<'_>| KeyValue {
        key: attribute.key.to_owned(),
        value: Some(any(attribute.value)),
        ..KeyValue::default()
    };
    attributes.iter().map(pair).collect()
}

/// An absent value is an empty one to a reader.
fn filled(mut attributes: Vec<KeyValue>) -> Vec<KeyValue> {
    fn fill(value: &mut AnyValue) {
        match &mut value.value {
            Some(any_value::Value::ArrayValue(array)) => array.values.iter_mut().for_each(fill),
            Some(any_value::Value::KvlistValue(list)) => {
                list.values = filled(std::mem::take(&mut list.values));
            }
            _ => {}
        }
    }
    attributes.iter_mut().for_each(|pair| fill(pair.value.get_or_insert_default()));
    attributes
}

#[track_caller]
fn same_origin(
    resource: (&read::Resource<'_>, Option<Resource>),
    scope: (&read::Scope<'_>, Option<InstrumentationScope>),
) {
    assert_eq!(pairs(resource.0.attributes), filled(resource.1.unwrap_or_default().attributes));
    let expected = scope.1.unwrap_or_default();
    assert_eq!((scope.0.name, scope.0.version), (&*expected.name, &*expected.version));
    assert_eq!(pairs(scope.0.attributes), filled(expected.attributes));
}

fn id<const N: usize>(id: Option<[u8; N]>) -> Vec<u8> {
    id.map(|id| id.to_vec()).unwrap_or_default()
}

#[test]
fn spans_read_as_opentelemetrys_own_messages() {
    for seed in 0..REQUESTS {
        let bytes = Random::new(seed).request(Signal::Traces);
        let mut views = read::spans(&bytes);
        for outer in ExportTraceServiceRequest::decode(&*bytes).unwrap().resource_spans {
            for inner in outer.scope_spans {
                for mut expected in inner.spans {
                    let view = views.next().unwrap();
                    same_origin((&view.resource, outer.resource.clone()), (&view.scope, inner.scope.clone()));
                    // What views leave out.
                    expected.flags = 0;
                    expected.attributes = filled(expected.attributes);
                    expected.status.get_or_insert_default();
                    for event in &mut expected.events {
                        event.dropped_attributes_count = 0;
                        event.attributes = filled(std::mem::take(&mut event.attributes));
                    }
                    for link in &mut expected.links {
                        (link.dropped_attributes_count, link.flags) = (0, 0);
                        link.attributes = filled(std::mem::take(&mut link.attributes));
                    }
                    assert_eq!(span_of(&view), expected, "seed {seed}");
                    assert_eq!(
                        view.nanos(),
                        expected.end_time_unix_nano.saturating_sub(expected.start_time_unix_nano)
                    );
                }
            }
        }
        assert!(views.next().is_none());
    }
}

fn span_of(view: &read::Span<'_>) -> Span {
    Span {
        trace_id: view.trace_id.to_vec(),
        span_id: view.span_id.to_vec(),
        parent_span_id: id(view.parent_span_id),
        trace_state: view.trace_state.to_owned(),
        name: view.name.to_owned(),
        kind: view.kind as i32,
        start_time_unix_nano: view.start,
        end_time_unix_nano: view.end,
        attributes: pairs(view.attributes),
        dropped_attributes_count: view.dropped_attributes,
        dropped_events_count: view.dropped_events,
        dropped_links_count: view.dropped_links,
        events: view
            .events
            .iter()
            .map(|event| span::Event {
                time_unix_nano: event.time,
                name: event.name.to_owned(),
                attributes: pairs(event.attributes),
                ..span::Event::default()
            })
            .collect(),
        links: view
            .links
            .iter()
            .map(|link| span::Link {
                trace_id: link.trace_id.to_vec(),
                span_id: link.span_id.to_vec(),
                trace_state: link.trace_state.to_owned(),
                attributes: pairs(link.attributes),
                ..span::Link::default()
            })
            .collect(),
        status: Some(Status { message: view.status_message.to_owned(), code: view.status as i32 }),
        flags: 0,
    }
}

#[test]
fn log_records_read_as_opentelemetrys_own_messages() {
    for seed in 0..REQUESTS {
        let bytes = Random::new(seed).request(Signal::Logs);
        let mut views = read::logs(&bytes);
        for outer in ExportLogsServiceRequest::decode(&*bytes).unwrap().resource_logs {
            for inner in outer.scope_logs {
                for mut expected in inner.log_records {
                    let view = views.next().unwrap();
                    same_origin((&view.resource, outer.resource.clone()), (&view.scope, inner.scope.clone()));
                    (expected.flags, expected.dropped_attributes_count) = (0, 0);
                    expected.attributes = filled(expected.attributes);
                    let body = KeyValue { value: expected.body.take(), ..KeyValue::default() };
                    expected.body = filled(vec![body]).remove(0).value;
                    let read = LogRecord {
                        time_unix_nano: view.time,
                        observed_time_unix_nano: view.observed,
                        severity_number: view.severity,
                        severity_text: view.severity_text.to_owned(),
                        body: Some(any(view.body)),
                        attributes: pairs(view.attributes),
                        trace_id: id(view.trace_id),
                        span_id: id(view.span_id),
                        event_name: view.event_name.to_owned(),
                        ..LogRecord::default()
                    };
                    assert_eq!(read, expected, "seed {seed}");
                }
            }
        }
        assert!(views.next().is_none());
    }
}

#[test]
fn metrics_of_all_kinds_read_as_opentelemetrys_own_messages() {
    for seed in 0..REQUESTS {
        let bytes = Random::new(seed).request(Signal::Metrics);
        let mut views = read::metrics(&bytes);
        for outer in ExportMetricsServiceRequest::decode(&*bytes).unwrap().resource_metrics {
            for inner in outer.scope_metrics {
                for expected in inner.metrics {
                    let view = views.next().unwrap();
                    same_origin((&view.resource, outer.resource.clone()), (&view.scope, inner.scope.clone()));
                    let texts = (view.name, view.description, view.unit);
                    assert_eq!(texts, (&*expected.name, &*expected.description, &*expected.unit));
                    same_points(&view, expected.data, seed);
                }
            }
        }
        assert!(views.next().is_none());
    }
}

fn same_points(view: &read::Metric<'_>, expected: Option<Data>, seed: u64) {
    let temporality = |number: i32| match number.try_into() {
        Ok(AggregationTemporality::Delta) => Some(Temporality::Delta),
        Ok(AggregationTemporality::Cumulative) => Some(Temporality::Cumulative),
        _ => Some(Temporality::Unspecified),
    };
    let points = || view.points();
    let (name, since) = (view.data.name(), view.data.temporality());
    match expected {
        None => assert_eq!((name, points().count()), ("unknown", 0)),
        Some(Data::Gauge(gauge)) => {
            assert_eq!((name, since), ("gauge", None));
            let expected = gauge.data_points.into_iter().map(plain_number).collect::<Vec<_>>();
            assert_eq!(points().map(number).collect::<Vec<_>>(), expected, "seed {seed}");
        }
        Some(Data::Sum(sum)) => {
            assert_eq!((name, since), ("sum", temporality(sum.aggregation_temporality)));
            let read::Data::Sum { monotonic, .. } = view.data else { panic!("{:?}", view.data) };
            assert_eq!(monotonic, sum.is_monotonic);
            let expected = sum.data_points.into_iter().map(plain_number).collect::<Vec<_>>();
            assert_eq!(points().map(number).collect::<Vec<_>>(), expected, "seed {seed}");
        }
        Some(Data::Histogram(data)) => {
            assert_eq!((name, since), ("histogram", temporality(data.aggregation_temporality)));
            let plain = |point: HistogramDataPoint| HistogramDataPoint {
                attributes: filled(point.attributes),
                exemplars: Vec::new(),
                flags: point.flags & 1,
                ..point
            };
            let expected = data.data_points.into_iter().map(plain).collect::<Vec<_>>();
            assert_eq!(points().map(histogram).collect::<Vec<_>>(), expected, "seed {seed}");
        }
        Some(Data::ExponentialHistogram(data)) => {
            assert_eq!((name, since), ("exponential_histogram", temporality(data.aggregation_temporality)));
            let plain = |point: ExponentialHistogramDataPoint| ExponentialHistogramDataPoint {
                attributes: filled(point.attributes),
                exemplars: Vec::new(),
                flags: point.flags & 1,
                positive: Some(point.positive.unwrap_or_default()),
                negative: Some(point.negative.unwrap_or_default()),
                ..point
            };
            let expected = data.data_points.into_iter().map(plain).collect::<Vec<_>>();
            assert_eq!(points().map(exponential).collect::<Vec<_>>(), expected, "seed {seed}");
        }
        Some(Data::Summary(data)) => {
            assert_eq!((name, since), ("summary", None));
            let plain = |point: SummaryDataPoint| SummaryDataPoint {
                attributes: filled(point.attributes),
                flags: point.flags & 1,
                ..point
            };
            let expected = data.data_points.into_iter().map(plain).collect::<Vec<_>>();
            assert_eq!(points().map(summary).collect::<Vec<_>>(), expected, "seed {seed}");
        }
    }
}

fn plain_number(point: NumberDataPoint) -> NumberDataPoint {
    let (attributes, flags) = (filled(point.attributes), point.flags & 1);
    NumberDataPoint { attributes, flags, exemplars: Vec::new(), ..point }
}

fn number(point: read::Point<'_>) -> NumberDataPoint {
    let PointData::Number(value) = point.data else { panic!("{:?}", point.data) };
    NumberDataPoint {
        attributes: pairs(point.attributes),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        exemplars: Vec::new(),
        flags: point.absent.into(),
        value: value.map(|value| match value {
            Number::Int(number) => number_data_point::Value::AsInt(number),
            Number::Double(number) => number_data_point::Value::AsDouble(number),
        }),
    }
}

fn histogram(point: read::Point<'_>) -> HistogramDataPoint {
    let PointData::Histogram(data) = point.data else { panic!("{:?}", point.data) };
    HistogramDataPoint {
        attributes: pairs(point.attributes),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        count: data.count,
        sum: data.sum,
        bucket_counts: data.bucket_counts().collect(),
        explicit_bounds: data.bounds().collect(),
        exemplars: Vec::new(),
        flags: point.absent.into(),
        min: data.min,
        max: data.max,
    }
}

fn exponential(point: read::Point<'_>) -> ExponentialHistogramDataPoint {
    let PointData::ExponentialHistogram(data) = point.data else { panic!("{:?}", point.data) };
    let buckets = |buckets: read::Buckets<'_>| {
        Some(Buckets { offset: buckets.offset, bucket_counts: buckets.counts().collect() })
    };
    ExponentialHistogramDataPoint {
        attributes: pairs(point.attributes),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        count: data.count,
        sum: data.sum,
        scale: data.scale,
        zero_count: data.zero_count,
        positive: buckets(data.positive),
        negative: buckets(data.negative),
        flags: point.absent.into(),
        exemplars: Vec::new(),
        min: data.min,
        max: data.max,
        zero_threshold: data.zero_threshold,
    }
}

fn summary(point: read::Point<'_>) -> SummaryDataPoint {
    let PointData::Summary(data) = point.data else { panic!("{:?}", point.data) };
    let quantiles = data.quantiles.iter();
    SummaryDataPoint {
        attributes: pairs(point.attributes),
        start_time_unix_nano: point.start,
        time_unix_nano: point.time,
        count: data.count,
        sum: data.sum,
        quantile_values: quantiles
            .map(|one| ValueAtQuantile { quantile: one.quantile, value: one.value })
            .collect(),
        flags: point.absent.into(),
    }
}

#[test]
fn whatever_a_request_holds_becomes_json() {
    let spans = [
        Mapping::events("shop"),
        Mapping::compact_events("shop"),
        Mapping::spans_with_resource(),
        Mapping::span_array(),
    ];
    for seed in 0..REQUESTS / 4 {
        let request = Random::new(seed).request(Signal::Traces);
        for mapping in &spans {
            serde_json::from_str::<serde_json::Value>(&mapping.render(&request, seed)).unwrap();
        }
        let lines = Mapping::span_lines().lines(&request, seed);
        assert_eq!(lines.lines().count(), read::spans(&request).count());
        for (line, span) in lines.lines().zip(read::spans(&request)) {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["name"], span.name);
            assert_eq!(line["duration_ns"], span.nanos());
        }
        let request = Random::new(seed).request(Signal::Metrics);
        serde_json::from_str::<serde_json::Value>(&Mapping::metrics().render(&request, seed)).unwrap();
    }
}

#[test]
fn bytes_that_are_no_request_read_as_nothing_and_harm_nobody() {
    for seed in 0..REQUESTS {
        let mut random = Random::new(seed);
        let mut bytes = random.request(Signal::ALL[seed as usize % 3]);
        for _ in 0..random.below(8) {
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = random.next() as u8;
            }
        }
        bytes.truncate(random.below(bytes.len() + 1));
        for mapping in [Mapping::span_lines(), Mapping::metrics()] {
            mapping.render(&bytes, u64::MAX);
        }
        read::logs(&bytes).for_each(|log| drop(format!("{log:?}")));
    }
}
