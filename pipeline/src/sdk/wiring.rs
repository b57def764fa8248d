//! Providers of all three signals around one stack.

#[cfg(unix)]
use std::{future::poll_fn, task::Poll};
use std::{
    io,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use spanlayer_host::clock;

use super::{Exporter, Preferences, exponential_histograms, exporter::Failures};
use crate::Export;
use opentelemetry::{
    KeyValue, global,
    metrics::{Meter, MeterProvider as _},
    trace::TracerProvider as _,
};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    logs::{BatchLogProcessor, SdkLoggerProvider},
    metrics::{PeriodicReader, SdkMeterProvider, Temporality},
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider},
};

/// How a program's telemetry is set up.
///
/// | | |
/// |---|---|
/// | spans wait in a queue of | 2,048; more are dropped by the SDK, which says so |
/// | are sent | 512 at a time, every 5 s, and at the end |
/// | sampled | all |
/// | log records are sent | as the SDK has it: 512 at a time, every second |
/// | metrics are read | every 60 s, and at the end |
/// | metrics are measured | as the environment prefers ([`Preferences`]) |
/// | resource | the SDK's (`OTEL_RESOURCE_ATTRIBUTES`, `telemetry.sdk.*`), with `service.name` and `service.version` |
#[derive(Clone, Debug)]
pub struct Wiring {
    service: String,
    attributes: Vec<KeyValue>,
    temporality: Temporality,
    exponential: bool,
}

impl Wiring {
    /// The telemetry of this service in this version.
    pub fn service(name: impl Into<String>, version: impl Into<String>) -> Self {
        let version = KeyValue::new("service.version", version.into());
        let Preferences { temporality, exponential_histograms: exponential, .. } = Preferences::of_process();
        Self { service: name.into(), attributes: vec![version], temporality, exponential }
    }

    /// Adds an attribute to the resource.
    #[must_use]
    pub fn attribute(mut self, attribute: KeyValue) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Measures metrics as these preferences say, instead of those of the process's environment.
    #[must_use]
    pub fn preferring(mut self, preferences: &Preferences) -> Self {
        (self.temporality, self.exponential) = (preferences.temporality, preferences.exponential_histograms);
        self
    }

    /// What metrics are measured against. See [`Exporter::with_temporality`].
    #[must_use]
    pub const fn temporality(mut self, temporality: Temporality) -> Self {
        self.temporality = temporality;
        self
    }

    /// Histograms whose buckets fit themselves to what is measured. See [`exponential_histograms`].
    #[must_use]
    pub const fn exponential_histograms(mut self) -> Self {
        self.exponential = true;
        self
    }

    /// Starts the providers, which export to any stack, or to a [`Pipeline`](crate::Pipeline).
    pub fn start(self, export: impl Export + 'static) -> Telemetry {
        let exporter = Exporter::new(export).with_temporality(self.temporality);
        let resource =
            Resource::builder().with_service_name(self.service).with_attributes(self.attributes).build();
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(2048)
            .with_max_export_batch_size(512)
            .with_scheduled_delay(Duration::from_secs(5));
        let spans = BatchSpanProcessor::builder(exporter.clone()).with_batch_config(config.build()).build();
        let traces = SdkTracerProvider::builder()
            .with_span_processor(spans)
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource.clone());
        let records = BatchLogProcessor::builder(exporter.clone()).build();
        let logs = SdkLoggerProvider::builder().with_log_processor(records).with_resource(resource.clone());
        let reader = PeriodicReader::builder(exporter.clone()).build();
        let metrics = SdkMeterProvider::builder().with_reader(reader).with_resource(resource);
        let metrics = if self.exponential { metrics.with_view(exponential_histograms) } else { metrics };
        Telemetry {
            traces: traces.build(),
            logs: logs.build(),
            metrics: metrics.build(),
            stack: Arc::new(exporter),
        }
    }
}

/// A program's telemetry: providers of all three signals. Cloning shares them.
///
/// End it by [`shutdown`](Self::shutdown), which waits until everything is delivered, for ten seconds at most; a server
/// gets there by [`until_stopped`](Self::until_stopped).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Telemetry {
    /// Of spans.
    pub traces: SdkTracerProvider,
    /// Of log records: for a bridge from a logging library.
    pub logs: SdkLoggerProvider,
    /// Of metrics.
    pub metrics: SdkMeterProvider,
    /// What all of them export to. The SDK asks its exporters for nothing but exports, and ends them when it likes.
    stack: Arc<Exporter>,
}

impl Telemetry {
    /// A tracer under this name.
    pub fn tracer(&self, name: &'static str) -> SdkTracer {
        self.traces.tracer(name)
    }

    /// A meter under this name.
    pub fn meter(&self, name: &'static str) -> Meter {
        self.metrics.meter(name)
    }

    /// Makes it what libraries find that record through `opentelemetry::global`.
    pub fn set_global(&self) {
        global::set_tracer_provider(self.traces.clone());
        global::set_meter_provider(self.metrics.clone());
    }

    /// Exports everything recorded so far, also what a stage holds back and what a destination is still being sent, and
    /// waits for it on this thread, for 30 s at most.
    ///
    /// # Errors
    ///
    /// That of an export that failed meanwhile, or the first that a signal has; `Timeout` when the time is up;
    /// `AlreadyShutdown` after a shutdown.
    pub fn force_flush(&self) -> OTelSdkResult {
        self.force_flush_within(FLUSH)
    }

    /// [`force_flush`](Self::force_flush) with a limit of one's own.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn force_flush_within(&self, limit: Duration) -> OTelSdkResult {
        if self.stack.is_closed() {
            return Err(OTelSdkError::AlreadyShutdown);
        }
        let (start, failed) = (clock::monotonic(), self.stack.failures().count());
        let patiently = |flush: fn(&Self) -> OTelSdkResult| -> Work {
            let (telemetry, failures) = (self.clone(), Arc::clone(self.stack.failures()));
            Box::new(move || patiently(|| flush(&telemetry), &failures, limit))
        };
        let all = [
            patiently(|telemetry| telemetry.traces.force_flush()),
            patiently(|telemetry| telemetry.logs.force_flush()),
            patiently(|telemetry| telemetry.metrics.force_flush()),
        ];
        let exported = side_by_side(all, limit);
        let drained = self.stack.flush_within(limit.saturating_sub(start.elapsed()));
        // What an export or the stack said is more than what the SDK makes of it.
        let outcome = self.stack.failures().since(failed).and(drained).and(exported);
        in_time(outcome, start, limit)
    }

    /// Exports everything recorded, waits for it on this thread, for ten seconds at most, and ends. Again, it does
    /// nothing.
    ///
    /// # Errors
    ///
    /// That of an export that failed meanwhile, or the first that a signal has; `Timeout` when the time is up, and then what
    /// was under way is lost.
    pub fn shutdown(&self) -> OTelSdkResult {
        self.shutdown_within(SHUTDOWN)
    }

    /// [`shutdown`](Self::shutdown) with a limit of one's own.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn shutdown_within(&self, limit: Duration) -> OTelSdkResult {
        let (start, failed) = (clock::monotonic(), self.stack.failures().count());
        let Self { traces, logs, metrics, .. } = self.clone();
        let all: [Work; 3] = [
            Box::new(move || traces.shutdown_with_timeout(limit)),
            Box::new(move || logs.shutdown_with_timeout(limit)),
            Box::new(move || metrics.shutdown_with_timeout(limit)),
        ];
        let exported = side_by_side(all, limit.saturating_add(GRACE));
        let ended = self.stack.close(limit.saturating_sub(start.elapsed()));
        let outcome = self.stack.failures().since(failed).and(ended).and(exported);
        in_time(outcome, start, limit)
    }

    /// Waits until the program is told to stop (SIGTERM, SIGINT), for whoever then calls [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    ///
    /// When signals cannot be heard.
    #[cfg(unix)]
    pub async fn until_stopped() -> io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        poll_fn(|cx| match (terminate.poll_recv(cx), interrupt.poll_recv(cx)) {
            (Poll::Pending, Poll::Pending) => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        })
        .await
    }

    /// Waits until the program is told to stop (Ctrl-C), for whoever then calls [`shutdown`](Self::shutdown).
    ///
    /// # Errors
    ///
    /// When that cannot be heard.
    #[cfg(not(unix))]
    pub async fn until_stopped() -> io::Result<()> {
        tokio::signal::ctrl_c().await
    }
}

/// Flushes once more where the SDK gave up by itself, which it does after five seconds.
fn patiently(flush: impl Fn() -> OTelSdkResult, failures: &Failures, limit: Duration) -> OTelSdkResult {
    let (start, failed) = (clock::monotonic(), failures.count());
    loop {
        let began = clock::monotonic();
        let outcome = flush();
        let gave_up = outcome.is_err() && failures.count() == failed && began.elapsed() >= SDK_GIVES_UP;
        if !gave_up || start.elapsed() >= limit {
            return outcome;
        }
    }
}

/// The SDK tells in words only that the time was up, and of some part of it.
fn in_time(outcome: OTelSdkResult, start: Instant, limit: Duration) -> OTelSdkResult {
    outcome.map_err(|error| if start.elapsed() >= limit { OTelSdkError::Timeout(limit) } else { error })
}

type Work = Box<dyn FnOnce() -> OTelSdkResult + Send>;

/// Does all of it at once, and does not wait for longer than this, whatever the SDK does.
fn side_by_side(all: [Work; 3], limit: Duration) -> OTelSdkResult {
    let (tell, hear) = mpsc::channel();
    let count = all.len();
    for work in all {
        let tell = tell.clone();
        thread::Builder::new()
            .name("spanlayer-flush".to_owned())
            .spawn(move || tell.send(work()))
            .map_err(|error| OTelSdkError::InternalFailure(error.to_string()))?;
    }
    let start = clock::monotonic();
    let mut outcome = Ok(());
    for _ in 0..count {
        let left = limit.saturating_sub(start.elapsed());
        let one = hear.recv_timeout(left).unwrap_or(Err(OTelSdkError::Timeout(limit)));
        outcome = outcome.and(match one {
            Err(OTelSdkError::AlreadyShutdown) => Ok(()),
            other => other,
        });
    }
    outcome
}

const FLUSH: Duration = Duration::from_secs(30);
const SDK_GIVES_UP: Duration = Duration::from_secs(5);
const SHUTDOWN: Duration = Duration::from_secs(10);

/// What a shutdown needs to say that its time is up.
const GRACE: Duration = Duration::from_millis(500);
