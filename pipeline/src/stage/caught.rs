//! A panic in an export costs what it was about: the process lives, and the batch counts as refused, so that it is halved
//! until the one item is alone that makes the export panic, and that goes into dead letters.

use spanlayer_host::panics::caught;

use crate::{Batch, Deadline, Export, Outcome};

/// Innermost: right around what may panic.
#[derive(Debug)]
pub(crate) struct Caught<E>(pub(crate) E);

impl<E: Export> Export for Caught<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        // Within a block of its own, since an export may panic before there is a future.
        match caught(async move { self.0.export(batch, by).await }).await {
            Ok(outcome) => outcome,
            Err(words) => {
                Outcome::Refused { why: format!("the exporter panicked: {words}"), divisible: true }
            }
        }
    }

    async fn drain(&self, by: Deadline) -> Outcome {
        let drained = caught(async move { self.0.drain(by).await }).await;
        drained.unwrap_or_else(|words| Outcome::refused(format!("the exporter panicked: {words}")))
    }
}
