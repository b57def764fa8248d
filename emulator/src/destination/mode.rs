//! How a destination behaves.

use std::time::Duration;

/// A destination's behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Takes everything, at once.
    Healthy,
    /// Takes everything, and answers after this time.
    Slow(Duration),
    /// Reads requests and never answers.
    Hanging,
    /// Nobody listens: connections are refused.
    Refusing,
    /// Connections are reset, on arrival or with the next request.
    Resetting,
    /// Answers with this status and takes nothing.
    Status {
        /// The status.
        code: u16,
        /// The value of `Retry-After`: seconds, or an HTTP date.
        retry_after: Option<String>,
    },
    /// Takes the request, and says that this many of its items were rejected.
    Partial {
        /// The number to tell.
        rejected: u64,
    },
    /// Takes the request, and closes the connection instead of answering.
    AnswerLost,
}

impl Mode {
    /// This status, without `Retry-After`.
    pub const fn status(code: u16) -> Self {
        Self::Status { code, retry_after: None }
    }

    /// This status, and when to come again.
    pub fn busy(code: u16, seconds: u32) -> Self {
        Self::Status { code, retry_after: Some(seconds.to_string()) }
    }

    /// Whether a request met with this behaviour counts as received.
    pub(super) const fn accepts(&self) -> bool {
        matches!(self, Self::Healthy | Self::Slow(_) | Self::Partial { .. } | Self::AnswerLost)
    }
}
