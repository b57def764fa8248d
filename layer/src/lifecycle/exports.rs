//! The exports in flight: one a destination at most, so that none delays another.

use spanlayer_host::clock;
use spanlayer_pipeline::{Deadline, Flushed, Pipeline};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::{AbortHandle, JoinSet},
    time::Instant,
};

/// See the [module](self).
pub(crate) struct Exports {
    pipeline: Arc<Pipeline>,
    /// By destination.
    running: Vec<Option<Running>>,
    tasks: JoinSet<(usize, Flushed)>,
}

struct Running {
    began: Instant,
    /// The same in Unix time: a clock may stand still while we are frozen.
    began_unix: Duration,
    /// More has come in that is to be exported before this destination counts as done.
    again: bool,
    task: AbortHandle,
}

/// What became of an export.
pub(crate) struct Exported {
    pub(crate) destination: usize,
    pub(crate) took: Duration,
    /// Whether the destination settled anything: took it, or refused it for good.
    pub(crate) delivered: bool,
    /// Whether anything is left that it did not take.
    pub(crate) left: bool,
    /// Whether there was more to export, and that has begun.
    pub(crate) goes_on: bool,
}

impl Exports {
    pub(crate) fn new(pipeline: Arc<Pipeline>, destinations: usize) -> Self {
        Self { pipeline, running: (0..destinations).map(|_| None).collect(), tasks: JoinSet::new() }
    }

    /// Exports what is held, to every destination that none is in flight to. `everything` is for what came in after
    /// those in flight began, too: they are followed by another.
    pub(crate) fn start(&mut self, everything: bool) {
        let pending = self.pipeline.pending();
        // There may be more of them than there were.
        self.running.resize_with(pending.destinations.len().max(self.running.len()), || None);
        for (destination, held) in pending.destinations.iter().enumerate() {
            match self.running.get_mut(destination) {
                Some(Some(running)) => running.again |= everything,
                Some(None) if held.items > 0 => self.begin(destination),
                _ => {}
            }
        }
    }

    fn begin(&mut self, destination: usize) {
        let pipeline = Arc::clone(&self.pipeline);
        // Not bounded by the invocation: the driver stops waiting when it has to, and an attempt that outlives its
        // invocation is frozen with us and finished after the thaw, rather than cut off and sent again. Each attempt
        // has its own time limit.
        let task = async move { (destination, pipeline.flush_to(destination, Deadline::never()).await) };
        let task = self.tasks.spawn(task);
        self.running[destination] =
            Some(Running { began: Instant::now(), began_unix: clock::unix(), again: false, task });
    }

    /// Waits until one is over; for ever when none is in flight. Dropping the future loses nothing.
    pub(crate) async fn ended(&mut self) -> Exported {
        let Some(outcome) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let (destination, flushed) = match outcome {
            Ok((_, done)) => done,
            // A panic in there is told by its hook, delivers nothing and leaves what it was about: it counts as a
            // failure, so that the next attempt waits its turn instead of panicking at once.
            Err(error) => {
                let is_it =
                    |one: &Option<Running>| one.as_ref().is_some_and(|one| one.task.id() == error.id());
                let mut left = Flushed::default();
                left.left = 1;
                (self.running.iter().position(is_it).unwrap_or(usize::MAX), left)
            }
        };
        let running = self.running.get_mut(destination).and_then(Option::take);
        let delivered = flushed.delivered + flushed.rejected + flushed.refused > 0;
        let left = flushed.left > 0;
        let goes_on = running.as_ref().is_some_and(|running| running.again) && (delivered || !left);
        if goes_on {
            self.begin(destination);
        }
        let took = running.map_or(Duration::ZERO, |running| running.began.elapsed());
        Exported { destination, took, delivered, left, goes_on }
    }

    /// Whether an export to this destination is in flight.
    pub(crate) fn is_running(&self, destination: usize) -> bool {
        matches!(self.running.get(destination), Some(Some(_)))
    }

    /// The destinations to which exports are in flight.
    pub(crate) fn running(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.running.len()).filter(|destination| self.is_running(*destination))
    }

    /// Leaves the exports in flight to themselves, and says how to stop them. `trusts` says whether a destination takes
    /// what it is sent.
    pub(crate) fn detach(mut self, trusts: impl Fn(usize) -> bool) -> Vec<InFlight> {
        self.tasks.detach_all();
        let running = self.running.into_iter().enumerate();
        let running = running.filter_map(|(destination, running)| Some((destination, running?)));
        let in_flight = |(destination, Running { began, began_unix, task, .. }): (usize, Running)| {
            let age = began.elapsed().max(clock::unix().saturating_sub(began_unix));
            InFlight { task, hangs: age > FRESH || !trusts(destination) }
        };
        running.map(in_flight).collect()
    }
}

/// An export that goes on by itself.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) task: AbortHandle,
    /// Its answer may never come: it may have been frozen with us and lost its connection, or its destination does not
    /// answer.
    pub(crate) hangs: bool,
}

/// A connection outlives a freeze that is shorter.
const FRESH: Duration = Duration::from_secs(2);
