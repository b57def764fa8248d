//! A pipeline under test, and what it is sent.

use std::{
    io::Read as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use spanlayer_otlp::wire;
use spanlayer_pipeline::{
    Admission, Backoff, Deadline, Destination, Flushed, Observer, Payload, Pipeline, Settings, Signal,
    settings::Otlp,
};

/// A pipeline to one destination, and what it told.
pub(crate) struct Under {
    pub(crate) pipeline: Pipeline,
    told: Arc<Mutex<Vec<String>>>,
}

/// No retries, so that whatever is delivered was delivered by the attempt itself.
pub(crate) const ONCE: Backoff = backoff(0, Duration::from_secs(60), Duration::ZERO);

pub(crate) const QUICK: Backoff = backoff(5, Duration::from_millis(1), Duration::from_secs(1));

const fn backoff(retries: u32, wait: Duration, patience: Duration) -> Backoff {
    let mut backoff = Backoff::DEFAULT;
    (backoff.first, backoff.cap) = (wait, wait);
    (backoff.retries, backoff.patience) = (retries, patience);
    backoff
}

impl Under {
    pub(crate) fn test(otlp: Otlp, backoff: Backoff) -> Self {
        Self::limited(otlp, backoff, Duration::from_secs(10))
    }

    pub(crate) fn limited(otlp: Otlp, backoff: Backoff, limit: Duration) -> Self {
        Self::sending_to(Destination::otlp(otlp, Some(limit)), backoff)
    }

    pub(crate) fn sending_to(destination: Destination, backoff: Backoff) -> Self {
        let mut settings = Settings::to([destination]);
        settings.backoff = backoff;
        Self::with(settings)
    }

    pub(crate) fn with(mut settings: Settings) -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let observer: Observer = Arc::new(move |notice| sink.lock().unwrap().push(notice.to_string()));
        settings.observer = Some(observer);
        let pipeline = Pipeline::new(settings);
        Self { pipeline, told }
    }

    pub(crate) async fn send(&self, payloads: impl IntoIterator<Item = Payload>) -> Flushed {
        for payload in payloads {
            assert_eq!(self.pipeline.accept(payload), Admission::Accepted);
        }
        self.pipeline.flush(Deadline::within(Duration::from_secs(5))).await
    }

    /// Sends this many spans: how many were delivered, and how many are left.
    pub(crate) async fn sent(&self, count: usize) -> (u64, u64) {
        let flushed = self.send([spans(count)]).await;
        (flushed.delivered, flushed.left)
    }

    pub(crate) fn told(&self) -> String {
        self.told.lock().unwrap().join("\n")
    }
}

/// Sends a span over a pipeline that is dropped in the middle of it, and waits until nothing of it is left: neither
/// task nor connection (`closed`). `asked` waits until the server has the request. The server is on another runtime, so
/// that whatever runs on this one is the pipeline's.
pub(crate) async fn dropped_in_mid_export(
    otlp: Otlp,
    asked: impl Future<Output = ()>,
    closed: impl Future<Output = ()>,
) {
    let metrics = tokio::runtime::Handle::current().metrics();
    assert_eq!(metrics.num_alive_tasks(), 0);
    let under = Under::test(otlp, ONCE);
    let export = tokio::spawn(async move { under.sent(1).await });
    asked.await;
    assert!(metrics.num_alive_tasks() > 0);
    export.abort();
    assert!(export.await.unwrap_err().is_cancelled());
    closed.await;
    let gone = async {
        while metrics.num_alive_tasks() > 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.unwrap();
}

pub(crate) fn spans(count: usize) -> Payload {
    let mut bytes = Vec::new();
    wire::message_field(&mut bytes, 1, |resource_spans| {
        wire::message_field(resource_spans, 2, |scope_spans| {
            for n in 0..count {
                wire::message_field(scope_spans, 2, |span| {
                    wire::bytes_field(span, 1, &[7; 16]);
                    wire::bytes_field(span, 2, &(n as u64 + 1).to_be_bytes());
                });
            }
        });
    });
    Payload::scan(Signal::Traces, Bytes::from(bytes)).unwrap()
}

pub(crate) fn unzipped(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(body).read_to_end(&mut out).unwrap();
    out
}

/// What became of one span.
pub(crate) const TAKEN: (u64, u64) = (1, 0);

/// The same.
pub(crate) const LEFT: (u64, u64) = (0, 1);
