//! The queue's side of the spool: what is written when, what is moved, and how all of it comes back.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    io,
};

use bytes::Bytes;

use super::{Queue, Rank};
use crate::{
    Batch,
    batch::Part,
    spool::{
        Figures, Place, Spool,
        record::{Key, Member, Record},
        recovery::{LaneId, bit},
        store::Store,
    },
};

/// What the spool has to be told again when it is moved.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) spool: Option<Box<Spool>>,
    /// Batches that were formed, with the lanes that have not settled them.
    pub(super) batches: HashMap<Key, Formed>,
    pub(super) notes: BTreeMap<u64, Note>,
    /// It was told that something is in memory only.
    told: bool,
    /// Segments from before hold what waits for destinations that are gone, and is nowhere else yet: they stay.
    pub(super) orphaned: bool,
}

#[derive(Debug)]
pub(super) struct Formed {
    pub(super) batch: Batch,
    pub(super) lanes: u64,
    pub(super) place: Option<Place>,
}

#[derive(Debug)]
pub(super) struct Note {
    pub(super) bytes: Bytes,
    pub(super) place: Option<Place>,
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

    pub(super) fn keep_moved(&mut self, record: &Record) -> Option<Place> {
        self.spool.as_mut().and_then(|spool| spool.keep_moved(record))
    }

    /// A batch's record, as it stands: for these lanes. Until it is written, the one before counts.
    fn keep_batch(&mut self, batch: &Batch, lanes: u64, stands_by: bool) {
        let before = self.batches.get(&key(batch)).and_then(|formed| formed.place);
        // It is small, and what it holds is there already.
        let place = self.keep_moved(&Record::Batch {
            key: key(batch),
            signal: batch.signal(),
            lanes,
            stands_by,
            members: batch.parts().iter().map(member).collect(),
        });
        self.release(before.filter(|_| place.is_some()));
        self.batches.insert(key(batch), Formed { batch: batch.clone(), lanes, place: place.or(before) });
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

    pub(super) fn write_entry(
        &mut self,
        rank: Rank,
        keep: impl FnOnce(&mut Journal, &Record) -> Option<Place>,
    ) {
        let Some(entry) = self.entries.get_mut(&rank) else { return };
        let record = Record::Payload {
            id: rank.arrival,
            signal: entry.payload.signal(),
            summary: entry.payload.summary(),
            received_millis: entry.payload.received_millis(),
            lanes: entry.due,
            bytes: entry.payload.bytes().clone(),
        };
        // Until it is written, what was written before counts.
        if let Some(place) = keep(&mut self.journal, &record) {
            self.journal.release(entry.place.replace(place));
        }
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
    pub(super) fn tidy(&mut self, need: u64) {
        let oldest = |queue: &Self| queue.journal.spool.as_ref()?.to_empty(need);
        while let Some(segment) = oldest(self) {
            self.move_out_of(|place| place.is_some_and(|place| place.segment == segment));
            match &mut self.journal.spool {
                // What could not be moved stays where it is.
                Some(spool) if spool.is_empty() => spool.remove_to(segment),
                _ => return,
            }
        }
    }

    /// Writes all that is owed to new segments: the old ones are gone, or lack what could not be written. What is nowhere
    /// comes first, then one old segment goes after the other, so that this takes little more room than it finds.
    fn write_anew(&mut self) {
        let Some(spool) = &mut self.journal.spool else { return };
        if !spool.has_failed() {
            self.forget_places();
        }
        let before = self.journal.spool.as_mut().and_then(|spool| spool.start_anew());
        let Some(before) = before else { return };
        self.move_out_of(|place| place.is_none());
        while let Some(segment) = self.journal.spool.as_ref().and_then(|spool| spool.oldest_to(before)) {
            self.move_out_of(|place| place.is_some_and(|place| place.segment == segment));
            match &mut self.journal.spool {
                Some(spool) if !spool.has_failed() => spool.remove_to(segment),
                _ => return,
            }
        }
    }

    /// What was written is nowhere any more.
    fn forget_places(&mut self) {
        let Journal { spool: Some(spool), batches, notes, .. } = &mut self.journal else { return };
        let entries = self.entries.values_mut().map(|entry| &mut entry.place);
        let batches = batches.values_mut().map(|formed| &mut formed.place);
        let notes = notes.values_mut().map(|note| &mut note.place);
        entries.chain(batches).chain(notes).filter_map(Option::take).for_each(|place| spool.release(place));
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
            if let Some(place) = spool.keep_moved(&Record::Note { id: *id, bytes: note.bytes.clone() })
                && let Some(before) = note.place.replace(place)
            {
                spool.release(before);
            }
        }
    }

    pub(super) fn move_batches(&mut self, which: impl Fn(&Formed) -> bool) {
        let moving = self.journal.batches.values().filter(|formed| which(formed));
        let moving: Vec<(Batch, u64)> = moving.map(|formed| (formed.batch.clone(), formed.lanes)).collect();
        for (batch, lanes) in moving {
            self.journal.keep_batch(&batch, lanes, false);
        }
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

/// The most that notes may hold, in bytes.
const NOTES: usize = 256 << 10;
