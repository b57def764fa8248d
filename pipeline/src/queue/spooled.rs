//! The queue's side of the spool: what is written when, what is moved, and how all of it comes back.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    io,
};

use bytes::Bytes;
use spanlayer_otlp::Signal;

use super::{Entry, Queue, Rank, Route};
use crate::{
    Batch, Payload,
    batch::Part,
    spool::{
        Figures, Place, Spool,
        record::{Key, Member, Record},
        recovery::{self, LaneId, Recovery, bit},
        store::Store,
    },
};

/// What the spool has to be told again when it is moved.
#[derive(Debug, Default)]
pub(super) struct Journal {
    spool: Option<Box<Spool>>,
    /// Batches that were formed, with the lanes that have not settled them.
    batches: HashMap<Key, Formed>,
    notes: BTreeMap<u64, Note>,
    /// It was told that something is in memory only.
    told: bool,
    /// Segments from before hold what waits for destinations that are gone, and is nowhere else yet: they stay.
    orphaned: bool,
}

#[derive(Debug)]
struct Formed {
    batch: Batch,
    lanes: u64,
    place: Option<Place>,
}

#[derive(Debug)]
struct Note {
    bytes: Bytes,
    place: Option<Place>,
}

/// What was found at the start.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// What waits for destinations that there are no more: by destination, and by the payload's number.
    pub(crate) orphans: Vec<(String, u64, Payload)>,
    /// What was [noted](Queue::note), oldest first.
    pub(crate) notes: Vec<(u64, Bytes)>,
}

impl Journal {
    pub(super) fn release(&mut self, place: Option<Place>) {
        if let (Some(spool), Some(place)) = (&mut self.spool, place) {
            spool.release(place);
        }
    }

    fn write(&mut self, record: &Record) {
        if let Some(spool) = &mut self.spool {
            spool.note(record);
        }
    }

    fn keep(&mut self, record: &Record) -> Option<Place> {
        self.spool.as_mut().and_then(|spool| spool.keep(record))
    }

    fn keep_moved(&mut self, record: &Record) -> Option<Place> {
        self.spool.as_mut().and_then(|spool| spool.keep_moved(record))
    }

    /// A batch's record, as it stands: for these lanes.
    fn keep_batch(&mut self, batch: &Batch, lanes: u64, stands_by: bool) {
        // It is small, and what it holds is there already.
        let place = self.keep_moved(&Record::Batch {
            key: key(batch),
            signal: batch.signal(),
            lanes,
            stands_by,
            members: batch.parts().iter().map(member).collect(),
        });
        self.batches.insert(key(batch), Formed { batch: batch.clone(), lanes, place });
    }

    fn done(&mut self, lane: usize, batch: &Batch) {
        let key = key(batch);
        let Some(formed) = self.batches.get_mut(&key) else { return };
        formed.lanes &= !bit(lane);
        if formed.lanes == 0 {
            let place = self.batches.remove(&key).and_then(|formed| formed.place);
            self.release(place);
        }
    }
}

impl Queue {
    /// Opens the spool over what `store` holds: the numbers of the segments that are to be read and
    /// [restored](Self::restore). What came in before is written now.
    pub(crate) fn open_spool(
        &mut self,
        store: Box<dyn Store>,
        lanes: Vec<LaneId>,
        limit: u64,
    ) -> io::Result<Vec<u64>> {
        let (spool, found) = Spool::open(store, lanes, limit)?;
        self.journal.spool = Some(Box::new(spool));
        if !self.entries.is_empty() || !self.journal.notes.is_empty() {
            self.write_anew();
        }
        Ok(found)
    }

    pub(crate) fn read_segment(&self, number: u64) -> io::Result<Vec<u8>> {
        self.journal.spool.as_ref().map_or_else(|| Ok(Vec::new()), |spool| spool.read(number))
    }

    /// Writes a payload that came in.
    pub(super) fn spool(&mut self, rank: Rank) {
        let Some(spool) = &mut self.journal.spool else { return };
        if !spool.is_sound() {
            self.write_anew();
        } else if let Some(entry) = self.entries.get(&rank) {
            let need = entry.payload.bytes().len() as u64;
            self.tidy(need);
            self.write_entry(rank, Journal::keep);
        }
        let unspooled = self.entries.get(&rank).is_some_and(|entry| entry.place.is_none());
        if let Some(spool) = self.journal.spool.as_mut().filter(|_| unspooled) {
            spool.figures.unspooled += 1;
        }
    }

    fn write_entry(&mut self, rank: Rank, keep: impl FnOnce(&mut Journal, &Record) -> Option<Place>) {
        let Some(entry) = self.entries.get_mut(&rank) else { return };
        self.journal.release(entry.place.take());
        let record = Record::Payload {
            id: rank.arrival,
            signal: entry.payload.signal(),
            summary: entry.payload.summary(),
            received_millis: entry.payload.received_millis(),
            lanes: entry.due,
            bytes: entry.payload.bytes().clone(),
        };
        entry.place = keep(&mut self.journal, &record);
    }

    /// A lane is about to try a batch that it did not have before.
    pub(super) fn note_formed(&mut self, lane: usize, batch: &Batch) {
        if self.journal.spool.is_none() {
            return;
        }
        match self.journal.batches.get_mut(&key(batch)) {
            Some(formed) => {
                formed.lanes |= bit(lane);
                self.journal.write(&Record::Joined { key: key(batch), lane: short(lane) });
            }
            None => self.journal.keep_batch(batch, bit(lane), false),
        }
    }

    /// A lane is done with a batch.
    pub(super) fn note_settled(&mut self, lane: usize, batch: &Batch) {
        self.no_longer_due(lane, batch);
        if self.journal.spool.is_some() {
            self.journal.write(&Record::Done { key: key(batch), lane: short(lane), replaced_by: Vec::new() });
            self.journal.done(lane, batch);
            self.tidy(0);
        }
    }

    /// These take the place of a batch. Until the last word of it is written, the batch stands.
    pub(super) fn note_replaced(&mut self, lane: usize, batch: &Batch, pieces: &[Batch]) {
        self.no_longer_due(lane, batch);
        for part in pieces.iter().flat_map(Batch::parts).filter(|part| part.whole) {
            if let Some(entry) = self.entries.get_mut(&part.rank) {
                entry.due |= bit(lane);
            }
        }
        if self.journal.spool.is_some() {
            pieces.iter().for_each(|piece| self.journal.keep_batch(piece, bit(lane), true));
            let replaced_by = pieces.iter().map(key).collect();
            self.journal.write(&Record::Done { key: key(batch), lane: short(lane), replaced_by });
            self.journal.done(lane, batch);
        }
    }

    fn no_longer_due(&mut self, lane: usize, batch: &Batch) {
        for part in batch.parts().iter().filter(|part| part.whole) {
            if let Some(entry) = self.entries.get_mut(&part.rank) {
                entry.due &= !bit(lane);
            }
        }
    }

    /// A payload is given up, and batches that it was in are dissolved.
    pub(super) fn note_gone(&mut self, rank: Rank) {
        if self.journal.spool.is_none() {
            return;
        }
        if self.entries.get(&rank).is_some_and(|entry| entry.place.is_some()) {
            self.journal.write(&Record::Gone { id: rank.arrival });
        }
        let hit = |formed: &Formed| formed.batch.ranks().any(|member| member == rank);
        let gone: Vec<Key> =
            self.journal.batches.iter().filter(|(_, formed)| hit(formed)).map(|(key, _)| *key).collect();
        for key in gone {
            let place = self.journal.batches.remove(&key).and_then(|formed| formed.place);
            self.journal.release(place);
        }
    }

    /// Keeps something beside the payloads, for whoever finds the spool again. The oldest goes when there are too many.
    pub(crate) fn note(&mut self, bytes: Bytes) -> u64 {
        self.arrivals += 1;
        let id = self.arrivals;
        let place = self.journal.keep(&Record::Note { id, bytes: bytes.clone() });
        self.journal.notes.insert(id, Note { bytes, place });
        while self.journal.notes.values().map(|note| note.bytes.len()).sum::<usize>() > NOTES {
            let Some((id, oldest)) = self.journal.notes.pop_first() else { break };
            self.journal.write(&Record::Forgotten { up_to: id });
            self.journal.release(oldest.place);
        }
        id
    }

    /// Notes up to this one have served.
    pub(crate) fn forget_notes(&mut self, up_to: u64) {
        let later = self.journal.notes.split_off(&up_to.saturating_add(1));
        let served = std::mem::replace(&mut self.journal.notes, later);
        if let Some((last, _)) = served.last_key_value() {
            self.journal.write(&Record::Forgotten { up_to: *last });
            served.into_values().for_each(|note| self.journal.release(note.place));
            self.tidy(0);
        }
    }

    /// Empties old segments of which little is owed, or that stand in the way of what needs so much room.
    fn tidy(&mut self, need: u64) {
        let oldest = |queue: &Self| queue.journal.spool.as_ref()?.to_empty(need);
        while let Some(segment) = oldest(self) {
            self.move_out_of(|place| place.is_some_and(|place| place.segment == segment));
            match &mut self.journal.spool {
                // What could not be moved stays where it is.
                Some(spool) if !spool.has_failed() => spool.remove_to(segment),
                _ => return,
            }
        }
    }

    /// Writes all that is owed to a new segment, since the old ones are gone, or are not what they were.
    fn write_anew(&mut self) {
        let before = self.journal.spool.as_mut().and_then(|spool| spool.start_anew());
        let Some(before) = before else { return };
        self.move_out_of(|place| place.is_none_or(|place| place.segment <= before));
        if let Some(spool) =
            self.journal.spool.as_mut().filter(|spool| !spool.has_failed() && !spool.recovering)
        {
            spool.remove_to(before);
        }
    }

    fn move_out_of(&mut self, here: impl Fn(Option<Place>) -> bool) {
        let moving = self.entries.iter().filter(|(_, entry)| here(entry.place));
        let moving: Vec<Rank> = moving.map(|(rank, _)| *rank).collect();
        moving.iter().for_each(|rank| self.write_entry(*rank, Journal::keep_moved));
        // What is said of a payload lies behind it, so a batch moves with the first of its members.
        let moved: HashSet<Rank> = moving.into_iter().collect();
        self.move_batches(|formed| {
            here(formed.place) || formed.batch.ranks().any(|rank| moved.contains(&rank))
        });
        let Journal { spool: Some(spool), notes, .. } = &mut self.journal else { return };
        for (id, note) in notes.iter_mut().filter(|(_, note)| here(note.place)) {
            if let Some(place) = note.place {
                spool.release(place);
            }
            note.place = spool.keep_moved(&Record::Note { id: *id, bytes: note.bytes.clone() });
        }
    }

    fn move_batches(&mut self, which: impl Fn(&Formed) -> bool) {
        let moving = self.journal.batches.values().filter(|formed| which(formed));
        let moving: Vec<(Batch, u64)> = moving.map(|formed| (formed.batch.clone(), formed.lanes)).collect();
        for (batch, lanes) in moving {
            let old = self.journal.batches.get(&key(&batch)).and_then(|formed| formed.place);
            self.journal.release(old);
            self.journal.keep_batch(&batch, lanes, false);
        }
    }

    /// Moves batches behind their members, where the end came while these were moved.
    fn put_in_order(&mut self) {
        let places: HashMap<Rank, Place> =
            self.entries.iter().filter_map(|(rank, entry)| Some((*rank, entry.place?))).collect();
        self.move_batches(|formed| {
            let behind = |place: &Place| formed.place.is_some_and(|own| own.segment < place.segment);
            formed.batch.ranks().filter_map(|rank| places.get(&rank)).any(behind)
        });
    }

    /// Takes back what was owed when the last process ended.
    pub(crate) fn restore(&mut self, recovery: Recovery) -> Restored {
        let mut restored = Restored::default();
        let lanes = self.views.len();
        let Some(spool) = &mut self.journal.spool else { return restored };
        spool.figures.damaged += recovery.damaged;
        spool.adopt(recovery.segments.iter().copied());
        let received: HashMap<u64, u64> =
            recovery.payloads.iter().map(|(id, payload)| (*id, payload.received_millis)).collect();
        let received = |id| received.get(&id).copied().unwrap_or_default();
        for (id, found) in recovery.payloads {
            let recovery::Payload { signal, summary, received_millis, owed, bytes, place } = found;
            let payload = Payload::restored(signal, bytes, summary, received_millis);
            let gone = (lanes..recovery.lanes.len()).filter(|lane| owed & bit(*lane) != 0);
            restored
                .orphans
                .extend(gone.map(|lane| (recovery.lanes[lane].name.clone(), id, payload.clone())));
            self.take_back(id, payload, owed, place);
        }
        let mut batches: Vec<_> = recovery.batches.into_iter().collect();
        // In the order in which they were to be sent.
        batches.sort_by_key(|(_, batch)| batch.members.iter().map(Member::payload).min());
        for (key, batch) in batches {
            for lane in (lanes..recovery.lanes.len()).filter(|lane| batch.owed & bit(*lane) != 0) {
                for member in &batch.members {
                    let Member::Piece { of, summary, bytes } = member else { continue };
                    let piece = Payload::restored(batch.signal, bytes.clone(), *summary, received(*of));
                    restored.orphans.push((recovery.lanes[lane].name.clone(), *of, piece));
                }
            }
            self.take_back_batch(key, batch);
        }
        for (id, (bytes, place)) in recovery.notes {
            restored.notes.push((id, bytes.clone()));
            self.hold(place);
            self.journal.notes.insert(id, Note { bytes, place: Some(place) });
        }
        self.put_in_order();
        // An entry that nobody owes is there for its pieces, which may be for a destination that is gone.
        let idle: Vec<Rank> =
            self.entries.iter().filter(|(_, entry)| entry.owed == 0).map(|(rank, _)| *rank).collect();
        let orphaned = |rank: &Rank| restored.orphans.iter().any(|(_, id, _)| *id == rank.arrival);
        idle.into_iter().filter(|rank| !orphaned(rank)).for_each(|rank| {
            self.note_gone(rank);
            self.remove(rank);
        });
        self.journal.orphaned = !restored.orphans.is_empty();
        if let Some(spool) = &mut self.journal.spool {
            spool.recovering = self.journal.orphaned;
        }
        let excess = self.held.saturating_sub(self.limit);
        if excess > 0 {
            self.make_room(excess, crate::Priority::Error);
        }
        self.tidy(0);
        restored
    }

    fn hold(&mut self, place: Place) {
        if let Some(spool) = &mut self.journal.spool {
            spool.hold(place);
        }
    }

    fn take_back(&mut self, id: u64, payload: Payload, owed: u64, place: Place) {
        let rank = Rank::of(&payload, id);
        let (signal, items) = (payload.signal(), payload.items() as u64);
        let views = self.views.iter_mut().enumerate();
        let mut count = 0;
        for (_, view) in views.filter(|(lane, _)| owed & bit(*lane) != 0) {
            view.add(rank, &payload);
            count += 1;
        }
        self.hold(place);
        self.totals[signal as usize].accepted += items;
        if let Some(spool) = &mut self.journal.spool {
            spool.figures.recovered += items;
        }
        self.held += super::cost(&payload);
        self.load.add(payload.bytes().len(), payload.summary());
        let due = owed & known(self.views.len());
        let entry =
            Entry { payload, route: Route::default(), due, place: Some(place), owed: count, leased: 0 };
        self.entries.insert(rank, entry);
    }

    fn take_back_batch(&mut self, name: Key, found: recovery::Batch) {
        let Some(parts) = self.parts(found.signal, &found.members) else { return };
        let Ok(text) = std::str::from_utf8(&name) else { return };
        let batch = Batch::form_keyed(found.signal, text.to_owned(), parts);
        let lanes = found.owed & known(self.views.len());
        self.hold(found.place);
        self.journal.batches.insert(name, Formed { batch: batch.clone(), lanes, place: Some(found.place) });
        for lane in (0..self.views.len()).filter(|lane| lanes & bit(*lane) != 0) {
            let view = &mut self.views[lane];
            for part in batch.parts() {
                if part.whole {
                    view.unwait(found.signal, part.rank);
                } else {
                    view.adopt(found.signal, part);
                    if let Some(entry) = self.entries.get_mut(&part.rank) {
                        entry.owed += 1;
                    }
                }
            }
            if found.repeatable & bit(lane) != 0 {
                self.views[lane].formed.push_back(batch.clone());
            } else {
                // It would not be encoded as it was, so it is not the same batch.
                let other = Batch::form(found.signal, batch.parts().to_vec());
                self.note_replaced(lane, &batch, std::slice::from_ref(&other));
                self.views[lane].formed.push_back(other);
            }
        }
        if lanes == 0 {
            let place = self.journal.batches.remove(&name).and_then(|formed| formed.place);
            self.journal.release(place);
        }
    }

    /// The parts of a batch that was found; `None` if one is missing.
    fn parts(&self, signal: Signal, members: &[Member]) -> Option<Vec<Part>> {
        let part = |member: &Member| {
            let id = member.payload();
            let ranks = [crate::Priority::Error, crate::Priority::Healthy];
            let mut ranks = ranks.into_iter().map(|priority| Rank { priority, arrival: id });
            let (rank, entry) = ranks.find_map(|rank| self.entries.get(&rank).map(|entry| (rank, entry)))?;
            let whole = Part::whole(rank, &entry.payload);
            (entry.payload.signal() == signal).then(|| match member {
                Member::Whole(_) => whole,
                Member::Piece { summary, bytes, .. } => whole.piece(bytes.clone(), *summary),
            })
        };
        members.iter().map(part).collect()
    }

    /// What waited for destinations that are gone is somewhere else now, or could not be put there: it stays in the files,
    /// for the next process.
    pub(crate) fn orphans_are_kept(&mut self, kept: &BTreeSet<u64>, left: &BTreeSet<u64>) {
        self.journal.orphaned = !left.is_empty();
        if let Some(spool) = self.journal.spool.as_mut().filter(|_| left.is_empty()) {
            spool.recovering = false;
        }
        for id in kept.difference(left) {
            for priority in [crate::Priority::Error, crate::Priority::Healthy] {
                let rank = Rank { priority, arrival: *id };
                match self.entries.get(&rank).map(|entry| entry.owed) {
                    Some(0) => {
                        self.note_gone(rank);
                        self.remove(rank);
                    }
                    // The others still wait for it; it is written anew without those that do not.
                    Some(_) => self.write_entry(rank, Journal::keep_moved),
                    None => {}
                }
            }
        }
        self.tidy(0);
    }

    /// Why something is in memory only, once.
    pub(super) fn why_not_spooled(&mut self) -> Option<&'static str> {
        let spool = self.journal.spool.as_ref().filter(|spool| spool.figures.unspooled > 0)?;
        if std::mem::replace(&mut self.journal.told, true) {
            return None;
        }
        Some(if spool.has_failed() { "writing to the spool failed" } else { "the spool is full" })
    }

    /// What the spool has counted.
    pub(crate) fn spool_figures(&self) -> Option<Figures> {
        self.journal.spool.as_ref().map(|spool| spool.figures)
    }

    /// Of what a lane has not settled, how many items the next process would find in the files.
    pub(crate) fn spooled_for(&self, lane: usize) -> u64 {
        let view = &self.views[lane];
        let is_placed = |rank: Rank| self.entries.get(&rank).is_some_and(|entry| entry.place.is_some());
        let waiting = view.all_waiting().filter(|rank| is_placed(*rank));
        let waiting = waiting.filter_map(|rank| self.entries.get(&rank)).map(|entry| entry.payload.items());
        let formed = view.formed.iter().flat_map(Batch::parts).filter(|part| is_placed(part.rank));
        (waiting.sum::<usize>() + formed.map(|part| part.summary.items).sum::<usize>()) as u64
    }

    /// The end, told by the process itself: notes have served, and no file is left behind if nothing is owed.
    pub(crate) fn close_spool(&mut self) {
        self.forget_notes(u64::MAX);
        let nothing_is_owed = self.entries.is_empty() && !self.journal.orphaned;
        if let Some(spool) = self.journal.spool.as_mut().filter(|_| nothing_is_owed) {
            spool.clear();
        }
    }
}

impl Member {
    fn payload(&self) -> u64 {
        match self {
            Self::Whole(id) => *id,
            Self::Piece { of, .. } => *of,
        }
    }
}

fn member(part: &Part) -> Member {
    if part.whole {
        return Member::Whole(part.rank.arrival);
    }
    Member::Piece { of: part.rank.arrival, summary: part.summary, bytes: part.bytes.clone() }
}

fn key(batch: &Batch) -> Key {
    batch.idempotency_key().as_bytes().try_into().unwrap_or([0; 32])
}

/// Lanes beyond the 64th are not kept count of, so what this says of those never matters.
fn short(lane: usize) -> u8 {
    u8::try_from(lane).unwrap_or(u8::MAX)
}

/// The lanes that there are.
fn known(lanes: usize) -> u64 {
    (0..lanes).fold(0, |mask, lane| mask | bit(lane))
}

/// The most that notes may hold, in bytes.
const NOTES: usize = 256 << 10;
