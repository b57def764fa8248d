//! Metrics.

use super::{attributes, resource, scope, unix_nanos};
use crate::wire::{
    bytes_field, bytes_unless_empty, double_field, fixed64_field, fixed64_unless_zero, message_field,
    sint32_field, varint, varint_unless_zero,
};
use opentelemetry::KeyValue;
use opentelemetry_sdk::metrics::{
    Temporality,
    data::{
        AggregatedMetrics, Exemplar, ExponentialBucket, ExponentialHistogram, Histogram, Metric, MetricData,
        ResourceMetrics, ScopeMetrics,
    },
};

/// Encodes what a reader collected as an `ExportMetricsServiceRequest`; no bytes when there are no metrics.
pub fn metrics_request(metrics: &ResourceMetrics) -> Vec<u8> {
    metrics_request_of(metrics, |out| out.extend_from_slice(&resource(metrics.resource())))
}

/// The same with a resource of the caller's: `resource` appends the body of a `Resource` message.
pub fn metrics_request_of(metrics: &ResourceMetrics, resource: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    if metrics.scope_metrics().all(|scope| scope.metrics().next().is_none()) {
        return out;
    }
    message_field(&mut out, 1, |out| {
        message_field(out, 1, resource);
        for scope in metrics.scope_metrics() {
            message_field(out, 2, |out| scope_metrics(out, scope));
        }
        bytes_unless_empty(out, 3, metrics.resource().schema_url().unwrap_or_default().as_bytes());
    });
    out
}

fn scope_metrics(out: &mut Vec<u8>, metrics: &ScopeMetrics) {
    bytes_field(out, 1, &scope(metrics.scope()));
    for metric in metrics.metrics() {
        message_field(out, 2, |out| write_metric(out, metric));
    }
    bytes_unless_empty(out, 3, metrics.scope().schema_url().unwrap_or_default().as_bytes());
}

fn write_metric(out: &mut Vec<u8>, metric: &Metric) {
    bytes_unless_empty(out, 1, metric.name().as_bytes());
    bytes_unless_empty(out, 2, metric.description().as_bytes());
    bytes_unless_empty(out, 3, metric.unit().as_bytes());
    match metric.data() {
        AggregatedMetrics::F64(data) => write_data(out, data),
        AggregatedMetrics::U64(data) => write_data(out, data),
        AggregatedMetrics::I64(data) => write_data(out, data),
    }
}

/// A measured number: data points keep whether it is an integer, histograms hold doubles only.
trait Number: Copy {
    fn double(self) -> f64;
    /// Writes the member `as_int` or `as_double`, with the field number that the message has for it.
    fn write(self, out: &mut Vec<u8>, as_double: u32, as_int: u32);
}

impl Number for f64 {
    fn double(self) -> f64 {
        self
    }

    fn write(self, out: &mut Vec<u8>, as_double: u32, _: u32) {
        double_field(out, as_double, self);
    }
}

impl Number for i64 {
    fn double(self) -> f64 {
        self as f64
    }

    fn write(self, out: &mut Vec<u8>, _: u32, as_int: u32) {
        fixed64_field(out, as_int, self.cast_unsigned());
    }
}

impl Number for u64 {
    fn double(self) -> f64 {
        self as f64
    }

    /// OTLP's integers are signed: what is larger is nearest as the largest, and not negative.
    fn write(self, out: &mut Vec<u8>, _: u32, as_int: u32) {
        fixed64_field(out, as_int, self.min(i64::MAX.cast_unsigned()));
    }
}

fn write_data<T: Number>(out: &mut Vec<u8>, data: &MetricData<T>) {
    match data {
        MetricData::Gauge(gauge) => message_field(out, 5, |out| {
            let times = (gauge.start_time().map_or(0, unix_nanos), unix_nanos(gauge.time()));
            for point in gauge.data_points() {
                number_point(out, times, point.value(), point.attributes(), point.exemplars());
            }
        }),
        MetricData::Sum(sum) => message_field(out, 7, |out| {
            let times = (unix_nanos(sum.start_time()), unix_nanos(sum.time()));
            for point in sum.data_points() {
                number_point(out, times, point.value(), point.attributes(), point.exemplars());
            }
            varint_unless_zero(out, 2, temporality(sum.temporality()));
            varint_unless_zero(out, 3, sum.is_monotonic().into());
        }),
        MetricData::Histogram(histogram) => message_field(out, 9, |out| write_histogram(out, histogram)),
        MetricData::ExponentialHistogram(histogram) => {
            message_field(out, 10, |out| write_exponential(out, histogram))
        }
    }
}

fn number_point<'a, T: Number + 'a>(
    out: &mut Vec<u8>,
    (start, time): (u64, u64),
    value: T,
    attributes: impl Iterator<Item = &'a KeyValue>,
    exemplars: impl Iterator<Item = &'a Exemplar<T>>,
) {
    message_field(out, 1, |out| {
        fixed64_unless_zero(out, 2, start);
        fixed64_unless_zero(out, 3, time);
        value.write(out, 4, 6);
        write_exemplars(out, 5, exemplars);
        write_attributes(out, 7, attributes);
    });
}

fn write_histogram<T: Number>(out: &mut Vec<u8>, histogram: &Histogram<T>) {
    for point in histogram.data_points() {
        message_field(out, 1, |out| {
            fixed64_unless_zero(out, 2, unix_nanos(histogram.start_time()));
            fixed64_unless_zero(out, 3, unix_nanos(histogram.time()));
            fixed64_unless_zero(out, 4, point.count());
            double_field(out, 5, point.sum().double());
            packed_fixed64(out, 6, point.bucket_counts());
            packed_fixed64(out, 7, point.bounds().map(f64::to_bits));
            write_exemplars(out, 8, point.exemplars());
            write_attributes(out, 9, point.attributes());
            optional_double(out, 11, point.min());
            optional_double(out, 12, point.max());
        });
    }
    varint_unless_zero(out, 2, temporality(histogram.temporality()));
}

fn write_exponential<T: Number>(out: &mut Vec<u8>, histogram: &ExponentialHistogram<T>) {
    for point in histogram.data_points() {
        message_field(out, 1, |out| {
            write_attributes(out, 1, point.attributes());
            fixed64_unless_zero(out, 2, unix_nanos(histogram.start_time()));
            fixed64_unless_zero(out, 3, unix_nanos(histogram.time()));
            fixed64_unless_zero(out, 4, point.count() as u64);
            double_field(out, 5, point.sum().double());
            if point.scale() != 0 {
                sint32_field(out, 6, point.scale().into());
            }
            fixed64_unless_zero(out, 7, point.zero_count());
            message_field(out, 8, |out| write_buckets(out, point.positive_bucket()));
            message_field(out, 9, |out| write_buckets(out, point.negative_bucket()));
            write_exemplars(out, 11, point.exemplars());
            optional_double(out, 12, point.min());
            optional_double(out, 13, point.max());
            fixed64_unless_zero(out, 14, point.zero_threshold().to_bits());
        });
    }
    varint_unless_zero(out, 2, temporality(histogram.temporality()));
}

fn write_buckets(out: &mut Vec<u8>, buckets: &ExponentialBucket) {
    if buckets.offset() != 0 {
        sint32_field(out, 1, buckets.offset());
    }
    if buckets.counts().next().is_some() {
        message_field(out, 2, |out| buckets.counts().for_each(|count| varint(out, count)));
    }
}

fn write_exemplars<'a, T: Number + 'a>(
    out: &mut Vec<u8>,
    number: u32,
    exemplars: impl Iterator<Item = &'a Exemplar<T>>,
) {
    for exemplar in exemplars {
        message_field(out, number, |out| {
            fixed64_unless_zero(out, 2, unix_nanos(exemplar.time()));
            exemplar.value.write(out, 3, 6);
            // All zeros is the SDK's way to say that there was no span.
            if *exemplar.span_id() != [0; 8] {
                bytes_field(out, 4, exemplar.span_id());
            }
            if *exemplar.trace_id() != [0; 16] {
                bytes_field(out, 5, exemplar.trace_id());
            }
            write_attributes(out, 7, exemplar.filtered_attributes());
        });
    }
}

fn write_attributes<'a>(out: &mut Vec<u8>, number: u32, pairs: impl Iterator<Item = &'a KeyValue>) {
    attributes(out, number, pairs.map(|kv| (&kv.key, &kv.value)));
}

fn optional_double<T: Number>(out: &mut Vec<u8>, number: u32, value: Option<T>) {
    if let Some(value) = value {
        double_field(out, number, value.double());
    }
}

fn packed_fixed64(out: &mut Vec<u8>, number: u32, values: impl Iterator<Item = u64>) {
    let mut values = values.peekable();
    if values.peek().is_some() {
        message_field(out, number, |out| {
            values.for_each(|value| out.extend_from_slice(&value.to_le_bytes()))
        });
    }
}

fn temporality(temporality: Temporality) -> u64 {
    match temporality {
        Temporality::Delta => 1,
        // Low memory chooses between the two for each instrument; data that carries it is cumulative.
        _ => 2,
    }
}
