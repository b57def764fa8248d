//! Repeats attempts that may fare better a moment later, as long as waiting makes sense.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use tokio::time::sleep;

use super::breaker::Circuit;
use crate::{Batch, Deadline, Export, Outcome, stats::Traffic};

/// How attempts are repeated within one export. What remains undelivered stays queued for the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first wait. Each wait is drawn between half of its length and all of it, so that many senders that failed
    /// together do not come back together.
    pub first: Duration,
    /// Waits double up to this.
    pub cap: Duration,
    /// Attempts after the first.
    pub retries: u32,
    /// What the waits of one export may add up to. Waiting inside an invocation is billed, and the queue keeps the
    /// batch anyway, so little is the default; a program that pays nothing for waiting can raise it.
    pub patience: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(1),
            cap: Duration::from_secs(30),
            retries: 5,
            patience: Duration::from_secs(1),
        }
    }
}

/// Repeats what its inner stage says may be retried.
#[derive(Debug)]
pub(crate) struct Retry<E> {
    inner: E,
    backoff: Backoff,
    /// While the destination is known to fail, one attempt is a probe and not worth a wait.
    circuit: Arc<Circuit>,
    traffic: Arc<Traffic>,
    /// A number drawn evenly from `0.0..1.0`.
    chance: fn() -> f64,
}

impl<E> Retry<E> {
    pub(crate) const fn new(
        inner: E,
        backoff: Backoff,
        circuit: Arc<Circuit>,
        traffic: Arc<Traffic>,
        chance: fn() -> f64,
    ) -> Self {
        Self { inner, backoff, circuit, traffic, chance }
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
            let pause = jittered(wait, (self.chance)()).max(after.unwrap_or_default());
            // Each of these would make the wait a bill for a lost cause.
            if retries == 0 || pause > patience || !by.allows(pause) || self.circuit.is_open() {
                return outcome;
            }
            self.circuit.doubt(why); // in case the caller does not wait with us
            sleep(pause).await;
            self.traffic.retries.fetch_add(1, Relaxed);
            retries -= 1;
            patience -= pause;
            wait = (wait * 2).min(self.backoff.cap);
        }
    }
}

/// A wait between half of this and all of it, as `draw` goes from 0 to 1.
pub(crate) fn jittered(wait: Duration, draw: f64) -> Duration {
    wait.mul_f64(0.5 + 0.5 * draw)
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::stage::scripted::{Scripted, batch, busy, circuit, secs};

    const PATIENT: Backoff = Backoff {
        first: Duration::from_secs(1),
        cap: Duration::from_secs(4),
        retries: 5,
        patience: secs(600),
    };

    fn retry(inner: Scripted, backoff: Backoff) -> Retry<Scripted> {
        Retry::new(inner, backoff, circuit(), Arc::default(), || 1.0)
    }

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_the_cap_and_end_with_the_last_retry() {
        let start = Instant::now();
        let stage = retry(Scripted::always(Outcome::retry("down")), PATIENT);
        let outcome = stage.export(batch(1), Deadline::never()).await;
        assert_eq!(outcome, Outcome::retry("down"));
        assert_eq!(start.elapsed(), secs(1 + 2 + 4 + 4 + 4));
        assert_eq!(stage.inner.calls(), 6);
        assert_eq!(stage.traffic.totals().retries, 5);
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
    async fn by_default_one_export_waits_a_second_in_all() {
        let start = Instant::now();
        let stage = retry(Scripted::always(Outcome::retry("down")), Backoff::default());
        stage.export(batch(1), Deadline::within(secs(60))).await;
        assert_eq!((start.elapsed(), stage.inner.calls()), (secs(1), 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_destination_already_known_to_fail_is_probed_once_without_a_wait() {
        let start = Instant::now();
        let stage = retry(Scripted::always(Outcome::retry("down")), PATIENT);
        stage.circuit.trip();
        stage.export(batch(1), Deadline::never()).await;
        assert_eq!((start.elapsed(), stage.inner.calls()), (secs(0), 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_final() {
        let stage = retry(Scripted::always(Outcome::refused("no")), PATIENT);
        assert_eq!(stage.export(batch(1), Deadline::never()).await, Outcome::refused("no"));
        assert_eq!(stage.inner.calls(), 1);
    }

    #[test]
    fn jitter_stays_between_half_the_wait_and_all_of_it() {
        assert_eq!(jittered(secs(4), 0.0), secs(2));
        assert_eq!(jittered(secs(4), 1.0), secs(4));
    }
}
