//! A log of everything that was accepted and what became of it, in segment files: whoever is killed finds there what
//! they owe.
//!
//! Written in one direction. A segment goes when nothing in it is owed any more, and the oldest goes first: so what was
//! noted about a record is never gone before the record is. A record that holds up its segment is written anew, as it
//! then stands, and the old segment goes.
//!
//! No time, no tasks; files through [`Store`] alone.

pub(crate) mod record;
pub(crate) mod recovery;
pub(crate) mod settings;
pub(crate) mod store;

use std::{collections::VecDeque, io};

use record::{FRAME, Record, frame};
use recovery::LaneId;
use store::Store;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) size: u32,
}

#[derive(Debug)]
struct Segment {
    number: u64,
    size: u64,
    /// Of it, what is still owed.
    live: u64,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Spool {
    store: Box<dyn Store>,
    /// What the numbers of lanes stand for.
    lanes: Vec<LaneId>,
    limit: u64,
    segment_size: u64,
    /// Oldest first; the last one is being written.
    segments: VecDeque<Segment>,
    /// The number of the next segment.
    next: u64,
    /// The segment that is being written, if there is one.
    writing: Option<u64>,
    /// What the segments from before hold is not known yet, so none of them may go.
    pub(crate) recovering: bool,
    /// Nothing can be written. What was written stays.
    failed: bool,
    /// Payloads that came in since.
    unwritten: u32,
    /// A segment of ours has gone since, and may have left room.
    room: bool,
    /// Bytes of the head of a segment.
    head: u64,
    scratch: Vec<u8>,
    pub(crate) figures: Figures,
}

/// What a spool has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Figures {
    /// Bytes of the files now, but for what is left behind the end of those that are used again: a quarter of a megabyte
    /// each at the most, and one file that waits for that.
    pub bytes: u64,
    /// Payloads that are held in memory only: there was no room, or nothing could be written.
    pub unspooled: u64,
    /// Items found again at the start.
    pub recovered: u64,
    /// Segments that were not all there: cut off in the middle of a record, or damaged.
    pub damaged: u64,
}

impl Spool {
    /// A spool over these segments, whose contents are to be [recovered](recovery).
    pub(crate) fn open(
        store: Box<dyn Store>,
        lanes: Vec<LaneId>,
        limit: u64,
    ) -> io::Result<(Self, Vec<u64>)> {
        let found = store.list()?;
        let next = found.last().map_or(1, |last| last + 1);
        let segment_size = (limit / 8).clamp(SMALLEST, LARGEST);
        let spool = Self {
            store,
            lanes,
            limit,
            segment_size,
            segments: VecDeque::new(),
            next,
            writing: None,
            recovering: true,
            failed: false,
            unwritten: 0,
            room: false,
            head: 0,
            scratch: Vec::new(),
            figures: Figures::default(),
        };
        Ok((spool, found))
    }

    pub(crate) fn read(&self, segment: u64) -> io::Result<Vec<u8>> {
        self.store.read(segment)
    }

    /// Takes segments from before into account, oldest first: their sizes, and that nothing in them is owed yet.
    pub(crate) fn adopt(&mut self, found: impl DoubleEndedIterator<Item = (u64, u64)>) {
        for (number, size) in found.rev() {
            self.segments.push_front(Segment { number, size, live: 0 });
            self.figures.bytes += size;
        }
    }

    /// Something that was recovered is owed.
    pub(crate) fn hold(&mut self, place: Place) {
        if let Some(segment) = self.segment(place.segment) {
            segment.live += u64::from(place.size);
        }
    }

    /// Something is not owed any more.
    pub(crate) fn release(&mut self, place: Place) {
        if let Some(segment) = self.segment(place.segment) {
            segment.live = segment.live.saturating_sub(place.size.into());
        }
    }

    /// Appends what is owed until it is [released](Self::release). `None` when there is no room for it, or nothing can
    /// be written.
    pub(crate) fn keep(&mut self, record: &Record) -> Option<Place> {
        self.keep_within(record, self.limit)
    }

    /// The same for what was written before, so that it can go there: the room that this takes is made by it.
    pub(crate) fn keep_moved(&mut self, record: &Record) -> Option<Place> {
        self.keep_within(record, u64::MAX)
    }

    fn keep_within(&mut self, record: &Record, limit: u64) -> Option<Place> {
        let (segment, size) = self.append(record, limit)?;
        self.segments.back_mut()?.live += size;
        Some(Place { segment, size: u32::try_from(size).ok()? })
    }

    /// Appends word of what became of something. It is small, and makes room: there is always room for it.
    pub(crate) fn note(&mut self, record: &Record) -> bool {
        self.append(record, u64::MAX).is_some()
    }

    fn append(&mut self, record: &Record, limit: u64) -> Option<(u64, u64)> {
        if self.failed {
            return None;
        }
        let mut body = std::mem::take(&mut self.scratch);
        body.clear();
        record.write(&mut body);
        let appended = self.append_body(&body, record.tail(), limit);
        self.scratch = body;
        appended
    }

    fn append_body(&mut self, body: &[u8], tail: &[u8], limit: u64) -> Option<(u64, u64)> {
        let size = (FRAME + body.len() + tail.len()) as u64;
        if self.figures.bytes.saturating_add(size) > limit {
            return None;
        }
        // Where there is no more room, there may still be that of a segment of ours that has gone.
        if self.write(size, body, tail).or_else(|_| self.write(size, body, tail)).is_err() {
            self.failed = true;
            return None;
        }
        self.figures.bytes += size;
        let segment = self.segments.back_mut()?;
        segment.size += size;
        Some((segment.number, size))
    }

    fn write(&mut self, size: u64, body: &[u8], tail: &[u8]) -> io::Result<()> {
        let number = self.room_for(size)?;
        let written = self.store.append(&[&frame(number, body, tail), body, tail]);
        if written.is_err() {
            self.writing = None;
            // One that holds nothing but its head takes room for nothing.
            if self.segments.back().is_some_and(|last| last.size <= self.head)
                && let Some(last) = self.segments.pop_back()
            {
                self.figures.bytes = self.figures.bytes.saturating_sub(last.size);
                let _ = self.store.remove(last.number);
            }
        }
        written
    }

    /// Sees to it that the last segment is one to be written, and not too large; its number. One that nobody needs any more
    /// is left early: two small files that take turns stay where they are quick to write.
    fn room_for(&mut self, size: u64) -> io::Result<u64> {
        let last = self.segments.back().filter(|last| self.writing == Some(last.number));
        let fits = |last: &&Segment| {
            let most = if last.live == 0 { self.segment_size.min(IDLE) } else { self.segment_size };
            last.size + size <= most
        };
        match last.filter(fits) {
            Some(last) => Ok(last.number),
            None => self.rotate(),
        }
    }

    fn rotate(&mut self) -> io::Result<u64> {
        let head = Record::Head {
            version: VERSION.to_owned(),
            lanes: self.lanes.iter().map(LaneId::text).collect(),
        };
        let mut body = Vec::new();
        head.write(&mut body);
        let (number, size) = (self.next, (FRAME + body.len()) as u64);
        self.writing = None;
        self.head = size;
        self.next += 1;
        self.store.create(number)?;
        if let Err(error) = self.store.append(&[&frame(number, &body, &[]), &body]) {
            let _ = self.store.remove(number);
            return Err(error);
        }
        self.segments.push_back(Segment { number, size, live: 0 });
        self.figures.bytes += size;
        self.writing = Some(number);
        Ok(number)
    }

    /// Whether what comes in next can be written where the last was. If not, because that is gone, or because nothing could be
    /// written and it is time to try again, all that is owed has to be [written anew](Self::start_anew).
    pub(crate) fn is_sound(&mut self) -> bool {
        if !self.failed {
            self.unwritten = 0;
            return self.writing.is_none() || self.store.is_there();
        }
        self.unwritten = self.unwritten.saturating_add(1);
        let due = self.unwritten.is_power_of_two() || self.unwritten.is_multiple_of(PATIENCE);
        !(std::mem::take(&mut self.room) || due)
    }

    pub(crate) const fn has_failed(&self) -> bool {
        self.failed
    }

    /// Begins a new segment to which everything that is owed is to be written; the number of the last one before it.
    pub(crate) fn start_anew(&mut self) -> Option<u64> {
        let before = self.next - 1;
        self.failed = self.rotate().is_err();
        (!self.failed).then_some(before)
    }

    /// The oldest segment, if what is owed in it should be written anew so that it can go: nothing, or little, or
    /// anything less than most of it while room is needed.
    pub(crate) fn to_empty(&self, need: u64) -> Option<u64> {
        let oldest = self.segments.front().filter(|oldest| self.writing != Some(oldest.number))?;
        let crowded = self.figures.bytes.saturating_add(need) > self.limit;
        let worth = match oldest.live {
            0 => true,
            _ if self.has_failed() => false,
            live if crowded => live * 8 <= oldest.size * 7,
            live => live * 4 <= oldest.size && self.segments.len() > 3,
        };
        (worth && !self.recovering).then_some(oldest.number)
    }

    /// The oldest segment, if it is this one or one before it, and may go once it is empty.
    pub(crate) fn oldest_to(&self, last: u64) -> Option<u64> {
        self.segments.front().map(|oldest| oldest.number).filter(|oldest| *oldest <= last && !self.recovering)
    }

    /// Whether all that is owed of the oldest segment is somewhere else.
    pub(crate) fn is_empty(&self) -> bool {
        !self.has_failed() || self.segments.front().is_some_and(|oldest| oldest.live == 0)
    }

    /// Removes the oldest segments, up to and including this one.
    pub(crate) fn remove_to(&mut self, last: u64) {
        while let Some(oldest) = self.segments.front().filter(|oldest| oldest.number <= last) {
            // One that cannot be removed is read again at the next start, and what it says is old.
            let _ = match oldest.size <= self.segment_size {
                true => self.store.retire(oldest.number),
                false => self.store.remove(oldest.number),
            };
            self.figures.bytes = self.figures.bytes.saturating_sub(oldest.size);
            self.segments.pop_front();
            self.room = self.failed;
        }
    }

    /// Nothing is owed: no file is left behind.
    pub(crate) fn clear(&mut self) {
        self.writing = None;
        self.remove_to(u64::MAX);
        self.store.forget_retired();
    }

    fn segment(&mut self, number: u64) -> Option<&mut Segment> {
        let place = self.segments.binary_search_by_key(&number, |segment| segment.number).ok()?;
        self.segments.get_mut(place)
    }
}

/// Segments between these sizes: an eighth of the whole. A smaller one is not worth its file, a larger one holds on to
/// too much.
const SMALLEST: u64 = 8 << 10;
const LARGEST: u64 = 4 << 20;

/// A segment of which nothing is owed is left when it has reached this size.
const IDLE: u64 = 256 << 10;

/// Where nothing can be written, it is tried again soon, then ever more seldom, and at last with every so manieth payload.
const PATIENCE: u32 = 256;

/// A batch is only sent again under its key by the version that formed it: another might encode it differently.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
