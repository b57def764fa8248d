//! What the queue looks like from one lane: what waits, what is formed, what is out.

use std::collections::{BTreeSet, VecDeque};

use spanlayer_otlp::{Signal, Summary};

use super::{Rank, first_of};
use crate::{Batch, BatchLimits, DestinationTotals, Payload, Priority, batch::Part};

#[derive(Debug)]
pub(super) struct View {
    takes: [bool; 3],
    limits: BatchLimits,
    /// Payloads that are in no batch yet, per signal, in the order of sending.
    waiting: [BTreeSet<Rank>; 3],
    /// Batches that were tried in vain or wait for their first attempt, in the order of sending.
    pub(super) formed: VecDeque<Batch>,
    /// Batches out on an attempt.
    pub(super) leased: usize,
    /// Items in them, per signal.
    pub(super) out: [usize; 3],
    /// What is not settled yet: waiting, formed and leased together.
    pub(super) held: Held,
    pub(super) totals: [DestinationTotals; 3],
}

/// An amount of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) bytes: usize,
    pub(crate) items: usize,
    pub(crate) errors: usize,
}

impl Held {
    pub(super) fn add(&mut self, bytes: usize, summary: Summary) {
        self.bytes += bytes;
        self.items += summary.items;
        self.errors += summary.errors;
    }

    pub(super) fn subtract(&mut self, bytes: usize, summary: Summary) {
        self.bytes -= bytes;
        self.items -= summary.items;
        self.errors -= summary.errors;
    }
}

impl View {
    pub(super) fn new(signals: &[Signal], limits: BatchLimits) -> Self {
        Self {
            takes: Signal::ALL.map(|signal| signals.contains(&signal)),
            limits,
            waiting: Default::default(),
            formed: VecDeque::new(),
            leased: 0,
            out: [0; 3],
            held: Held::default(),
            totals: Default::default(),
        }
    }

    pub(super) fn takes(&self, signal: Signal) -> bool {
        self.takes[signal as usize]
    }

    pub(super) fn add(&mut self, rank: Rank, payload: &Payload) {
        self.waiting[payload.signal() as usize].insert(rank);
        self.totals[payload.signal() as usize].accepted += payload.items() as u64;
        self.remember(&Part::whole(rank, payload));
    }

    /// A payload is in a batch already.
    pub(super) fn unwait(&mut self, signal: Signal, rank: Rank) {
        self.waiting[signal as usize].remove(&rank);
    }

    /// A batch goes out on an attempt.
    pub(super) fn lend(&mut self, batch: &Batch) {
        self.leased += 1;
        self.out[batch.signal() as usize] += batch.items();
    }

    /// It is back, or over with.
    pub(super) fn regain(&mut self, batch: &Batch) {
        self.leased -= 1;
        self.out[batch.signal() as usize] -= batch.items();
    }

    /// A piece of a payload that nobody counted yet.
    pub(super) fn adopt(&mut self, signal: Signal, piece: &Part) {
        self.totals[signal as usize].accepted += piece.summary.items as u64;
        self.remember(piece);
    }

    pub(super) fn remember(&mut self, part: &Part) {
        self.held.add(part.bytes.len(), part.summary);
    }

    pub(super) fn forget(&mut self, parts: &[Part]) {
        parts.iter().for_each(|part| self.held.subtract(part.bytes.len(), part.summary));
    }

    /// Takes the parts of a new batch from what waits: what arrived by the horizon first, then what arrived since and
    /// finds room. `None` if nothing arrived by the horizon.
    pub(super) fn form(
        &mut self,
        horizon: u64,
        part: impl Fn(Rank) -> Option<Part>,
    ) -> Option<(Signal, Vec<Part>)> {
        let due = |signal: &Signal| self.due(*signal, horizon).map(|rank| (rank, *signal));
        let (_, signal) = Signal::ALL.iter().filter_map(due).min()?;
        let waiting = &mut self.waiting[signal as usize];
        let timely = waiting.iter().filter(|rank| rank.arrival <= horizon);
        let later = waiting.iter().filter(|rank| rank.arrival > horizon);
        let (mut bytes, mut items) = (0, 0);
        let fits = |part: &Part| {
            bytes += part.bytes.len();
            items += part.summary.items;
            // The first always fits: one that is too large by itself goes alone, to be split.
            bytes == part.bytes.len() || (bytes <= self.limits.bytes && items <= self.limits.items)
        };
        let parts: Vec<Part> = timely.chain(later).filter_map(|rank| part(*rank)).take_while(fits).collect();
        parts.iter().for_each(|part| {
            waiting.remove(&part.rank);
        });
        Some((signal, parts))
    }

    /// The first payload of a signal that arrived by the horizon. The two priorities are each in order of arrival, so
    /// looking at the first of each is enough.
    fn due(&self, signal: Signal, horizon: u64) -> Option<Rank> {
        let waiting = &self.waiting[signal as usize];
        let firsts = [first_of(Priority::Error), first_of(Priority::Healthy)];
        firsts
            .into_iter()
            .filter_map(|from| waiting.range(from..).next())
            .find(|r| r.arrival <= horizon)
            .copied()
    }

    /// What is in no batch yet.
    pub(super) fn all_waiting(&self) -> impl Iterator<Item = Rank> {
        self.waiting.iter().flatten().copied()
    }

    /// For each signal and priority, the payload that has waited longest.
    pub(super) fn firsts(&self) -> impl Iterator<Item = Rank> {
        let froms = [first_of(Priority::Error), first_of(Priority::Healthy)];
        self.waiting
            .iter()
            .flat_map(move |waiting| froms.map(|from| waiting.range(from..).next().copied()))
            .flatten()
    }

    /// Drops what this lane still has of a payload; how many items that were.
    pub(super) fn evict(&mut self, rank: Rank, payload: &Payload) -> usize {
        let before = self.held.items;
        let signal = payload.signal();
        if self.waiting[signal as usize].remove(&rank) {
            self.forget(&[Part::whole(rank, payload)]);
        } else {
            // A batch is sent as it was formed or not at all, so the one that loses a member is dissolved. Its other
            // members are whole payloads, since pieces never share a batch.
            let (hit, kept): (Vec<_>, Vec<_>) =
                self.formed.drain(..).partition(|batch| batch.ranks().any(|member| member == rank));
            self.formed.extend(kept);
            for part in hit.iter().flat_map(Batch::parts) {
                if part.rank == rank {
                    self.forget(std::slice::from_ref(part));
                } else {
                    self.waiting[signal as usize].insert(part.rank);
                }
            }
        }
        let lost = before - self.held.items;
        self.totals[signal as usize].evicted += lost as u64;
        lost
    }
}
