//! Repeats attempts that may fare better a moment later, as long as waiting makes sense.

use std::time::Duration;

use spanlayer_host::random;
use tokio::time::sleep;

use super::{
    breaker::{Circuit, LONGEST},
    meter::Meter,
};
use crate::{Batch, Deadline, Export, Outcome};

/// How attempts are repeated within one export. What remains undelivered stays with the caller.
///
/// | | retries | first wait | growth, at most | random part | waits in all |
/// |---|---|---|---|---|---|
/// | [`default`](Self::DEFAULT), for whoever pays for waiting | 5 | 1 s | × 2, 30 s | 30 % | 1 s |
/// | [`otlp`](Self::otlp) | 5 | 1 s | × 2, 30 s | 30 % | no limit |
/// | [`exponential`](Self::exponential) | 2 | 100 ms | × 2, 5 s | 50 % | no limit |
/// | [`linear`](Self::linear) | 3 | 1 s | + 1 s | none | no limit |
///
/// A wait is never shorter than the destination asked for (`Retry-After`, RFC 9110, 10.2.3; in gRPC `RetryInfo`), and never
/// begun if it would outlast the deadline, or if the destination asked for more than an hour: then the batch goes back to
/// the caller, who is told what was asked.
///
/// ```
/// use spanlayer_pipeline::Backoff;
/// use std::time::Duration;
///
/// let mut quick = Backoff::exponential();
/// quick.retries = 5;
/// quick.patience = Duration::from_secs(10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// Waits grow up to this.
    pub cap: Duration,
    /// Attempts after the first.
    pub retries: u32,
    /// What the waits of one export may add up to. Waiting inside an invocation is billed, and the queue keeps the
    /// batch anyway, so little is the default; a program that pays nothing for waiting can raise it.
    pub patience: Duration,
    /// How one wait follows from the last.
    pub growth: Growth,
    /// How much of each wait is left to chance, in percent: it is drawn between the rest and the whole, so that many
    /// senders that failed together do not come back together, and no wait exceeds the cap.
    pub jitter: u8,
}

/// How waits grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Growth {
    /// Each is twice the last.
    Double,
    /// Each is longer than the last by the first.
    Linear,
}

impl Backoff {
    /// The waits of OTLP exporters, but no more than a second of them in all.
    pub const DEFAULT: Self = Self {
        first: Duration::from_secs(1),
        cap: Duration::from_secs(30),
        retries: 5,
        patience: Duration::from_secs(1),
        growth: Growth::Double,
        jitter: 30,
    };

    /// Five retries, from one second to thirty (OTLP specification, *OTLP/HTTP Throttling*: exponential backoff with
    /// jitter).
    #[must_use]
    pub const fn otlp() -> Self {
        Self { patience: Duration::MAX, ..Self::DEFAULT }
    }

    /// Three attempts, from 100 ms to five seconds.
    #[must_use]
    pub const fn exponential() -> Self {
        let (first, cap) = (Duration::from_millis(100), Duration::from_secs(5));
        Self { first, cap, retries: 2, patience: Duration::MAX, growth: Growth::Double, jitter: 50 }
    }

    /// Four attempts, after one, two and three seconds.
    #[must_use]
    pub const fn linear() -> Self {
        let (first, cap) = (Duration::from_secs(1), Duration::MAX);
        Self { first, cap, retries: 3, patience: Duration::MAX, growth: Growth::Linear, jitter: 0 }
    }

    fn after(&self, wait: Duration) -> Duration {
        let next = match self.growth {
            Growth::Double => wait.saturating_mul(2),
            Growth::Linear => wait.saturating_add(self.first),
        };
        next.min(self.cap)
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Repeats what its inner stage says may be repeated, with the same batch under the same key.
///
/// What may be repeated is for the destination to say, by its format's rules: OTLP after 429, 502, 503, 504 and lost
/// answers, others as [`RetryOn`](crate::RetryOn) has it.
///
/// ```
/// use spanlayer_pipeline::{Backoff, Deadline, Export as _, Memory, Outcome, stage::Retry};
/// # use spanlayer_pipeline::{Batch, Payload, Signal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let batch = Batch::of([Payload::scan(Signal::Traces, Default::default()).unwrap()]).unwrap();
/// let memory = Memory::answering([Outcome::retry("busy")]);
/// let export = Retry::new(memory.clone(), Backoff::exponential());
/// assert_eq!(export.export(batch, Deadline::never()).await, Outcome::DELIVERED);
/// assert_eq!(memory.attempts(), 2);
/// # }
/// ```
#[derive(Debug)]
pub struct Retry<E> {
    inner: E,
    backoff: Backoff,
    /// While the destination is known to fail, one attempt is a probe and not worth a wait.
    circuit: Option<Circuit>,
    meter: Meter,
    /// A number drawn evenly from `0.0..1.0`.
    chance: fn() -> f64,
}

impl<E> Retry<E> {
    /// Repeats attempts of `inner`.
    pub fn new(inner: E, backoff: Backoff) -> Self {
        Self { inner, backoff, circuit: None, meter: Meter::new(), chance: random::unit }
    }

    /// Makes no waits while this circuit is open: that of the [`Breaker`](super::Breaker) around.
    #[must_use]
    pub fn watching(mut self, circuit: &Circuit) -> Self {
        self.circuit = Some(circuit.clone());
        self
    }

    /// Counts repetitions here ([`TrafficTotals::retries`](crate::TrafficTotals::retries)).
    #[must_use]
    pub fn counting(mut self, meter: &Meter) -> Self {
        self.meter = meter.clone();
        self
    }
}

impl<E: Export> Export for Retry<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let mut wait = self.backoff.first;
        let mut patience = self.backoff.patience;
        let mut retries = self.backoff.retries;
        loop {
            let outcome = self.inner.export(batch.clone(), by).await;
            let Outcome::Retry { after, why } = &outcome else { return outcome };
            let after = *after;
            let pause = jittered(wait, self.backoff.jitter, (self.chance)()).max(after.unwrap_or_default());
            let open = self.circuit.as_ref().is_some_and(Circuit::is_open);
            // Each of these would make the wait a bill for a lost cause.
            if retries == 0 || pause > patience || after > Some(LONGEST) || !by.allows(pause) || open {
                return outcome;
            }
            if let Some(circuit) = &self.circuit {
                circuit.doubt(why); // in case the caller does not wait with us
            }
            sleep(pause).await;
            self.meter.retried(batch.signal());
            retries -= 1;
            patience -= pause;
            wait = self.backoff.after(wait);
        }
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.inner.drain(by)
    }
}

/// A wait of which so many percent are drawn, as `draw` goes from 0 to 1.
pub(crate) fn jittered(wait: Duration, percent: u8, draw: f64) -> Duration {
    let random = f64::from(percent.min(100)) / 100.0;
    // Whoever writes down the longest wait there is means "never".
    Duration::try_from_secs_f64(wait.as_secs_f64() * (1.0 - random + random * draw)).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::stage::scripted::{Scripted, batch, busy, circuit, secs};

    const PATIENT: Backoff = Backoff { cap: secs(4), patience: secs(600), ..Backoff::DEFAULT };

    fn retry(inner: Scripted, backoff: Backoff) -> Retry<Scripted> {
        Retry { chance: || 1.0, ..Retry::new(inner, backoff) }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_cap_and_end_with_the_last_retry() {
        let start = Instant::now();
        let stage = retry(Scripted::always(Outcome::retry("down")), PATIENT);
        let outcome = stage.export(batch(1), Deadline::never()).await;
        assert_eq!(outcome, Outcome::retry("down"));
        assert_eq!(start.elapsed(), secs(1 + 2 + 4 + 4 + 4));
        assert_eq!(stage.inner.calls(), 6);
        assert_eq!(stage.meter.totals().retries, 5);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_as_long_as_the_server_asks() {
        let start = Instant::now();
        let stage = retry(Scripted::replies([busy(3), Outcome::DELIVERED]), PATIENT);
        assert_eq!(stage.export(batch(1), Deadline::within(secs(10))).await, Outcome::DELIVERED);
        assert_eq!(start.elapsed(), secs(3));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_not_begun() {
        let start = Instant::now();
        let stage = retry(Scripted::always(busy(3)), PATIENT);
        assert_eq!(stage.export(batch(1), Deadline::within(secs(3))).await, busy(3));
        assert_eq!((start.elapsed(), stage.inner.calls()), (secs(0), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_asks_for_ages_is_not_waited_for_even_without_a_deadline() {
        let start = Instant::now();
        for ages in [3601, u64::MAX] {
            let stage = retry(Scripted::always(busy(ages)), Backoff::otlp());
            assert_eq!(stage.export(batch(1), Deadline::never()).await, busy(ages));
            assert_eq!((start.elapsed(), stage.inner.calls()), (secs(0), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn by_default_one_export_waits_a_second_in_all() {
        let start = Instant::now();
        let stage = retry(Scripted::always(Outcome::retry("down")), Backoff::default());
        stage.export(batch(1), Deadline::within(secs(60))).await;
        assert_eq!((start.elapsed(), stage.inner.calls()), (secs(1), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_already_known_to_fail_is_probed_once_without_a_wait() {
        let start = Instant::now();
        let circuit = circuit();
        let stage = retry(Scripted::always(Outcome::retry("down")), PATIENT).watching(&circuit);
        circuit.trip();
        stage.export(batch(1), Deadline::never()).await;
        assert_eq!((start.elapsed(), stage.inner.calls()), (secs(0), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final() {
        let stage = retry(Scripted::always(Outcome::refused("no")), PATIENT);
        assert_eq!(stage.export(batch(1), Deadline::never()).await, Outcome::refused("no"));
        assert_eq!(stage.inner.calls(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn every_policy_waits_as_its_table_says() {
        for (policy, waits) in [
            (Backoff::exponential(), &[100, 200][..]),
            (Backoff::linear(), &[1_000, 2_000, 3_000]),
            (Backoff::otlp(), &[1_000, 2_000, 4_000, 8_000, 16_000]),
        ] {
            let start = Instant::now();
            let stage = retry(Scripted::always(Outcome::retry("down")), policy);
            stage.export(batch(1), Deadline::never()).await;
            assert_eq!(stage.inner.calls(), waits.len() + 1, "{policy:?}");
            assert_eq!(start.elapsed(), Duration::from_millis(waits.iter().sum()), "{policy:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_wrapped_export_sees_identical_batches() {
        let stage = retry(Scripted::replies([Outcome::retry("down"), busy(1)]), PATIENT);
        stage.export(batch(3), Deadline::never()).await;
        let seen = stage.inner.seen();
        assert_eq!(seen.len(), 3);
        assert!(seen.iter().all(|one| one.request() == seen[0].request()));
        assert!(seen.iter().all(|one| one.idempotency_key() == seen[0].idempotency_key()));
    }

    #[test]
    fn chance_takes_its_part_of_a_wait_and_adds_nothing() {
        assert_eq!(jittered(secs(4), 50, 0.0), secs(2));
        assert_eq!(jittered(secs(10), 30, 0.0), secs(7));
        assert_eq!(jittered(secs(4), 50, 1.0), secs(4));
        assert_eq!(jittered(secs(4), 0, 0.0), secs(4));
        assert_eq!(jittered(Duration::MAX, 0, 0.5), Duration::MAX);
    }

    #[tokio::test(start_paused = true)]
    async fn waits_that_no_clock_can_measure_are_not_begun() {
        let endless =
            Backoff { first: Duration::MAX, cap: Duration::MAX, patience: Duration::MAX, ..PATIENT };
        for growth in [Growth::Double, Growth::Linear] {
            let stage = retry(Scripted::always(Outcome::retry("down")), Backoff { growth, ..endless });
            let outcome = stage.export(batch(1), Deadline::within(secs(60))).await;
            assert_eq!((outcome, stage.inner.calls()), (Outcome::retry("down"), 1));
        }
    }
}
