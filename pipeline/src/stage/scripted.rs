//! Neighbours for tests of stages: destinations that answer as told, and batches to send them.

use std::{collections::VecDeque, sync::Mutex, time::Duration};

use bytes::Bytes;
use spanlayer_otlp::{Signal, wire as write};

use super::breaker::{BreakerSettings, Circuit};
use crate::{Batch, Deadline, Export, Outcome, Payload};

/// A destination that answers from a script, and then keeps to its last resort.
#[derive(Debug)]
pub(crate) struct Scripted {
    replies: Mutex<VecDeque<Outcome>>,
    /// What it says when the script is over; `None`: it never answers.
    then: Mutex<Option<Outcome>>,
    seen: Mutex<Vec<Batch>>,
}

impl Scripted {
    fn new(replies: impl IntoIterator<Item = Outcome>, then: Option<Outcome>) -> Self {
        Self {
            replies: Mutex::new(replies.into_iter().collect()),
            then: Mutex::new(then),
            seen: Mutex::default(),
        }
    }

    /// Answers in this order; anything more is delivered.
    pub(crate) fn replies(replies: impl IntoIterator<Item = Outcome>) -> Self {
        Self::new(replies, Some(Outcome::DELIVERED))
    }

    pub(crate) fn always(outcome: Outcome) -> Self {
        Self::new([], Some(outcome))
    }

    pub(crate) fn hanging() -> Self {
        Self::new([], None)
    }

    pub(crate) fn then_hanging(self) -> Self {
        self.then_hangs();
        self
    }

    pub(crate) fn then_hangs(&self) {
        *self.then.lock().unwrap() = None;
    }

    pub(crate) fn then_answers(&self, outcome: Outcome) {
        *self.then.lock().unwrap() = Some(outcome);
    }

    pub(crate) fn calls(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// The batches it was sent, in order.
    pub(crate) fn seen(&self) -> Vec<Batch> {
        self.seen.lock().unwrap().clone()
    }
}

impl Export for Scripted {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        self.seen.lock().unwrap().push(batch);
        let next = self.replies.lock().unwrap().pop_front();
        match next.or_else(|| self.then.lock().unwrap().clone()) {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }
}

pub(crate) fn busy(seconds: u64) -> Outcome {
    Outcome::Retry { after: Some(Duration::from_secs(seconds)), why: "busy".to_owned() }
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A circuit that is closed.
pub(crate) fn circuit() -> Circuit {
    Circuit::with("scripted".into(), BreakerSettings::eager(), || Duration::ZERO, || 1.0, None)
}

/// A payload of so many spans; `mark` goes into their names, and the last one has an error status if asked for.
pub(crate) fn spans(count: usize, mark: &str, error: bool) -> Payload {
    let mut bytes = Vec::new();
    write::message_field(&mut bytes, 1, |resource_spans| {
        write::message_field(resource_spans, 2, |scope_spans| {
            for n in 0..count {
                write::message_field(scope_spans, 2, |span| {
                    write::bytes_field(span, 1, &[7; 16]);
                    write::bytes_field(span, 2, &(n as u64 + 1).to_be_bytes());
                    write::bytes_field(span, 5, format!("{mark} {n}").as_bytes());
                    if error && n + 1 == count {
                        write::message_field(span, 15, |status| write::varint_field(status, 3, 2));
                    }
                });
            }
        });
    });
    Payload::scan(Signal::Traces, Bytes::from(bytes)).unwrap()
}

pub(crate) fn batch(spans_in_it: usize) -> Batch {
    Batch::of([spans(spans_in_it, "span", false)]).unwrap()
}

/// A destination that nobody should have written.
pub(crate) struct Panics;

impl Export for Panics {
    async fn export(&self, _: Batch, _: Deadline) -> Outcome {
        panic!("a fault of its own")
    }
}
