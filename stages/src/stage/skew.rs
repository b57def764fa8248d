//! `clock`: what is told of the future, and spans that end before they begin. Found and counted; put right if asked.

use super::{Counted, Report};
use crate::{
    fields::{
        event, log,
        span::{ATTRIBUTES, END, EVENTS, START},
    },
    record::{Held, Record, Value},
    scene::{Level, walk},
};
use spanlayer_otlp::Signal;
use std::time::Duration;

/// See the module's documentation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Skew {
    /// How far ahead of ours a clock may be.
    pub tolerance: Duration,
    /// Whether times are put right.
    pub correct: bool,
}

impl Skew {
    pub(super) fn run(self, signal: Signal, root: &mut Record, report: &mut Report) -> bool {
        let tolerance = u64::try_from(self.tolerance.as_nanos()).unwrap_or(u64::MAX);
        let (now, counts) = (report.now, &mut report.counts);
        let latest = now.saturating_add(tolerance);
        walk(signal, root, Level::Item, &mut |scene| {
            let Some(item) = scene.item.as_deref_mut() else { return true };
            let (start, end) = match signal {
                Signal::Traces => (item.bits(START), item.bits(END)),
                _ => (item.bits(log::TIME), item.bits(log::TIME)),
            };
            let negative = end < start && end > 0;
            let future = start.max(end) > latest;
            for (is, what) in [(negative, Counted::NegativeDurations), (future, Counted::FromFuture)] {
                counts.count(what, usize::from(is));
            }
            if self.correct && (negative || future) {
                counts.count(Counted::TimesCorrected, 1);
                scene.changed = true;
                if signal == Signal::Traces {
                    put_right(item, start, end.max(start), if future { now } else { u64::MAX });
                } else {
                    item.set(log::TIME, Held::Fixed64(now));
                }
            }
            true
        })
    }
}

/// One that ends before it began took no time; one that ends after `latest` is moved there, with all that is in it.
fn put_right(span: &mut Record, start: u64, end: u64, latest: u64) {
    let shift = end.saturating_sub(latest);
    span.set(START, Held::Fixed64(start.saturating_sub(shift)));
    span.set(END, Held::Fixed64(end - shift));
    if shift > 0 {
        let mut events = span.take(EVENTS);
        for event in &mut events {
            let at = event.bits(event::TIME);
            event.set(event::TIME, Held::Fixed64(at.saturating_sub(shift)));
        }
        span.put(EVENTS, events);
    }
    let millis = i64::try_from(shift / 1_000_000).unwrap_or(i64::MAX);
    span.attributes(ATTRIBUTES).set("spanlayer.clock.shift_ms", &Value::Int(-millis));
}
