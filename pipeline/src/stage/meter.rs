//! Counts attempts, items, failures and bytes.

use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use tokio::time::Instant;

use crate::{
    Batch, Deadline, Encoding, Export, Outcome, Signal, TrafficTotals, ending::Seen, measured::Measured,
    stats::Traffic,
};

/// Counters, readable at any time. Cloning shares them, so that one meter may count for several stages.
///
/// What is told at the end goes to standard error for a meter with a [name](Self::printing), and nowhere else.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    traffic: Arc<[Traffic; 3]>,
    /// The lane that it counts for, as the spool knows it.
    lane: u64,
    name: Option<Arc<str>>,
}

impl Meter {
    /// A meter that stands at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with a name: when the stage that it counts for is dropped, which is the end of a shutdown, the figures
    /// are printed to standard error on one line.
    pub fn printing(name: impl Into<Arc<str>>) -> Self {
        Self { name: Some(name.into()), ..Self::default() }
    }

    /// A meter for a lane, by its bit.
    pub(crate) fn of_lane(lane: u64) -> Self {
        Self { lane, ..Self::default() }
    }

    /// Batches that were to be exported, repetitions counted.
    pub fn export_count(&self) -> u64 {
        self.totals().attempts
    }

    /// Spans (or data points, or log records) in them, whatever became of them.
    pub fn span_count(&self) -> u64 {
        self.totals().items
    }

    /// Exports that did not end in a delivery, those included that were given up before they had an answer.
    pub fn failure_count(&self) -> u64 {
        self.totals().failures
    }

    /// Everything it counts.
    pub fn totals(&self) -> TrafficTotals {
        TrafficTotals::sum(&self.by_signal())
    }

    /// The same for each signal, in the order of [`Signal::ALL`].
    pub fn by_signal(&self) -> [TrafficTotals; 3] {
        Signal::ALL.map(|signal| self.of(signal).totals())
    }

    /// What is measured of one signal.
    pub(crate) fn measured(&self, signal: Signal) -> Measured {
        self.of(signal).measured().clone()
    }

    /// An export begins, with all its attempts, and ends when this is dropped.
    pub(crate) fn operation(&self, signal: Signal, seen: Arc<Seen>) -> Operation<'_> {
        Operation { traffic: self.of(signal), seen, start: Instant::now() }
    }

    pub(super) fn retried(&self, signal: Signal) {
        self.of(signal).retries.fetch_add(1, Relaxed);
    }

    fn of(&self, signal: Signal) -> &Traffic {
        &self.traffic[signal as usize]
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let now = self.totals();
        write!(f, "exports: {}, items: {}, failures: {}", now.attempts, now.items, now.failures)
    }
}

/// Counts each export of what it wraps: inside of [`Retry`](super::Retry) each attempt, outside each batch.
///
/// ```
/// use spanlayer_pipeline::{Deadline, Export as _, Memory, Outcome, stage::{Meter, Metered}};
/// # use spanlayer_pipeline::{Batch, Payload, Signal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let batch = Batch::of([Payload::scan(Signal::Traces, Default::default()).unwrap()]).unwrap();
/// let meter = Meter::new();
/// let export = Metered::new(Memory::answering([Outcome::refused("no")]), &meter);
/// export.export(batch.clone(), Deadline::never()).await;
/// export.export(batch, Deadline::never()).await;
/// assert_eq!((meter.export_count(), meter.failure_count()), (2, 1));
/// # }
/// ```
#[derive(Debug)]
pub struct Metered<E> {
    inner: E,
    encoding: Option<Encoding>,
    meter: Meter,
}

impl<E> Metered<E> {
    /// Counts exports of `inner`.
    pub fn new(inner: E, meter: &Meter) -> Self {
        Self { inner, encoding: None, meter: meter.clone() }
    }

    /// Counts also the bytes of this encoding, which the inner export asks batches for.
    #[must_use]
    pub fn encoded(mut self, encoding: Option<Encoding>) -> Self {
        self.encoding = encoding;
        self
    }
}

impl<E: Export> Export for Metered<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let traffic = self.meter.of(batch.signal());
        let (batch, seen) = batch.watched();
        seen.begin();
        traffic.attempts.fetch_add(1, Relaxed);
        traffic.resends.fetch_add(batch.sent(self.meter.lane).into(), Relaxed);
        traffic.measured().began(batch.items());
        let attempt = Attempt { traffic, seen, over: false };
        traffic.items.fetch_add(batch.items() as u64, Relaxed);
        let mut bytes = batch.bytes();
        if let Some(encoding) = self.encoding
            && let Ok((body, before)) = batch.encoded_from(encoding).await
        {
            // Made here or there, it is made once.
            traffic.compressed_bytes.fetch_add(body.len() as u64, Relaxed);
            bytes = before;
        }
        traffic.bytes.fetch_add(bytes as u64, Relaxed);
        let outcome = self.inner.export(batch, by).await;
        attempt.end(&outcome);
        outcome
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.inner.drain(by)
    }
}

/// An attempt under way. One that nobody waited for to the end delivered nothing that anybody knows of.
struct Attempt<'t> {
    traffic: &'t Traffic,
    seen: Arc<Seen>,
    over: bool,
}

impl Attempt<'_> {
    fn end(mut self, outcome: &Outcome) {
        self.over = true;
        self.ended(Some(outcome));
    }

    fn ended(&self, outcome: Option<&Outcome>) {
        let (ending, skew) = self.seen.end(outcome);
        self.traffic.measured().ended(ending, skew);
        if !matches!(outcome, Some(Outcome::Delivered { .. })) {
            self.traffic.failures.fetch_add(1, Relaxed);
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.ended(None);
        }
    }
}

/// An export under way. One without any attempt is none: its destination is left alone.
pub(crate) struct Operation<'t> {
    traffic: &'t Traffic,
    seen: Arc<Seen>,
    start: Instant,
}

impl Drop for Operation<'_> {
    fn drop(&mut self) {
        if let Some(ending) = self.seen.last() {
            self.traffic.measured().took(ending, self.start.elapsed());
        }
    }
}

impl<E> Drop for Metered<E> {
    fn drop(&mut self) {
        if let Some(name) = &self.meter.name {
            eprintln!("{name}: {}", self.meter);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Compression,
        encode::Format,
        stage::scripted::{Scripted, batch, secs, spans},
    };

    #[tokio::test]
    async fn bytes_are_those_of_the_body_before_compression() {
        for (compression, json) in
            [(Compression::None, false), (Compression::GZIP, false), (Compression::None, true)]
        {
            let meter = Meter::new();
            let format = if json { Format::Json } else { Format::Protobuf };
            let encoding = Encoding::new(format, compression);
            let stage = Metered::new(Scripted::replies([Outcome::DELIVERED]), &meter).encoded(Some(encoding));
            // Of one resource, which is sent once.
            let batch = Batch::of([spans(5, "a", false), spans(5, "b", false)]).unwrap();
            stage.export(batch.clone(), Deadline::never()).await;
            let whole = batch.encoded(Encoding::new(format, Compression::None)).await.unwrap();
            assert_eq!(meter.totals().bytes, whole.len() as u64, "{encoding:?}");
            assert_eq!(
                meter.totals().compressed_bytes < meter.totals().bytes,
                compression == Compression::GZIP
            );
            assert!(json || whole.len() < batch.bytes(), "{} {}", whole.len(), batch.bytes());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_export_that_is_given_up_failed() {
        let meter = Meter::new();
        let stage = Metered::new(Scripted::hanging(), &meter);
        let by = Deadline::within(secs(1));
        assert_eq!(by.bound(stage.export(batch(3), by)).await, None);
        assert_eq!((meter.export_count(), meter.span_count(), meter.failure_count()), (1, 3, 1));
    }

    #[tokio::test]
    async fn every_attempt_and_its_bytes_count() {
        let meter = Meter::new();
        let replies = [Outcome::retry("busy"), Outcome::DELIVERED];
        let stage = Metered::new(Scripted::replies(replies), &meter).encoded(Some(Compression::GZIP.into()));
        let batch = batch(100);
        let raw = batch.bytes() as u64;
        stage.export(batch.clone(), Deadline::never()).await;
        stage.export(batch.clone(), Deadline::never()).await;
        let seen = meter.totals();
        assert_eq!((seen.attempts, seen.items, seen.failures, seen.bytes), (2, 200, 1, 2 * raw));
        let body = batch.encoded(Compression::GZIP).await.unwrap();
        assert_eq!(seen.compressed_bytes, 2 * body.len() as u64);
        assert!(seen.compressed_bytes < seen.bytes / 2, "a hundred like spans shrink");
        assert_eq!(meter.by_signal(), [seen, TrafficTotals::default(), TrafficTotals::default()]);
        assert_eq!(meter.to_string(), "exports: 2, items: 200, failures: 1");
    }
}
