//! What happens to a payload between its arrival and the queue: what must not be kept is taken out of it.

use std::sync::{Arc, Mutex, PoisonError};

use spanlayer_process::{Redactor, redact::Tally};

use crate::Payload;

/// The stages at the door, and what they counted.
#[derive(Debug, Default)]
pub(crate) struct Door {
    redactor: Option<Arc<Redactor>>,
    redacted: Mutex<Tally>,
}

impl Door {
    pub(crate) fn new(redactor: Option<Arc<Redactor>>) -> Self {
        Self { redactor, redacted: Mutex::default() }
    }

    /// The payload as it may be held. One in which nothing is to be changed passes as it is, undecoded.
    pub(crate) fn pass(&self, payload: Payload) -> Payload {
        let Some(redactor) = &self.redactor else { return payload };
        match redactor.redact(payload.signal(), payload.bytes()) {
            Some((bytes, tally)) => {
                self.redacted.lock().unwrap_or_else(PoisonError::into_inner).add(&tally);
                payload.rewritten(bytes.into())
            }
            None => payload,
        }
    }

    /// What was taken out so far, by kind.
    pub(crate) fn redacted(&self) -> Tally {
        *self.redacted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
