//! What the segments from before say: what was still owed, and to whom, when their writer ended.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use spanlayer_otlp::{Signal, Summary};

use super::{
    Place, VERSION,
    record::{Key, Member, Record, Records},
};

/// A payload that somebody still needs.
#[derive(Debug)]
pub(crate) struct Payload {
    pub(crate) signal: Signal,
    pub(crate) summary: Summary,
    pub(crate) received_millis: u64,
    /// The destinations that need it whole, in no batch or in one.
    pub(crate) owed: u64,
    pub(crate) bytes: Bytes,
    pub(crate) place: Place,
}

/// A batch that was formed and not settled.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) signal: Signal,
    /// The destinations that it is to be sent to as it was formed.
    pub(crate) owed: u64,
    pub(crate) members: Vec<Member>,
    /// Those for which it would be encoded as it was: formed by this version, for the same encoding.
    pub(crate) repeatable: u64,
    pub(crate) place: Place,
    stands_by: bool,
}

/// A destination by its name, and how batches are encoded for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LaneId {
    pub(crate) name: String,
    pub(crate) encoding: String,
}

impl LaneId {
    /// As the head of a segment has it.
    pub(crate) fn text(&self) -> String {
        format!("{}\t{}", self.name, self.encoding)
    }

    fn parse(text: &str) -> Self {
        let (name, encoding) = text.split_once('\t').unwrap_or((text, ""));
        Self { name: name.to_owned(), encoding: encoding.to_owned() }
    }
}

/// What the numbers of lanes stand for in one segment.
#[derive(Default)]
struct Head {
    /// The numbers by which the recovery knows them, and whether encodings are the same.
    lanes: Vec<(usize, bool)>,
}

impl Head {
    fn lane(&self, number: u8) -> Option<(usize, bool)> {
        self.lanes.get(usize::from(number)).copied()
    }

    /// A set of lanes in the recovery's numbers; and those of them whose encoding is the same.
    fn lanes(&self, mask: u64) -> (u64, u64) {
        let set = self.lanes.iter().enumerate().filter(|(number, _)| *number < 64 && mask >> number & 1 == 1);
        set.fold((0, 0), |(all, same), (_, (lane, is_same))| {
            (all | bit(*lane), same | if *is_same { bit(*lane) } else { 0 })
        })
    }
}

/// Built by [reading](Self::read) segments in order, and complete after [`finish`](Self::finish).
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// Destinations, those that there are now first, then those that are gone.
    pub(crate) lanes: Vec<LaneId>,
    pub(crate) payloads: BTreeMap<u64, Payload>,
    pub(crate) batches: HashMap<Key, Batch>,
    pub(crate) notes: BTreeMap<u64, (Bytes, Place)>,
    /// Number and size of each segment.
    pub(crate) segments: Vec<(u64, u64)>,
    pub(crate) damaged: u64,
}

impl Recovery {
    /// Nothing, before destinations that there are now.
    pub(crate) fn new(lanes: Vec<LaneId>) -> Self {
        Self { lanes, ..Self::default() }
    }

    /// Takes the next segment.
    pub(crate) fn read(&mut self, number: u64, segment: &[u8]) {
        self.segments.push((number, segment.len() as u64));
        let mut head = Head::default();
        let mut records = Records::of(number, segment);
        for (record, size) in records.by_ref() {
            let place = Place { segment: number, size: u32::try_from(size).unwrap_or(u32::MAX) };
            if let Record::Head { version, lanes } = record {
                head.lanes =
                    lanes.iter().map(|text| self.lane(LaneId::parse(text), version == VERSION)).collect();
            } else {
                self.apply(record, place, &head);
            }
        }
        self.damaged += u64::from(records.damaged);
    }

    /// The number by which this recovery knows a destination, and whether it would be sent the same bytes today.
    fn lane(&mut self, id: LaneId, same_version: bool) -> (usize, bool) {
        match self.lanes.iter().position(|known| known.name == id.name) {
            Some(number) => (number, same_version && self.lanes[number].encoding == id.encoding),
            None => {
                self.lanes.push(id);
                (self.lanes.len() - 1, false)
            }
        }
    }

    fn apply(&mut self, record: Record, place: Place, head: &Head) {
        match record {
            Record::Head { .. } => {}
            // Nobody numbers like this.
            Record::Payload { id, .. } | Record::Note { id, .. } if id > u64::MAX / 2 => self.damaged += 1,
            Record::Payload { id, signal, summary, received_millis, lanes, bytes } => {
                let (owed, _) = head.lanes(lanes);
                self.payloads.insert(id, Payload { signal, summary, received_millis, owed, bytes, place });
            }
            Record::Batch { key, signal, lanes, stands_by, members } => {
                let (owed, repeatable) = head.lanes(lanes);
                self.batches.insert(key, Batch { signal, owed, members, repeatable, place, stands_by });
            }
            Record::Joined { key, lane } => {
                if let (Some(batch), Some((lane, same))) = (self.batches.get_mut(&key), head.lane(lane)) {
                    batch.owed |= bit(lane);
                    batch.repeatable |= if same { bit(lane) } else { 0 };
                }
            }
            Record::Done { key, lane, replaced_by } => {
                if let Some((lane, _)) = head.lane(lane) {
                    self.done(key, lane, &replaced_by);
                }
            }
            Record::Note { id, bytes } => _ = self.notes.insert(id, (bytes, place)),
            Record::Forgotten { up_to } => self.notes.retain(|id, _| *id > up_to),
            Record::Gone { id } => _ = self.payloads.remove(&id),
        }
    }

    fn done(&mut self, key: Key, lane: usize, replaced_by: &[Key]) {
        if let Some(batch) = self.batches.get_mut(&key) {
            batch.owed &= !bit(lane);
            for id in wholes(&batch.members) {
                if let Some(payload) = self.payloads.get_mut(&id) {
                    payload.owed &= !bit(lane);
                }
            }
        }
        for key in replaced_by {
            let Some(piece) = self.batches.get_mut(key) else { continue };
            piece.stands_by = false;
            for id in wholes(&piece.members) {
                if let Some(payload) = self.payloads.get_mut(&id) {
                    payload.owed |= bit(lane);
                }
            }
        }
    }

    /// All segments were read: leaves out what was settled, and batches that are not what they were.
    pub(crate) fn finish(&mut self) {
        let payloads = &self.payloads;
        self.batches.retain(|_, batch| batch.owed != 0 && !batch.stands_by);
        for batch in self.batches.values_mut() {
            // One that lost a member was dissolved, and the others went back in line.
            for member in &batch.members {
                match member {
                    Member::Whole(id) => batch.owed &= payloads.get(id).map_or(0, |payload| payload.owed),
                    Member::Piece { of, .. } if !payloads.contains_key(of) => batch.owed = 0,
                    Member::Piece { .. } => {}
                }
            }
        }
        self.batches.retain(|_, batch| batch.owed != 0);
        let pieces = self.batches.values().flat_map(|batch| &batch.members);
        let parents: Vec<u64> = pieces
            .filter_map(|member| match member {
                Member::Piece { of, .. } => Some(*of),
                Member::Whole(_) => None,
            })
            .collect();
        self.payloads.retain(|id, payload| payload.owed != 0 || parents.contains(id));
    }
}

fn wholes(members: &[Member]) -> impl Iterator<Item = u64> {
    members.iter().filter_map(|member| match member {
        Member::Whole(id) => Some(*id),
        Member::Piece { .. } => None,
    })
}

/// The destinations beyond the 64th are not kept count of.
pub(crate) const fn bit(lane: usize) -> u64 {
    if lane < 64 { 1 << lane } else { 0 }
}
