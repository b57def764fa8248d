//! A payload taken apart by traces, and marked with what was decided.

use super::{Tail, TraceId, trace_id};
use crate::{
    fields::span::TRACE_STATE,
    record::Record,
    scene::{Level, walk},
    stage::threshold::State,
};
use bytes::Bytes;
use spanlayer_otlp::Signal;
use std::collections::HashMap;

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
    /// Takes an encoded request apart. What was decided before is marked with it. Each part is made when it is asked for:
    /// what its spans belong to is in all of them, which together may be far larger than the request.
    pub fn apart(&self, bytes: &Bytes) -> impl Iterator<Item = Part> {
        split(bytes).map(|(id, bytes)| match self.state().decided.get(&id) {
            None => Part { bytes, fate: Fate::Waits(self.group(&id)) },
            Some(verdict) if !verdict.keep => Part { bytes, fate: Fate::Gone },
            Some(verdict) => {
                let marked = verdict.threshold.and_then(|threshold| mark(&bytes, threshold));
                Part { bytes: marked.map_or(bytes, Bytes::from), fate: Fate::Kept }
            }
        })
    }
}

type ByTrace = HashMap<TraceId, Vec<Record>>;

/// A request for each trace, in the order in which they are met. Most hold one trace only.
fn split(bytes: &Bytes) -> impl Iterator<Item = (TraceId, Bytes)> + use<> {
    let mut root = Record::open(bytes);
    let (mut order, mut groups) = (Vec::new(), ByTrace::new());
    for mut group in root.take(1) {
        let mut scopes = ByTrace::new();
        for mut scope in group.take(2) {
            let mut spans = ByTrace::new();
            for span in scope.take(2) {
                let id = trace_id(&span).unwrap_or_default();
                groups.entry(id).or_insert_with(|| {
                    order.push(id);
                    Vec::new()
                });
                spans.entry(id).or_default().push(span);
            }
            share(&scope, spans, &mut scopes);
        }
        share(&group, scopes, &mut groups);
    }
    let whole = (order.len() == 1).then(|| bytes.clone());
    order.into_iter().map(move |id| {
        let part = || {
            let mut own = root.clone();
            own.put(1, groups.remove(&id).unwrap_or_default());
            own.encode().into()
        };
        (id, whole.clone().unwrap_or_else(part))
    })
}

/// Puts what is of each trace into a copy of what it belongs to.
fn share(of: &Record, within: ByTrace, into: &mut ByTrace) {
    for (id, records) in within {
        let mut own = of.clone();
        own.put(2, records);
        into.entry(id).or_default().push(own);
    }
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
