//! A batch that is out on an attempt: given back when the attempt is dropped, whatever the reason.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use spanlayer_otlp::Signal;
use tokio::{sync::Notify, time::Instant};

use super::{Queue, Route, Settled, view::Held};
use crate::{Admission, Batch, DestinationTotals, Payload, SignalTotals, batch::Part};

/// The queue, shared by those who fill it and the lanes that empty it.
#[derive(Debug)]
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    /// Told whenever a batch comes back or is settled.
    changed: Notify,
}

/// A lane's share of the queue at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LaneHeld {
    pub(crate) held: Held,
    pub(crate) in_flight: usize,
    /// Items in flight, per signal.
    pub(crate) out: [usize; 3],
    /// Of what is not out on an attempt.
    pub(crate) oldest: Option<Instant>,
}

impl Shared {
    pub(crate) fn new(queue: Queue) -> Self {
        Self { queue: Mutex::new(queue), changed: Notify::new() }
    }

    /// Takes a payload in, or says why not; and why it is in memory only, if it is the first one that is.
    pub(crate) fn admit(&self, payload: Payload, route: Route) -> (Admission, Option<&'static str>) {
        let mut queue = self.lock();
        let admission = queue.admit(payload, route);
        (admission, queue.why_not_spooled())
    }

    pub(crate) fn decide(&self, group: u64, keep: bool) {
        self.lock().decide(group, keep);
    }

    /// Does something with the queue that is not done every day.
    pub(crate) fn with<T>(&self, what: impl FnOnce(&mut Queue) -> T) -> T {
        what(&mut self.lock())
    }

    /// From here on nothing is admitted.
    pub(crate) fn close(&self) {
        self.lock().close();
    }

    /// Whether any lane takes this signal.
    pub(crate) fn serves(&self, signal: Signal) -> bool {
        self.lock().views.iter().any(|view| view.takes(signal))
    }

    /// Marks this moment: what is admitted later arrives beyond the horizon.
    pub(crate) fn horizon(&self) -> u64 {
        self.lock().arrivals
    }

    /// Takes the lane's next batch, if anything is left that arrived by the horizon.
    pub(crate) fn lease(self: &Arc<Self>, lane: usize, horizon: u64) -> Option<Lease> {
        let batch = self.lock().take(lane, horizon)?;
        Some(Lease { shared: Arc::clone(self), lane, batch, open: true })
    }

    /// Waits until the lane has a batch less in flight than now; at once when it has none.
    pub(crate) async fn landing(&self, lane: usize) {
        let mut changed = std::pin::pin!(self.changed.notified());
        changed.as_mut().enable(); // so that what happens between looking and waiting is not missed
        if self.lock().views[lane].leased > 0 {
            changed.await;
        }
    }

    pub(crate) fn lane_held(&self, lane: usize) -> LaneHeld {
        let queue = self.lock();
        let view = &queue.views[lane];
        LaneHeld { held: view.held, in_flight: view.leased, out: view.out, oldest: queue.oldest(lane) }
    }

    /// What is held in all: bytes against the bound, items, items that tell of failures.
    pub(crate) fn held(&self) -> Held {
        self.lock().load
    }

    pub(crate) fn totals(&self) -> [SignalTotals; 3] {
        self.lock().totals
    }

    pub(crate) fn lane_totals(&self, lane: usize) -> [DestinationTotals; 3] {
        self.lock().views[lane].totals
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        // Bookkeeping does not panic half-way; if it ever did, going on beats losing everything.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A batch out on an attempt. Dropping it, also by dropping the future that holds it, puts it back, to be sent again
/// as it is.
#[derive(Debug)]
pub(crate) struct Lease {
    shared: Arc<Shared>,
    lane: usize,
    batch: Batch,
    open: bool,
}

impl Lease {
    pub(crate) fn batch(&self) -> &Batch {
        &self.batch
    }

    /// The batch's fate is known, for good.
    pub(crate) fn settle(mut self, how: Settled) {
        self.open = false;
        self.shared.lock().settle(self.lane, &self.batch, how);
    }

    /// Several batches take the place of this one; together they must hold what it held.
    pub(crate) fn replace(mut self, pieces: Vec<Vec<Part>>) {
        self.open = false;
        self.shared.lock().replace(self.lane, &self.batch, pieces);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.open {
            self.shared.lock().give_back(self.lane, self.batch.clone());
        }
        self.shared.changed.notify_waiters();
    }
}
