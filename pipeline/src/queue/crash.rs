//! The queue and its spool, killed at any byte: what comes back is what was there.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    sync::{Arc, Mutex},
};

use super::{tests::*, *};
use crate::{
    Summary,
    spool::{
        recovery::{LaneId, Recovery},
        store::{END, Store},
    },
    stage::scripted::spans,
};

/// Segments that outlive whoever writes them, and how many more bytes that one has to live.
#[derive(Debug, Default)]
pub(super) struct Disk {
    segments: BTreeMap<u64, Vec<u8>>,
    /// Where the last one is to be written, and what another one left that may be used again.
    end: usize,
    retired: Option<Vec<u8>>,
    left: Option<usize>,
    /// More than this is not taken, as by a file system that is full.
    room: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Memory(Arc<Mutex<Disk>>);

impl Memory {
    fn dies_after(&self, bytes: usize) {
        self.0.lock().unwrap().left = Some(bytes);
    }

    fn is_dead(&self) -> bool {
        self.0.lock().unwrap().left == Some(0)
    }

    fn size(&self) -> usize {
        self.0.lock().unwrap().segments.values().map(Vec::len).sum()
    }
}

impl Store for Memory {
    fn list(&self) -> io::Result<Vec<u64>> {
        Ok(self.0.lock().unwrap().segments.keys().copied().collect())
    }

    fn read(&self, segment: u64) -> io::Result<Vec<u8>> {
        self.0.lock().unwrap().segments.get(&segment).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn create(&mut self, segment: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if disk.left == Some(0) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let bytes = disk.retired.take().unwrap_or_default();
        disk.segments.insert(segment, bytes);
        disk.end = 0;
        Ok(())
    }

    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        let whole = pieces.concat();
        let used: usize = disk.segments.values().map(Vec::len).sum();
        // What another segment left takes no more room when it is written over.
        let there = disk.segments.last_entry().map_or(0, |last| last.get().len());
        let more = (disk.end + whole.len()).saturating_sub(there);
        if disk.room.is_some_and(|room| more > 0 && used + more > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let written = disk.left.map_or(whole.len(), |left| left.min(whole.len()));
        disk.left = disk.left.map(|left| left - written);
        let end = disk.end;
        disk.end += written;
        let mut last = disk.segments.last_entry().ok_or(io::ErrorKind::NotFound)?;
        let file = last.get_mut();
        let reused = file.len() > end;
        let mut put = |at: usize, bytes: &[u8]| {
            file.resize(file.len().max(at + bytes.len()), 0);
            file[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(end, &whole[..written]);
        if reused && written == whole.len() {
            put(end + written, END);
        }
        if written < whole.len() { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(()) }
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        let mut disk = self.0.lock().unwrap();
        if disk.left == Some(0) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        disk.segments.remove(&segment);
        Ok(())
    }

    fn retire(&mut self, segment: u64) -> io::Result<()> {
        let bytes = self.0.lock().unwrap().segments.get(&segment).cloned();
        self.remove(segment)?;
        self.0.lock().unwrap().retired = bytes;
        Ok(())
    }

    fn forget_retired(&mut self) {
        self.0.lock().unwrap().retired = None;
    }

    fn is_there(&self) -> bool {
        true
    }
}

fn lanes(count: usize) -> Vec<LaneId> {
    (0..count).map(|lane| LaneId { name: format!("lane {lane}"), encoding: "gzip:2".to_owned() }).collect()
}

/// A queue over what is on the disk.
fn reopened(disk: &Memory, limit: usize, count: usize, first: u64) -> (Queue, Restored) {
    let mut queue = queue(limit, count);
    queue.begin_at(first);
    let found = queue.open_spool(Box::new(disk.clone()), lanes(count), 64 * 1024).unwrap();
    let mut recovery = Recovery::new(lanes(count));
    for number in found {
        recovery.read(number, &queue.read_segment(number).unwrap());
    }
    recovery.finish();
    let restored = queue.restore(recovery);
    (queue, restored)
}

/// What each lane has not settled, by payload: items.
fn owed(queue: &Queue, out: &[(usize, Batch)]) -> BTreeMap<(usize, u64), usize> {
    let mut owed = BTreeMap::new();
    for (lane, view) in queue.views.iter().enumerate() {
        for rank in view.all_waiting() {
            *owed.entry((lane, rank.arrival)).or_default() += queue.entries[&rank].payload.items();
        }
        let leased = out.iter().filter(|(by, _)| *by == lane).map(|(_, batch)| batch);
        for part in view.formed.iter().chain(leased).flat_map(Batch::parts) {
            *owed.entry((lane, part.rank.arrival)).or_default() += part.summary.items;
        }
    }
    owed
}

/// Random operations, and death at a random byte of what they write. Whatever was owed before the last operation or
/// after it is owed to whoever comes next; nothing else is; and batches are what they were.
#[test]
fn whatever_the_last_byte_was_nothing_accepted_is_lost_and_nothing_settled_comes_back() {
    let mut random = 11u64;
    let mut draw = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (disk, mut first) = (Memory::default(), 1);
    let mut requests: HashMap<String, bytes::Bytes> = HashMap::new();
    let (mut queue, _) = reopened(&disk, 16 * 1024, 2, first);
    for _ in 0..ROUNDS {
        disk.dies_after(draw(12_000) as usize + 1);
        let mut out: Vec<(usize, Batch)> = Vec::new();
        let mut before = owed(&queue, &out);
        while !disk.is_dead() {
            before = owed(&queue, &out);
            operate(&mut queue, &mut out, &mut draw);
            let formed = queue.views.iter().flat_map(|view| &view.formed);
            for batch in out.iter().map(|(_, batch)| batch).chain(formed) {
                requests.insert(batch.idempotency_key().to_owned(), batch.request());
            }
        }
        let after = owed(&queue, &out);
        first = queue.arrivals + 1;
        disk.0.lock().unwrap().left = None;
        (queue, _) = reopened(&disk, 16 * 1024, 2, first);
        let now = owed(&queue, &[]);
        let all = before.keys().chain(after.keys()).chain(now.keys());
        for place in all {
            let (was, is, found) = (before.get(place), after.get(place), now.get(place));
            assert!(found == was || found == is, "{place:?}: {was:?}, then {is:?}, found {found:?}");
        }
        for batch in queue.views.iter().flat_map(|view| &view.formed) {
            assert_eq!(Some(&batch.request()), requests.get(batch.idempotency_key()));
        }
        balance(&queue, &[]);
        assert!(disk.size() < 2 * 64 * 1024, "{}", disk.size());
    }
    assert!(requests.len() > 1000, "the rounds were eventful");
}

fn operate(queue: &mut Queue, out: &mut Vec<(usize, Batch)>, draw: &mut impl FnMut(u64) -> u64) {
    match draw(8) {
        0..=2 => {
            let lanes = Lanes::from_iter((0..2).filter(|_| draw(4) > 0));
            queue.admit(spans(1 + draw(8) as usize, "m", draw(4) == 0), Route { lanes, group: None });
        }
        3 => {
            let lane = draw(2) as usize;
            out.extend(queue.take(lane, queue.arrivals.saturating_sub(draw(3))).map(|batch| (lane, batch)));
        }
        _ if out.is_empty() => {}
        kind => {
            let (lane, batch) = out.swap_remove(draw(out.len() as u64) as usize);
            match kind {
                4 => queue.give_back(lane, batch),
                5 if batch.parts().len() > 1 => {
                    let (first, second) = batch.parts().split_at(1);
                    queue.replace(lane, &batch, vec![first.to_vec(), second.to_vec()]);
                }
                5 if batch.items() > 1 => {
                    let part = &batch.parts()[0];
                    let piece = |items| vec![part.piece(part.bytes.clone(), Summary { items, errors: 0 })];
                    let rest = batch.items() - 1;
                    queue.replace(lane, &batch, vec![piece(1), piece(rest)]);
                }
                5 => queue.settle(lane, &batch, Settled::Refused),
                _ => queue.settle(lane, &batch, Settled::Delivered { rejected: 0 }),
            }
        }
    }
}

/// Sampling keeps a payload in another form: whatever the last byte of that was, one of the two is there.
#[test]
fn what_is_kept_in_another_form_is_there_in_one_of_them_at_any_moment() {
    let (old, new) = (healthy("a"), healthy("kept in another form"));
    let mut seen = [0; 3];
    for bytes in 1..400 {
        let disk = Memory::default();
        let (mut queue, _) = reopened(&disk, ROOM, 1, 1);
        queue.admit(old.clone(), Route::default().once_decided(7));
        disk.dies_after(bytes);
        queue.keep_as(7, &|_| Some(new.clone()));
        assert_eq!((queue.entries.len(), queue.load.items, queue.views[0].held.items), (1, 1, 1));
        let first = queue.arrivals + 1;
        disk.0.lock().unwrap().left = None;
        let (queue, _) = reopened(&disk, ROOM, 1, first);
        let found =
            |payload: &Payload| queue.entries.values().any(|entry| entry.payload.bytes() == payload.bytes());
        assert!(found(&old) || found(&new), "after {bytes} bytes");
        seen[usize::from(found(&old)) + 2 * usize::from(found(&new)) - 1] += 1;
        balance(&queue, &[]);
    }
    assert!(seen[0] > 0 && seen[1] > 0, "before and after were met: {seen:?}");
}

/// A damaged byte anywhere costs at most what it lies in, and no panic.
#[test]
fn a_damaged_byte_harms_nothing_beyond_its_record() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 1, 1);
    (0..20).for_each(|_| assert_eq!(queue.put(healthy("a")), Admission::Accepted));
    drop(queue);
    let intact = disk.0.lock().unwrap().segments.clone();
    for byte in 0..intact[&1].len() {
        disk.0.lock().unwrap().segments.clone_from(&intact);
        disk.0.lock().unwrap().segments.get_mut(&1).unwrap()[byte] ^= 1 << (byte % 8);
        let (queue, _) = reopened(&disk, ROOM, 1, 100);
        let found = queue.entries.len();
        // A length that lies takes what follows along; the head tells whose the records are.
        assert!(found <= 20);
        assert_eq!(queue.spool_figures().unwrap().damaged, 1, "byte {byte}");
    }
}

#[test]
fn what_comes_back_is_bounded_and_errors_are_kept_first() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 1, 1);
    for number in 0..20 {
        queue.put(if number % 2 == 0 { healthy("a") } else { error("b") });
    }
    drop(queue);
    let (queue, _) = reopened(&disk, room_for(12), 1, 100);
    assert_eq!(queue.entries.keys().filter(|rank| rank.priority == Priority::Error).count(), 10);
    assert!(queue.held <= room_for(12));
}

#[test]
fn notes_are_found_again_until_they_are_forgotten() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 1, 1);
    queue.note(bytes::Bytes::from_static(b"old"));
    queue.forget_notes(queue.arrivals);
    queue.note(bytes::Bytes::from_static(b"one"));
    queue.note(bytes::Bytes::from_static(b"two"));
    let first = queue.arrivals + 1;
    drop(queue);
    let (mut queue, restored) = reopened(&disk, ROOM, 1, first);
    let notes = |restored: &Restored| -> Vec<_> {
        restored.notes.iter().map(|(_, note)| String::from_utf8_lossy(note).into_owned()).collect()
    };
    assert_eq!(notes(&restored), ["one", "two"]);
    queue.forget_notes(restored.notes[0].0);
    drop(queue);
    let (mut queue, restored) = reopened(&disk, ROOM, 1, first);
    assert_eq!(notes(&restored), ["two"]);
    queue.forget_notes(u64::MAX);
    drop(queue);
    assert_eq!(reopened(&disk, ROOM, 1, first).1.notes.len(), 0);
}

#[test]
fn what_waits_for_a_destination_that_is_gone_is_handed_over_until_it_is_kept_elsewhere() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 2, 1);
    queue.put(healthy("a"));
    queue.put(healthy("b"));
    let batch = queue.take(0, u64::MAX).unwrap();
    queue.settle(0, &batch, DELIVERED);
    queue.put(healthy("c"));
    let first = queue.arrivals + 1;
    drop(queue);
    for _ in 0..2 {
        let (queue, restored) = reopened(&disk, ROOM, 1, first);
        assert_eq!(restored.orphans.iter().map(|(name, ..)| &**name).collect::<Vec<_>>(), ["lane 1"; 3]);
        assert_eq!(queue.views[0].held.items, 1);
    }
    let (mut queue, restored) = reopened(&disk, ROOM, 1, first);
    queue.orphans_are_kept(&orphans(&restored), &BTreeSet::new());
    assert_eq!(queue.entries.len(), 1);
    drop(queue);
    let (queue, restored) = reopened(&disk, ROOM, 1, first);
    assert_eq!((restored.orphans.len(), queue.views[0].held.items), (0, 1));
}

/// The numbers of what waits for destinations that are gone.
fn orphans(restored: &Restored) -> BTreeSet<u64> {
    restored.orphans.iter().map(|(_, id, _)| *id).collect()
}

#[test]
fn what_could_not_be_kept_elsewhere_outlives_whatever_comes_after_it_and_a_clean_end() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 2, 1);
    queue.put(healthy("a"));
    let first = queue.arrivals + 1;
    drop(queue);
    let (mut queue, restored) = reopened(&disk, ROOM, 1, first);
    let left = orphans(&restored);
    assert_eq!(left.len(), 1);
    queue.orphans_are_kept(&BTreeSet::new(), &left);
    for _ in 0..50 {
        queue.put(healthy("b"));
        while let Some(batch) = queue.take(0, u64::MAX) {
            queue.settle(0, &batch, DELIVERED);
        }
    }
    let next = queue.arrivals + 1;
    queue.close_spool();
    drop(queue);
    let (mut queue, restored) = reopened(&disk, ROOM, 1, next);
    assert_eq!((orphans(&restored), queue.views[0].held.items), (left.clone(), 0));
    queue.orphans_are_kept(&left, &BTreeSet::new());
    queue.close_spool();
    assert_eq!(disk.size(), 0);
}

#[test]
fn what_a_process_left_whose_clock_was_ahead_goes_out_like_everything_else() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 1, 1_000_000);
    queue.put(healthy("ahead"));
    drop(queue);
    let (mut queue, _) = reopened(&disk, ROOM, 1, 1);
    queue.put(healthy("now"));
    let horizon = queue.arrivals;
    assert_eq!(queue.take(0, horizon).unwrap().items(), 2);
}

#[test]
fn one_old_record_pins_no_more_than_itself() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 2, 1);
    queue.admit(error("old"), Route::to(Lanes::NONE.with(1)));
    for _ in 0..3000 {
        queue.admit(healthy("a"), Route::to(Lanes::NONE.with(0)));
        let batch = queue.take(0, u64::MAX).unwrap();
        queue.settle(0, &batch, DELIVERED);
    }
    let figures = queue.spool_figures().unwrap();
    assert_eq!(figures.unspooled, 0);
    let behind_the_end = disk.size() as u64 - figures.bytes;
    assert!(behind_the_end <= 9 * (8 << 10), "{behind_the_end}");
    assert!(disk.0.lock().unwrap().segments.len() <= 9, "{:?}", queue.journal);
    let first = queue.arrivals + 1;
    let (queue, _) = reopened(&disk, ROOM, 2, first);
    assert_eq!(queue.entries.len(), 1);
}

#[test]
fn a_full_disk_costs_durability_and_nothing_else_and_is_used_again_when_there_is_room() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 1, 1);
    queue.put(healthy("a"));
    disk.0.lock().unwrap().room = Some(0);
    for _ in 0..100 {
        assert_eq!(queue.put(healthy("a")), Admission::Accepted);
    }
    assert_eq!(queue.spool_figures().unwrap().unspooled, 100);
    disk.0.lock().unwrap().room = None;
    (0..300).for_each(|_| _ = queue.put(healthy("a")));
    let held = queue.entries.len();
    assert!(queue.entries.values().all(|entry| entry.place.is_some()));
    let first = queue.arrivals + 1;
    assert_eq!(reopened(&disk, ROOM, 1, first).0.entries.len(), held);
}

#[test]
fn a_disk_with_room_again_is_used_again_at_once_and_our_own_room_before() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 1, 1);
    let placed = |queue: &Queue| queue.entries.values().filter(|entry| entry.place.is_some()).count();
    (0..8).for_each(|_| _ = queue.put(healthy("a")));
    disk.0.lock().unwrap().room = Some(disk.size());
    (0..8).for_each(|_| _ = queue.put(healthy("a")));
    assert_eq!((placed(&queue), queue.entries.len()), (8, 16), "there is none");
    // What is delivered leaves room, though nobody else does.
    while let Some(batch) = queue.take(0, u64::MAX) {
        queue.settle(0, &batch, DELIVERED);
    }
    (0..4).for_each(|_| _ = queue.put(healthy("b")));
    assert_eq!((placed(&queue), queue.entries.len()), (4, 4), "that of what was delivered");
    (0..16).for_each(|_| _ = queue.put(healthy("b")));
    assert!(placed(&queue) < 20);
    disk.0.lock().unwrap().room = None;
    (0..16).for_each(|_| _ = queue.put(healthy("b")));
    assert_eq!(placed(&queue), 36, "as many payloads as it takes to try again");
    let first = queue.arrivals + 1;
    let (queue, _) = reopened(&disk, ROOM, 1, first);
    assert_eq!(queue.entries.len(), 36);
    balance(&queue, &[]);
}

/// Random operations on a disk that has room and then has not: what was written once is found by whoever comes next,
/// unless it was settled, however often it was to be moved in between.
#[test]
fn what_was_written_is_not_given_up_for_want_of_room() {
    let mut random = 5u64;
    let mut draw = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let (mut full, mut mended) = (0, 0);
    for round in 0..200 {
        let disk = Memory::default();
        let (mut queue, _) = reopened(&disk, 16 * 1024, 2, 1);
        let mut out: Vec<(usize, Batch)> = Vec::new();
        let mut written: BTreeSet<Rank> = BTreeSet::new();
        for step in 0..300 {
            if step % 40 == 20 {
                let room = disk.size() + draw(600) as usize;
                disk.0.lock().unwrap().room = (draw(3) > 0).then_some(room);
            }
            let before = queue.journal.spool.as_ref().unwrap().has_failed();
            operate(&mut queue, &mut out, &mut draw);
            let after = queue.journal.spool.as_ref().unwrap().has_failed();
            full += usize::from(after && !before);
            mended += usize::from(before && !after);
            written.extend(
                queue.entries.iter().filter(|(_, entry)| entry.place.is_some()).map(|(rank, _)| *rank),
            );
        }
        assert!(disk.0.lock().unwrap().segments.len() < 40, "no heap of empty files");
        written.retain(|rank| queue.entries.contains_key(rank));
        let first = queue.arrivals + 1;
        let (found, _) = reopened(&disk, 1 << 20, 2, first);
        for rank in written {
            assert!(found.entries.contains_key(&rank), "round {round}: {rank:?} was written");
        }
    }
    assert!(full > 100 && mended > 100, "the rounds were eventful: {full} {mended}");
}

#[tokio::test]
async fn a_batch_that_was_out_is_encoded_to_the_same_bytes_after_the_crash() {
    let disk = Memory::default();
    let (mut queue, _) = reopened(&disk, ROOM, 1, 1);
    (0..30).for_each(|_| _ = queue.put(healthy("a")));
    let batch = queue.take(0, u64::MAX).unwrap();
    let gzip = batch.encoded(crate::Compression::GZIP).await.unwrap();
    let zstd = batch.encoded(crate::Compression::ZSTD).await.unwrap();
    let first = queue.arrivals + 1;
    drop(queue);
    let (mut queue, _) = reopened(&disk, ROOM, 1, first);
    queue.put(healthy("b"));
    let again = queue.take(0, u64::MAX).unwrap();
    assert_eq!(again.idempotency_key(), batch.idempotency_key());
    assert_eq!(again.encoded(crate::Compression::GZIP).await.unwrap(), gzip);
    assert_eq!(again.encoded(crate::Compression::ZSTD).await.unwrap(), zstd);
}

/// Deaths in a run of the test; each takes a few hundred operations.
const ROUNDS: usize = 400;
