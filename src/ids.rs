//! Ids of traces and spans, from the operating system each time: a process restored twice from one snapshot must not
//! make the same ids twice, which a seeded generator would.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use spanlayer_host::random;

/// Asks the operating system for every id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsIds;

impl IdGenerator for OsIds {
    fn new_trace_id(&self) -> TraceId {
        if let Some(named) = NAMED.take() {
            return named;
        }
        std::iter::repeat_with(|| TraceId::from_bytes(random::bytes()))
            .find(|id| *id != TraceId::INVALID)
            .unwrap_or(TraceId::INVALID)
    }

    fn new_span_id(&self) -> SpanId {
        std::iter::repeat_with(|| SpanId::from_bytes(random::bytes()))
            .find(|id| *id != SpanId::INVALID)
            .unwrap_or(SpanId::INVALID)
    }
}

/// Makes the next trace that begins on this thread, inside `begin`, one of that id: an event may name a trace without
/// naming a span in it, and the API has no other way to say so.
pub(crate) fn in_trace<T>(named: Option<TraceId>, begin: impl FnOnce() -> T) -> T {
    NAMED.set(named);
    let begun = begin();
    NAMED.set(None);
    begun
}

thread_local! {
    static NAMED: Cell<Option<TraceId>> = const { Cell::new(None) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_trace_is_begun_once() {
        let named = TraceId::from(7);
        let (first, second) = in_trace(Some(named), || (OsIds.new_trace_id(), OsIds.new_trace_id()));
        assert_eq!(first, named);
        assert_ne!(second, named);
        in_trace(Some(named), || ());
        assert_ne!(OsIds.new_trace_id(), named, "not beyond its purpose");
    }
}
