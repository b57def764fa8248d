//! A payload taken apart by traces, and marked with what was decided.

use super::{Tail, TraceId, trace_id};
use crate::{
    record::Record,
    scene::{Level, walk},
    stage::threshold::State,
};
use bytes::Bytes;
use spanlayer_otlp::Signal;

/// What a payload holds of one trace.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// A request of its own.
    pub bytes: Bytes,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// They are kept.
    Kept,
    /// They are left out.
    Gone,
    /// They wait for the decision about this group.
    Waits(u64),
}

impl Tail {
    /// Takes an encoded request apart. What was decided before is marked with it.
    pub fn apart(&self, bytes: &Bytes) -> Vec<Part> {
        let parts = split(bytes);
        let state = self.state();
        let part = |(id, bytes): (TraceId, Bytes)| match state.decided.get(&id) {
            None => Part { bytes, fate: Fate::Waits(self.group(&id)) },
            Some(verdict) if !verdict.keep => Part { bytes, fate: Fate::Gone },
            Some(verdict) => {
                let marked = verdict.threshold.and_then(|threshold| mark(&bytes, threshold));
                Part { bytes: marked.map_or(bytes, Bytes::from), fate: Fate::Kept }
            }
        };
        parts.into_iter().map(part).collect()
    }
}

/// A request for each trace, in the order in which they are met. Most hold one trace only.
fn split(bytes: &Bytes) -> Vec<(TraceId, Bytes)> {
    let mut root = Record::open(bytes);
    let mut ids: Vec<TraceId> = Vec::new();
    walk(Signal::Traces, &mut root, Level::Item, &mut |scene| {
        let id = scene.item.as_deref().and_then(trace_id).unwrap_or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
        true
    });
    if let [id] = ids[..] {
        return vec![(id, bytes.clone())];
    }
    let only = |id: TraceId| {
        let mut own = root.clone();
        walk(Signal::Traces, &mut own, Level::Item, &mut |scene| {
            scene.item.as_deref().and_then(trace_id).unwrap_or_default() == id
        });
        (id, Bytes::from(own.encode()))
    };
    ids.into_iter().map(only).collect()
}

/// The request with the threshold in its spans' trace states; `None` if it is there already.
pub fn mark(bytes: &Bytes, threshold: u64) -> Option<Vec<u8>> {
    let mut root = Record::open(bytes);
    let changed = walk(Signal::Traces, &mut root, Level::Item, &mut |scene| {
        let Some(span) = scene.item.as_deref_mut() else { return true };
        let mut state = State::parse(span.text(TRACE_STATE));
        if state.threshold != Some(threshold) {
            state.threshold = Some(threshold);
            span.set_bytes(TRACE_STATE, state.to_text());
            scene.changed = true;
        }
        true
    });
    changed.then(|| root.encode())
}

/// `Span.trace_state`.
const TRACE_STATE: u32 = 3;
