//! Counts by size.

use spanlayer_otlp::wire::{bytes_field, double_field, fixed64_field};

/// A histogram with explicit bounds.
#[derive(Clone, Debug)]
pub(super) struct Histogram {
    bounds: &'static [f64],
    buckets: Vec<u64>,
    count: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Histogram {
    pub(super) fn new(bounds: &'static [f64]) -> Self {
        let buckets = vec![0; bounds.len() + 1];
        Self { bounds, buckets, count: 0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }

    /// Counts a value that is a number.
    pub(super) fn record(&mut self, value: f64) {
        if !value.is_finite() {
            return;
        }
        // A bucket includes its upper bound.
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets[bucket] += 1;
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Appends the fields of a `HistogramDataPoint` that say what was counted.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        fixed64_field(out, 4, self.count);
        double_field(out, 5, self.sum);
        bytes_field(out, 6, &self.buckets.iter().flat_map(|count| count.to_le_bytes()).collect::<Vec<_>>());
        bytes_field(out, 7, &self.bounds.iter().flat_map(|bound| bound.to_le_bytes()).collect::<Vec<_>>());
        double_field(out, 11, self.min);
        double_field(out, 12, self.max);
    }
}

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
        assert_eq!((histogram.count, histogram.min, histogram.max), (5, 0.0, 2.1));
        assert!((histogram.sum - 6.6).abs() < 1e-9);
    }
}
