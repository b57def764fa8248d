//! The ledger as a whole: what goes in as Lambda and the link word it, what comes out as a backend decodes it.

mod lines;
mod managed;
mod measures;
mod preparation;
mod random;
mod unwrapped;
mod wrapped;

use super::{Ledger, Settings, platform};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::LogRecord,
    metrics::v1::{Metric, metric::Data},
    trace::v1::Span,
};
use prost::Message;
use spanlayer_link::{Ended, Hello, Started, Unfinished};
use spanlayer_otlp::{Signal, scan};
use spanlayer_pipeline::message;

/// A second, in nanoseconds.
const SECOND: u64 = 1_000_000_000;
const MILLI: u64 = 1_000_000;
/// When the tests begin: 2026-01-02T10:00:00Z.
const T0: u64 = 1_767_348_000 * SECOND;
const ROOT: &str = "Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Parent=9f31c0d4a86be275;Sampled=1";

/// A ledger, and everything that it has put out.
struct World {
    ledger: Ledger,
    now: u64,
    spans: Vec<Span>,
    logs: Vec<(String, LogRecord)>,
    resources: Vec<Vec<KeyValue>>,
}

impl World {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut resource = Vec::new();
        message::attribute(&mut resource, 1, "service.name", message::Value::Text("orders"));
        let mut settings = Settings::new(false);
        settings.function = "orders".to_owned();
        settings.resource = resource.into();
        change(&mut settings);
        let mut count = 0u64;
        let random = Box::new(move || {
            count += 1;
            let mut id = [0xee; 16];
            id[..8].copy_from_slice(&count.to_be_bytes());
            id
        });
        Self {
            ledger: Ledger::new(settings, random),
            now: T0,
            spans: vec![],
            logs: vec![],
            resources: vec![],
        }
    }

    fn ordinary() -> Self {
        Self::new(|_| ())
    }

    fn managed() -> Self {
        Self::new(|settings| {
            let function = std::mem::take(&mut settings.function);
            *settings = Settings { function, resource: settings.resource.clone(), ..Settings::new(true) };
        })
    }

    /// One event of the Telemetry API, `millis` after the beginning.
    fn event(&mut self, millis: u64, kind: &str, record: &str) {
        let batch = format!(r#"[{{"time":"{}","type":"{kind}","record":{record}}}]"#, iso(millis));
        let (ledger, now) = (&mut self.ledger, self.now);
        let mut told = 0;
        let (_, wrong) = platform::parse(batch.as_bytes(), |event| {
            told += 1;
            ledger.platform(&event, now);
        });
        assert_eq!((told, wrong), (1, None), "{batch}");
    }

    fn start(&mut self, millis: u64, id: &str) {
        self.event(millis, "platform.start", &format!(r#"{{"requestId":"{id}","version":"7"}}"#));
    }

    /// `platform.runtimeDone`; `status` as in `error","errorType":"Runtime.ExitError`.
    fn done(&mut self, millis: u64, id: &str, status: &str) {
        let record = format!(r#"{{"requestId":"{id}","status":"{status}","metrics":{{"durationMs":40}}}}"#);
        self.event(millis, "platform.runtimeDone", &record);
    }

    fn report(&mut self, millis: u64, id: &str) {
        let record = format!(
            r#"{{"requestId":"{id}","status":"success","metrics":{{"durationMs":50,"billedDurationMs":51,
                "memorySizeMB":128,"maxMemoryUsedMB":74}},
                "spans":[{{"name":"extensionOverhead","start":"12:01:23:521Z","durationMs":9.5}}]}}"#
        );
        self.event(millis, "platform.report", &record);
    }

    fn started(&mut self, id: &str) {
        let (now, started) = (self.now, started(id, 1));
        self.ledger.started(&started, now);
    }

    fn ended(&mut self, id: &str) {
        let ended = Ended { request_id: id.to_owned(), end_unix_nano: T0 + 41 * MILLI, ..Ended::default() };
        self.ledger.ended(&ended, self.now);
    }

    /// A span of the function's own that names its invocation.
    fn saw(&mut self, id: &str, trace_id: [u8; 16], span_id: [u8; 8], kind: i32) {
        let span = Span {
            trace_id: trace_id.to_vec(),
            span_id: span_id.to_vec(),
            kind,
            attributes: vec![KeyValue {
                key: "faas.invocation_id".to_owned(),
                value: Some(AnyValue { value: Some(Value::StringValue(id.to_owned())) }),
                ..Default::default()
            }],
            ..Span::default()
        };
        let scopes =
            opentelemetry_proto::tonic::trace::v1::ScopeSpans { spans: vec![span], ..Default::default() };
        let resource = opentelemetry_proto::tonic::trace::v1::ResourceSpans {
            scope_spans: vec![scopes],
            ..Default::default()
        };
        let request = ExportTraceServiceRequest { resource_spans: vec![resource] };
        self.ledger.saw(&request.encode_to_vec(), self.now);
    }

    fn settle(&mut self) {
        self.ledger.settle(self.now);
        self.take();
    }

    fn close(&mut self) {
        self.ledger.close(self.now);
        self.take();
    }

    /// Takes what is ready, and checks that the pipeline would take it.
    fn take(&mut self) {
        for ready in self.ledger.take(self.now) {
            scan(ready.signal, &ready.request).expect("valid");
            match ready.signal {
                Signal::Traces => {
                    let request = ExportTraceServiceRequest::decode(ready.request).unwrap();
                    for resource in request.resource_spans {
                        self.resources.push(resource.resource.unwrap().attributes);
                        self.spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
                    }
                }
                Signal::Logs => {
                    let request = ExportLogsServiceRequest::decode(ready.request).unwrap();
                    for scope in request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs) {
                        let name = scope.scope.unwrap().name;
                        self.logs.extend(scope.log_records.into_iter().map(|record| (name.clone(), record)));
                    }
                }
                Signal::Metrics => panic!("metrics are asked for by themselves"),
            }
        }
    }

    fn metrics(&mut self) -> Vec<Metric> {
        let Some(ready) = self.ledger.take_metrics(self.now) else { return Vec::new() };
        assert_eq!(ready.signal, Signal::Metrics);
        scan(Signal::Metrics, &ready.request).expect("valid");
        let request = ExportMetricsServiceRequest::decode(ready.request).unwrap();
        let scopes = request.resource_metrics.into_iter().flat_map(|resource| resource.scope_metrics);
        scopes.flat_map(|scope| scope.metrics).collect()
    }

    fn names(&self) -> Vec<&str> {
        self.spans.iter().map(|span| span.name.as_str()).collect()
    }

    fn span(&self, name: &str) -> &Span {
        let mut found = self.spans.iter().filter(|span| span.name == name);
        let span = found.next().unwrap_or_else(|| panic!("no {name} in {:?}", self.names()));
        assert!(found.next().is_none(), "{name} twice");
        span
    }
}

/// What a wrapped function says at the beginning of an invocation. Its span id is made of the request id.
fn started(id: &str, flags: u8) -> Started {
    let mut attributes = Vec::new();
    for (key, value) in [("faas.invocation_id", id), ("faas.trigger", "http")] {
        message::attribute(&mut attributes, 9, key, message::Value::Text(value));
    }
    Started {
        request_id: id.to_owned(),
        trace_id: [id.as_bytes()[0]; 16],
        span_id: span_id(id),
        parent_span_id: Some([5; 8]),
        flags,
        trace_state: "vendor=1".to_owned(),
        name: "GET /orders".to_owned(),
        kind: 2,
        start_unix_nano: T0 + 2 * MILLI,
        deadline_unix_millis: (T0 + 3 * SECOND) / MILLI,
        coldstart: true,
        attributes: attributes.into(),
    }
}

fn span_id(id: &str) -> [u8; 8] {
    let mut span_id = [0xaa; 8];
    for (byte, letter) in span_id.iter_mut().zip(id.bytes().rev()) {
        *byte = letter;
    }
    span_id
}

fn iso(millis: u64) -> String {
    assert!(millis < 60_000);
    format!("2026-01-02T10:00:{:02}.{:03}Z", millis / 1000, millis % 1000)
}

fn hello() -> Hello {
    let mut resource = Vec::new();
    message::attribute(&mut resource, 1, "service.name", message::Value::Text("wrapped"));
    Hello { version: "1".to_owned(), resource: resource.into(), ..Hello::default() }
}

/// An attribute as text, whatever its type.
pub(super) fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let mut found = attributes.iter().filter(|pair| pair.key == key);
    let value = found.next()?.value.clone()?.value;
    assert!(found.next().is_none(), "{key} twice");
    Some(match value? {
        Value::StringValue(text) => text,
        Value::BoolValue(flag) => flag.to_string(),
        Value::IntValue(number) => number.to_string(),
        Value::DoubleValue(number) => format!("{number:?}"),
        other => format!("{other:?}"),
    })
}

fn of(span: &Span, key: &str) -> Option<String> {
    attribute(&span.attributes, key)
}

/// Status code and message.
fn status(span: &Span) -> (i32, String) {
    span.status.clone().map_or((0, String::new()), |status| (status.code, status.message))
}

/// Counts of a metric, by trigger: a counter's value, a histogram's count and sum.
fn counts(metrics: &[Metric], name: &str) -> Vec<(String, u64, f64)> {
    let Some(metric) = metrics.iter().find(|metric| metric.name == name) else { return Vec::new() };
    let trigger = |attributes: &[KeyValue]| attribute(attributes, "faas.trigger").unwrap();
    match metric.data.as_ref().unwrap() {
        Data::Sum(sum) => sum
            .data_points
            .iter()
            .map(|point| {
                use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
                let Some(Value::AsInt(count)) = point.value else { panic!("{point:?}") };
                (trigger(&point.attributes), count as u64, 0.0)
            })
            .collect(),
        Data::Histogram(histogram) => histogram
            .data_points
            .iter()
            .map(|point| (trigger(&point.attributes), point.count, point.sum.unwrap()))
            .collect(),
        other => panic!("{other:?}"),
    }
}
