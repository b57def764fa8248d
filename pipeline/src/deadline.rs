//! The moment by which work must be over. It travels with the work and is asked before every wait.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, timeout_at};

/// A point in time after which nobody waits any more; possibly never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Option<Instant>);

impl Deadline {
    /// No limit: for programs that are not billed by the millisecond.
    pub const fn never() -> Self {
        Self(None)
    }

    /// The deadline is this moment.
    pub const fn at(moment: Instant) -> Self {
        Self(Some(moment))
    }

    /// The deadline is so long from now. What lies beyond the clock's range is [`never`](Self::never).
    pub fn within(limit: Duration) -> Self {
        Self(Instant::now().checked_add(limit))
    }

    /// The earlier of this deadline and one so long from now.
    #[must_use]
    pub fn capped(self, limit: Duration) -> Self {
        match (self.0, Self::within(limit).0) {
            (Some(ours), Some(other)) => Self(Some(ours.min(other))),
            (ours, other) => Self(ours.or(other)),
        }
    }

    /// So much earlier; not before now.
    #[must_use]
    pub(crate) fn less(self, reserve: Duration) -> Self {
        Self(self.0.map(|moment| moment.checked_sub(reserve).unwrap_or(moment)))
    }

    /// Whether any time is left after waiting this long.
    pub fn allows(self, wait: Duration) -> bool {
        self.0.is_none_or(|moment| Instant::now().checked_add(wait).is_some_and(|then| then < moment))
    }

    /// Whether the moment has come.
    pub fn passed(self) -> bool {
        self.0.is_some_and(|moment| moment <= Instant::now())
    }

    /// The moment itself, if there is one.
    pub const fn instant(self) -> Option<Instant> {
        self.0
    }

    /// What is left: zero once passed, [`Duration::MAX`] when there is no limit.
    pub fn remaining(self) -> Duration {
        self.0.map_or(Duration::MAX, |moment| moment.saturating_duration_since(Instant::now()))
    }

    /// Runs `work` until it is done or the moment has come, whichever is first; late work is dropped.
    pub async fn bound<F: Future>(self, work: F) -> Option<F::Output> {
        match self.0 {
            None => Some(work.await),
            Some(moment) => timeout_at(moment, work).await.ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_wait_that_ends_at_the_deadline_leaves_no_time_for_anything() {
        let by = Deadline::within(SECOND);
        assert!(by.allows(SECOND / 2));
        assert!(!by.allows(SECOND));
        assert!(Deadline::never().allows(Duration::MAX));
        assert!(!by.allows(Duration::MAX));
    }

    #[tokio::test(start_paused = true)]
    async fn a_cap_shortens_and_never_extends() {
        let by = Deadline::within(SECOND);
        assert_eq!(by.capped(10 * SECOND), by);
        assert_eq!(by.capped(SECOND / 4).remaining(), SECOND / 4);
        assert_eq!(Deadline::never().capped(SECOND).remaining(), SECOND);
        assert_eq!(Deadline::never().capped(Duration::MAX), Deadline::never());
    }

    #[tokio::test(start_paused = true)]
    async fn late_work_is_dropped_at_the_moment() {
        let start = Instant::now();
        let by = Deadline::within(SECOND);
        assert_eq!(by.bound(tokio::time::sleep(5 * SECOND)).await, None);
        assert_eq!(start.elapsed(), SECOND);
        assert!(by.passed() && by.remaining().is_zero());
        assert_eq!(by.bound(std::future::ready(7)).await, Some(7), "finished work is handed over even late");
    }
}
