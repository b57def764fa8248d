//! Ids of traces and spans, from the operating system each time: a process restored twice from one snapshot must not
//! make the same ids twice, which a seeded generator would.

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::IdGenerator;
use spanlayer_host::random;

/// Asks the operating system for every id.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OsIds;

impl IdGenerator for OsIds {
    fn new_trace_id(&self) -> TraceId {
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
