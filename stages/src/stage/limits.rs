//! `limits`: how many attributes something may have, how long their texts may be, and how many names spans may have. What is
//! beyond that is left out, cut or replaced, and counted.

use super::{Counted, Report, counts::Counts, each_with_attributes};
use crate::{
    fields::span::NAME,
    fnv,
    record::{Held, Record},
    scene::{Level, walk},
};
use spanlayer_otlp::Signal;
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Limits {
    /// The most attributes of a span, event, link, data point or log record.
    pub attributes: Option<usize>,
    /// The most bytes of an attribute's text.
    pub length: Option<usize>,
    /// The most names of spans within a window.
    pub names: Option<usize>,
    /// How long names are remembered.
    pub window: Duration,
    /// What a span is called whose name is one too many.
    pub placeholder: String,
    /// The names of this window, and when it began.
    pub seen: Mutex<Seen>,
}

/// Names that spans have.
#[derive(Debug, Default)]
pub struct Seen {
    names: HashSet<u64>,
    since: u64,
}

impl Limits {
    pub(super) fn run(&self, signal: Signal, root: &mut Record, report: &mut Report) -> bool {
        let (now, counts) = (report.now, &mut report.counts);
        let mut changed = false;
        if self.attributes.is_some() || self.length.is_some() {
            changed |= each_with_attributes(signal, root, &mut |record, number, dropped| {
                self.limit(record, number, dropped, counts)
            });
        }
        if let Some(most) = self.names.filter(|_| signal == Signal::Traces) {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if now.saturating_sub(seen.since) >= u64::try_from(self.window.as_nanos()).unwrap_or(u64::MAX) {
                *seen = Seen { names: HashSet::new(), since: now };
            }
            changed |= walk(signal, root, Level::Item, &mut |scene| {
                if let Some(span) = scene.item.as_deref_mut()
                    && !seen.admits(span.text(NAME), most)
                {
                    span.set_bytes(NAME, self.placeholder.clone());
                    counts.count(Counted::NamesReplaced, 1);
                    scene.changed = true;
                }
                true
            });
        }
        changed
    }

    fn limit(&self, record: &mut Record, number: u32, dropped: u32, counts: &mut Counts) -> bool {
        let mut attributes = record.attributes(number);
        let (mut room, mut gone) = (self.attributes.unwrap_or(usize::MAX), 0);
        if self.attributes.is_some() {
            gone = attributes.retain(|_| {
                let fits = room > 0;
                room -= usize::from(fits);
                fits
            });
        }
        let mut cut = 0;
        if let Some(most) = self.length {
            for (key, value) in attributes.longer_than(most) {
                let mut shorter = value.clone();
                shorter.cut(most);
                if shorter != value {
                    attributes.set(&key, &shorter);
                    cut += 1;
                }
            }
        }
        if gone > 0 && dropped > 0 {
            let before = record.bits(dropped);
            record.set(dropped, Held::Varint(before + gone as u64));
        }
        counts.count(Counted::AttributesLeftOut, gone);
        counts.count(Counted::ValuesCut, cut);
        gone + cut > 0
    }
}

impl Seen {
    fn admits(&mut self, name: &str, most: usize) -> bool {
        let name = fnv(name.as_bytes());
        self.names.contains(&name) || self.names.len() < most && self.names.insert(name)
    }
}
