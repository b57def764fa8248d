//! Limits each attempt: a destination that says nothing is not listened to for ever.

use std::time::Duration;

use crate::{Batch, Deadline, Export, Outcome, ending::Fault};

/// Gives up an attempt after a time of its own, or at the deadline if that is sooner. The attempt is dropped, which
/// closes the connection it was waiting on, and may be repeated: whether an unanswered batch was taken is unknown.
///
/// Put it inside of [`Retry`](super::Retry), so that every attempt gets a fresh limit.
///
/// ```
/// use spanlayer_pipeline::{Deadline, Memory, Outcome, Export as _, stage::Timeout};
/// # use spanlayer_pipeline::{Batch, Payload, Signal};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let batch = Batch::of([Payload::scan(Signal::Traces, Default::default()).unwrap()]).unwrap();
/// let export = Timeout::new(Memory::hanging(), Some(Duration::from_millis(20)));
/// let outcome = export.export(batch, Deadline::never()).await;
/// assert!(matches!(outcome, Outcome::Retry { .. }));
/// # }
/// ```
#[derive(Debug)]
pub struct Timeout<E> {
    inner: E,
    /// `None`: only the deadline counts.
    limit: Option<Duration>,
}

impl<E> Timeout<E> {
    /// Limits each attempt of `inner`; `None` leaves only the deadline.
    pub const fn new(inner: E, limit: Option<Duration>) -> Self {
        Self { inner, limit }
    }
}

impl<E: Export> Export for Timeout<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let start = tokio::time::Instant::now();
        let by = self.limit.map_or(by, |limit| by.capped(limit));
        // Sent again under its key, the destination can tell whether it has it.
        by.bound(self.inner.export(batch.clone(), by)).await.unwrap_or_else(|| {
            batch.failed(Fault::Timeout);
            Outcome::retry(format!("no answer within {:.1} s", start.elapsed().as_secs_f64()))
        })
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.inner.drain(by)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;
    use crate::stage::scripted::{Scripted, batch, secs};

    #[tokio::test(start_paused = true)]
    async fn an_attempt_without_an_answer_ends_at_its_own_limit_and_may_be_repeated() {
        let start = Instant::now();
        let stage = Timeout::new(Scripted::hanging(), Some(secs(10)));
        let outcome = stage.export(batch(1), Deadline::never()).await;
        assert_eq!(start.elapsed(), secs(10));
        assert_eq!(outcome, Outcome::retry("no answer within 10.0 s"));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_beats_the_limit() {
        let start = Instant::now();
        let stage = Timeout::new(Scripted::hanging(), Some(secs(10)));
        stage.export(batch(1), Deadline::within(secs(2))).await;
        assert_eq!(start.elapsed(), secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_in_time_passes_through() {
        let stage = Timeout::new(Scripted::replies([Outcome::DELIVERED]), None);
        assert_eq!(stage.export(batch(1), Deadline::never()).await, Outcome::DELIVERED);
    }
}
