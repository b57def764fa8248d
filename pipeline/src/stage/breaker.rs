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
        let outcome = self.inner.export(batch, by).await;
        match &outcome {
            // The caller's deadline cut it short: that is for the permit to judge, as if the caller had dropped it.
            Outcome::Retry { .. } if by.passed() => drop(permit),
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
    Closed(Closed),
    Open(Open),
}

#[derive(Debug, Default)]
struct Closed {
    /// Exports that failed since the last answer.
    failures: u32,
    /// Whether there ever was an answer.
    proven: bool,
    /// How an attempt failed that is being repeated.
    doubt: Option<String>,
    /// For how long exports were waited for in vain since the last answer, those counted that were abandoned: however
    /// thinly a caller slices its waiting, it adds up.
    silence: Duration,
    /// Exports under way.
    active: usize,
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
        let state = Mutex::new(State::Closed(Closed::default()));
        Arc::new(Self { destination, settings, clock, chance, observer, state })
    }

    pub(crate) fn is_open(&self) -> bool {
        matches!(*self.lock(), State::Open(_))
    }

    pub(crate) fn health(&self) -> Health {
        match &*self.lock() {
            State::Closed(Closed { proven: false, .. }) => Health::Untried,
            State::Closed(_) => Health::Healthy,
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
            State::Closed(closed) => {
                closed.active += 1;
                false
            }
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
        Ok(Permit { circuit: Arc::clone(self), probe, start: Instant::now(), settled: false })
    }

    /// Notes that an attempt failed, though it is not given up yet.
    pub(crate) fn doubt(&self, why: &str) {
        if let State::Closed(closed) = &mut *self.lock() {
            closed.doubt = Some(why.to_owned());
        }
    }

    fn open(&self, after: Option<Duration>, why: &str, probe: bool) {
        let mut state = self.lock();
        let (since, wait) = match &mut *state {
            State::Closed(closed) if closed.failures + 1 < self.settings.failures => {
                closed.failures += 1;
                closed.active = closed.active.saturating_sub(1);
                return;
            }
            State::Closed(_) => (None, self.settings.first),
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
        let mut state = self.lock();
        let active = match &*state {
            State::Closed(closed) => closed.active.saturating_sub(1),
            State::Open(_) => 0,
        };
        let closed = Closed { proven: true, active, ..Closed::default() };
        let before = std::mem::replace(&mut *state, State::Closed(closed));
        drop(state);
        let destination = &*self.destination;
        match before {
            State::Open(open) => self.tell(Notice::Recovered { destination, after: open.since.elapsed() }),
            State::Closed(Closed { proven: false, .. }) if matches!(outcome, Outcome::Delivered { .. }) => {
                self.tell(Notice::FirstDelivery { destination });
            }
            State::Closed(_) => {}
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

/// An export on its way through. Dropped without a verdict, it was abandoned by its caller, or cut short.
struct Permit {
    circuit: Arc<Circuit>,
    probe: bool,
    start: Instant,
    settled: bool,
}

impl Permit {
    fn failed(mut self, after: Option<Duration>, why: &str) {
        self.settled = true;
        self.circuit.open(after, why, self.probe);
    }

    fn answered(mut self, outcome: &Outcome) {
        self.settled = true;
        self.circuit.close(outcome);
    }

    /// How the destination failed, if an export that ended without a verdict is enough to say so.
    fn suspicion(&self) -> Option<String> {
        match &mut *self.circuit.lock() {
            State::Open(open) => {
                open.probing = false;
                None
            }
            State::Closed(closed) => {
                closed.active = closed.active.saturating_sub(1);
                if closed.doubt.is_some() {
                    return closed.doubt.take();
                }
                // Exports side by side wait for the same time: the last of them counts it.
                if closed.active == 0 {
                    closed.silence += self.start.elapsed();
                }
                (closed.silence >= FAIR)
                    .then(|| format!("no answer within {:.1} s", closed.silence.as_secs_f64()))
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if !self.settled
            && let Some(why) = self.suspicion()
        {
            self.circuit.open(None, &why, self.probe);
        }
    }
}

/// Silence must have lasted this long to count against the destination.
const FAIR: Duration = Duration::from_secs(1);

/// A server may ask for more (dates far off, absurd numbers); it is not believed beyond this.
const LONGEST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
