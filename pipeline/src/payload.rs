//! One OTLP request, as it came in: bytes, and what one walk over them told.

use std::time::Duration;

use bytes::Bytes;
use spanlayer_host::clock;
use spanlayer_otlp::{Malformed, Signal, Summary, scan};
use tokio::time::Instant;

/// An encoded `Export*ServiceRequest` that was found valid. Cloning shares the bytes.
#[derive(Clone, Debug)]
pub struct Payload {
    signal: Signal,
    bytes: Bytes,
    summary: Summary,
    received: Instant,
    /// The same in Unix time, in milliseconds, for those who find it in the spool.
    received_millis: u64,
}

impl Payload {
    /// Checks a request and counts what it holds. From here on nobody decodes it unless they must.
    ///
    /// # Errors
    ///
    /// When the bytes are not a valid request of this signal; the error says where and why.
    pub fn scan(signal: Signal, bytes: Bytes) -> Result<Self, Malformed> {
        let summary = scan(signal, &bytes)?;
        Ok(Self { signal, bytes, summary, received: Instant::now(), received_millis: clock::unix_millis() })
    }

    /// One that was scanned and received before.
    pub(crate) fn restored(signal: Signal, bytes: Bytes, summary: Summary, received_millis: u64) -> Self {
        let age = Duration::from_millis(clock::unix_millis().saturating_sub(received_millis));
        let now = Instant::now();
        let received = now.checked_sub(age).unwrap_or(now);
        Self { signal, bytes, summary, received, received_millis }
    }

    /// When it came in, in Unix time.
    pub(crate) const fn received_millis(&self) -> u64 {
        self.received_millis
    }

    /// The same items in other bytes, valid as these were.
    pub(crate) fn rewritten(self, bytes: Bytes) -> Self {
        Self { bytes, ..self }
    }

    /// What processors made of it, as of the same time.
    ///
    /// # Errors
    ///
    /// When that is no valid request.
    pub(crate) fn processed(&self, bytes: Bytes) -> Result<Self, Malformed> {
        let summary = scan(self.signal, &bytes)?;
        Ok(Self { bytes, summary, ..*self })
    }

    /// The signal whose request this is.
    pub const fn signal(&self) -> Signal {
        self.signal
    }

    /// The encoded request.
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What the walk counted.
    pub const fn summary(&self) -> Summary {
        self.summary
    }

    /// Spans, data points or log records in it.
    pub const fn items(&self) -> usize {
        self.summary.items
    }

    /// When it came in.
    pub const fn received(&self) -> Instant {
        self.received
    }

    /// How hard it is defended when room runs out.
    pub const fn priority(&self) -> Priority {
        if self.summary.errors > 0 { Priority::Error } else { Priority::Healthy }
    }
}

/// Who goes first: errors are sent first, and are the last to be given up. (The order of the variants is the order of
/// sending.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Priority {
    /// Holds at least one span with an error status, or a log record of severity error or worse.
    Error,
    /// Holds none.
    Healthy,
}
