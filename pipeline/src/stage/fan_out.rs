//! Several destinations, each at its own pace.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use tokio::{
    sync::{Notify, mpsc},
    task::{AbortHandle, JoinSet},
};

use super::Caught;
use crate::{Batch, Deadline, Export, Outcome, export::Custom, join::join_all};

/// Exports each batch to several destinations at once, and answers as soon as one of them has taken it; the others go on
/// by themselves until the same deadline. It fails when all have failed, or when there is none.
///
/// A destination that is slow holds up only itself: it may have [16 batches](Self::WAITING) under way, and what comes
/// beyond that it does not get ([`missed`](Self::missed) counts it). One that failed is not sent the batch again by
/// somebody who repeats it when another took it: nobody repeats a success. So retries belong inside, around each
/// destination.
///
/// Dropping an export before it was answered stops all of its attempts; dropping the stage stops everything.
/// [`drain`](Export::drain) waits for what is under way when it begins, and holds up nothing that comes later.
///
/// Exports run as tasks, so this needs a tokio runtime. One that panics is one that was refused.
///
/// ```
/// use spanlayer_pipeline::{Deadline, Export as _, Memory, Outcome, stage::{FanOut, Wrap as _}};
/// # use spanlayer_pipeline::{Batch, Payload, Signal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let batch = Batch::of([Payload::scan(Signal::Traces, Default::default()).unwrap()]).unwrap();
/// let (one, other) = (Memory::new(), Memory::always(Outcome::retry("down")));
/// let export = FanOut::new().to(one.clone()).to(other.errors_only());
/// assert_eq!(export.export(batch, Deadline::never()).await, Outcome::DELIVERED);
/// # }
/// ```
#[derive(Default)]
pub struct FanOut {
    destinations: Vec<Arc<One>>,
    tasks: Mutex<JoinSet<()>>,
}

struct One {
    export: Custom,
    under_way: Arc<UnderWay>,
    missed: AtomicU64,
}

/// Exports to one destination that have begun and not ended.
#[derive(Default)]
struct UnderWay {
    state: Mutex<Numbered>,
    landed: Notify,
}

#[derive(Default)]
struct Numbered {
    next: u64,
    out: BTreeSet<u64>,
}

/// One of them, for as long as this lives.
struct Flight(Arc<UnderWay>, u64);

impl UnderWay {
    /// Begins one, if there is room.
    fn start(self: &Arc<Self>) -> Option<Flight> {
        let mut state = self.lock();
        if state.out.len() >= FanOut::WAITING {
            return None;
        }
        let number = state.next;
        state.next += 1;
        state.out.insert(number);
        Some(Flight(Arc::clone(self), number))
    }

    /// Waits for those that have begun by now. Those that begin meanwhile are nobody's concern here, and find their room.
    async fn landing(&self) {
        let horizon = self.lock().next;
        loop {
            // Made before the look, so that what lands in between is heard of.
            let landed = self.landed.notified();
            if self.lock().out.first().is_none_or(|first| *first >= horizon) {
                return;
            }
            landed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Numbered> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.lock().out.remove(&self.1);
        self.0.landed.notify_waiters();
    }
}

impl FanOut {
    /// How many batches may be under way to one destination.
    pub const WAITING: usize = 16;

    /// To nobody yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Also to this destination.
    #[must_use]
    pub fn to(mut self, destination: impl Export + 'static) -> Self {
        self.destinations.push(Arc::new(One {
            export: Custom(Arc::new(Caught(destination))),
            under_way: Arc::default(),
            missed: AtomicU64::new(0),
        }));
        self
    }

    /// Items that a destination did not get because it had too much under way, in the order in which destinations were
    /// added.
    pub fn missed(&self) -> Vec<u64> {
        self.destinations.iter().map(|one| one.missed.load(Relaxed)).collect()
    }

    /// Begins the export to one destination.
    fn start(
        &self,
        one: &Arc<One>,
        batch: Batch,
        by: Deadline,
        told: mpsc::UnboundedSender<Outcome>,
    ) -> Option<AbortHandle> {
        let Some(flight) = one.under_way.start() else {
            one.missed.fetch_add(batch.items() as u64, Relaxed);
            let _ = told.send(Outcome::retry("too much is under way already"));
            return None;
        };
        let one = Arc::clone(one);
        let work = async move {
            let late = || Outcome::retry("no answer by the deadline");
            let outcome = by.bound(one.export.export(batch, by)).await.unwrap_or_else(late);
            drop(flight);
            let _ = told.send(outcome); // the caller may have heard enough
        };
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        Some(tasks.spawn(work))
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FanOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FanOut").field("destinations", &self.destinations.len()).finish_non_exhaustive()
    }
}

impl Export for FanOut {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let (told, mut outcomes) = mpsc::unbounded_channel();
        let started =
            self.destinations.iter().filter_map(|one| self.start(one, batch.clone(), by, told.clone()));
        let mut unanswered = Unanswered(started.collect());
        drop(told);
        let mut failed = None;
        while let Some(outcome) = outcomes.recv().await {
            if matches!(outcome, Outcome::Delivered { .. }) {
                unanswered.0.clear(); // the rest go on by themselves
                return outcome;
            }
            failed = Some(failed.map_or(outcome.clone(), |other| worse(other, outcome)));
        }
        failed.unwrap_or_else(|| Outcome::refused("there is no destination"))
    }

    async fn drain(&self, by: Deadline) -> Outcome {
        let flushed = self.destinations.iter().map(|one| async move {
            match by.bound(one.under_way.landing()).await {
                Some(()) => one.export.drain(by).await,
                None => Outcome::retry("no answer by the deadline"),
            }
        });
        let outcomes = join_all(flushed).await;
        outcomes.into_iter().reduce(worse).unwrap_or(Outcome::DELIVERED)
    }
}

/// Of two outcomes, the one that says more of what is left to do: nothing is lost yet where something may be repeated.
fn worse(one: Outcome, other: Outcome) -> Outcome {
    match (one, other) {
        (Outcome::Retry { after, why }, Outcome::Retry { after: other, .. }) => {
            // Whoever comes again does so when the first of them is ready.
            Outcome::Retry { after: after.zip(other).map(|(one, other)| one.min(other)), why }
        }
        (retry @ Outcome::Retry { .. }, _) | (_, retry @ Outcome::Retry { .. }) => retry,
        (refused @ Outcome::Refused { .. }, _) | (_, refused) => refused,
    }
}

/// Attempts that nobody waits for any more once this is dropped.
struct Unanswered(Vec<AbortHandle>);

impl Drop for Unanswered {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

#[cfg(test)]
mod tests;
