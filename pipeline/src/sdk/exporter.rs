//! What the exporters of all signals have in common: a way in, a limit, an end.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, mpsc},
    time::Duration,
};

use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    metrics::Temporality,
};
use spanlayer_host::clock;
use spanlayer_otlp::Signal;
use tokio::{sync::oneshot, task::AbortHandle};

use super::{Preferences, gate::Gate, runtime::Runtime};
use crate::{Batch, Deadline, Export, Outcome, Payload, export::Custom, stage::Caught};

/// Any [`Export`] as a `SpanExporter`, a `LogExporter` and a `PushMetricExporter`. A clone is another exporter to the same
/// place, with a shutdown of its own: give one to each provider. When the last has shut down, the stack is dropped, which
/// is when consoles and meters say their last line.
///
/// | | |
/// |---|---|
/// | limit of an export, all attempts together | 30 s ([`with_limit`](Self::with_limit)) |
/// | limit of `force_flush` | the same |
/// | temporality of metrics | what the environment prefers ([`Preferences`]), else cumulative ([`with_temporality`](Self::with_temporality)) |
///
/// | what happened | error |
/// |---|---|
/// | no outcome within the limit | `Timeout` with the limit; the request was stopped, its connection closed |
/// | refused, or every attempt failed, or the stack panicked | `InternalFailure` with the destination's words, or the panic's |
/// | export after shutdown | `AlreadyShutdown`, and nothing is sent |
/// | shutdown with exports still under way at its limit | `Timeout`; they are stopped |
/// | shutdown again | none |
///
/// The SDK's processors flush and end themselves, and not always what is behind them: a `force_flush` of a provider does
/// not wait for what a [`Buffer`](crate::stage::Buffer) holds back or a [`FanOut`](crate::stage::FanOut) is still sending,
/// and the processors of its experimental feature answer a shutdown before they end their exporter. With such a stack keep a
/// clone, and have it `force_flush` after the provider: it waits for all of that. [`Telemetry`](super::Telemetry) does so.
///
/// ```
/// use opentelemetry::trace::{Tracer as _, TracerProvider as _};
/// use opentelemetry_sdk::trace::SdkTracerProvider;
/// use spanlayer_pipeline::{Memory, sdk::Exporter};
///
/// let memory = Memory::new();
/// let provider = SdkTracerProvider::builder().with_batch_exporter(Exporter::new(memory.clone())).build();
/// provider.tracer("shop").in_span("checkout", |_| {});
/// provider.force_flush()?;
/// assert_eq!(memory.items(), 1);
/// provider.shutdown()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Exporter {
    /// Gone after shutdown.
    shared: Mutex<Option<Arc<Shared>>>,
    gate: Arc<Gate>,
    failures: Arc<Failures>,
    limit: Duration,
    pub(super) resource: Resource,
    pub(super) temporality: Temporality,
}

/// How many exports and last flushes failed, and what the last of them said: the SDK forgets most of it.
#[derive(Default)]
pub(super) struct Failures(Mutex<(u64, String)>);

impl Failures {
    fn note(&self, error: &OTelSdkError) {
        let words = match error {
            OTelSdkError::InternalFailure(words) => words.clone(),
            other => other.to_string(),
        };
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *noted = (noted.0 + 1, words);
    }

    pub(super) fn count(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// An error if there were any since there were so many.
    pub(super) fn since(&self, count: u64) -> OTelSdkResult {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.0 > count { Err(failed(noted.1.clone())) } else { Ok(()) }
    }
}

/// What clones share.
struct Shared {
    stack: Custom,
    runtime: OnceLock<Result<Runtime, String>>,
}

impl Exporter {
    /// Exports to any stack, or to a [`Pipeline`](crate::Pipeline).
    pub fn new(export: impl Export + 'static) -> Self {
        let shared = Shared { stack: Custom(Arc::new(Caught(export))), runtime: OnceLock::new() };
        Self {
            shared: Mutex::new(Some(Arc::new(shared))),
            gate: Arc::default(),
            failures: Arc::default(),
            limit: LIMIT,
            resource: Resource::builder_empty().build(),
            temporality: Preferences::of_process().temporality,
        }
    }

    /// Limits each export, with all its attempts, and each flush.
    #[must_use]
    pub const fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// What metrics are measured against (OpenTelemetry specification, *Metrics Exporter - OTLP*, temporality
    /// preference): since the start, or since the last time, for each kind of instrument.
    ///
    /// | | counters, histograms | observed counters | up-down counters |
    /// |---|---|---|---|
    /// | `Cumulative` | cumulative | cumulative | cumulative |
    /// | `Delta` | delta | delta | cumulative |
    /// | `LowMemory` | delta | cumulative | cumulative |
    #[must_use]
    pub const fn with_temporality(mut self, temporality: Temporality) -> Self {
        self.temporality = temporality;
        self
    }

    /// Sends a request on its way; the result does not need the caller's runtime, if it has one.
    pub(super) fn send(
        &self,
        signal: Signal,
        request: Vec<u8>,
    ) -> impl Future<Output = OTelSdkResult> + Send + use<> {
        let started = self.start(signal, request);
        async move {
            let Some(mut under_way) = started? else { return Ok(()) };
            (&mut under_way.outcome).await.unwrap_or_else(|_| Err(failed("the export was stopped")))
        }
    }

    fn start(&self, signal: Signal, request: Vec<u8>) -> Result<Option<UnderWay>, OTelSdkError> {
        let shared = self.shared().filter(|_| !self.gate.is_closed()).ok_or(OTelSdkError::AlreadyShutdown)?;
        if request.is_empty() {
            return Ok(None);
        }
        let payload = Payload::scan(signal, request.into()).map_err(|error| failed(error.to_string()))?;
        let Some(batch) = Batch::of([payload]) else { return Ok(None) };
        let (limit, on) = (self.limit, shared.runtime()?.handle.clone());
        let (tell, outcome) = oneshot::channel();
        let failures = Arc::clone(&self.failures);
        let work = async move {
            let by = Deadline::within(limit);
            let outcome = by.bound(shared.stack.export(batch, by)).await;
            let result = result(outcome, by, limit);
            if let Err(error) = &result {
                failures.note(error);
            }
            let _ = tell.send(result); // the caller may have left
        };
        let task = self.gate.start(&on, work).ok_or(OTelSdkError::AlreadyShutdown)?;
        Ok(Some(UnderWay { outcome, task }))
    }

    /// Sends on what the stack holds back, and waits for it on this thread.
    pub(super) fn flush(&self) -> OTelSdkResult {
        self.flush_within(self.limit)
    }

    pub(super) fn flush_within(&self, limit: Duration) -> OTelSdkResult {
        match self.shared() {
            Some(shared) => shared.flush(limit),
            None => Err(OTelSdkError::AlreadyShutdown),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }

    pub(super) fn failures(&self) -> &Arc<Failures> {
        &self.failures
    }

    /// Takes nothing more, waits for what is under way, and flushes the stack, all within the limit.
    pub(super) fn close(&self, limit: Duration) -> OTelSdkResult {
        if !self.gate.close() {
            return Ok(());
        }
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner).take();
        let start = clock::monotonic();
        if !self.gate.wait(limit) {
            self.gate.abort();
            // So that connections are closed before the runtime goes.
            self.gate.wait(STOPPING);
            return Err(OTelSdkError::Timeout(limit));
        }
        let left = limit.saturating_sub(start.elapsed());
        let flushed = shared.map_or(Ok(()), |shared| shared.flush(left));
        if let Err(error @ OTelSdkError::InternalFailure(_)) = &flushed {
            self.failures.note(error);
        }
        // What was left of the limit says little to the caller.
        flushed.map_err(|error| match error {
            OTelSdkError::Timeout(_) => OTelSdkError::Timeout(limit),
            other => other,
        })
    }

    fn shared(&self) -> Option<Arc<Shared>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn runtime(&self) -> Result<&Runtime, OTelSdkError> {
        let start = || Runtime::start().map_err(|error| format!("no thread to export on: {error}"));
        self.runtime.get_or_init(start).as_ref().map_err(failed)
    }

    fn flush(self: &Arc<Self>, limit: Duration) -> OTelSdkResult {
        let (tell, hear) = mpsc::sync_channel(1);
        let shared = Arc::clone(self);
        self.runtime()?.handle.spawn(async move {
            let by = Deadline::within(limit);
            let outcome = by.bound(shared.stack.drain(by)).await;
            drop(shared); // whoever waits may be the last
            let _ = tell.send(result(outcome, by, limit));
        });
        // The flush bounds itself; this is for a thread that does not get to run.
        hear.recv_timeout(limit.saturating_add(STOPPING)).unwrap_or(Err(OTelSdkError::Timeout(limit)))
    }
}

/// Another exporter to the same place, with a shutdown of its own.
impl Clone for Exporter {
    fn clone(&self) -> Self {
        Self {
            shared: Mutex::new(self.shared()),
            gate: Arc::default(),
            failures: Arc::clone(&self.failures),
            limit: self.limit,
            resource: self.resource.clone(),
            temporality: self.temporality,
        }
    }
}

impl fmt::Debug for Exporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exporter").field("limit", &self.limit).finish_non_exhaustive()
    }
}

/// An export that is stopped when nobody waits for it any more.
struct UnderWay {
    outcome: oneshot::Receiver<OTelSdkResult>,
    task: AbortHandle,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn result(outcome: Option<Outcome>, by: Deadline, limit: Duration) -> OTelSdkResult {
    match outcome {
        Some(Outcome::Delivered { .. }) => Ok(()),
        Some(Outcome::Refused { why, .. }) => Err(failed(why)),
        Some(Outcome::Retry { why, .. }) if !by.passed() => Err(failed(why)),
        Some(Outcome::Retry { .. }) | None => Err(OTelSdkError::Timeout(limit)),
    }
}

fn failed(why: impl Into<String>) -> OTelSdkError {
    OTelSdkError::InternalFailure(why.into())
}

/// OpenTelemetry specification, *Batching processor*, `exportTimeoutMillis`.
const LIMIT: Duration = Duration::from_secs(30);

/// What an export takes to stop.
const STOPPING: Duration = Duration::from_millis(200);
