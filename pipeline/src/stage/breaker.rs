//! Stops asking a destination that fails, and asks again after a while: an outage is paid for once.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::retry::jittered;
use crate::{Batch, Deadline, Export, Health, Notice, Outcome, notice::Observer};

/// When a destination is left alone, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Exports that must fail in a row, each with its own retries. Leaving a destination alone loses nothing, so one
    /// is the default.
    pub failures: u32,
    /// How long it is left alone at first, drawn between half of this and all of it.
    pub first: Duration,
    /// Each probe in vain doubles the time, up to this.
    pub cap: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 1, first: Duration::from_secs(1), cap: Duration::from_secs(30) }
    }
}

/// Lets nothing through while its circuit is open.
#[derive(Debug)]
pub(crate) struct Breaker<E> {
    inner: E,
    circuit: Arc<Circuit>,
}

impl<E> Breaker<E> {
    pub(crate) const fn new(inner: E, circuit: Arc<Circuit>) -> Self {
        Self { inner, circuit }
    }
}

impl<E: Export> Export for Breaker<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let permit = match self.circuit.enter() {
            Ok(permit) => permit,
            Err(outcome) => return outcome,
        };
        let start = Instant::now();
        let outcome = self.inner.export(batch, by).await;
        // An attempt that its caller cut short at once says nothing about the destination.
        let cut_short = by.passed() && start.elapsed() < FAIR;
        match &outcome {
            Outcome::Retry { .. } if cut_short => drop(permit),
            Outcome::Retry { after, why } => permit.failed(*after, why),
            // Also a refusal is an answer: the destination is there.
            Outcome::Delivered { .. } | Outcome::Refused { .. } => permit.answered(&outcome),
        }
        outcome
    }
}

/// The state behind a breaker: also read by those who want to know how the destination fares.
pub(crate) struct Circuit {
    destination: Arc<str>,
    settings: BreakerSettings,
    /// Unix time: a frozen machine's monotonic clock may stand still, and an hour's freeze is wait enough.
    clock: fn() -> Duration,
    /// A number drawn evenly from `0.0..1.0`.
    chance: fn() -> f64,
    observer: Option<Observer>,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Closed { failures: u32, proven: bool },
    Open(Open),
}

#[derive(Debug)]
struct Open {
    since: Instant,
    /// The probe may go when either clock says so.
    until: Instant,
    until_unix: Duration,
    wait: Duration,
    probing: bool,
    why: String,
}

impl Circuit {
    pub(crate) fn new(
        destination: Arc<str>,
        settings: BreakerSettings,
        clock: fn() -> Duration,
        chance: fn() -> f64,
        observer: Option<Observer>,
    ) -> Arc<Self> {
        let state = Mutex::new(State::Closed { failures: 0, proven: false });
        Arc::new(Self { destination, settings, clock, chance, observer, state })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.lock(), State::Open(_))
    }

    pub(crate) fn health(&self) -> Health {
        match &*self.lock() {
            State::Closed { proven: false, .. } => Health::Untried,
            State::Closed { .. } => Health::Healthy,
            State::Open(open) => Health::Failing { since: open.since, probe_in: self.remaining(open) },
        }
    }

    /// Lets the next export through as a probe, however recent the failure: for the last chance before an end.
    pub(crate) fn allow_probe(&self) {
        if let State::Open(open) = &mut *self.lock() {
            open.until = Instant::now();
        }
    }

    fn remaining(&self, open: &Open) -> Duration {
        let monotonic = open.until.saturating_duration_since(Instant::now());
        monotonic.min(open.until_unix.saturating_sub((self.clock)()))
    }

    fn enter(self: &Arc<Self>) -> Result<Permit, Outcome> {
        let probe = match &mut *self.lock() {
            State::Closed { .. } => false,
            State::Open(open) => {
                let wait = self.remaining(open);
                if open.probing || !wait.is_zero() {
                    let why = format!("left alone after a failure: {}", open.why);
                    return Err(Outcome::Retry { after: Some(wait), why });
                }
                open.probing = true;
                true
            }
        };
        Ok(Permit { circuit: Arc::clone(self), probe })
    }

    fn open(&self, after: Option<Duration>, why: &str, probe: bool) {
        let mut state = self.lock();
        let (since, wait) = match &*state {
            State::Closed { failures, proven } if failures + 1 < self.settings.failures => {
                *state = State::Closed { failures: failures + 1, proven: *proven };
                return;
            }
            State::Closed { .. } => (None, self.settings.first),
            State::Open(open) if probe => (Some(open.since), (open.wait * 2).min(self.settings.cap)),
            // Exports that ran side by side and failed together are one failure.
            State::Open(open) => (Some(open.since), open.wait),
        };
        let pause = jittered(wait, (self.chance)()).max(after.unwrap_or_default().min(LONGEST));
        *state = State::Open(Open {
            since: since.unwrap_or_else(Instant::now),
            until: Instant::now() + pause,
            until_unix: (self.clock)() + pause,
            wait,
            probing: false,
            why: why.to_owned(),
        });
        drop(state);
        if since.is_none() {
            self.tell(Notice::Failing { destination: &self.destination, why });
        }
    }

    fn close(&self, outcome: &Outcome) {
        let before = std::mem::replace(&mut *self.lock(), State::Closed { failures: 0, proven: true });
        let destination = &*self.destination;
        match before {
            State::Open(open) => self.tell(Notice::Recovered { destination, after: open.since.elapsed() }),
            State::Closed { proven: false, .. } if matches!(outcome, Outcome::Delivered { .. }) => {
                self.tell(Notice::FirstDelivery { destination });
            }
            State::Closed { .. } => {}
        }
    }

    fn tell(&self, notice: Notice<'_>) {
        if let Some(observer) = &self.observer {
            observer(notice);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn trip(&self) {
        self.open(None, "tripped", false);
    }
}

impl std::fmt::Debug for Circuit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Circuit").field("destination", &self.destination).field("state", &self.state).finish()
    }
}

/// An export on its way through. Dropped without a word (the export was abandoned), it leaves the circuit as it was.
struct Permit {
    circuit: Arc<Circuit>,
    probe: bool,
}

impl Permit {
    fn failed(self, after: Option<Duration>, why: &str) {
        self.circuit.open(after, why, self.probe);
    }

    fn answered(self, outcome: &Outcome) {
        self.circuit.close(outcome);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.probe
            && let State::Open(open) = &mut *self.circuit.lock()
        {
            open.probing = false;
        }
    }
}

/// An attempt must have had this long before its silence counts against the destination.
const FAIR: Duration = Duration::from_secs(1);

/// A server may ask for more (dates far off, absurd numbers); it is not believed beyond this.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
