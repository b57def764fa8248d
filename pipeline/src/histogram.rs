//! Counts by size.

use spanlayer_otlp::wire::{double_field, fixed64_field};

use crate::message::bytes_field;

/// A histogram with explicit bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    bounds: &'static [f64],
    buckets: Vec<u64>,
    sum: f64,
    /// The least and the greatest value, where they are known.
    range: Option<(f64, f64)>,
}

impl Histogram {
    /// An empty one; `bounds` ascend, and each is in the bucket that ends with it.
    pub fn new(bounds: &'static [f64]) -> Self {
        Self { bounds, buckets: vec![0; bounds.len() + 1], sum: 0.0, range: None }
    }

    /// Counts a value that is a number.
    pub fn record(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        // A bucket includes its upper bound.
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket] += 1;
        self.sum += value;
        let (least, greatest) = self.range.unwrap_or((value, value));
        self.range = Some((least.min(value), greatest.max(value)));
    }

    /// How many values were counted.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// What they come to.
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// How many of them were at most as large as each bound, and last how many there were.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        bounds.zip(self.buckets.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }))
    }

    /// What was counted since an earlier state of the same histogram. Its range is not known.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let buckets = self.buckets.iter().zip(&before.buckets).map(|(now, then)| now.saturating_sub(*then));
        Self { bounds: self.bounds, buckets: buckets.collect(), sum: self.sum - before.sum, range: None }
    }

    /// Appends the fields of a `HistogramDataPoint` that say what was counted.
    pub fn write(&self, out: &mut Vec<u8>) {
        fixed64_field(out, 4, self.count());
        double_field(out, 5, self.sum);
        bytes_field(out, 6, &self.buckets.iter().flat_map(|count| count.to_le_bytes()).collect::<Vec<_>>());
        bytes_field(out, 7, &self.bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect::<Vec<_>>());
        if let Some((least, greatest)) = self.range {
            double_field(out, 11, least);
            double_field(out, 12, greatest);
        }
    }
}

/// The semantic conventions' buckets for durations.
pub const SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_includes_its_upper_bound_and_nonsense_counts_nowhere() {
        let mut histogram = Histogram::new(&[1.0, 2.0]);
        for value in [0.0, 1.0, 1.5, 2.0, 2.1, f64::NAN, f64::INFINITY] {
            histogram.record(value);
        }
        assert_eq!(histogram.buckets, [2, 2, 1]);
        assert_eq!((histogram.count(), histogram.range), (5, Some((0.0, 2.1))));
        assert!((histogram.sum() - 6.6).abs() < 1e-9);
        assert_eq!(histogram.cumulative().collect::<Vec<_>>(), [(1.0, 2), (2.0, 4), (f64::INFINITY, 5)]);
    }

    #[test]
    fn what_was_counted_since_an_earlier_state_is_the_difference() {
        let mut histogram = Histogram::new(&[1.0]);
        histogram.record(0.5);
        let before = histogram.clone();
        histogram.record(3.0);
        let since = histogram.since(&before);
        assert_eq!((since.buckets.as_slice(), since.sum, since.range), (&[0, 1][..], 3.0, None));
    }
}
