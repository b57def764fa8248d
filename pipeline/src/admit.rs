//! What happens to a payload between its arrival and the queue: what must not be kept is taken out of it, processors change
//! it or leave some of it out, and what they brought to light is taken out as well. In this order, so that no processor has
//! a secret to copy to where it is not known as one.

use std::sync::{Arc, Mutex, PoisonError};

use spanlayer_host::clock;
use spanlayer_process::{Redactor, redact::Tally};
use spanlayer_stages::stage::{Counts, Passed, Report, Stage, run};

use crate::Payload;

/// The stages at the door, and what they counted.
#[derive(Debug, Default)]
pub(crate) struct Door {
    redactor: Option<Arc<Redactor>>,
    redacted: Mutex<Tally>,
    counts: Mutex<Counts>,
}

/// What became of a payload.
pub(crate) struct Processed {
    /// What is left, if anything is.
    pub(crate) left: Option<Payload>,
    /// How many of its items were to be left, if no processor took any.
    pub(crate) items: usize,
    /// How many of those that are missing were left out of a share.
    pub(crate) sampled: usize,
    /// Why one could not do its part, if so.
    pub(crate) failed: Option<String>,
}

impl Door {
    pub(crate) fn new(redactor: Option<Arc<Redactor>>) -> Self {
        Self { redactor, ..Self::default() }
    }

    /// The payload as it may be held. One in which nothing is to be changed passes as it is, undecoded.
    pub(crate) fn pass(&self, payload: Payload) -> Payload {
        let Some(redactor) = &self.redactor else { return payload };
        match redactor.redact(payload.signal(), payload.bytes()) {
            Some((bytes, tally)) => {
                self.count(&tally);
                payload.rewritten(bytes.into())
            }
            None => payload,
        }
    }

    /// What processors make of a payload that may be held, as that may be held.
    pub(crate) fn process(&self, payload: Payload, through: &[Arc<Stage>]) -> Processed {
        let mut report = Report { items: payload.items(), ..Report::default() };
        let passed = run(through, payload.signal(), payload.bytes(), clock::unix_nanos(), &mut report);
        self.count(&report.redacted);
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).add(&report.counts);
        let (items, sampled, failed) = (report.items, report.sampled, report.failed.map(|failed| failed.0));
        let (left, failed) = match passed {
            Passed::Same => (Some(payload), failed),
            Passed::Nothing => (None, failed),
            // What cannot be read any more must not leave as it was.
            Passed::Changed(bytes) => match payload.processed(bytes.into()) {
                Ok(processed) => (Some(self.pass(processed)), failed),
                Err(malformed) => (None, Some(malformed.to_string())),
            },
        };
        Processed { left, items, sampled, failed }
    }

    fn count(&self, tally: &Tally) {
        self.redacted.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
    }

    /// What processors counted so far.
    pub(crate) fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was taken out so far, by kind.
    pub(crate) fn redacted(&self) -> Tally {
        *self.redacted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
