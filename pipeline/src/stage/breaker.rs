//! Stops asking a destination that fails, and asks again after a while: an outage is paid for once.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use spanlayer_host::{clock, random};
use tokio::time::Instant;

use super::retry::jittered;
use crate::{
    Batch, Deadline, Export, Health, Notice, Outcome,
    notice::{AGAIN, Observer},
};

/// When a destination is left alone, and for how long.
///
/// | | failures in a row | left alone for | probes in vain |
/// |---|---|---|---|
/// | [`steady`](Self::steady), the default | 5 | 30 s | leave it as it is |
/// | [`eager`](Self::eager), that of a [`Pipeline`](crate::Pipeline) | 1 | 0.5 to 1 s | double it, up to 10 s |
///
/// What is not let through a stage of its own is given back to its caller, so a few failures had better be known to be an
/// outage. A pipeline has a queue that keeps what is not sent: leaving a destination alone loses nothing, each further attempt may
/// be billed, and coming back soon is worth more than half a minute's rest.
///
/// ```
/// use spanlayer_pipeline::BreakerSettings;
///
/// let mut patient = BreakerSettings::steady();
/// patient.failures = 20;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BreakerSettings {
    /// Exports that must fail in a row, each with its own retries.
    pub failures: u32,
    /// How long it is left alone at first.
    pub first: Duration,
    /// Each probe in vain doubles the time, up to this.
    pub cap: Duration,
    /// How much of that time is left to chance, in percent, as for [`Backoff`](crate::Backoff::jitter).
    pub jitter: u8,
}

impl BreakerSettings {
    /// Opens after five failures in a row, and lets one probe through after 30 seconds.
    #[must_use]
    pub const fn steady() -> Self {
        let pause = Duration::from_secs(30);
        Self { failures: 5, first: pause, cap: pause, jitter: 0 }
    }

    /// Opens after one failure, and lets a probe through after a second at most; after probes in vain ever more seldom, up to
    /// every ten seconds. Half of the wait is left to chance, so that many programs do not come back at once.
    #[must_use]
    pub const fn eager() -> Self {
        Self { failures: 1, first: Duration::from_secs(1), cap: Duration::from_secs(10), jitter: 50 }
    }
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self::steady()
    }
}

/// Lets nothing through while its circuit is open: closed, open after so many failures in a row, half open for one
/// probe after a while. What is not let through is answered with [`Outcome::Retry`] at once, without a connection.
///
/// Put it outside of [`Retry`](super::Retry): what counts as a failure is an export with all its attempts.
///
/// ```
/// use spanlayer_pipeline::{BreakerSettings, Deadline, Export as _, Memory, Outcome, stage::{Breaker, Circuit}};
/// # use spanlayer_pipeline::{Batch, Payload, Signal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let batch = Batch::of([Payload::scan(Signal::Traces, Default::default()).unwrap()]).unwrap();
/// let memory = Memory::always(Outcome::retry("down"));
/// let circuit = Circuit::new("backend", BreakerSettings::steady());
/// let export = Breaker::new(memory.clone(), circuit.clone());
/// for _ in 0..100 {
///     export.export(batch.clone(), Deadline::never()).await;
/// }
/// assert_eq!(memory.attempts(), 5);
/// assert!(circuit.health().is_failing());
/// # }
/// ```
#[derive(Debug)]
pub struct Breaker<E> {
    inner: E,
    circuit: Circuit,
}

impl<E> Breaker<E> {
    /// Guards `inner` by a circuit.
    pub const fn new(inner: E, circuit: Circuit) -> Self {
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

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.inner.drain(by)
    }
}

/// The state behind a [`Breaker`], and who is told about it. Cloning shares it: for those who want to know how the
/// destination fares, and for a [`Retry`](super::Retry) that shall not wait for one that is known to fail.
#[derive(Clone, Debug)]
pub struct Circuit(Arc<Inner>);

struct Inner {
    destination: Arc<str>,
    settings: BreakerSettings,
    /// Unix time: a frozen machine's monotonic clock may stand still, and an hour's freeze is wait enough.
    clock: fn() -> Duration,
    /// A number drawn evenly from `0.0..1.0`.
    chance: fn() -> f64,
    observer: Option<Observer>,
    untold: Mutex<Untold>,
    state: Mutex<State>,
}

/// Failures that are no news, and when they were last told.
#[derive(Default)]
struct Untold {
    batches: u64,
    told: Option<Instant>,
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
    /// A closed circuit for the destination of this name.
    pub fn new(destination: impl Into<Arc<str>>, settings: BreakerSettings) -> Self {
        Self::observed(destination, settings, None)
    }

    /// The same, with somebody who is told when the destination begins to fail, and when it recovers.
    pub fn observed(
        destination: impl Into<Arc<str>>,
        settings: BreakerSettings,
        observer: Option<Observer>,
    ) -> Self {
        Self::with(destination.into(), settings, clock::unix, random::unit, observer)
    }

    pub(crate) fn with(
        destination: Arc<str>,
        settings: BreakerSettings,
        clock: fn() -> Duration,
        chance: fn() -> f64,
        observer: Option<Observer>,
    ) -> Self {
        let state = Mutex::new(State::Closed(Closed::default()));
        let untold = Mutex::default();
        Self(Arc::new(Inner { destination, settings, clock, chance, observer, untold, state }))
    }

    /// Whether nothing but a probe is let through.
    pub fn is_open(&self) -> bool {
        matches!(*self.lock(), State::Open(_))
    }

    /// How the destination fares.
    pub fn health(&self) -> Health {
        match &*self.lock() {
            State::Closed(Closed { proven: false, .. }) => Health::Untried,
            State::Closed(_) => Health::Healthy,
            State::Open(open) => Health::Failing { since: open.since, probe_in: self.remaining(open) },
        }
    }

    /// How the destination failed last, if it was not heard of since.
    pub(crate) fn failure(&self) -> Option<String> {
        match &*self.lock() {
            State::Open(open) => Some(open.why.clone()),
            State::Closed(closed) => closed.doubt.clone(),
        }
    }

    /// Until when, in Unix time, the destination is left alone, and how long each time; `None` while it takes data.
    pub(crate) fn outage(&self) -> Option<(Duration, Duration)> {
        match &*self.lock() {
            State::Open(open) => Some((open.until_unix, open.wait)),
            State::Closed(_) => None,
        }
    }

    /// Goes on with an outage that an earlier process knew of. Once the destination was heard of here, that is old news.
    pub(crate) fn resume(&self, until_unix: Duration, wait: Duration) {
        let mut state = self.lock();
        if !matches!(&*state, State::Closed(Closed { proven: false, failures: 0, active: 0, .. })) {
            return;
        }
        let BreakerSettings { first, cap, .. } = self.0.settings;
        let wait = wait.min(cap).max(first);
        // A clock that was set back since must not make it longer than it can have been.
        let rest = until_unix.saturating_sub((self.0.clock)()).min(cap.max(first)).min(FOR_EVER);
        *state = State::Open(Open {
            since: Instant::now(),
            until: Instant::now() + rest,
            until_unix: (self.0.clock)() + rest,
            wait,
            probing: false,
            why: "it failed when this program was restarted".to_owned(),
        });
    }

    /// Lets the next export through as a probe, however recent the failure: for the last chance before an end.
    pub(crate) fn allow_probe(&self) {
        if let State::Open(open) = &mut *self.lock() {
            open.until = Instant::now();
        }
    }

    fn remaining(&self, open: &Open) -> Duration {
        let monotonic = open.until.saturating_duration_since(Instant::now());
        monotonic.min(open.until_unix.saturating_sub((self.0.clock)()))
    }

    fn enter(&self) -> Result<Permit, Outcome> {
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
        Ok(Permit { circuit: self.clone(), probe, start: Instant::now(), settled: false })
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
            State::Closed(closed) if closed.failures + 1 < self.0.settings.failures => {
                closed.failures += 1;
                closed.active = closed.active.saturating_sub(1);
                drop(state);
                return self.tell_again(why);
            }
            State::Closed(_) => (None, self.0.settings.first),
            State::Open(open) if probe => {
                (Some(open.since), open.wait.saturating_mul(2).min(self.0.settings.cap))
            }
            // Exports that ran side by side and failed together are one failure.
            State::Open(open) => (Some(open.since), open.wait),
        };
        let pause = jittered(wait, self.0.settings.jitter, (self.0.chance)())
            .max(after.unwrap_or_default().min(LONGEST))
            .min(FOR_EVER);
        *state = State::Open(Open {
            since: since.unwrap_or_else(Instant::now),
            until: Instant::now() + pause,
            until_unix: (self.0.clock)() + pause,
            wait,
            probing: false,
            why: why.to_owned(),
        });
        drop(state);
        match since {
            None => {
                *self.untold() = Untold { batches: 0, told: Some(Instant::now()) };
                self.tell(Notice::Failing { destination: &self.0.destination, why });
            }
            Some(_) => self.tell_again(why),
        }
    }

    /// A batch was not taken: a line for each, but no more than one in a while.
    fn tell_again(&self, why: &str) {
        let mut untold = self.untold();
        untold.batches += 1;
        if untold.told.is_some_and(|told| told.elapsed() < AGAIN) {
            return;
        }
        let batches = untold.batches;
        *untold = Untold { batches: 0, told: Some(Instant::now()) };
        drop(untold);
        self.tell(Notice::NotTaken { destination: &self.0.destination, batches, why });
    }

    fn untold(&self) -> MutexGuard<'_, Untold> {
        self.0.untold.lock().unwrap_or_else(PoisonError::into_inner)
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
        let destination = &*self.0.destination;
        match before {
            State::Open(open) => self.tell(Notice::Recovered { destination, after: open.since.elapsed() }),
            State::Closed(Closed { proven: false, .. }) if matches!(outcome, Outcome::Delivered { .. }) => {
                self.tell(Notice::FirstDelivery { destination });
            }
            State::Closed(_) => {}
        }
    }

    fn tell(&self, notice: Notice<'_>) {
        if let Some(observer) = &self.0.observer {
            observer(notice);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn trip(&self) {
        self.open(None, "tripped", false);
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Circuit").field("destination", &self.destination).field("state", &self.state).finish()
    }
}

/// An export on its way through. Dropped without a verdict, it was abandoned by its caller, or cut short.
struct Permit {
    circuit: Circuit,
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
pub(super) const LONGEST: Duration = Duration::from_secs(3600);

/// What settings may ask for and no program will live to see: clocks do not count further than they have to.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

#[cfg(test)]
mod tests;
