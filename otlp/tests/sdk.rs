//! What the SDK recorded, as we encode it and as OpenTelemetry's own conversion does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use opentelemetry::{
    Array, InstrumentationScope, KeyValue, SpanId, StringValue, TraceFlags, TraceId, Value,
    logs::{AnyValue, LogRecord as _, Logger, LoggerProvider, Severity},
    metrics::MeterProvider,
    trace::{Event, Link, SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_proto::{
    tonic::{
        collector::{
            logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
            trace::v1::ExportTraceServiceRequest,
        },
        metrics::v1::{ResourceMetrics as ProtoMetrics, metric::Data},
        trace::v1::{ResourceSpans, Span},
    },
    transform::{
        common::tonic::ResourceAttributesWithSchema, logs::tonic::group_logs_by_resource_and_scope,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    logs::{LogBatch, LogProcessor, SdkLogRecord, SdkLoggerProvider},
    metrics::{
        Aggregation, Instrument, InstrumentKind, PeriodicReader, SdkMeterProvider, Stream, Temporality,
        data::ResourceMetrics, exporter::PushMetricExporter,
    },
    trace::{SpanData, SpanEvents, SpanLinks},
};
use prost::Message;
use spanlayer_otlp::{Signal, scan, sdk};
use std::{
    sync::{Arc, Mutex},
    time::{Duration, UNIX_EPOCH},
};

fn resource() -> Resource {
    let attributes = [KeyValue::new("service.name", "orders"), KeyValue::new("n", 7)];
    Resource::builder_empty().with_schema_url(attributes, "https://example.com/resource").build()
}

fn rich_attributes() -> Vec<KeyValue> {
    vec![
        KeyValue::new("empty", ""),
        KeyValue::new("text", "Zürich 🦀".repeat(20)),
        KeyValue::new("no", false),
        KeyValue::new("zero", 0),
        KeyValue::new("least", i64::MIN),
        KeyValue::new("half", 0.5),
        KeyValue::new("infinite", f64::NEG_INFINITY),
        KeyValue::new("none", Value::Array(Array::Bool(vec![]))),
        KeyValue::new("flags", Value::Array(Array::Bool(vec![true, false]))),
        KeyValue::new("numbers", Value::Array(Array::I64((-100..100).collect()))),
        KeyValue::new("doubles", Value::Array(Array::F64(vec![0.0, -1.5]))),
        KeyValue::new("words", Value::Array(Array::String(vec![StringValue::from(""), "b".into()]))),
    ]
}

fn context(span: u64, flags: TraceFlags, remote: bool, state: &[(&str, &str)]) -> SpanContext {
    let state = TraceState::from_key_value(state.iter().copied()).unwrap();
    SpanContext::new(TraceId::from(0xabc), SpanId::from(span), flags, remote, state)
}

fn plain(span: u64, scope: &InstrumentationScope) -> SpanData {
    SpanData {
        span_context: context(span, TraceFlags::SAMPLED, false, &[]),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "plain".into(),
        start_time: UNIX_EPOCH + Duration::from_nanos(1_767_000_000_000_000_001),
        end_time: UNIX_EPOCH + Duration::from_nanos(1_767_000_000_120_000_000),
        attributes: vec![],
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: scope.clone(),
    }
}

fn rich(span: u64, scope: &InstrumentationScope) -> SpanData {
    let mut events = SpanEvents::default();
    events.events.push(Event::new("exception", UNIX_EPOCH + Duration::from_secs(5), rich_attributes(), 3));
    events.events.push(Event::with_name(""));
    events.dropped_count = 4;
    let mut links = SpanLinks::default();
    links.links.push(Link::new(
        context(9, TraceFlags::SAMPLED, true, &[("a", "1"), ("b", "2")]),
        rich_attributes(),
        5,
    ));
    links.links.push(Link::with_context(context(10, TraceFlags::default(), false, &[])));
    links.dropped_count = 6;
    SpanData {
        span_context: context(span, TraceFlags::default(), false, &[("vendor", "x")]),
        parent_span_id: SpanId::from(77),
        parent_span_is_remote: true,
        name: "rich".into(),
        attributes: rich_attributes(),
        dropped_attributes_count: 2,
        events,
        links,
        status: Status::error("it failed"),
        ..plain(span, scope)
    }
}

/// Theirs writes an unset status as an empty message, which means the same as none.
fn without_unset_status(mut span: Span) -> Span {
    span.status = span.status.filter(|status| *status != Default::default());
    span
}

fn encoded(data: &SpanData) -> Span {
    let mut bytes = Vec::new();
    sdk::span(&mut bytes, data);
    Span::decode(&*bytes).unwrap()
}

#[test]
fn spans_are_what_opentelemetry_makes_of_them() {
    let scope = InstrumentationScope::builder("lib").build();
    let kinds =
        [SpanKind::Client, SpanKind::Server, SpanKind::Producer, SpanKind::Consumer, SpanKind::Internal];
    let mut spans: Vec<SpanData> =
        kinds.into_iter().map(|span_kind| SpanData { span_kind, ..plain(1, &scope) }).collect();
    spans.push(rich(2, &scope));
    spans.push(SpanData { status: Status::Ok, ..plain(3, &scope) });
    spans.push(SpanData { status: Status::error(""), ..plain(4, &scope) });
    spans.push(SpanData { parent_span_id: SpanId::from(5), parent_span_is_remote: false, ..rich(6, &scope) });
    spans.push(SpanData {
        start_time: UNIX_EPOCH - Duration::from_secs(1),
        end_time: UNIX_EPOCH,
        ..plain(7, &scope)
    });
    for span in spans {
        assert_eq!(encoded(&span), without_unset_status(Span::from(span)));
    }
}

#[test]
fn flags_say_whether_the_parent_is_remote() {
    let scope = InstrumentationScope::builder("lib").build();
    assert_eq!(encoded(&plain(1, &scope)).flags, 0x101);
    let rich = encoded(&rich(2, &scope));
    assert_eq!(rich.flags, 0x300);
    assert_eq!((rich.links[0].flags, rich.links[1].flags), (0x301, 0x100));
}

#[test]
fn a_nan_keeps_its_bits() {
    let scope = InstrumentationScope::builder("lib").build();
    let strange = f64::from_bits(0x7ff8_0000_0000_0123);
    let span = SpanData { attributes: vec![KeyValue::new("nan", strange)], ..plain(1, &scope) };
    let mut bytes = Vec::new();
    sdk::span(&mut bytes, &span);
    assert!(bytes.windows(8).any(|window| window == strange.to_bits().to_le_bytes()));
}

fn sorted(mut groups: Vec<ResourceSpans>) -> Vec<ResourceSpans> {
    for group in &mut groups {
        if let Some(resource) = &mut group.resource {
            resource.attributes.sort_by(|a, b| a.key.cmp(&b.key));
        }
        for scope in &mut group.scope_spans {
            scope.spans = std::mem::take(&mut scope.spans).into_iter().map(without_unset_status).collect();
            scope.spans.sort_by(|a, b| a.span_id.cmp(&b.span_id));
        }
        group.scope_spans.sort_by_key(|scope| scope.spans[0].span_id.clone());
    }
    groups
}

#[test]
fn the_buffer_groups_by_scope_and_is_used_again() {
    let scopes = [
        InstrumentationScope::builder("lib")
            .with_version("1")
            .with_schema_url("https://example.com/scope")
            .build(),
        InstrumentationScope::builder("lib").with_version("2").with_attributes(rich_attributes()).build(),
        InstrumentationScope::builder("").build(),
    ];
    let resource = resource();
    let mut buffer =
        sdk::TraceBuffer::new(sdk::resource(&resource)).with_schema_url("https://example.com/resource");
    assert_eq!((buffer.take_request(), buffer.len_bytes()), (vec![], 0));
    for round in 1..4 {
        let spans: Vec<SpanData> = (0..round * 5)
            .map(|n| {
                let scope = &scopes[n % (4 - round)];
                if n % 2 == 0 { rich(n as u64 + 1, scope) } else { plain(n as u64 + 1, scope) }
            })
            .collect();
        spans.iter().for_each(|span| buffer.push(span));
        assert_eq!(buffer.items(), spans.len());
        let length = buffer.len_bytes();
        let bytes = buffer.take_request();
        assert_eq!(bytes.len(), length, "the length is known before");
        let summary = scan(Signal::Traces, &bytes).unwrap();
        assert_eq!((summary.items, summary.errors), (spans.len(), spans.len().div_ceil(2)));
        let theirs = group_spans_by_resource_and_scope(spans, &ResourceAttributesWithSchema::from(&resource));
        let ours = ExportTraceServiceRequest::decode(&*bytes).unwrap().resource_spans;
        assert_eq!(sorted(ours), sorted(theirs));
        assert!(buffer.is_empty());
    }
}

#[test]
fn a_span_encoded_elsewhere_joins_the_others() {
    let scope = InstrumentationScope::builder("lib").build();
    let span = rich(1, &scope);
    let mut body = Vec::new();
    sdk::span(&mut body, &span);
    let mut one = sdk::TraceBuffer::new(sdk::resource(&resource()));
    let mut other = sdk::TraceBuffer::new(one.resource().clone());
    one.push(&span);
    other.push_encoded(&scope, &body);
    assert_eq!(one.take_request(), other.take_request());
}

/// Keeps what is emitted, the only way to get at a record.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<(SdkLogRecord, InstrumentationScope)>>>);

impl LogProcessor for Kept {
    fn emit(&self, record: &mut SdkLogRecord, scope: &InstrumentationScope) {
        self.0.lock().unwrap().push((record.clone(), scope.clone()));
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[test]
fn log_records_are_what_opentelemetry_makes_of_them() {
    let kept = Kept::default();
    let provider = SdkLoggerProvider::builder().with_log_processor(kept.clone()).build();
    let logger = provider.logger("lib");

    let mut record = logger.create_log_record();
    record.set_observed_timestamp(UNIX_EPOCH + Duration::from_secs(6));
    logger.emit(record);

    let mut record = logger.create_log_record();
    record.set_timestamp(UNIX_EPOCH + Duration::from_secs(5));
    record.set_observed_timestamp(UNIX_EPOCH + Duration::from_secs(6));
    record.set_severity_number(Severity::Error);
    record.set_severity_text("ERROR");
    record.set_event_name("order.failed");
    record.set_target("orders::http");
    record.set_trace_context(TraceId::from(1), SpanId::from(2), Some(TraceFlags::SAMPLED));
    let map = AnyValue::Map(Box::new(
        [("k".into(), AnyValue::ListAny(Box::new(vec![1.5.into(), "x".into()])))].into(),
    ));
    record.set_body(AnyValue::ListAny(Box::new(vec![
        map,
        AnyValue::Bytes(Box::new(vec![0, 255])),
        true.into(),
    ])));
    for n in 0..8 {
        record.add_attribute(format!("a{n}"), n);
    }
    logger.emit(record);

    let records = kept.0.lock().unwrap();
    let pairs: Vec<_> = records.iter().map(|(record, scope)| (record, scope)).collect();
    let batch = LogBatch::new(&pairs);
    let resource = resource();
    let bytes = sdk::logs_request(&batch, &resource);
    let summary = scan(Signal::Logs, &bytes).unwrap();
    assert_eq!((summary.items, summary.errors), (2, 1));
    let mut ours = ExportLogsServiceRequest::decode(&*bytes).unwrap().resource_logs;
    let mut theirs = group_logs_by_resource_and_scope(&batch, &ResourceAttributesWithSchema::from(&resource));
    for groups in [&mut ours, &mut theirs] {
        groups[0].scope_logs.sort_by_key(|scope| scope.scope.as_ref().unwrap().name.clone());
        groups[0].resource.as_mut().unwrap().attributes.sort_by(|a, b| a.key.cmp(&b.key));
    }
    assert_eq!(ours, theirs);
    assert!(sdk::logs_request(&LogBatch::new(&[]), &resource).is_empty());
}

/// Encodes both ways at the moment of export: the data cannot be kept.
#[derive(Clone, Debug, Default)]
struct Both(Arc<Mutex<Vec<Exported>>>);

/// Our bytes and their messages.
type Exported = (Vec<u8>, Vec<ProtoMetrics>);

impl PushMetricExporter for Both {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let theirs = ExportMetricsServiceRequest::from(metrics).resource_metrics;
        self.0.lock().unwrap().push((sdk::metrics_request(metrics), theirs));
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Delta
    }
}

#[test]
fn metrics_are_what_opentelemetry_makes_of_them() {
    let both = Both::default();
    let reader = PeriodicReader::builder(both.clone()).with_interval(Duration::from_secs(3600)).build();
    let exponential = |instrument: &Instrument| {
        let aggregation =
            Aggregation::Base2ExponentialHistogram { max_size: 20, max_scale: 20, record_min_max: true };
        let wanted = instrument.kind() == InstrumentKind::Histogram && instrument.name().starts_with("exp");
        wanted.then(|| Stream::builder().with_aggregation(aggregation).build().unwrap())
    };
    let provider = SdkMeterProvider::builder()
        .with_reader(reader)
        .with_resource(resource())
        .with_view(exponential)
        .build();
    let meter = provider.meter("lib");
    let some = [KeyValue::new("route", "/orders")];
    meter.u64_counter("calls").with_unit("1").with_description("calls made").build().add(3, &some);
    meter.f64_counter("seconds").build().add(0.25, &some);
    meter.i64_up_down_counter("open").build().add(-4, &[]);
    meter.f64_gauge("level").build().record(-0.5, &some);
    meter.i64_gauge("depth").build().record(0, &[]);
    let histogram = meter.f64_histogram("latency").build();
    let exponential = meter.u64_histogram("exp.size").build();
    for n in 0..100u32 {
        histogram.record(f64::from(n), &some);
        exponential.record(n.into(), &some);
    }
    meter.f64_histogram("exp.signed").build().record(-3.5, &[]);
    provider.force_flush().unwrap();

    let exports = both.0.lock().unwrap();
    let (bytes, theirs) = &exports[0];
    let ours = ExportMetricsServiceRequest::decode(&**bytes).unwrap().resource_metrics;
    let sort = |mut metrics: Vec<ProtoMetrics>| {
        metrics[0].resource.as_mut().unwrap().attributes.sort_by(|a, b| a.key.cmp(&b.key));
        metrics
    };
    let ours = sort(ours);
    let kinds = ours[0].scope_metrics[0].metrics.iter().map(|metric| match metric.data {
        Some(Data::ExponentialHistogram(_)) => 'e',
        Some(Data::Histogram(_)) => 'h',
        Some(Data::Sum(_)) => 's',
        Some(Data::Gauge(_)) => 'g',
        _ => '?',
    });
    let mut kinds: Vec<char> = kinds.collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ['e', 'e', 'g', 'g', 'h', 's', 's', 's'], "every kind is compared");
    assert_eq!(ours, sort(theirs.clone()));
    assert_eq!(scan(Signal::Metrics, bytes).unwrap().items, 8);
}
