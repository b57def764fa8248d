//! Where telemetry ends up in tests: an OTLP/HTTP receiver on loopback that records what it got, or fails as asked.

mod mode;
mod received;
mod serve;

pub use mode::Mode;
pub use received::{ReceivedLog, ReceivedMetric, ReceivedSpan, Request, Value, attribute, hex};

use crate::Error;
use received::Record;
use serve::Core;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    runtime::Runtime,
    time::{Instant, timeout_at},
};

/// An OTLP/HTTP destination (protobuf; plain, gzip or zstd) whose behaviour can be switched while it runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), spanlayer_emulator::Error> {
/// use spanlayer_emulator::{Destination, Mode};
/// use std::time::Duration;
///
/// let destination = Destination::start(Mode::Healthy).await?;
/// assert!(destination.url().starts_with("http://127.0.0.1:"));
/// destination.set_mode(Mode::status(503));
/// assert!(destination.wait_for_spans(1, Duration::from_millis(10)).await.is_err());
/// # Ok(()) }
/// ```
///
/// It serves on a thread of its own.
#[derive(Debug)]
pub struct Destination {
    core: Arc<Core>,
    runtime: Option<Runtime>,
}

impl Destination {
    /// Starts one on a free port, recording everything.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start(mode: Mode) -> Result<Self, Error> {
        Self::launch(mode, true).await
    }

    /// Starts one that only counts, for load tests: bodies are neither decompressed, nor decoded, nor kept.
    ///
    /// # Errors
    ///
    /// When no port can be had.
    pub async fn start_counting(mode: Mode) -> Result<Self, Error> {
        Self::launch(mode, false).await
    }

    async fn launch(mode: Mode, keep: bool) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("destination")
            .enable_all()
            .build()
            .map_err(|error| Error::new(format!("cannot start a runtime: {error}")))?;
        let core = runtime.spawn(async move { Core::start(mode, keep) }).await;
        match core.map_err(std::io::Error::other).and_then(|core| core) {
            Ok(core) => Ok(Self { core, runtime: Some(runtime) }),
            Err(error) => {
                runtime.shutdown_background();
                Err(Error::new(format!("cannot listen: {error}")))
            }
        }
    }

    /// Its address, the same in every mode.
    pub fn address(&self) -> SocketAddr {
        self.core.address
    }

    /// The value for `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.core.address)
    }

    /// Switches the behaviour, for requests that arrive from now on. Switching to [`Mode::Refusing`] also closes the
    /// connections there are.
    pub fn set_mode(&self, mode: Mode) {
        self.core.set_mode(mode);
    }

    /// Has the next requests, one each, meet these modes before the present one applies again. The modes that act on
    /// connections ([`Mode::Refusing`]) have no place here.
    pub fn queue(&self, modes: impl IntoIterator<Item = Mode>) {
        self.core.queue(modes);
    }

    /// All requests that were read to their end, accepted or not.
    pub fn requests(&self) -> Vec<Request> {
        self.core.record().requests.clone()
    }

    /// All spans of accepted requests, in order of arrival. Retries of an accepted request show as duplicates.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.core.record().spans.clone()
    }

    /// All log records of accepted requests, in order of arrival.
    pub fn logs(&self) -> Vec<ReceivedLog> {
        self.core.record().logs.clone()
    }

    /// All metrics of accepted requests, in order of arrival.
    pub fn metrics(&self) -> Vec<ReceivedMetric> {
        self.core.record().metrics.clone()
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.core.record().counts
    }

    /// Forgets what was received so far, but not the counts.
    pub fn forget(&self) {
        let mut record = self.core.record();
        let counts = record.counts;
        *record = Record { counts, ..Record::default() };
    }

    /// Waits until at least this many spans were accepted, and returns all.
    ///
    /// # Errors
    ///
    /// When they have not come within the time; says what has.
    pub async fn wait_for_spans(&self, least: usize, within: Duration) -> Result<Vec<ReceivedSpan>, Error> {
        self.wait("spans", least, within, |record| record.spans.len()).await?;
        Ok(self.spans())
    }

    /// Waits until at least this many log records were accepted, and returns all.
    ///
    /// # Errors
    ///
    /// When they have not come within the time; says what has.
    pub async fn wait_for_logs(&self, least: usize, within: Duration) -> Result<Vec<ReceivedLog>, Error> {
        self.wait("log records", least, within, |record| record.logs.len()).await?;
        Ok(self.logs())
    }

    /// Waits until at least this many metrics were accepted, and returns all.
    ///
    /// # Errors
    ///
    /// When they have not come within the time; says what has.
    pub async fn wait_for_metrics(
        &self,
        least: usize,
        within: Duration,
    ) -> Result<Vec<ReceivedMetric>, Error> {
        self.wait("metrics", least, within, |record| record.metrics.len()).await?;
        Ok(self.metrics())
    }

    /// Waits until at least this many requests arrived in full, accepted or not, and returns all.
    ///
    /// # Errors
    ///
    /// When they have not come within the time; says what has.
    pub async fn wait_for_requests(&self, least: usize, within: Duration) -> Result<Vec<Request>, Error> {
        self.wait("requests", least, within, |record| record.counts.requests).await?;
        Ok(self.requests())
    }

    async fn wait(
        &self,
        what: &str,
        least: usize,
        within: Duration,
        count: impl Fn(&Record) -> usize,
    ) -> Result<(), Error> {
        let by = Instant::now() + within;
        loop {
            let mut changed = std::pin::pin!(self.core.changed.notified());
            // Enlisted before counting, so that no arrival slips between the count and the wait.
            changed.as_mut().enable();
            let have = count(&self.core.record());
            if have >= least {
                return Ok(());
            }
            if timeout_at(by, changed).await.is_err() {
                let counts = self.counts();
                return Err(Error::new(format!(
                    "waited {within:?} for {least} {what}, but only {have} came ({counts:?})"
                )));
            }
        }
    }
}

impl Drop for Destination {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime blocks, which asynchronous callers must not.
            runtime.shutdown_background();
        }
    }
}

/// What arrived, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections opened, those that were reset at once included.
    pub connections: usize,
    /// Requests read to their end.
    pub requests: usize,
    /// Requests among them that were accepted.
    pub accepted: usize,
    /// Bytes of their bodies as they came over the wire.
    pub wire_bytes: u64,
    /// Bytes of their bodies after decompression; zero where only counting.
    pub body_bytes: u64,
}
