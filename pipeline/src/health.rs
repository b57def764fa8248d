//! How a destination fares.

use std::time::Duration;

use tokio::time::Instant;

/// Whether a destination takes what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// Nothing was exported to it yet.
    Untried,
    /// It answered last time.
    Healthy,
    /// It failed, and is left alone but for a probe now and then.
    Failing {
        /// Since when.
        since: Instant,
        /// How long until a flush may probe it; zero: the next one does.
        probe_in: Duration,
    },
}

impl Health {
    /// Whether it failed last time: nothing to keep anybody waiting for.
    pub const fn is_failing(&self) -> bool {
        matches!(self, Self::Failing { .. })
    }

    /// How long until a flush may try it: zero unless it fails.
    pub const fn probe_in(&self) -> Duration {
        match self {
            Self::Failing { probe_in, .. } => *probe_in,
            Self::Untried | Self::Healthy => Duration::ZERO,
        }
    }
}
