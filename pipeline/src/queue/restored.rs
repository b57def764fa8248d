//! The start: what was owed when the last process ended comes back into the queue, as it was.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;
use spanlayer_otlp::Signal;

use super::{
    Entry, Queue, Rank, Route,
    spooled::{Formed, Journal, Note},
};
use crate::{
    Batch, Payload,
    batch::Part,
    spool::{
        Place,
        record::{Key, Member},
        recovery::{self, Recovery, bit},
    },
};

/// What was found at the start.
#[derive(Debug, Default)]
pub(crate) struct Restored {
    /// What waits for destinations that there are no more: by destination, and by the payload's number.
    pub(crate) orphans: Vec<(String, u64, Payload)>,
    /// What was [noted](Queue::note), oldest first.
    pub(crate) notes: Vec<(u64, Bytes)>,
}

impl Queue {
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
        // Numbers are times: those of a process whose clock was ahead of ours must not lie beyond every horizon.
        let last = recovery.payloads.keys().chain(recovery.notes.keys()).max();
        self.arrivals = self.arrivals.max(last.copied().unwrap_or_default());
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
            self.make_room(excess, crate::Priority::Error, 0);
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

    /// Moves batches behind their members, where the end came while these were moved.
    fn put_in_order(&mut self) {
        let places: HashMap<Rank, Place> =
            self.entries.iter().filter_map(|(rank, entry)| Some((*rank, entry.place?))).collect();
        self.move_batches(|formed| {
            let behind = |place: &Place| formed.place.is_some_and(|own| own.segment < place.segment);
            formed.batch.ranks().filter_map(|rank| places.get(&rank)).any(behind)
        });
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

/// The lanes that there are.
fn known(lanes: usize) -> u64 {
    (0..lanes).fold(0, |mask, lane| mask | bit(lane))
}
