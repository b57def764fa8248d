//! How much billed waiting a destination has earned.
//!
//! Waiting that ends with a delivery is what the user asked for. Waiting that does not is money for nothing, so there
//! is a fixed amount of it: once spent, nothing is waited for until something has been delivered again. However long
//! an outage lasts, it costs about a second.

use std::time::Duration;

/// The waiting that may still be done in vain.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    left: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { left: FULL }
    }
}

impl Patience {
    /// How long may be waited now. Nothing below a millisecond, which is the unit of billing.
    pub fn left(&self) -> Duration {
        if self.left < Duration::from_millis(1) { Duration::ZERO } else { self.left }
    }

    /// Something was delivered, which usually takes `usual`. A destination that is known to be slow, and to deliver,
    /// may take twice as long as usual.
    pub fn delivered(&mut self, usual: Duration) {
        self.left = (usual * 2).clamp(FULL, LONGEST);
    }

    /// A billed wait ended without a delivery.
    pub fn in_vain(&mut self, waited: Duration) {
        self.left = self.left.saturating_sub(waited);
    }
}

/// An outage's whole price.
const FULL: Duration = Duration::from_secs(1);

/// Nobody should pay more than this for one destination that used to be slow.
const LONGEST: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn an_outage_costs_a_second_however_many_invocations_it_spans() {
        let mut patience = Patience::default();
        let mut spent = Duration::ZERO;
        for _ in 0..100 {
            let wait = patience.left().min(millis(300));
            patience.in_vain(wait);
            spent += wait;
        }
        assert_eq!(spent, FULL);
        assert_eq!(patience.left(), Duration::ZERO);
    }

    #[test]
    fn a_delivery_restores_it() {
        let mut patience = Patience::default();
        patience.in_vain(millis(5000));
        patience.delivered(millis(30));
        assert_eq!(patience.left(), FULL);
    }

    #[test]
    fn a_destination_that_is_slow_and_delivers_gets_the_time_it_needs() {
        let mut patience = Patience::default();
        patience.delivered(millis(1500));
        assert_eq!(patience.left(), millis(3000));
        patience.delivered(millis(60_000));
        assert_eq!(patience.left(), LONGEST);
    }
}
