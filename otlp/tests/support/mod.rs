//! Random requests, made of OpenTelemetry's own messages: the same seed makes the same request.

#![allow(dead_code, reason = "every test file uses another part of it")]

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{
        AnyValue, ArrayValue, EntityRef, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
    },
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{
        Exemplar, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Histogram, HistogramDataPoint,
        Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum, Summary, SummaryDataPoint, exemplar,
        exponential_histogram_data_point::Buckets, metric::Data, number_data_point,
        summary_data_point::ValueAtQuantile,
    },
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span},
};
use prost::Message;
use spanlayer_otlp::Signal;

/// SplitMix64 (Steele, Lea, Flood 2014).
pub(crate) struct Random {
    state: u64,
    /// Numbers of any digits, and those that are none; texts of a hundred kilobytes. Not everybody reads them back.
    pub(crate) wild: bool,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, wild: false }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Evenly from `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True once in `times`.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Numbers of all sizes, and the edges.
    pub(crate) fn number(&mut self) -> u64 {
        match self.below(5) {
            0 => 0,
            1 => u64::MAX,
            _ => {
                let shift = self.below(64);
                self.next() >> shift
            }
        }
    }

    fn double(&mut self) -> f64 {
        match self.below(6) {
            0..4 if self.wild => match self.below(40) {
                0 => f64::NAN,
                1 => f64::INFINITY,
                2 => f64::NEG_INFINITY,
                _ => Some(f64::from_bits(self.next())).filter(|double| !double.is_nan()).unwrap_or(0.1),
            },
            0 => 0.0,
            1 => -0.0,
            2 => 1e300,
            3 => -1.5,
            // Few digits: what OpenTelemetry's messages are read with is off by a bit for many.
            _ => (self.next() >> 40) as f64 / 4.0,
        }
    }

    fn maybe(&mut self) -> Option<f64> {
        (!self.once_in(2)).then(|| self.double())
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// An id that is not all zeros.
    fn id(&mut self, length: usize) -> Vec<u8> {
        let mut id = self.bytes(length);
        id[0] |= 1;
        id
    }

    fn optional_id(&mut self, length: usize) -> Vec<u8> {
        if self.once_in(2) { Vec::new() } else { self.id(length) }
    }

    fn text(&mut self) -> String {
        const WORDS: [&str; 8] =
            ["", "a", "http.request.method", "Zürich", "\"\\\n\u{1}", "日本", "🦀", "orders"];
        let words = if self.wild && self.once_in(50_000) { 20_000 } else { self.below(4) };
        (0..words).map(|_| WORDS[self.below(WORDS.len())]).collect()
    }

    fn list<T>(&mut self, most: usize, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }

    fn value(&mut self, depth: usize) -> AnyValue {
        let value = match self.below(if depth == 0 { 6 } else { 8 }) {
            0 => None,
            1 => Some(Value::StringValue(self.text())),
            2 => Some(Value::BoolValue(self.once_in(2))),
            3 => Some(Value::IntValue(self.number() as i64)),
            4 => Some(Value::DoubleValue(self.double())),
            5 => {
                let length = self.below(9);
                Some(Value::BytesValue(self.bytes(length)))
            }
            6 => {
                Some(Value::ArrayValue(ArrayValue { values: self.list(3, |random| random.value(depth - 1)) }))
            }
            _ => Some(Value::KvlistValue(KeyValueList {
                values: self.list(3, |random| random.pair(depth - 1)),
            })),
        };
        AnyValue { value }
    }

    fn pair(&mut self, depth: usize) -> KeyValue {
        KeyValue { key: self.text(), value: (!self.once_in(9)).then(|| self.value(depth)), key_strindex: 0 }
    }

    fn attributes(&mut self) -> Vec<KeyValue> {
        self.list(4, |random| random.pair(3))
    }

    /// Few different ones, so that neighbours are often equal.
    fn resource(&mut self) -> Option<Resource> {
        let name = |name: &str| KeyValue {
            key: "service.name".to_owned(),
            value: Some(AnyValue { value: Some(Value::StringValue(name.to_owned())) }),
            key_strindex: 0,
        };
        match self.below(8) {
            0 => None,
            1..=3 => Some(Resource { attributes: vec![name("orders")], ..Default::default() }),
            4..=6 => Some(Resource { attributes: vec![name("billing")], ..Default::default() }),
            _ => Some(Resource {
                attributes: self.attributes(),
                dropped_attributes_count: self.number() as u32,
                entity_refs: self.list(2, |random| EntityRef {
                    schema_url: random.text(),
                    r#type: random.text(),
                    id_keys: random.list(2, Self::text),
                    description_keys: random.list(2, Self::text),
                }),
            }),
        }
    }

    fn scope(&mut self) -> Option<InstrumentationScope> {
        (!self.once_in(3)).then(|| InstrumentationScope {
            name: self.text(),
            version: self.text(),
            attributes: self.attributes(),
            dropped_attributes_count: self.number() as u32,
        })
    }

    fn schema_url(&mut self) -> String {
        if self.once_in(3) { "https://opentelemetry.io/schemas/1.44.0".to_owned() } else { String::new() }
    }

    pub(crate) fn span(&mut self) -> Span {
        Span {
            trace_id: self.id(16),
            span_id: self.id(8),
            trace_state: self.text(),
            parent_span_id: self.optional_id(8),
            flags: self.number() as u32,
            name: self.text(),
            kind: self.below(6) as i32,
            start_time_unix_nano: self.number(),
            end_time_unix_nano: self.number(),
            attributes: self.attributes(),
            dropped_attributes_count: self.number() as u32,
            events: self.list(2, |random| span::Event {
                time_unix_nano: random.number(),
                name: random.text(),
                attributes: random.attributes(),
                dropped_attributes_count: random.number() as u32,
            }),
            dropped_events_count: self.number() as u32,
            links: self.list(2, |random| span::Link {
                trace_id: random.id(16),
                span_id: random.id(8),
                trace_state: random.text(),
                attributes: random.attributes(),
                dropped_attributes_count: random.number() as u32,
                flags: random.number() as u32,
            }),
            dropped_links_count: self.number() as u32,
            status: (!self.once_in(3)).then(|| Status { message: self.text(), code: self.below(3) as i32 }),
        }
    }

    fn log_record(&mut self) -> LogRecord {
        LogRecord {
            time_unix_nano: self.number(),
            observed_time_unix_nano: self.number(),
            severity_number: self.below(25) as i32,
            severity_text: self.text(),
            body: (!self.once_in(4)).then(|| self.value(4)),
            attributes: self.attributes(),
            dropped_attributes_count: self.number() as u32,
            flags: self.number() as u32,
            trace_id: self.optional_id(16),
            span_id: self.optional_id(8),
            event_name: self.text(),
        }
    }

    fn metric(&mut self) -> Metric {
        let aggregation_temporality = self.below(3) as i32;
        let data = match self.below(6) {
            0 => None,
            1 => Some(Data::Gauge(Gauge { data_points: self.list(4, Self::number_point) })),
            2 => Some(Data::Sum(Sum {
                data_points: self.list(4, Self::number_point),
                aggregation_temporality,
                is_monotonic: self.once_in(2),
            })),
            3 => {
                let data_points = self.list(4, Self::histogram_point);
                Some(Data::Histogram(Histogram { data_points, aggregation_temporality }))
            }
            4 => {
                let data_points = self.list(4, Self::exponential_point);
                Some(Data::ExponentialHistogram(ExponentialHistogram {
                    data_points,
                    aggregation_temporality,
                }))
            }
            _ => Some(Data::Summary(Summary { data_points: self.list(4, Self::summary_point) })),
        };
        Metric {
            name: self.text(),
            description: self.text(),
            unit: self.text(),
            metadata: self.attributes(),
            data,
        }
    }

    fn number_point(&mut self) -> NumberDataPoint {
        NumberDataPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.number(),
            time_unix_nano: self.number(),
            exemplars: self.list(2, Self::exemplar),
            flags: self.number() as u32,
            value: match self.below(3) {
                0 => None,
                1 => Some(number_data_point::Value::AsInt(self.number() as i64)),
                _ => Some(number_data_point::Value::AsDouble(self.double())),
            },
        }
    }

    fn exemplar(&mut self) -> Exemplar {
        Exemplar {
            filtered_attributes: self.attributes(),
            time_unix_nano: self.number(),
            span_id: self.optional_id(8),
            trace_id: self.optional_id(16),
            value: match self.below(3) {
                0 => None,
                1 => Some(exemplar::Value::AsInt(self.number() as i64)),
                _ => Some(exemplar::Value::AsDouble(self.double())),
            },
        }
    }

    fn histogram_point(&mut self) -> HistogramDataPoint {
        HistogramDataPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.number(),
            time_unix_nano: self.number(),
            count: self.number(),
            sum: self.maybe(),
            bucket_counts: self.list(5, Self::number),
            explicit_bounds: self.list(5, Self::double),
            exemplars: self.list(2, Self::exemplar),
            flags: self.number() as u32,
            min: self.maybe(),
            max: self.maybe(),
        }
    }

    fn exponential_point(&mut self) -> ExponentialHistogramDataPoint {
        ExponentialHistogramDataPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.number(),
            time_unix_nano: self.number(),
            count: self.number(),
            sum: self.maybe(),
            scale: self.number() as i32,
            zero_count: self.number(),
            positive: (!self.once_in(3)).then(|| self.buckets()),
            negative: (!self.once_in(3)).then(|| self.buckets()),
            flags: self.number() as u32,
            exemplars: self.list(2, Self::exemplar),
            min: self.maybe(),
            max: self.maybe(),
            zero_threshold: self.double(),
        }
    }

    fn buckets(&mut self) -> Buckets {
        Buckets { offset: self.number() as i32, bucket_counts: self.list(5, Self::number) }
    }

    fn summary_point(&mut self) -> SummaryDataPoint {
        SummaryDataPoint {
            attributes: self.attributes(),
            start_time_unix_nano: self.number(),
            time_unix_nano: self.number(),
            count: self.number(),
            sum: self.double(),
            quantile_values: self
                .list(3, |random| ValueAtQuantile { quantile: random.double(), value: random.double() }),
            flags: self.number() as u32,
        }
    }

    pub(crate) fn traces(&mut self) -> ExportTraceServiceRequest {
        let resource_spans = self.list(4, |random| ResourceSpans {
            resource: random.resource(),
            scope_spans: random.list(3, |random| ScopeSpans {
                scope: random.scope(),
                spans: random.list(5, Self::span),
                schema_url: random.schema_url(),
            }),
            schema_url: random.schema_url(),
        });
        ExportTraceServiceRequest { resource_spans }
    }

    pub(crate) fn logs(&mut self) -> ExportLogsServiceRequest {
        let resource_logs = self.list(4, |random| ResourceLogs {
            resource: random.resource(),
            scope_logs: random.list(3, |random| ScopeLogs {
                scope: random.scope(),
                log_records: random.list(5, Self::log_record),
                schema_url: random.schema_url(),
            }),
            schema_url: random.schema_url(),
        });
        ExportLogsServiceRequest { resource_logs }
    }

    pub(crate) fn metrics(&mut self) -> ExportMetricsServiceRequest {
        let resource_metrics = self.list(4, |random| ResourceMetrics {
            resource: random.resource(),
            scope_metrics: random.list(3, |random| ScopeMetrics {
                scope: random.scope(),
                metrics: random.list(5, Self::metric),
                schema_url: random.schema_url(),
            }),
            schema_url: random.schema_url(),
        });
        ExportMetricsServiceRequest { resource_metrics }
    }

    /// A valid encoded request.
    pub(crate) fn request(&mut self, signal: Signal) -> Vec<u8> {
        match signal {
            Signal::Traces => self.traces().encode_to_vec(),
            Signal::Metrics => self.metrics().encode_to_vec(),
            Signal::Logs => self.logs().encode_to_vec(),
        }
    }
}

/// Decodes and encodes again with OpenTelemetry's messages: equal requests give equal bytes.
pub(crate) fn normalized(signal: Signal, bytes: &[u8]) -> Result<Vec<u8>, prost::DecodeError> {
    Ok(match signal {
        Signal::Traces => ExportTraceServiceRequest::decode(bytes)?.encode_to_vec(),
        Signal::Metrics => ExportMetricsServiceRequest::decode(bytes)?.encode_to_vec(),
        Signal::Logs => ExportLogsServiceRequest::decode(bytes)?.encode_to_vec(),
    })
}

/// An item and what it belongs to, as bytes: resource and its schema URL, scope and its schema URL, for data points the
/// metric without its points; then the item.
pub(crate) type Placed = (Vec<u8>, String, Vec<u8>, String, Vec<u8>, Vec<u8>);

/// All items of a request, in their order.
pub(crate) fn items(signal: Signal, bytes: &[u8]) -> Vec<Placed> {
    let mut all = Vec::new();
    match signal {
        Signal::Traces => {
            for outer in ExportTraceServiceRequest::decode(bytes).unwrap().resource_spans {
                for inner in outer.scope_spans {
                    for item in inner.spans {
                        all.push((
                            outer.resource.encode(),
                            outer.schema_url.clone(),
                            inner.scope.encode(),
                            inner.schema_url.clone(),
                            Vec::new(),
                            item.encode_to_vec(),
                        ));
                    }
                }
            }
        }
        Signal::Logs => {
            for outer in ExportLogsServiceRequest::decode(bytes).unwrap().resource_logs {
                for inner in outer.scope_logs {
                    for item in inner.log_records {
                        all.push((
                            outer.resource.encode(),
                            outer.schema_url.clone(),
                            inner.scope.encode(),
                            inner.schema_url.clone(),
                            Vec::new(),
                            item.encode_to_vec(),
                        ));
                    }
                }
            }
        }
        Signal::Metrics => {
            for outer in ExportMetricsServiceRequest::decode(bytes).unwrap().resource_metrics {
                for inner in outer.scope_metrics {
                    for mut metric in inner.metrics {
                        let points = take_points(&mut metric);
                        for point in points {
                            all.push((
                                outer.resource.encode(),
                                outer.schema_url.clone(),
                                inner.scope.encode(),
                                inner.schema_url.clone(),
                                metric.encode_to_vec(),
                                point,
                            ));
                        }
                    }
                }
            }
        }
    }
    all
}

fn take_points(metric: &mut Metric) -> Vec<Vec<u8>> {
    fn encode<T: Message>(points: &mut Vec<T>) -> Vec<Vec<u8>> {
        points.drain(..).map(|point| point.encode_to_vec()).collect()
    }
    match &mut metric.data {
        None => Vec::new(),
        Some(Data::Gauge(data)) => encode(&mut data.data_points),
        Some(Data::Sum(data)) => encode(&mut data.data_points),
        Some(Data::Histogram(data)) => encode(&mut data.data_points),
        Some(Data::ExponentialHistogram(data)) => encode(&mut data.data_points),
        Some(Data::Summary(data)) => encode(&mut data.data_points),
    }
}

/// Tells an absent message from an empty one.
trait Encoded {
    fn encode(&self) -> Vec<u8>;
}

impl<T: Message> Encoded for Option<T> {
    fn encode(&self) -> Vec<u8> {
        self.as_ref().map_or_else(Vec::new, |message| [&[1][..], &message.encode_to_vec()].concat())
    }
}
