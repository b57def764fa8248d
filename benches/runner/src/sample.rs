//! Repeated measurements of one thing, and what may be said about them.

/// Measurements in one unit, in the order they were taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn sum(&self) -> f64 {
        self.0.iter().sum()
    }

    pub(crate) fn mean(&self) -> f64 {
        self.sum() / self.len() as f64
    }

    pub(crate) fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    /// The value below which `share` of the measurements lie, between neighbours by proportion; NaN without any.
    pub(crate) fn quantile(&self, share: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
        let place = share.clamp(0.0, 1.0) * last as f64;
        let below = place.floor() as usize;
        let above = (below + 1).min(last);
        sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
    }

    /// The middle four fifths: p10 to p90.
    pub(crate) fn spread(&self) -> (f64, f64) {
        (self.quantile(0.1), self.quantile(0.9))
    }

    /// The median of the differences between pairs: `self − other`, measurement by measurement. Pairs are taken
    /// moments apart, so what disturbs one disturbs both, and the difference is steadier than that of the medians.
    pub(crate) fn paired_difference(&self, other: &Self) -> f64 {
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours - theirs).collect()).median()
    }
}

impl FromIterator<f64> for Sample {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_neighbours() {
        let sample: Sample = [40.0, 10.0, 30.0, 20.0].into_iter().collect();
        assert_eq!(sample.median(), 25.0);
        assert_eq!((sample.quantile(0.0), sample.quantile(1.0)), (10.0, 40.0));
        assert!(Sample::default().median().is_nan());
    }

    #[test]
    fn pairs_are_compared_moment_by_moment() {
        let theirs: Sample = [1.0, 50.0, 3.0].into_iter().collect();
        let ours: Sample = [2.0, 51.0, 4.0].into_iter().collect();
        assert_eq!(ours.paired_difference(&theirs), 1.0);
    }
}
