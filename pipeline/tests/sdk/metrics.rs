//! Exact points of every kind of instrument, from a real meter.

use std::collections::HashMap;

use opentelemetry::{KeyValue, metrics::MeterProvider as _};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use spanlayer_pipeline::{
    Batch, Memory,
    read::{self, Data, Number, PointData, Temporality as Sent},
    sdk::{Exporter, Preferences, Wiring, exponential_histograms},
};

fn provider(memory: &Memory, temporality: Temporality, exponential: bool) -> SdkMeterProvider {
    let exporter = Exporter::new(memory.clone()).with_temporality(temporality);
    let builder = SdkMeterProvider::builder().with_reader(PeriodicReader::builder(exporter).build());
    if exponential { builder.with_view(exponential_histograms) } else { builder }.build()
}

/// The only point of a metric, and what it is measured against.
fn point<T>(batch: &Batch, name: &str, then: impl FnOnce(&read::Metric<'_>, PointData<'_>) -> T) -> T {
    let request = batch.request();
    let metric = read::metrics(&request).find(|metric| metric.name == name).unwrap();
    let points: Vec<_> = metric.points().collect();
    assert_eq!(points.len(), 1, "{name}");
    assert_eq!(points[0].attributes.find("k"), Some(read::Value::Text("v")), "{name}");
    then(&metric, points[0].data)
}

fn record(provider: &SdkMeterProvider) {
    let (meter, k) = (provider.meter("tests"), [KeyValue::new("k", "v")]);
    meter.u64_counter("counter").build().add(3, &k);
    meter.f64_counter("float_counter").build().add(0.5, &k);
    meter.i64_up_down_counter("up_down").build().add(-4, &k);
    meter.i64_gauge("gauge").build().record(-7, &k);
    meter.f64_gauge("float_gauge").build().record(1.25, &k);
    let histogram = meter.f64_histogram("histogram").with_boundaries(vec![1.0, 10.0]).build();
    [0.5, 5.0, 6.0, 50.0].into_iter().for_each(|value| histogram.record(value, &k));
}

#[test]
fn gauges_sums_and_histograms_arrive_with_their_exact_points() {
    let memory = Memory::new();
    let provider = provider(&memory, Temporality::Cumulative, false);
    record(&provider);
    provider.force_flush().unwrap();
    let batch = &memory.batches()[0];
    for (name, expected) in [
        ("counter", Number::Int(3)),
        ("float_counter", Number::Double(0.5)),
        ("up_down", Number::Int(-4)),
        ("gauge", Number::Int(-7)),
        ("float_gauge", Number::Double(1.25)),
    ] {
        point(batch, name, |_, data| match data {
            PointData::Number(Some(number)) => assert_eq!(number, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        });
    }
    point(batch, "histogram", |_, data| {
        let PointData::Histogram(histogram) = data else { panic!("{data:?}") };
        assert_eq!((histogram.count, histogram.sum), (4, Some(61.5)));
        assert_eq!((histogram.min, histogram.max), (Some(0.5), Some(50.0)));
        assert_eq!(histogram.bucket_counts().collect::<Vec<_>>(), [1, 2, 1]);
        assert_eq!(histogram.bounds().collect::<Vec<_>>(), [1.0, 10.0]);
    });
    provider.shutdown().unwrap();
}

#[test]
fn histograms_are_exponential_for_those_who_prefer_it() {
    let memory = Memory::new();
    let provider = provider(&memory, Temporality::Cumulative, true);
    let (meter, k) = (provider.meter("tests"), [KeyValue::new("k", "v")]);
    let histogram = meter.u64_histogram("sizes").build();
    [1, 2, 4, 0].into_iter().for_each(|value| histogram.record(value, &k));
    provider.force_flush().unwrap();
    point(&memory.batches()[0], "sizes", |_, data| {
        let PointData::ExponentialHistogram(histogram) = data else { panic!("{data:?}") };
        assert_eq!((histogram.count, histogram.sum, histogram.zero_count), (4, Some(7.0), 1));
        assert_eq!((histogram.min, histogram.max), (Some(0.0), Some(4.0)));
        // Two octaves, and no more than 160 buckets for them: 64 an octave, each of which includes its upper bound.
        assert_eq!((histogram.scale, histogram.positive.offset), (6, -1));
        let filled: Vec<(usize, u64)> =
            histogram.positive.counts().enumerate().filter(|(_, count)| *count > 0).collect();
        assert_eq!(filled, [(0, 1), (64, 1), (128, 1)]);
        assert_eq!(histogram.negative.counts().sum::<u64>(), 0);
    });
    provider.shutdown().unwrap();
}

#[test]
fn what_the_environment_prefers_is_what_a_wired_program_sends() {
    let vars = HashMap::from([
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "base2_exponential_bucket_histogram"),
    ]);
    let memory = Memory::new();
    let preferences = Preferences::from_vars(&vars);
    let telemetry = Wiring::service("shop", "1").preferring(&preferences).start(memory.clone());
    telemetry.meter("tests").u64_histogram("sizes").build().record(4, &[KeyValue::new("k", "v")]);
    telemetry.force_flush().unwrap();
    point(&memory.batches()[0], "sizes", |metric, data| {
        assert!(matches!(data, PointData::ExponentialHistogram(_)), "{data:?}");
        let Data::ExponentialHistogram { temporality, .. } = metric.data else { panic!("{:?}", metric.data) };
        assert_eq!(temporality, Sent::Delta);
    });
    telemetry.shutdown().unwrap();
}

#[test]
fn temporality_follows_the_preference_for_each_kind_of_instrument() {
    for (preference, counter, observed, up_down) in [
        (Temporality::Cumulative, Sent::Cumulative, Sent::Cumulative, Sent::Cumulative),
        (Temporality::Delta, Sent::Delta, Sent::Delta, Sent::Cumulative),
        (Temporality::LowMemory, Sent::Delta, Sent::Cumulative, Sent::Cumulative),
    ] {
        let memory = Memory::new();
        let provider = provider(&memory, preference, false);
        let (meter, k) = (provider.meter("tests"), KeyValue::new("k", "v"));
        let counts = meter.u64_counter("counter").build();
        let levels = meter.i64_up_down_counter("up_down").build();
        let seen = meter
            .u64_observable_counter("observed")
            .with_callback(move |to| to.observe(5, &[KeyValue::new("k", "v")]));
        let _seen = seen.build();
        for _ in 0..2 {
            counts.add(3, std::slice::from_ref(&k));
            levels.add(2, std::slice::from_ref(&k));
            provider.force_flush().unwrap();
        }
        let last = memory.batches()[1].clone();
        for (name, expected, cumulated, delta) in
            [("counter", counter, 6, 3), ("observed", observed, 5, 0), ("up_down", up_down, 4, 2)]
        {
            point(&last, name, |metric, data| {
                let Data::Sum { temporality, .. } = metric.data else { panic!("{:?}", metric.data) };
                assert_eq!(temporality, expected, "{preference:?} {name}");
                let value = if expected == Sent::Delta { delta } else { cumulated };
                let PointData::Number(Some(number)) = data else { panic!("{data:?}") };
                assert_eq!(number, Number::Int(value), "{preference:?} {name}");
            });
        }
        provider.shutdown().unwrap();
    }
}
