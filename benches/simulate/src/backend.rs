//! The destination: how long it takes, and when it is away.

use crate::{figures::Micros, rng::Rng};

/// How a backend that is away behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Away {
    /// It refuses at once, or says that it is unavailable. The extension's retries make 0.6 s of that.
    Refuses,
    /// It never answers: an attempt's limit, ten seconds.
    Hangs,
}

/// A destination.
#[derive(Clone, Debug)]
pub struct Backend {
    /// The median of its times, in milliseconds.
    pub millis: f64,
    /// From when to when, in seconds, and how, it takes nothing.
    pub away: Option<(f64, f64, Away)>,
}

impl Backend {
    /// An export that begins now: how long it takes, and whether it delivers.
    pub fn export(&self, at: Micros, rng: &mut Rng) -> (Micros, bool) {
        let usual = (rng.around(self.millis, SPREAD) * 1e3) as Micros;
        let seconds = at as f64 / 1e6;
        match self.away {
            Some((from, to, away)) if (from..to).contains(&seconds) => match away {
                Away::Refuses => (600_000, false),
                Away::Hangs => (10_000_000, false),
            },
            _ => (usual, true),
        }
    }

    /// Whether it takes anything now.
    pub fn is_there(&self, at: Micros) -> bool {
        self.away.is_none_or(|(from, to, _)| !(from..to).contains(&(at as f64 / 1e6)))
    }
}

/// Network round trips: the 99th percentile is about twice the median.
const SPREAD: f64 = 0.3;
