//! Metrics.

use std::time::Duration;

use opentelemetry_sdk::{
    error::OTelSdkResult,
    metrics::{
        Aggregation, Instrument, InstrumentKind, Stream, Temporality, data::ResourceMetrics,
        exporter::PushMetricExporter,
    },
};
use spanlayer_otlp::{Signal, sdk::metrics_request};

use super::Exporter;

impl PushMetricExporter for Exporter {
    fn export(&self, metrics: &ResourceMetrics) -> impl Future<Output = OTelSdkResult> + Send {
        self.send(Signal::Metrics, metrics_request(metrics))
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.close(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}

/// The aggregation preference `base2_exponential_bucket_histogram` (OpenTelemetry specification, *Metrics Exporter -
/// OTLP*), as a view for `SdkMeterProvider::builder().with_view`: histograms whose buckets fit themselves to what is
/// measured, 160 of them at most, at a scale of at most 20.
pub fn exponential_histograms(instrument: &Instrument) -> Option<Stream> {
    let aggregation =
        Aggregation::Base2ExponentialHistogram { max_size: 160, max_scale: 20, record_min_max: true };
    let wanted = instrument.kind() == InstrumentKind::Histogram;
    wanted.then(|| Stream::builder().with_aggregation(aggregation).build().ok()).flatten()
}
