//! What was accepted and is not yet settled: bounded in bytes, shared by all lanes, each with a view of its own.
//!
//! Pure bookkeeping under one lock: no clock, nothing is awaited, and no I/O but through the spool, which is told of every
//! change before anybody else is. A payload is kept once, whatever the number
//! of destinations; it goes when each of them has taken it, refused it, or when it was evicted.

mod groups;
mod lease;
mod restored;
mod route;
mod spooled;
mod view;

use std::collections::BTreeMap;

use spanlayer_otlp::Signal;
use tokio::time::Instant;

use groups::Groups;
pub(crate) use lease::{LaneHeld, Lease, Shared};
pub(crate) use restored::Restored;
pub use route::{Lanes, Route};
use spooled::Journal;
pub(crate) use view::Held;
use view::View;

use crate::{
    Admission, Batch, BatchLimits, Payload, Priority, SignalTotals, WhenFull,
    batch::{Part, Weak},
    spool::{Place, recovery::bit},
};

/// A payload's place: by priority, then by arrival. Lower goes out first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Rank {
    priority: Priority,
    arrival: u64,
}

impl Rank {
    pub(crate) const fn of(payload: &Payload, arrival: u64) -> Self {
        Self { priority: payload.priority(), arrival }
    }

    pub(crate) const FIRST: Self = Self { priority: Priority::Error, arrival: 0 };
    const LAST: Self = Self { priority: Priority::Healthy, arrival: u64::MAX };
}

/// A payload while somebody still has to settle it.
#[derive(Debug)]
struct Entry {
    payload: Payload,
    /// Its group is named for as long as that is not decided.
    route: Route,
    /// The lanes that need it whole, as the spool knows them.
    due: u64,
    /// Where it lies in the spool.
    place: Option<Place>,
    /// Parts of it that are not settled, over all lanes: one per lane, more where it was split.
    owed: usize,
    /// Parts of it that are out on an attempt.
    leased: usize,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Queue {
    limit: usize,
    when_full: WhenFull,
    closed: bool,
    /// What all entries cost.
    held: usize,
    /// What all entries hold.
    load: Held,
    arrivals: u64,
    entries: BTreeMap<Rank, Entry>,
    views: Vec<View>,
    /// The lanes that must not crowd out others.
    apart: u64,
    /// Batches that some lane formed, so that another lane about to form the same shares it, its compressed form
    /// included.
    formed: Vec<Weak>,
    /// What is held back until somebody decides.
    groups: Groups,
    journal: Journal,
    totals: [SignalTotals; 3],
}

impl Queue {
    pub(crate) fn new(limit: usize, when_full: WhenFull) -> Self {
        Self {
            limit,
            when_full,
            closed: false,
            held: 0,
            load: Held::default(),
            arrivals: 0,
            entries: BTreeMap::new(),
            views: Vec::new(),
            apart: 0,
            formed: Vec::new(),
            groups: Groups::default(),
            journal: Journal::default(),
            totals: Default::default(),
        }
    }

    /// Numbers what comes in from here on: above everything that an earlier process may have left in the spool.
    pub(crate) fn begin_at(&mut self, first: u64) {
        self.arrivals = first;
    }

    /// Adds a lane that takes these signals; its number.
    pub(crate) fn add_lane(&mut self, signals: &[Signal], limits: BatchLimits) -> usize {
        self.views.push(View::new(signals, limits));
        self.views.len() - 1
    }

    /// What it holds, as it counts against what it may hold.
    pub(crate) const fn bounds(&self) -> (usize, usize) {
        (self.held, self.limit)
    }

    /// What it may hold from here on.
    pub(crate) const fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// A lane that must not crowd out others.
    pub(crate) const fn keep_apart(&mut self, lane: usize) {
        self.apart |= bit(lane);
    }

    /// From here on nothing is admitted. What nobody has decided is kept.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        let held = self.groups.give_up();
        self.offer(&held);
    }

    /// Takes a payload in, or says why not.
    pub(crate) fn admit(&mut self, payload: Payload, route: Route) -> Admission {
        let (signal, items) = (payload.signal(), payload.items());
        if self.closed {
            return Admission::Closed;
        }
        if cost(&payload) > self.limit {
            self.totals[signal as usize].turned_away += items as u64;
            return Admission::TooLarge { limit: self.limit };
        }
        let (owed, due) = self.takers(signal, route.lanes);
        if items == 0 || owed == 0 {
            self.totals[signal as usize].unrouted += items as u64;
            return Admission::Accepted;
        }
        let decision = route.group.map_or(Some(true), |group| self.groups.decision(group));
        if decision == Some(false) {
            return self.leave_out(signal, items, |totals| &mut totals.sampled_out);
        }
        let excess = (self.held + cost(&payload)).saturating_sub(self.limit);
        if excess > 0 && !self.make_room(excess, payload.priority(), due) {
            return self.turn_away(&payload);
        }
        self.totals[signal as usize].accepted += items as u64;
        self.held += cost(&payload);
        self.load.add(payload.bytes().len(), payload.summary());
        self.arrivals += 1;
        let rank = Rank::of(&payload, self.arrivals);
        self.entries.insert(rank, Entry { payload, route, due, place: None, owed, leased: 0 });
        self.spool(rank);
        match route.group {
            Some(group) if decision.is_none() => {
                let forgotten = self.groups.hold(group, rank);
                self.offer(&forgotten);
            }
            _ => self.offer(&[rank]),
        }
        Admission::Accepted
    }

    /// Counts what was taken, and left out before it came here, where that is counted.
    pub(crate) fn leave_out(
        &mut self,
        signal: Signal,
        items: usize,
        counter: fn(&mut SignalTotals) -> &mut u64,
    ) -> Admission {
        if self.closed {
            return Admission::Closed;
        }
        let totals = &mut self.totals[signal as usize];
        totals.accepted += items as u64;
        *counter(totals) += items as u64;
        Admission::Accepted
    }

    /// Decides what becomes of a group: of what is held of it, and of what comes later.
    pub(crate) fn decide(&mut self, group: u64, keep: bool) {
        let (members, forgotten) = self.groups.decide(group, keep);
        self.offer(&forgotten);
        if keep {
            return self.offer(&members);
        }
        for rank in members {
            self.note_gone(rank);
            let Some(entry) = self.remove(rank) else { continue };
            self.totals[entry.payload.signal() as usize].sampled_out += entry.payload.items() as u64;
        }
    }

    /// Keeps a group, in the form that is made of each payload that is held of it.
    pub(crate) fn keep_as(&mut self, group: u64, form: &dyn Fn(&Payload) -> Option<Payload>) {
        let (members, forgotten) = self.groups.decide(group, true);
        self.offer(&forgotten);
        let members: Vec<Rank> = members.into_iter().map(|rank| self.exchange(rank, form)).collect();
        self.offer(&members);
    }

    /// Puts another form of a payload in its place. It is in the spool before the first is gone from there.
    fn exchange(&mut self, rank: Rank, form: &dyn Fn(&Payload) -> Option<Payload>) -> Rank {
        let Some(entry) = self.entries.get(&rank) else { return rank };
        let Some(payload) = form(&entry.payload) else { return rank };
        let (route, due, owed) = (Route { group: None, ..entry.route }, entry.due, entry.owed);
        self.arrivals += 1;
        let new = Rank::of(&payload, self.arrivals);
        self.held += cost(&payload);
        self.load.add(payload.bytes().len(), payload.summary());
        self.entries.insert(new, Entry { payload, route, due, place: None, owed, leased: 0 });
        self.spool(new);
        self.note_gone(rank);
        self.remove(rank);
        new
    }

    /// Puts payloads in line for their lanes.
    fn offer(&mut self, ranks: &[Rank]) {
        for rank in ranks {
            let Some(entry) = self.entries.get_mut(rank) else { continue };
            entry.route.group = None;
            let (signal, lanes) = (entry.payload.signal(), entry.route.lanes);
            let views = self.views.iter_mut().enumerate();
            for (_, view) in views.filter(|(lane, view)| view.takes(signal) && lanes.has(*lane)) {
                view.add(*rank, &entry.payload);
            }
        }
    }

    /// How many lanes are to have it, and which, as the spool knows them.
    fn takers(&self, signal: Signal, lanes: Lanes) -> (usize, u64) {
        let views = self.views.iter().enumerate();
        let takers = views.filter(|(lane, view)| view.takes(signal) && lanes.has(*lane));
        takers.fold((0, 0), |(owed, due), (lane, _)| (owed + 1, due | bit(lane)))
    }

    pub(crate) fn turn_away(&mut self, payload: &Payload) -> Admission {
        self.totals[payload.signal() as usize].turned_away += payload.items() as u64;
        match self.when_full {
            WhenFull::Partial => Admission::Partial {
                rejected: payload.items(),
                why: format!("the queue is full ({} bytes) of data at least as important", self.limit),
            },
            WhenFull::Busy { retry_after } => Admission::Busy { retry_after },
        }
    }

    /// Gives up the oldest of lower or equal priority, healthy before errors, until this many bytes are free; nothing,
    /// if that would not be enough. Of equal priority nothing goes for a sender that can come again. What is out on an
    /// attempt stays: its destination may be reading it. Lanes that are kept
    /// apart and hold more than their part give way first, with errors too if the newcomer is for others; and theirs only,
    /// if it is for them.
    fn make_room(&mut self, excess: usize, newcomer: Priority, due: u64) -> bool {
        let greedy = self.greedy();
        let of_greedy = |due: u64| due != 0 && due & !greedy == 0;
        let rounds: &[bool] = match greedy {
            0 => &[false],
            _ if of_greedy(due) => &[true],
            _ => &[true, false],
        };
        let gives_up_equals = self.when_full == WhenFull::Partial;
        for only_greedy in rounds {
            let for_others = *only_greedy && !of_greedy(due);
            let yields =
                |victim: Priority| victim > newcomer || victim == newcomer && gives_up_equals || for_others;
            let healthy = self.entries.range(first_of(Priority::Healthy)..);
            let healthy = healthy.take_while(|_| yields(Priority::Healthy));
            let errors = self.entries.range(..first_of(Priority::Healthy));
            let errors = errors.take_while(|_| yields(Priority::Error));
            let mut freed = 0;
            let mut victims = Vec::new();
            let may_go = |entry: &Entry| entry.leased == 0 && (!only_greedy || of_greedy(entry.due));
            for (rank, entry) in healthy.chain(errors).filter(|(_, entry)| may_go(entry)) {
                victims.push(*rank);
                freed += cost(&entry.payload);
                if freed >= excess {
                    victims.into_iter().for_each(|rank| self.evict(rank));
                    return true;
                }
            }
        }
        false
    }

    /// The lanes that are kept apart and hold more than their part of what is held.
    fn greedy(&self) -> u64 {
        let part = self.load.bytes / self.views.len().max(1);
        let lanes = self.views.iter().enumerate().filter(|(lane, _)| self.apart & bit(*lane) != 0);
        lanes.filter(|(_, view)| view.held.bytes > part).fold(0, |all, (lane, _)| all | bit(lane))
    }

    fn evict(&mut self, rank: Rank) {
        self.note_gone(rank);
        let Some(entry) = self.remove(rank) else { return };
        let signal = entry.payload.signal();
        let lost = match entry.route.group {
            // No lane ever heard of it.
            Some(_) => entry.payload.items(),
            // What some lane has not settled is lost to that lane; the item counts as evicted if it is lost to any.
            None => {
                self.views.iter_mut().map(|view| view.evict(rank, &entry.payload)).max().unwrap_or_default()
            }
        };
        let totals = &mut self.totals[signal as usize];
        match rank.priority {
            Priority::Healthy => totals.evicted_healthy += lost as u64,
            Priority::Error => totals.evicted_errors += lost as u64,
        }
    }

    /// The next batch for a lane, if there is anything that arrived by the horizon: one formed earlier, or a new one.
    /// It counts as out on an attempt until it is given back or settled.
    fn take(&mut self, lane: usize, horizon: u64) -> Option<Batch> {
        let batch = match self.views[lane].formed.pop_front() {
            Some(batch) => batch,
            None => self.form(lane, horizon)?,
        };
        self.views[lane].lend(&batch);
        self.each_entry(&batch, |entry| entry.leased += 1);
        Some(batch)
    }

    fn form(&mut self, lane: usize, horizon: u64) -> Option<Batch> {
        let entries = &self.entries;
        let (signal, parts) = self.views[lane]
            .form(horizon, |rank| entries.get(&rank).map(|entry| Part::whole(rank, &entry.payload)))?;
        if self.views.len() == 1 {
            let batch = Batch::form(signal, parts);
            self.note_formed(lane, &batch);
            return Some(batch);
        }
        self.formed.retain(|other| other.upgrade().is_some());
        let same =
            |other: &Batch| other.signal() == signal && other.ranks().eq(parts.iter().map(|part| part.rank));
        let shared = self.formed.iter().filter_map(Weak::upgrade).find(same);
        let batch = shared.unwrap_or_else(|| {
            let batch = Batch::form(signal, parts);
            self.formed.push(batch.downgrade());
            batch
        });
        self.note_formed(lane, &batch);
        Some(batch)
    }

    /// Takes back a batch whose attempt led to nothing. It stays as it is, and is the next to go.
    fn give_back(&mut self, lane: usize, batch: Batch) {
        self.views[lane].regain(&batch);
        self.each_entry(&batch, |entry| entry.leased -= 1);
        self.views[lane].formed.push_front(batch);
    }

    /// Puts several batches in the place of one. Together they must hold what it held.
    fn replace(&mut self, lane: usize, batch: &Batch, pieces: Vec<Vec<Part>>) {
        let pieces = pieces.into_iter().filter(|parts| !parts.is_empty());
        let pieces: Vec<Batch> = pieces.map(|parts| Batch::form(batch.signal(), parts)).collect();
        self.note_replaced(lane, batch, &pieces);
        let view = &mut self.views[lane];
        view.regain(batch);
        view.forget(batch.parts());
        for part in pieces.iter().flat_map(Batch::parts) {
            view.remember(part);
            if let Some(entry) = self.entries.get_mut(&part.rank) {
                entry.owed += 1;
            }
        }
        pieces.into_iter().rev().for_each(|piece| view.formed.push_front(piece));
        self.each_entry(batch, |entry| {
            entry.leased -= 1;
            entry.owed -= 1;
        });
        self.release(batch);
    }

    /// Notes what became of a batch, for good, and lets go of payloads that nobody needs any more.
    fn settle(&mut self, lane: usize, batch: &Batch, how: Settled) {
        self.note_settled(lane, batch);
        let view = &mut self.views[lane];
        view.regain(batch);
        view.forget(batch.parts());
        let items = batch.items() as u64;
        let totals = &mut view.totals[batch.signal() as usize];
        match how {
            Settled::Delivered { rejected } => {
                // A destination cannot have turned away more than it was sent, whatever it says.
                let rejected = rejected.min(items);
                totals.rejected += rejected;
                totals.delivered += items - rejected;
            }
            Settled::Refused => totals.refused += items,
            Settled::Kept => totals.dead_lettered += items,
        }
        self.each_entry(batch, |entry| {
            entry.leased -= 1;
            entry.owed -= 1;
        });
        self.release(batch);
    }

    fn release(&mut self, batch: &Batch) {
        for rank in batch.ranks() {
            if self.entries.get(&rank).is_some_and(|entry| entry.owed == 0) {
                self.remove(rank);
            }
        }
    }

    fn remove(&mut self, rank: Rank) -> Option<Entry> {
        let entry = self.entries.remove(&rank)?;
        self.held -= cost(&entry.payload);
        self.load.subtract(entry.payload.bytes().len(), entry.payload.summary());
        if let Some(group) = entry.route.group {
            self.groups.leave(group, rank);
        }
        self.journal.release(entry.place);
        Some(entry)
    }

    /// When the oldest payload came in that a lane has neither settled nor out on an attempt.
    fn oldest(&self, lane: usize) -> Option<Instant> {
        let waiting = self.views[lane].firsts().filter_map(|rank| self.entries.get(&rank));
        let formed = self.views[lane].formed.iter().map(Batch::oldest);
        waiting.map(|entry| entry.payload.received()).chain(formed).min()
    }

    fn each_entry(&mut self, batch: &Batch, mut change: impl FnMut(&mut Entry)) {
        for rank in batch.ranks() {
            if let Some(entry) = self.entries.get_mut(&rank) {
                change(entry);
            }
        }
    }
}

/// What became of a batch, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Delivered {
        rejected: u64,
    },
    /// It is gone.
    Refused,
    /// It is in a dead letter.
    Kept,
}

/// What a payload costs of the bound: its bytes and what it takes to keep track of them, so that a flood of tiny
/// payloads is bounded too.
fn cost(payload: &Payload) -> usize {
    payload.bytes().len() + TRACKING
}

const fn first_of(priority: Priority) -> Rank {
    Rank { priority, arrival: 0 }
}

/// An entry, a lane's note of it, and the allocation behind the bytes; measured at about this much.
const TRACKING: usize = 256;

#[cfg(test)]
mod crash;
#[cfg(test)]
mod tests;
