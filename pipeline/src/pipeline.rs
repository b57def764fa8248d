//! The whole, as its users see it: accept, flush, shut down.

mod outages;
mod recover;

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use spanlayer_host::clock;
use spanlayer_otlp::Signal;
use spanlayer_process::redact::Tally;
use spanlayer_stages::{
    sample::{Fate, Tail, Verdict, mark},
    stage::{Counts, Stage},
};

use crate::{
    Batch, Deadline, Destination, Export, Notice, Observer, Outcome, Payload, Pending, Route, Settings,
    SignalTotals, Spool, Stats,
    admit::{Door, Processed},
    compose,
    join::join_all,
    lane::Lane,
    letters::{self, Desk, Letters, reserve},
    queue::{Queue, Shared},
    received::{Received, Sender},
};

/// Takes payloads in and delivers them when told to. See the crate's documentation.
pub struct Pipeline {
    door: Door,
    /// When it was made, in Unix nanoseconds.
    began: u64,
    received: Received,
    shared: Arc<Shared>,
    lanes: OnceLock<Vec<Lane>>,
    /// What lanes are made with, while there are none yet.
    late: Option<Box<Settings>>,
    spool: Option<Spool>,
    /// Segments that were there when the spool was opened; nothing where it could not be.
    opened: OnceLock<Option<Vec<u64>>>,
    outages: outages::Outages,
    letters: Letters,
    desk: letters::Shared,
    observer: Option<Observer>,
    /// It was told that a processor failed.
    told_failed: AtomicBool,
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline")
            .field("shared", &self.shared)
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}

impl Pipeline {
    /// Puts a pipeline together. No I/O, no TLS, no task: those come with the first export.
    pub fn new(settings: Settings) -> Self {
        let mut queue = Queue::new(settings.limit, settings.when_full);
        let began = clock::unix_nanos();
        queue.begin_at(began);
        let shared = Arc::new(Shared::new(queue));
        let desk = Desk::of(&settings);
        let lanes = OnceLock::new();
        let late = settings.late.then(|| Box::new(settings.clone()));
        if late.is_none() {
            let _ = lanes.set(make_lanes(&shared, &desk, &settings, &settings.destinations));
        }
        Self {
            door: Door::new(settings.redactor),
            began,
            received: Received::default(),
            shared,
            lanes,
            late,
            spool: settings.spool,
            opened: OnceLock::new(),
            outages: Default::default(),
            letters: settings.letters,
            desk,
            observer: settings.observer,
            told_failed: AtomicBool::new(false),
        }
    }

    /// Destinations that were not known before, once, where the [settings](Settings::late) say that they come late; and the
    /// most that the queue may hold from here on. What an earlier process left is [taken back](Self::recover) after that.
    pub fn attach(&self, destinations: &[Destination], limit: usize) {
        let Some(settings) = &self.late else { return };
        self.lanes.get_or_init(|| {
            self.shared.with(|queue| queue.set_limit(limit));
            make_lanes(&self.shared, &self.desk, settings, destinations)
        });
    }

    pub(crate) fn lanes(&self) -> &[Lane] {
        self.lanes.get().map_or(&[], Vec::as_slice)
    }

    /// A payload as it may be held, by somebody who does not know yet where it goes.
    pub fn clean(&self, payload: Payload) -> Payload {
        self.door.pass(payload)
    }

    /// Counts what somebody who holds payloads has no room for, and says what the sender is to be told.
    pub fn turn_away(&self, payload: &Payload) -> Admission {
        self.received.count(payload);
        self.shared.with(|queue| queue.turn_away(payload))
    }

    /// Takes a payload in, or says why not. Never waits.
    pub fn accept(&self, payload: Payload) -> Admission {
        self.accept_routed(payload, Route::default())
    }

    /// [`accept`](Self::accept) for some destinations rather than all, or for a group that is yet to be decided.
    pub fn accept_routed(&self, payload: Payload, route: Route) -> Admission {
        let payload = self.door.pass(payload);
        self.received.count(&payload);
        self.admit(payload, route)
    }

    /// [`accept_routed`](Self::accept_routed) for each form that processors make of a payload. What they leave out counts as
    /// taken, and as [`filtered`](SignalTotals::filtered) or [`sampled_out`](SignalTotals::sampled_out). The answer is that
    /// about the first form that was not taken, if there is one.
    pub fn accept_through<'s>(
        &self,
        payload: Payload,
        ways: impl Iterator<Item = (&'s [Arc<Stage>], Route)>,
    ) -> Admission {
        let payload = self.door.pass(payload);
        self.received.count(&payload);
        let mut refused = None;
        for (through, route) in ways {
            let admission = self.admit_through(payload.clone(), through, route);
            if admission != Admission::Accepted {
                refused.get_or_insert(admission);
            }
        }
        refused.unwrap_or(Admission::Accepted)
    }

    fn admit(&self, payload: Payload, route: Route) -> Admission {
        self.open_unless_deferred();
        let (admission, unspooled) = self.shared.admit(payload, route);
        if let Some(why) = unspooled {
            self.tell(Notice::NotSpooled { why });
        }
        admission
    }

    fn admit_through(&self, payload: Payload, through: &[Arc<Stage>], route: Route) -> Admission {
        if through.is_empty() {
            return self.admit(payload, route);
        }
        let signal = payload.signal();
        let Processed { left, items, sampled, failed } = self.door.process(payload, through);
        if let Some(why) = failed.filter(|_| !self.told_failed.swap(true, Ordering::Relaxed)) {
            self.tell(Notice::ProcessorFailed { signal, why: &why });
        }
        let left_out = items.saturating_sub(left.as_ref().map_or(0, Payload::items));
        self.leave_out(signal, sampled, |totals| &mut totals.sampled_out);
        let filtered = left_out.saturating_sub(sampled);
        let without = self.leave_out(signal, filtered, |totals| &mut totals.filtered);
        let Some(left) = left.filter(|left| left.items() > 0) else { return without };
        match through.iter().find_map(|stage| stage.tail()).filter(|_| signal == Signal::Traces) {
            Some(tail) => self.accept_apart(&left, tail, route),
            None => self.admit(left, route),
        }
    }

    fn leave_out(
        &self,
        signal: Signal,
        items: usize,
        counter: fn(&mut SignalTotals) -> &mut u64,
    ) -> Admission {
        self.shared.with(|queue| queue.leave_out(signal, items, counter))
    }

    /// Takes in what is to be decided about by trace. The answer is that about the first part that was not taken.
    fn accept_apart(&self, payload: &Payload, tail: &Tail, route: Route) -> Admission {
        // First, since more than are waited for may be in here, of which none is to be held in vain.
        if tail.is_full() {
            tail.decide(clock::unix_nanos(), false)
                .into_iter()
                .for_each(|verdict| self.settle_trace(verdict));
        }
        let mut refused = None;
        for part in tail.apart(payload.bytes()) {
            // It was taken apart from what is valid.
            let Ok(own) = payload.processed(part.bytes) else { continue };
            let admission = match part.fate {
                Fate::Kept => self.admit(own, route),
                Fate::Waits(group) => self.admit(own, route.once_decided(group)),
                Fate::Gone => self.leave_out(own.signal(), own.items(), |totals| &mut totals.sampled_out),
            };
            if admission != Admission::Accepted {
                refused.get_or_insert(admission);
            }
        }
        refused.unwrap_or(Admission::Accepted)
    }

    /// Does what was decided about a trace: like [`decide`](Self::decide), and what is kept says by which threshold.
    pub fn settle_trace(&self, verdict: Verdict) {
        match verdict.threshold {
            Some(threshold) => self.shared.with(|queue| {
                queue.keep_as(verdict.group, &|payload| {
                    let marked = mark(payload.bytes(), threshold)?;
                    payload.processed(marked.into()).ok()
                });
            }),
            None => self.decide(verdict.group, verdict.keep),
        }
    }

    /// Decides whether the payloads of a [group](Route::group) are kept: those that are held, which go out with the next
    /// flush or are counted as [`sampled_out`](SignalTotals::sampled_out), and those that come later. Of groups
    /// that nobody decides, everything is kept: when 4,096 others were heard of since, and when the pipeline shuts down.
    pub fn decide(&self, group: u64, keep: bool) {
        self.shared.decide(group, keep);
    }

    /// What is held now.
    pub fn pending(&self) -> Pending {
        let held = self.shared.held();
        let destinations: Vec<_> = self.lanes().iter().map(Lane::pending).collect();
        Pending {
            bytes: held.bytes,
            items: held.items,
            errors: held.errors,
            oldest: destinations.iter().filter_map(|one| one.oldest).min(),
            in_flight: destinations.iter().map(|one| one.in_flight).sum(),
            destinations,
        }
    }

    /// Exports everything that is held now, to all destinations side by side, and answers by the deadline. What was
    /// not settled stays. What comes in meanwhile may or may not be sent along.
    ///
    /// Dropping the future stops at once and loses nothing. Several flushes may run at the same time; each also waits
    /// for the batches that the others have in flight.
    pub async fn flush(&self, by: Deadline) -> Flushed {
        let mut flushed = Flushed::default();
        let lanes = 0..self.lanes().len();
        for lane in join_all(lanes.map(|destination| self.flush_to(destination, by))).await {
            flushed.add(&lane);
        }
        flushed
    }

    /// [`flush`](Self::flush) to one destination, by its place in the settings (and in [`Pending::destinations`]), for
    /// those who wait for some and not for others. There is nothing to do for a destination that does not exist.
    pub async fn flush_to(&self, destination: usize, by: Deadline) -> Flushed {
        let Some(lane) = self.lanes().get(destination) else { return Flushed::default() };
        let flushed = lane.drain(by).await;
        if flushed.delivered > 0 {
            self.vouch(destination);
        }
        self.remember_outages();
        flushed
    }

    /// Closes the intake, sends what is left by the deadline (also to destinations that are being left alone: it is
    /// their last chance), what destinations of one's own hold back included, and says what was lost.
    pub async fn shutdown(&self, by: Deadline) -> Report {
        self.shared.close();
        self.probe_at_once();
        let attempts_end = self.attempts_end(by);
        let flushed = self.flush(attempts_end).await;
        let held_back = self.let_go(attempts_end).await;
        Report { held_back, ..self.conclude(flushed, by).await }
    }

    /// Has destinations that hold back what they took (a [`Buffer`](crate::stage::Buffer), another pipeline) send it.
    async fn let_go(&self, by: Deadline) -> Vec<HeldBack> {
        let asked = self.lanes().iter().map(|lane| async move {
            lane.let_go(by).await.map(|why| HeldBack { destination: Arc::clone(&lane.name), why })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Until when a [`shutdown`](Self::shutdown) by this deadline makes attempts: what cannot be delivered has to be written
    /// down, and that takes a moment.
    pub fn attempts_end(&self, by: Deadline) -> Deadline {
        match self.desk.is_some() {
            true => by.less(reserve(&self.letters, by.remaining())),
            false => by,
        }
    }

    /// Lets the next batch for each destination that is being left alone go out, as a probe.
    pub fn probe_at_once(&self) {
        self.lanes().iter().for_each(|lane| lane.circuit.allow_probe());
    }

    /// [`shutdown`](Self::shutdown) without any attempt: there was time for those that were made, and for no more.
    pub async fn give_up(&self, by: Deadline) -> Report {
        self.shared.close();
        self.conclude(Flushed::default(), by).await
    }

    async fn conclude(&self, flushed: Flushed, by: Deadline) -> Report {
        let dead_lettered =
            join_all(self.lanes().iter().map(|lane| lane.give_up(by))).await.into_iter().sum();
        let mut report = Report { flushed, dead_lettered, ..Report::default() };
        for lane in self.lanes() {
            let spooled = self.shared.with(|queue| queue.spooled_for(lane.number));
            let items = lane.pending().items as u64;
            for (items, list) in
                [(items.saturating_sub(spooled), &mut report.lost), (spooled, &mut report.spooled)]
            {
                if items > 0 {
                    list.push(Lost { destination: Arc::clone(&lane.name), items });
                }
            }
        }
        self.shared.with(|queue| queue.close_spool());
        report
    }

    /// Everything counted so far.
    pub fn stats(&self) -> Stats {
        let destinations = self.lanes().iter().map(Lane::stats).collect();
        let spool = self.shared.with(|queue| queue.spool_figures());
        let letters = self.desk.as_ref().map(|desk| desk.figures()).unwrap_or_default();
        Stats::new(self.shared.totals(), destinations, spool, letters)
    }

    /// What came in, by who sent it: as many services as the [metrics](crate::metrics) tell apart.
    pub fn senders(&self) -> Vec<Sender> {
        self.received.senders()
    }

    /// What the queue holds, in bytes as they count against its bound, and that bound.
    pub(crate) fn bounds(&self) -> (usize, usize) {
        self.shared.with(|queue| queue.bounds())
    }

    pub(crate) const fn began(&self) -> u64 {
        self.began
    }

    /// What was taken out of payloads so far, by kind ([`Settings::redactor`]).
    pub fn redacted(&self) -> Tally {
        self.door.redacted()
    }

    /// What processors counted so far, beside what they left out.
    pub fn counts(&self) -> Counts {
        self.door.counts()
    }

    /// Whether any destination takes this signal.
    pub fn serves(&self, signal: Signal) -> bool {
        self.shared.serves(signal)
    }
}

fn make_lanes(
    shared: &Arc<Shared>,
    desk: &letters::Shared,
    settings: &Settings,
    destinations: &[Destination],
) -> Vec<Lane> {
    let lane = |one: &Destination| {
        let number = shared.with(|queue| {
            let number = queue.add_lane(&one.signals, one.batch);
            if one.apart {
                queue.keep_apart(number);
            }
            number
        });
        compose::lane(one, number, shared, desk, settings)
    };
    destinations.iter().map(lane).collect()
}

pub use recover::Recovered;

/// A pipeline as one destination of another stack: what is exported is accepted, and flushed with whatever else is held.
/// It counts as delivered once it is accepted; what a destination did not take yet is kept for the next flush.
impl Export for Pipeline {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let payload = match Payload::scan(batch.signal(), batch.request()) {
            Ok(payload) => payload,
            Err(error) => return Outcome::refused(error.to_string()),
        };
        match self.accept(payload) {
            Admission::Accepted => {}
            Admission::Partial { why, .. } => return Outcome::retry(why),
            Admission::Busy { retry_after } => {
                return Outcome::Retry { after: Some(retry_after), why: "the queue is full".to_owned() };
            }
            Admission::TooLarge { limit } => {
                let why = format!("larger than the queue ({limit} bytes)");
                return Outcome::Refused { why, divisible: true };
            }
            Admission::Closed => return Outcome::refused("the pipeline is shut down"),
        }
        let flushed = self.flush(by).await;
        let message = if flushed.left > 0 {
            format!("{} items are kept for later", flushed.left)
        } else {
            String::new()
        };
        Outcome::Delivered { rejected: 0, message }
    }

    async fn drain(&self, by: Deadline) -> Outcome {
        let left = self.flush(by).await.left;
        match self.let_go(by).await.pop() {
            _ if left > 0 => Outcome::retry(format!("{left} items are not delivered")),
            Some(held) => Outcome::retry(format!("{}: {}", held.destination, held.why)),
            None => Outcome::DELIVERED,
        }
    }
}

/// What became of a payload at the door.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// Held until it is settled.
    Accepted,
    /// Not taken, and the sender should not try again: there is no room, and it must not be slowed down. OTLP's
    /// `partial_success`.
    Partial {
        /// Items not taken: all of them.
        rejected: usize,
        /// In words.
        why: String,
    },
    /// Larger than the whole queue. HTTP 413.
    TooLarge {
        /// The queue's limit in bytes.
        limit: usize,
    },
    /// No room now. HTTP 429. Only with [`WhenFull::Busy`](crate::WhenFull::Busy).
    Busy {
        /// When to come again.
        retry_after: Duration,
    },
    /// The pipeline is shutting down. HTTP 503.
    Closed,
}

/// What a flush came to, in items, summed over destinations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Flushed {
    /// Taken by destinations.
    pub delivered: u64,
    /// Turned away by destinations out of requests they took otherwise.
    pub rejected: u64,
    /// Refused for good.
    pub refused: u64,
    /// Still held.
    pub left: u64,
}

impl Flushed {
    pub(crate) fn add(&mut self, more: &Self) {
        self.delivered += more.delivered;
        self.rejected += more.rejected;
        self.refused += more.refused;
        self.left += more.left;
    }
}

/// How a pipeline ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// The last flush.
    pub flushed: Flushed,
    /// Items that no destination had when the time was up, and that are kept as dead letters.
    pub dead_lettered: u64,
    /// What no destination had when the time was up, by destination; empty if nothing was lost.
    pub lost: Vec<Lost>,
    /// The same, of what is in the files of a [spool](Settings::spool): the next process that
    /// [recovers](Pipeline::recover) them has it.
    pub spooled: Vec<Lost>,
    /// Destinations that took data, held it back and could not send it: what is lost there is for them to count.
    pub held_back: Vec<HeldBack>,
}

/// A destination that could not send what it held back.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldBack {
    /// Its name.
    pub destination: Arc<str>,
    /// What happened.
    pub why: String,
}

/// What one destination did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lost {
    /// The destination's name.
    pub destination: Arc<str>,
    /// Spans, data points and log records.
    pub items: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "delivered {}, refused {}",
            self.flushed.delivered,
            self.flushed.refused + self.flushed.rejected
        )?;
        if self.dead_lettered > 0 {
            write!(f, ", dead-lettered {}", self.dead_lettered)?;
        }
        for left in &self.spooled {
            write!(f, ", left in the spool {} ({})", left.items, left.destination)?;
        }
        for held in &self.held_back {
            write!(f, ", held back by {} ({})", held.destination, held.why)?;
        }
        if self.lost.is_empty() {
            return f.write_str(", lost none");
        }
        self.lost.iter().try_for_each(|lost| write!(f, ", lost {} ({})", lost.items, lost.destination))
    }
}

#[cfg(test)]
mod tests;
