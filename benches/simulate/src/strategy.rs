//! What is compared with what.

use spanlayer_extension::lifecycle::policy::{Mode, Policy};
use std::time::Duration;

/// A way to decide when to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strategy {
    /// `SPANLAYER_FLUSH=adaptive`, the default.
    Adaptive,
    /// At the end of every invocation.
    End,
    /// Every ten seconds.
    Periodic,
    /// At the end of the first twenty, then every twenty seconds; at the end again while invocations are more than two
    /// minutes apart. What two peers do.
    EndThenPeriodic,
    /// Knows when its environment's next invocation comes. Nobody does: the bound.
    Clairvoyant,
}

impl Strategy {
    /// All of them, ours first.
    pub const ALL: [Self; 5] =
        [Self::Adaptive, Self::End, Self::Periodic, Self::EndThenPeriodic, Self::Clairvoyant];

    /// As tables and plots call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive (ours)",
            Self::End => "always at the end",
            Self::Periodic => "every 10 s",
            Self::EndThenPeriodic => "end, then every 20 s",
            Self::Clairvoyant => "clairvoyant (bound)",
        }
    }

    /// The policy of an environment before its invocation of this number, from zero, if that is another than before.
    /// `gap` is the usual time between invocations.
    pub fn policy(self, invocation: u64, gap: Duration, now: Duration) -> Option<Policy> {
        let begin = |mode| Some(Policy::new(mode, STALENESS, ENOUGH, 1, now));
        match (self, invocation) {
            (Self::Adaptive, 0) => begin(Mode::Adaptive),
            (Self::End | Self::EndThenPeriodic, 0) => begin(Mode::End),
            (Self::Periodic, 0) => begin(Mode::Periodic(Duration::from_secs(10))),
            (Self::EndThenPeriodic, 20) if gap < Duration::from_secs(120) => {
                begin(Mode::Periodic(Duration::from_secs(20)))
            }
            _ => None,
        }
    }
}

/// The default of `SPANLAYER_MAX_STALENESS`.
pub const STALENESS: Duration = Duration::from_secs(30);

/// A batch's size, in bytes.
pub const ENOUGH: u64 = 2 << 20;
