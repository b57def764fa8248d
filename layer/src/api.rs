//! Lambda's Extensions API (`2020-01-01`) and the Telemetry API's subscription (`2022-07-01`), over one connection
//! and a few lines of HTTP/1.1: an HTTP client would cost more to start than everything else before the first `next`.
//!
//! Sequence is a type: [`Unregistered`] ▸ [`Announced`] ▸ [`Registered`], and only the last one has `next`.

mod address;
mod connection;
mod event;
mod http;
mod next;
mod register;
mod subscribe;

pub use address::Address;
pub use event::{Event, Invoke, Shutdown};
pub use next::Registered;
pub use register::{Announced, Unregistered};
pub use subscribe::Subscription;

use std::time::Duration;

/// Waits between attempts at a call that Lambda refused: short at first, since every wait may be billed, and never
/// longer than two seconds, since a function may be waiting for us.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait. The first one is worth a word to the operator, the others are not: see [`Self::is_first`].
    pub(crate) fn next_wait(&mut self) -> Duration {
        let wait = Duration::from_millis(20) * 2u32.pow(self.failures.min(7));
        self.failures += 1;
        wait.min(Duration::from_secs(2))
    }

    /// Whether no wait was taken yet.
    pub(crate) fn is_first(&self) -> bool {
        self.failures == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_two_seconds() {
        let mut backoff = Backoff::default();
        assert!(backoff.is_first());
        let waits: Vec<Duration> = (0..40).map(|_| backoff.next_wait()).collect();
        assert_eq!(waits[0], Duration::from_millis(20));
        assert!(waits.is_sorted());
        assert_eq!(waits[39], Duration::from_secs(2));
        assert!(!backoff.is_first());
    }
}
