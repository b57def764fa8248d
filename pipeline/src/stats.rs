//! Counters, exact at any moment: what came in equals what is held and what left, by each way of leaving.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use spanlayer_otlp::Signal;
use tokio::time::Instant;

use crate::{Health, LetterFigures, SpoolFigures, measured::Measured};

/// Everything a pipeline has counted since it was made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    signals: [SignalTotals; 3],
    /// One per destination, in the order of the settings.
    pub destinations: Vec<DestinationStats>,
    /// What the spool holds and found; `None` when there is none.
    pub spool: Option<SpoolFigures>,
    /// What became of dead letters.
    pub letters: LetterFigures,
}

impl Stats {
    pub(crate) const fn new(
        signals: [SignalTotals; 3],
        destinations: Vec<DestinationStats>,
        spool: Option<SpoolFigures>,
        letters: LetterFigures,
    ) -> Self {
        Self { signals, destinations, spool, letters }
    }

    /// What happened at the door, for one signal.
    pub const fn signal(&self, signal: Signal) -> &SignalTotals {
        &self.signals[signal as usize]
    }
}

/// Items of one signal, as the queue saw them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignalTotals {
    /// Taken into the queue.
    pub accepted: u64,
    /// Not taken: the queue was full of what is at least as important, or the payload larger than the queue.
    pub turned_away: u64,
    /// Taken, then given up for something newer: no error among them.
    pub evicted_healthy: u64,
    /// Taken, then given up for something newer: in payloads with errors.
    pub evicted_errors: u64,
    /// Taken, then dropped because it was so decided ([`Pipeline::decide`](crate::Pipeline::decide)).
    pub sampled_out: u64,
    /// Taken, then left out by a processor ([`Pipeline::accept_through`](crate::Pipeline::accept_through)).
    pub filtered: u64,
    /// Dropped because no destination takes this signal.
    pub unrouted: u64,
}

/// What one destination did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DestinationStats {
    /// The destination's name in logs.
    pub name: Arc<str>,
    signals: [DestinationTotals; 3],
    requests: [TrafficTotals; 3],
    /// Requests and their bytes, all attempts together.
    pub traffic: TrafficTotals,
}

impl DestinationStats {
    pub(crate) fn new(name: Arc<str>, signals: [DestinationTotals; 3], requests: [TrafficTotals; 3]) -> Self {
        Self { name, signals, requests, traffic: TrafficTotals::sum(&requests) }
    }

    /// Items of one signal. `accepted` equals the sum of the others and what is still held.
    pub const fn signal(&self, signal: Signal) -> &DestinationTotals {
        &self.signals[signal as usize]
    }

    /// What of [`traffic`](Self::traffic) was requests of one signal.
    pub const fn traffic_of(&self, signal: Signal) -> &TrafficTotals {
        &self.requests[signal as usize]
    }
}

/// Items of one signal, as one destination's lane saw them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationTotals {
    /// Meant for this destination.
    pub accepted: u64,
    /// Taken by it.
    pub delivered: u64,
    /// Turned away by it out of requests that it took otherwise (partial success).
    pub rejected: u64,
    /// In requests that it refused for good, and that are lost.
    pub refused: u64,
    /// In requests that it refused for good or that there was no time for, and that are kept as dead letters.
    pub dead_lettered: u64,
    /// Given up for something newer before it had them.
    pub evicted: u64,
}

/// Requests to one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TrafficTotals {
    /// Attempts, the first of each batch and repetitions.
    pub attempts: u64,
    /// Spans, data points and log records in them, whatever became of them.
    pub items: u64,
    /// Attempts that did not end in a delivery, those included that were given up before they had an answer.
    pub failures: u64,
    /// Attempts that repeated one within the same export, after a wait.
    pub retries: u64,
    /// Attempts of a batch that this destination was sent before, in the same export or an earlier one: what it may have twice,
    /// unless it looks at the key. Only of a pipeline's own destinations.
    pub resends: u64,
    /// Bytes that were to be sent before compression, over all attempts; those of the payloads for destinations that are not
    /// sent OTLP.
    pub bytes: u64,
    /// The same after compression; zero for destinations that are not sent OTLP.
    pub compressed_bytes: u64,
}

impl TrafficTotals {
    pub(crate) fn sum(all: &[Self]) -> Self {
        let mut sum = Self::default();
        for one in all {
            sum.attempts += one.attempts;
            sum.items += one.items;
            sum.failures += one.failures;
            sum.retries += one.retries;
            sum.resends += one.resends;
            sum.bytes += one.bytes;
            sum.compressed_bytes += one.compressed_bytes;
        }
        sum
    }
}

/// The counters behind [`TrafficTotals`], shared by the stages that count.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) attempts: AtomicU64,
    pub(crate) items: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) resends: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) compressed_bytes: AtomicU64,
    measured: Mutex<Measured>,
}

impl Traffic {
    pub(crate) fn totals(&self) -> TrafficTotals {
        TrafficTotals {
            attempts: self.attempts.load(Relaxed),
            items: self.items.load(Relaxed),
            failures: self.failures.load(Relaxed),
            retries: self.retries.load(Relaxed),
            resends: self.resends.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            compressed_bytes: self.compressed_bytes.load(Relaxed),
        }
    }

    pub(crate) fn measured(&self) -> MutexGuard<'_, Measured> {
        self.measured.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a pipeline holds at one moment: what a flush policy decides by.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Pending {
    /// Encoded bytes held.
    pub bytes: usize,
    /// Spans, data points and log records held.
    pub items: usize,
    /// How many of them tell of a failure.
    pub errors: usize,
    /// When the oldest came in that no attempt is under way for.
    pub oldest: Option<Instant>,
    /// Batches out on an attempt.
    pub in_flight: usize,
    /// The same per destination.
    pub destinations: Vec<DestinationPending>,
}

impl Pending {
    /// Whether a flush has anything to send at all.
    pub const fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// Whether a flush has something to send to a destination that did not fail recently. When this is false, a flush
    /// is either idle or a probe of destinations that are down: nothing to keep an invocation waiting for.
    pub fn worth_waiting(&self) -> bool {
        self.destinations.iter().any(|one| one.items > 0 && !one.health.is_failing())
    }

    /// When the oldest came in that waits for a destination which did not fail recently.
    pub fn oldest_deliverable(&self) -> Option<Instant> {
        self.destinations.iter().filter(|one| !one.health.is_failing()).filter_map(|one| one.oldest).min()
    }
}

/// What is held for one destination at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DestinationPending {
    /// The destination's name in logs.
    pub name: Arc<str>,
    /// Encoded bytes not settled.
    pub bytes: usize,
    /// Items not settled.
    pub items: usize,
    /// How many of them tell of a failure.
    pub errors: usize,
    /// When the oldest came in that no attempt is under way for.
    pub oldest: Option<Instant>,
    /// Batches out on an attempt.
    pub in_flight: usize,
    /// Whether it takes what it is sent.
    pub health: Health,
}
