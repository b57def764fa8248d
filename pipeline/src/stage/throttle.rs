//! Limits rates: a destination gets no more than it agreed to.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use crate::{Batch, Deadline, Export, Outcome};

/// How much may go out in a second, averaged over whatever goes out; `None` is no limit. By default there is none.
/// Of zero nothing follows the first batch; a negative number and NaN are no limit.
///
/// ```
/// use spanlayer_pipeline::stage::Rates;
///
/// let mut agreed = Rates::requests(10.0);
/// agreed.bytes = Some(1_000_000.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// Requests a second.
    pub requests: Option<f64>,
    /// Spans, data points and log records a second.
    pub items: Option<f64>,
    /// Encoded bytes a second, before compression.
    pub bytes: Option<f64>,
}

impl Rates {
    /// So many requests a second, and no other limit.
    #[must_use]
    pub const fn requests(rate: f64) -> Self {
        Self { requests: Some(rate), items: None, bytes: None }
    }

    /// So many items a second, and no other limit.
    #[must_use]
    pub const fn items(rate: f64) -> Self {
        Self { requests: None, items: Some(rate), bytes: None }
    }

    /// So many bytes a second, and no other limit.
    #[must_use]
    pub const fn bytes(rate: f64) -> Self {
        Self { requests: None, items: None, bytes: Some(rate) }
    }

    /// How long a batch takes up the way.
    fn cost(&self, batch: &Batch) -> Duration {
        let limits = [(self.requests, 1), (self.items, batch.items()), (self.bytes, batch.bytes())];
        let seconds = limits.into_iter().filter_map(|(rate, amount)| Some(amount as f64 / rate?));
        // A rate of zero lets nothing follow, which a year is as good as.
        Duration::try_from_secs_f64(seconds.fold(0.0, f64::max)).map_or(LONGEST, |cost| cost.min(LONGEST))
    }
}

/// Holds batches up until they fit the [`Rates`]. The first goes at once; each takes up the way for as long as its
/// requests, items and bytes are worth, and the next waits for that; who comes up to 5 ms late is not held up for it later,
/// since timers are no more exact than that. A wait that would outlast the deadline is not
/// begun: the answer is [`Outcome::Retry`], with the time to come again.
///
/// Put it inside of [`Retry`](super::Retry), so that repetitions count as well.
///
/// ```
/// use spanlayer_pipeline::{Deadline, Export as _, Memory, stage::{Rates, Throttle}};
/// # use spanlayer_pipeline::{Batch, Payload, Signal};
/// use std::time::{Duration, Instant};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let batch = Batch::of([Payload::scan(Signal::Traces, Default::default()).unwrap()]).unwrap();
/// let export = Throttle::new(Memory::new(), Rates::requests(100.0));
/// let start = Instant::now();
/// for _ in 0..3 {
///     export.export(batch.clone(), Deadline::never()).await;
/// }
/// assert!(start.elapsed() >= Duration::from_millis(20));
/// # }
/// ```
#[derive(Debug)]
pub struct Throttle<E> {
    inner: E,
    rates: Rates,
    /// When the way is free again.
    free: Mutex<Option<Instant>>,
}

impl<E> Throttle<E> {
    /// Holds `inner` to these rates.
    pub const fn new(inner: E, rates: Rates) -> Self {
        Self { inner, rates, free: Mutex::new(None) }
    }

    /// Takes the way for a batch, or says how long it is taken.
    fn enter(&self, batch: &Batch) -> Result<(), Duration> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        match *free {
            Some(at) if at > now => Err(at - now),
            _ => {
                // What a timer was late by is made up for, or a high rate would never be reached.
                let since = free.map_or(now, |at| at.max(now.checked_sub(LATE).unwrap_or(now)));
                *free = since.checked_add(self.rates.cost(batch));
                Ok(())
            }
        }
    }
}

impl<E: Export> Export for Throttle<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        while let Err(wait) = self.enter(&batch) {
            if !by.allows(wait) {
                let why = format!("held back for {:.1} s by our own limit", wait.as_secs_f64());
                return Outcome::Retry { after: Some(wait), why };
            }
            sleep(wait).await;
        }
        self.inner.export(batch, by).await
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.inner.drain(by)
    }
}

/// How late a timer of milliseconds may be on a machine that has other things to do.
const LATE: Duration = Duration::from_millis(5);

const LONGEST: Duration = Duration::from_secs(365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::scripted::{Scripted, batch, secs};

    async fn took(rates: Rates, batches: &[usize]) -> Duration {
        let stage = Throttle::new(Scripted::always(Outcome::DELIVERED), rates);
        let start = Instant::now();
        for spans in batches {
            stage.export(batch(*spans), Deadline::never()).await;
        }
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn each_limit_holds_by_itself_and_the_strictest_of_several() {
        assert_eq!(took(Rates::default(), &[100, 100, 100]).await, Duration::ZERO);
        assert_eq!(took(Rates { requests: Some(0.5), ..Rates::default() }, &[1, 1, 1]).await, secs(4));
        let items = Rates { items: Some(100.0), ..Rates::default() };
        assert_eq!(took(items, &[200, 100, 1]).await, secs(3));
        let bytes = batch(10).bytes() as f64;
        let both = Rates { items: Some(10.0), bytes: Some(bytes / 2.0), requests: None };
        assert_eq!(took(both, &[10, 10]).await, secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_beyond_the_deadline_is_not_begun_and_costs_nothing() {
        let stage = Throttle::new(
            Scripted::always(Outcome::DELIVERED),
            Rates { requests: Some(0.1), ..Rates::default() },
        );
        stage.export(batch(1), Deadline::never()).await;
        let start = Instant::now();
        let outcome = stage.export(batch(1), Deadline::within(secs(5))).await;
        let Outcome::Retry { after, why } = outcome else { panic!("{outcome:?}") };
        assert_eq!(
            (after, start.elapsed(), &*why),
            (Some(secs(10)), secs(0), "held back for 10.0 s by our own limit")
        );
        assert_eq!(stage.inner.calls(), 1);
    }

    /// Timers go by milliseconds.
    #[tokio::test(start_paused = true)]
    async fn a_rate_higher_than_timers_tick_is_reached_and_not_exceeded() {
        for rate in [700.0, 5_000.0] {
            let took = took(Rates::requests(rate), &[1; 1000]).await.as_secs_f64();
            let exact = 999.0 / rate;
            assert!((exact - LATE.as_secs_f64()..exact * 1.02).contains(&took), "{rate}: {took} {exact}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_for_long_is_not_saved_up() {
        let stage = Throttle::new(Scripted::always(Outcome::DELIVERED), Rates::requests(1_000.0));
        stage.export(batch(1), Deadline::never()).await;
        sleep(secs(60)).await;
        let start = Instant::now();
        for _ in 0..101 {
            stage.export(batch(1), Deadline::never()).await;
        }
        assert!(start.elapsed() >= Duration::from_millis(100) - LATE, "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_of_zero_is_never_and_not_a_panic() {
        let stage = Throttle::new(
            Scripted::always(Outcome::DELIVERED),
            Rates { items: Some(0.0), ..Rates::default() },
        );
        stage.export(batch(1), Deadline::never()).await;
        assert!(matches!(stage.export(batch(1), Deadline::within(secs(60))).await, Outcome::Retry { .. }));
    }
}
