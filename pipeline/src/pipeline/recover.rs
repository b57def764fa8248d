//! The start: the spool opened, and what a killed process left in it taken back.

use std::{collections::BTreeSet, io, path::Path};

use bytes::Bytes;
use tokio::task::yield_now;

use super::Pipeline;
use crate::{
    Batch, Deadline, Notice, Spool,
    queue::Restored,
    spool::{
        recovery::{LaneId, Recovery},
        store::{Directory, Store as _},
    },
};

/// What a process that was killed left to this one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Spans, data points and log records that go out with the next flush.
    pub items: u64,
    /// What was [noted](Pipeline::note) and not forgotten, oldest first, with the number of each.
    pub notes: Vec<(u64, Bytes)>,
}

impl Pipeline {
    /// Takes back what the spool of the [settings](crate::Settings::spool) holds from before; called once. Everything that
    /// is accepted is written there before its sender is answered, and where opening is
    /// [deferred](crate::Spool::deferred), from here on.
    ///
    /// Where that cannot be (the directory is in use, or cannot be written), the pipeline goes on in memory, and tells so
    /// once. Without a spool in the settings nothing happens.
    pub async fn recover(&self) -> Recovered {
        let Some(found) = self.spool.as_ref().and_then(|spool| self.open(spool)) else {
            return Recovered::default();
        };
        self.recall_outages();
        let mut recovery = Recovery::new(self.lane_ids());
        for number in found {
            // One that cannot be read is lost, and says nothing of the others.
            let segment = self.shared.with(|queue| queue.read_segment(*number)).unwrap_or_default();
            recovery.read(*number, &segment);
            yield_now().await;
        }
        recovery.finish();
        let restored = self.shared.with(|queue| queue.restore(recovery));
        self.found(restored).await
    }

    pub(super) fn open_unless_deferred(&self) {
        if let Some(spool) = self.spool.as_ref().filter(|spool| !spool.deferred) {
            self.open(spool);
        }
    }

    /// Opens the spool, once: a directory is made, locked and listed. The segments that are to be read; `None` if that
    /// cannot be.
    fn open(&self, settings: &Spool) -> Option<&Vec<u64>> {
        let opened = self.opened.get_or_init(|| match self.try_open(settings) {
            Ok(found) => Some(found),
            Err(error) => {
                let why = format!("{}: {error}", settings.directory.display());
                self.tell(Notice::NotSpooled { why: &why });
                None
            }
        });
        opened.as_ref()
    }

    fn try_open(&self, settings: &Spool) -> io::Result<Vec<u64>> {
        let directory = Directory::open(&settings.directory)?;
        let limit = settings.limit.min(room(&directory, &settings.directory));
        // What is there is to be read even where there is no room for more.
        if limit < LEAST && directory.list()?.is_empty() {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "there is too little room"));
        }
        self.shared.with(|queue| queue.open_spool(Box::new(directory), self.lane_ids(), limit))
    }

    async fn found(&self, restored: Restored) -> Recovered {
        let items = self.shared.with(|queue| queue.spool_figures()).unwrap_or_default().recovered;
        if items > 0 {
            self.tell(Notice::Found { items });
        }
        let (mut kept, mut left) = (BTreeSet::new(), BTreeSet::new());
        for (destination, id, payload) in &restored.orphans {
            let Some(batch) = Batch::of([payload.clone()]) else { continue };
            let (signal, items) = (payload.signal(), payload.items() as u64);
            if let Some(desk) = &self.desk
                && !desk.keep(&batch, destination, GONE, Deadline::never()).await
            {
                left.insert(*id);
                continue;
            }
            kept.insert(*id);
            self.tell(Notice::Refused { destination, signal, items, why: GONE });
        }
        self.shared.with(|queue| queue.orphans_are_kept(&kept, &left));
        Recovered { items, notes: restored.notes }
    }

    /// Keeps something beside the payloads for the next process, should this one be killed: what an invocation is known
    /// by before it has spans, for example. A quarter of a megabyte is kept, the newest. Its number; later ones are
    /// greater.
    pub fn note(&self, bytes: Bytes) -> u64 {
        self.open_unless_deferred();
        match &self.spool {
            Some(_) => self.shared.with(|queue| queue.note(bytes)),
            None => 0,
        }
    }

    /// What was [noted](Self::note) up to this number has served.
    pub fn forget_notes(&self, up_to: u64) {
        self.shared.with(|queue| queue.forget_notes(up_to));
    }

    pub(super) fn tell(&self, notice: Notice<'_>) {
        if let Some(observer) = &self.observer {
            observer(notice);
        }
    }

    /// Names that tell lanes apart, also in another process with the same settings.
    pub(super) fn lane_ids(&self) -> Vec<LaneId> {
        let mut ids: Vec<LaneId> = Vec::with_capacity(self.lanes().len());
        for lane in self.lanes() {
            let again = ids.iter().filter(|id| id.name.split('\n').next() == Some(&*lane.name)).count();
            let suffix = if again > 0 { format!("\n{again}") } else { String::new() };
            ids.push(LaneId { name: format!("{}{suffix}", lane.name), encoding: lane.encoding.clone() });
        }
        ids
    }
}

/// A tenth of what there would be without us.
fn room(directory: &Directory, path: &Path) -> u64 {
    let files = std::fs::read_dir(path).into_iter().flatten().flatten();
    let ours: u64 = files.filter_map(|file| file.metadata().ok()).map(|metadata| metadata.len()).sum();
    directory.free().saturating_add(ours) / 10
}

/// Below this a spool is not worth its files.
const LEAST: u64 = 64 << 10;

const GONE: &str = "there is no such destination any more";
