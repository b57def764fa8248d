//! What a run came to.

/// Microseconds.
pub type Micros = u64;

/// Sums over a fleet.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Invocations served.
    pub invocations: u64,
    /// What invocations were held up for after their response, in microseconds: this is billed.
    pub billed: Micros,
    /// What environments that ended took along without a word.
    pub lost: u64,
    /// What was left at a shutdown because the backend was away: this goes to dead letters.
    pub dead_letters: u64,
    /// Environments used.
    pub environments: u64,
    /// Exports that were begun.
    pub exports: u64,
    /// Exports begun in each second since the start.
    pub load: Vec<u32>,
    /// Billed microseconds in each minute since the start.
    pub bill: Vec<Micros>,
    staleness: Vec<u64>,
    worst: Micros,
    delivered: u64,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            invocations: 0,
            billed: 0,
            lost: 0,
            dead_letters: 0,
            environments: 0,
            exports: 0,
            load: Vec::new(),
            bill: Vec::new(),
            staleness: vec![0; BUCKETS],
            worst: 0,
            delivered: 0,
        }
    }
}

impl Figures {
    /// What an invocation left reached the backend this much later.
    pub fn delivered(&mut self, after: Micros) {
        self.staleness[bucket(after)] += 1;
        self.worst = self.worst.max(after);
        self.delivered += 1;
    }

    /// An invocation at `at` was held up.
    pub fn bill(&mut self, at: Micros, micros: Micros) {
        self.billed += micros;
        *slot(&mut self.bill, at / 60_000_000) += micros;
    }

    /// An export was begun.
    pub fn export(&mut self, at: Micros) {
        self.exports += 1;
        *slot(&mut self.load, at / 1_000_000) += 1;
    }

    /// Billed milliseconds per thousand invocations.
    pub fn per_thousand(&self) -> f64 {
        self.billed as f64 / self.invocations.max(1) as f64
    }

    /// The staleness that so large a share of what was delivered did not exceed, in seconds, to two percent.
    pub fn staleness(&self, share: f64) -> f64 {
        let rank = (self.delivered as f64 * share).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (bucket, count) in self.staleness.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return (edge(bucket) / 1e6).min(self.worst());
            }
        }
        self.worst()
    }

    /// The longest that anything waited, in seconds.
    pub fn worst(&self) -> f64 {
        self.worst as f64 / 1e6
    }
}

fn slot<T: Default + Clone>(slots: &mut Vec<T>, index: u64) -> &mut T {
    let index = usize::try_from(index).unwrap_or(0);
    if slots.len() <= index {
        slots.resize(index + 1, T::default());
    }
    &mut slots[index]
}

/// Buckets grow by two percent, from a millisecond on.
const GROWTH: f64 = 1.02;
const BUCKETS: usize = 1_000;

fn bucket(micros: Micros) -> usize {
    let millis = (micros as f64 / 1e3).max(1.0);
    ((millis.ln() / GROWTH.ln()).ceil() as usize).min(BUCKETS - 1)
}

/// In microseconds.
fn edge(bucket: usize) -> f64 {
    GROWTH.powi(i32::try_from(bucket).unwrap_or(0)) * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_found_to_two_percent_and_the_worst_exactly() {
        let mut figures = Figures::default();
        for seconds in 1..=1000 {
            figures.delivered(seconds * 1_000_000);
        }
        assert!((figures.staleness(0.5) / 500.0 - 1.0).abs() < 0.02);
        assert!((figures.staleness(0.99) / 990.0 - 1.0).abs() < 0.02);
        assert!((figures.worst() - 1000.0).abs() < 1e-9);
    }
}
