//! One destination's way out of the queue: it takes batches, has them exported, and sees to what became of them.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use tokio::time::Instant;

use crate::{
    Batch, BatchLimits, Deadline, DestinationPending, DestinationStats, DestinationTotals, Flushed, Notice,
    Observer, Outcome, Signal,
    batch::Part,
    export::AnyExport,
    join::join_all,
    letters,
    notice::AGAIN,
    pieces::{HOPELESS, by_resource, halves, pieces},
    queue::{LaneHeld, Lease, Settled, Shared},
    settings::Server,
    stage::{Circuit, Meter},
};

/// A destination with its stack of stages and its view of the queue.
pub(crate) struct Lane {
    pub(crate) name: Arc<str>,
    pub(crate) shared: Arc<Shared>,
    /// What it takes.
    pub(crate) signals: Vec<Signal>,
    /// What it speaks, and with whom, by signal.
    pub(crate) speaks: &'static str,
    pub(crate) servers: [Option<Server>; 3],
    /// This lane's number in the queue.
    pub(crate) number: usize,
    pub(crate) limits: BatchLimits,
    /// How batches are encoded for it, in words.
    pub(crate) encoding: String,
    /// Whether what goes out together must be of one resource.
    pub(crate) one_resource: bool,
    /// Whether what cannot be delivered is given up.
    pub(crate) best_effort: bool,
    pub(crate) stack: Box<dyn AnyExport>,
    pub(crate) circuit: Circuit,
    pub(crate) meter: Meter,
    /// When the first of its certificates expires, in Unix seconds; 0 as long as none is known.
    pub(crate) expires: Arc<AtomicU64>,
    pub(crate) letters: letters::Shared,
    pub(crate) observer: Option<Observer>,
    /// Refusals since something was last delivered.
    pub(crate) refusals: AtomicU32,
    /// What was told last about lost items, and when, so that it is not told again and again.
    pub(crate) told: Mutex<Option<(String, Instant)>>,
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("name", &self.name)
            .field("circuit", &self.circuit)
            .finish_non_exhaustive()
    }
}

/// How one batch fared.
enum Step {
    /// It is off the queue, or was replaced by smaller ones: there may be more.
    Done,
    /// The destination does not take anything now.
    Stuck,
    /// Nothing is left to take.
    Empty,
}

impl Lane {
    /// Sends everything that is in the queue now, and what comes in meanwhile as far as it finds room in the same
    /// batches. Ends early when the destination fails.
    pub(crate) async fn drain(&self, by: Deadline) -> Flushed {
        let horizon = self.shared.horizon();
        let mut flushed = Flushed::default();
        // A destination that failed is asked with one batch before it is trusted with several.
        if !self.circuit.is_open() || matches!(self.step(horizon, by, &mut flushed).await, Step::Done) {
            let workers = (0..IN_FLIGHT).map(|_| self.work(horizon, by));
            join_all(workers).await.iter().for_each(|more| flushed.add(more));
        }
        // Another flush may have batches out; what comes back of them is ours to wait for.
        while self.held().in_flight > 0 {
            if by.bound(self.shared.landing(self.number)).await.is_none() {
                break;
            }
            flushed.add(&self.work(horizon, by).await);
        }
        flushed.left = self.held().held.items as u64;
        flushed
    }

    async fn work(&self, horizon: u64, by: Deadline) -> Flushed {
        let mut flushed = Flushed::default();
        while matches!(self.step(horizon, by, &mut flushed).await, Step::Done) {}
        flushed
    }

    async fn step(&self, horizon: u64, by: Deadline, flushed: &mut Flushed) -> Step {
        if by.passed() {
            return Step::Stuck;
        }
        let Some(lease) = self.shared.lease(self.number, horizon) else { return Step::Empty };
        if let Some(pieces) = self.fitting(lease.batch()) {
            lease.replace(pieces);
            return Step::Done;
        }
        let (batch, seen) = lease.batch().clone().watched();
        let (signal, items) = (batch.signal(), batch.items() as u64);
        batch.attempted();
        let operation = self.meter.operation(signal, seen);
        let outcome = self.stack.export_boxed(batch, by).await;
        drop(operation);
        match outcome {
            Outcome::Delivered { rejected, message } => {
                self.refusals.store(0, Relaxed);
                lease.settle(Settled::Delivered { rejected });
                let rejected = rejected.min(items);
                flushed.delivered += items - rejected;
                flushed.rejected += rejected;
                if rejected > 0 || !message.is_empty() {
                    let destination = &*self.name;
                    self.tell(
                        &message,
                        Notice::Rejected { destination, signal, items: rejected, message: &message },
                    );
                }
                Step::Done
            }
            Outcome::Retry { why, .. } if self.best_effort && !by.passed() => {
                self.refused(lease, &why, by, flushed).await;
                Step::Done
            }
            Outcome::Retry { .. } => Step::Stuck,
            Outcome::Refused { why, divisible } => {
                let refusals = self.refusals.fetch_add(1, Relaxed) + 1;
                match halves(signal, lease.batch().parts()) {
                    Some(halves) if divisible && refusals < HOPELESS => lease.replace(halves),
                    _ => self.refused(lease, &why, by, flushed).await,
                }
                Step::Done
            }
        }
    }

    /// A batch that this destination will never get.
    async fn refused(&self, lease: Lease, why: &str, by: Deadline, flushed: &mut Flushed) {
        let (signal, items) = (lease.batch().signal(), lease.batch().items() as u64);
        let kept = self.keep(lease.batch(), why, by).await;
        lease.settle(if kept { Settled::Kept } else { Settled::Refused });
        flushed.refused += items;
        self.tell(why, Notice::Refused { destination: &self.name, signal, items, why });
    }

    async fn keep(&self, batch: &Batch, why: &str, by: Deadline) -> bool {
        match &self.letters {
            Some(letters) => letters.keep(batch, &self.name, why, by).await,
            None => false,
        }
    }

    /// Has the destination send what it took and holds back, if it does such a thing; why it did not.
    pub(crate) async fn let_go(&self, by: Deadline) -> Option<String> {
        match by.bound(self.stack.flush_boxed(by)).await {
            Some(Outcome::Delivered { .. }) => None,
            Some(Outcome::Retry { why, .. } | Outcome::Refused { why, .. }) => Some(why),
            None => Some(OUT_OF_TIME.to_owned()),
        }
    }

    /// What is left goes into dead letters, if there are any, by the deadline; how many items did.
    pub(crate) async fn give_up(&self, by: Deadline) -> u64 {
        // Side by side, since a letter may have a long way.
        join_all((0..IN_FLIGHT).map(|_| self.write_letters(by))).await.into_iter().sum()
    }

    async fn write_letters(&self, by: Deadline) -> u64 {
        let mut kept = 0;
        let why = self.circuit.failure().map(|why| format!("{why}; {OUT_OF_TIME}"));
        let why = why.as_deref().unwrap_or(OUT_OF_TIME);
        while self.letters.is_some() && !by.passed() {
            let Some(lease) = self.shared.lease(self.number, u64::MAX) else { break };
            let items = lease.batch().items() as u64;
            match by.bound(self.keep(lease.batch(), why, by)).await {
                Some(true) => lease.settle(Settled::Kept),
                _ => break,
            }
            kept += items;
        }
        kept
    }

    /// Batches that fit, if this one does not: of one resource where that is asked for, and within the limits where this
    /// is one payload that is not and can be split.
    fn fitting(&self, batch: &Batch) -> Option<Vec<Vec<Part>>> {
        if self.one_resource
            && let Some(apart) = by_resource(batch.signal(), batch.parts())
        {
            return Some(apart);
        }
        let [part] = batch.parts() else { return None };
        if part.bytes.len() <= self.limits.bytes && part.summary.items <= self.limits.items {
            return None;
        }
        pieces(batch.signal(), part, self.limits)
    }

    fn tell(&self, words: &str, notice: Notice<'_>) {
        let Some(observer) = &self.observer else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.as_ref().is_some_and(|(last, at)| last == words && at.elapsed() < AGAIN) {
            *told = Some((words.to_owned(), Instant::now()));
            observer(notice);
        }
    }

    pub(crate) fn pending(&self) -> DestinationPending {
        let now = self.held();
        DestinationPending {
            name: Arc::clone(&self.name),
            bytes: now.held.bytes,
            items: now.held.items,
            errors: now.held.errors,
            oldest: now.oldest,
            in_flight: now.in_flight,
            health: self.circuit.health(),
        }
    }

    pub(crate) fn held(&self) -> LaneHeld {
        self.shared.lane_held(self.number)
    }

    pub(crate) fn totals(&self) -> [DestinationTotals; 3] {
        self.shared.lane_totals(self.number)
    }

    pub(crate) fn stats(&self) -> DestinationStats {
        DestinationStats::new(Arc::clone(&self.name), self.totals(), self.meter.by_signal())
    }
}

const OUT_OF_TIME: &str = "there was no time left to deliver it";

/// Batches out at once to one destination: enough that a slow one is drained within the two seconds that a shutdown
/// leaves, few enough that what is being encoded stays small.
const IN_FLIGHT: usize = 4;
