//! The contract that every stage and every destination fulfils.

use std::{
    fmt,
    future::{Future, ready},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use crate::{Batch, Deadline};

/// Takes a batch somewhere. Destinations make one attempt; stages wrap another `Export` and add one thing (a time
/// limit, retries, a circuit breaker). See `compose` for the order in which they are stacked.
pub trait Export: Send + Sync {
    /// Exports a batch, and answers by the deadline.
    ///
    /// Dropping the future abandons the attempt (a connection in use is closed); the batch is not lost by that, since
    /// its lane still holds it.
    fn export(&self, batch: Batch, by: Deadline) -> impl Future<Output = Outcome> + Send;

    /// Sends what was taken and is held back, and waits for what is under way, by the deadline. Most exports hold
    /// nothing back, and have nothing to do. Stages pass it on.
    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        let _ = by;
        ready(Outcome::DELIVERED)
    }
}

impl<E: Export> Export for Arc<E> {
    fn export(&self, batch: Batch, by: Deadline) -> impl Future<Output = Outcome> + Send {
        E::export(self, batch, by)
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        E::drain(self, by)
    }
}

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The destination took the batch, and must not be sent it again.
    Delivered {
        /// How many of its items the destination turned away all the same (OTLP's partial success).
        rejected: u64,
        /// What the destination said about it; empty when it said nothing.
        message: String,
    },
    /// The destination may take it later.
    Retry {
        /// How long the destination asked to be left alone.
        after: Option<Duration>,
        /// What happened.
        why: String,
    },
    /// The destination will never take it as it is.
    Refused {
        /// What happened.
        why: String,
        /// Whether the reason may lie in some of its items, or in its size, so that smaller batches may fare better.
        divisible: bool,
    },
}

impl Outcome {
    /// Everything was taken without a word.
    pub const DELIVERED: Self = Self::Delivered { rejected: 0, message: String::new() };

    /// May be tried again, and the destination named no time.
    pub fn retry(why: impl Into<String>) -> Self {
        Self::Retry { after: None, why: why.into() }
    }

    /// Will never be taken, in whole or in parts.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::Refused { why: why.into(), divisible: false }
    }
}

/// An [`Export`] of any type: lanes hold their stacks in this form, one allocation per export.
pub(crate) trait AnyExport: Send + Sync {
    /// See [`Export::export`].
    fn export_boxed(&self, batch: Batch, by: Deadline) -> Answer<'_>;

    /// See [`Export::drain`].
    fn flush_boxed(&self, by: Deadline) -> Answer<'_>;
}

/// An outcome to come.
pub(crate) type Answer<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

impl<E: Export> AnyExport for E {
    fn export_boxed(&self, batch: Batch, by: Deadline) -> Answer<'_> {
        Box::pin(self.export(batch, by))
    }

    fn flush_boxed(&self, by: Deadline) -> Answer<'_> {
        Box::pin(self.drain(by))
    }
}

/// A destination of any type, as settings carry it.
#[derive(Clone)]
pub(crate) struct Custom(pub(crate) Arc<dyn AnyExport>);

impl Export for Custom {
    fn export(&self, batch: Batch, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.0.export_boxed(batch, by)
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.0.flush_boxed(by)
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Custom")
    }
}
