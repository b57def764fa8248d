//! Metrics that the program records through the OpenTelemetry API: collected when an invocation was answered, observable
//! ones included, so that they leave with it.
//!
//! Each time, because the environment may be frozen for good after any invocation. It is cheap enough: a microsecond when
//! nothing was recorded, five for ten instruments that were, and after the response.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    time::{Duration, Instant},
};

use bytes::Bytes;
use opentelemetry::global;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{
        InstrumentKind, ManualReader, Pipeline, SdkMeterProvider, Temporality, data::ResourceMetrics,
        reader::MetricReader as SdkMetricReader,
    },
};
use spanlayer_host::clock;
use spanlayer_otlp::{Signal, sdk};

use crate::{courier::Posted, outbox::Outbox, resource, settings::MetricSettings, warning::warn};

/// Reads the metrics of a meter provider the way of this crate: [`metric_reader`](crate::metric_reader) makes one for a
/// provider of your own.
#[derive(Clone)]
pub struct MetricReader(Arc<Source>);

struct Source {
    reader: ManualReader,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What was collected last; its memory is used again.
    metrics: ResourceMetrics,
    /// The provider's resource, completed and encoded.
    resource: OnceLock<Bytes>,
}

/// The process's readers.
#[derive(Debug)]
pub(crate) struct Metrics {
    settings: MetricSettings,
    sources: Mutex<Vec<Weak<Source>>>,
    collected: Mutex<Option<Instant>>,
}

impl Metrics {
    pub(crate) fn new(settings: MetricSettings) -> Self {
        Self { settings, sources: Mutex::default(), collected: Mutex::default() }
    }

    /// A reader that is collected with every invocation.
    pub(crate) fn reader(&self) -> MetricReader {
        let temporality = match self.settings.temporality {
            crate::settings::Temporality::Cumulative => Temporality::Cumulative,
            crate::settings::Temporality::Delta => Temporality::Delta,
            crate::settings::Temporality::LowMemory => Temporality::LowMemory,
        };
        let reader = ManualReader::builder().with_temporality(temporality).build();
        let source = Arc::new(Source { reader, state: Mutex::default() });
        lock(&self.sources).push(Arc::downgrade(&source));
        MetricReader(source)
    }

    /// Installs a meter provider where the program has none.
    pub(crate) fn install(&self, resource: &Resource) {
        if self.settings.enabled && !is_provider_installed() {
            global::set_meter_provider(self.provider(resource));
        }
    }

    fn provider(&self, resource: &Resource) -> SdkMeterProvider {
        SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(self.reader()).build()
    }

    /// Collects, and sends what there is. Runs the callbacks of observable instruments, so nothing is locked meanwhile
    /// that recording spans or logs needs.
    pub(crate) fn collect(&self, outbox: &Outbox) -> Option<Posted> {
        if !self.settings.enabled || !self.is_due() {
            return None;
        }
        let sources: Vec<_> = lock(&self.sources).iter().filter_map(Weak::upgrade).collect();
        let mut posted = None;
        for source in sources {
            let collected = catch_unwind(AssertUnwindSafe(|| source.collect(|| outbox.resource())));
            let request = collected.unwrap_or_else(|_| {
                // The SDK's own lock is poisoned by it: there is no way back.
                warn("the callback of an observable instrument panicked: no more metrics from its provider");
                Bytes::new()
            });
            if !request.is_empty() {
                posted = outbox.send(Signal::Metrics, request).or(posted);
            }
        }
        posted
    }

    fn is_due(&self) -> bool {
        let Some(interval) = self.settings.interval else { return true };
        let now = clock::monotonic();
        let mut collected = lock(&self.collected);
        let due = collected.is_none_or(|last| now.duration_since(last) >= interval);
        if due {
            *collected = Some(now);
        }
        due
    }
}

impl Source {
    /// What was recorded since the last time, as an `ExportMetricsServiceRequest`; empty when that is nothing.
    fn collect(&self, ours: impl FnOnce() -> Resource) -> Bytes {
        let mut state = lock(&self.state);
        let State { metrics, resource } = &mut *state;
        if self.reader.collect(metrics).is_err() {
            // The provider was shut down, or is not there yet.
            return Bytes::new();
        }
        let encode = || sdk::resource(&resource::complete(metrics.resource(), &ours())).into();
        sdk::metrics_request_of(metrics, |out| out.extend_from_slice(resource.get_or_init(encode))).into()
    }
}

impl SdkMetricReader for MetricReader {
    fn register_pipeline(&self, pipeline: Weak<Pipeline>) {
        self.0.reader.register_pipeline(pipeline);
    }

    fn collect(&self, metrics: &mut ResourceMetrics) -> OTelSdkResult {
        self.0.reader.collect(metrics)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.reader.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.reader.shutdown_with_timeout(timeout)
    }

    fn temporality(&self, kind: InstrumentKind) -> Temporality {
        self.0.reader.temporality(kind)
    }
}

impl fmt::Debug for MetricReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricReader")
    }
}

/// Whether a real meter provider is installed. The API does not tell; but the one that stands in for none holds
/// nothing, while one that measures holds at least a pointer to what it measures into.
fn is_provider_installed() -> bool {
    size_of_val(&*global::meter_provider()) > 0
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A callback that panicked left nothing half done that is ours.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
