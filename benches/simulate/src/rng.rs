//! Chance from a seed: SplitMix64, which is all that a simulation of this size asks for.

/// A stream of numbers that depends on its seed alone.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The stream of a seed; neighbouring seeds give unrelated streams.
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0x5DEE_CE66_D1CE_4E5B))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// Evenly from `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The time to the next of events that come at this mean interval, independently of each other.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// A duration with this median and a tail: log-normal, with `spread` the deviation of its logarithm.
    pub fn around(&mut self, median: f64, spread: f64) -> f64 {
        let (radius, angle) = ((-2.0 * (1.0 - self.unit()).ln()).sqrt(), std::f64::consts::TAU * self.unit());
        median * (spread * radius * angle.cos()).exp()
    }
}

fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_stream_and_means_are_what_they_should_be() {
        let draw = |seed| {
            let mut rng = Rng::new(seed);
            (0..10_000).map(|_| rng.exponential(2.0)).sum::<f64>() / 10_000.0
        };
        assert_eq!(draw(1).to_bits(), draw(1).to_bits());
        assert_ne!(draw(1).to_bits(), draw(2).to_bits());
        assert!((draw(1) - 2.0).abs() < 0.1);
        let mut rng = Rng::new(3);
        let mut many: Vec<f64> = (0..9_999).map(|_| rng.around(30.0, 0.4)).collect();
        many.sort_by(f64::total_cmp);
        assert!((many[5_000] - 30.0).abs() < 1.0);
    }
}
