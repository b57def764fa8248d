//! A smoothed guess at a duration, from those that were seen.

use std::time::Duration;

/// The usual length of something that happens again and again: an exponential average, in which the newest counts
/// for three tenths.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Estimate(Option<Duration>);

impl Estimate {
    pub(crate) fn saw(&mut self, duration: Duration) {
        self.0 = Some(match self.0 {
            Some(usual) => usual.mul_f64(0.7) + duration.mul_f64(0.3),
            None => duration,
        });
    }

    /// `None` before the first was seen.
    pub(crate) fn usual(&self) -> Option<Duration> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_what_it_sees_and_forgets_an_outlier() {
        let mut estimate = Estimate::default();
        assert_eq!(estimate.usual(), None);
        estimate.saw(Duration::from_millis(100));
        assert_eq!(estimate.usual(), Some(Duration::from_millis(100)));
        estimate.saw(Duration::from_secs(10));
        for _ in 0..20 {
            estimate.saw(Duration::from_millis(100));
        }
        assert!(estimate.usual().unwrap() < Duration::from_millis(110));
    }
}
