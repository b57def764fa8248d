//! A share that keeps to a budget.
//!
//! Demand is measured by route, as a sum that decays within seconds. The budget is divided as water fills vessels: routes
//! with little demand keep everything, the others get equal parts of what is left. What was not spent, and what was spent
//! too much, of the last seconds corrects that: so an estimate that lags behind a surge costs seconds of budget, not
//! minutes.

use super::trace::Trace;
use std::collections::HashMap;

/// See the module's documentation.
#[derive(Debug)]
pub struct Adaptive {
    unit: Unit,
    /// The budget, in units a second.
    budget: f64,
    /// What is left of the budget of the last [`MEMORY`] seconds; below zero, what was spent too much.
    left: f64,
    at: Option<u64>,
    /// What each route demanded lately, decayed.
    demand: HashMap<u64, f64>,
}

/// What a budget counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Traces, or as much of them as comes from here.
    Traces,
    /// Spans.
    Spans,
    /// Bytes of spans as they are encoded.
    Bytes,
}

impl Unit {
    fn cost(self, trace: &Trace) -> f64 {
        match self {
            Self::Traces => 1.0,
            Self::Spans => trace.spans as f64,
            Self::Bytes => trace.bytes as f64,
        }
    }
}

impl Adaptive {
    /// A budget of so many units a minute.
    pub fn new(per_minute: f64, unit: Unit) -> Self {
        let budget = per_minute / 60.0;
        Self { unit, budget, left: budget * MEMORY, at: None, demand: HashMap::new() }
    }

    /// With which probability this trace is kept. It counts as demanded.
    pub(super) fn probability(&mut self, trace: &Trace, now: u64) -> f64 {
        let cost = self.unit.cost(trace);
        self.pass(now, cost);
        let route = match self.demand.contains_key(&trace.route) || self.demand.len() < ROUTES {
            true => trace.route,
            // What there is no room to tell apart shares one part.
            false => 0,
        };
        *self.demand.entry(route).or_default() += cost;
        let rate = self.demand.get(&route).copied().unwrap_or_default() / DECAY;
        let part = self.part();
        if rate <= part / 4.0 {
            return 1.0;
        }
        let level = (self.left / self.reserve(cost)).clamp(0.01, 0.99);
        // With half of the reserve left, spending is as planned; with much of it left demand is no longer what it was.
        (level / (1.0 - level) * part / rate).min(1.0)
    }

    pub(super) fn spend(&mut self, trace: &Trace) {
        self.left -= self.unit.cost(trace);
    }

    /// What may be saved up: a trace must fit in.
    fn reserve(&self, cost: f64) -> f64 {
        (self.budget * MEMORY).max(2.0 * cost)
    }

    fn pass(&mut self, now: u64, cost: f64) {
        let since = now.saturating_sub(self.at.unwrap_or(now)) as f64 / 1e9;
        self.at = Some(now);
        self.left = (self.left + since * self.budget).min(self.reserve(cost));
        let decay = decayed(since / DECAY);
        self.demand.retain(|_, demand| {
            *demand *= decay;
            *demand > cost / 1e4
        });
    }

    /// What each route may use: the level that the budget fills vessels of their demand to.
    fn part(&self) -> f64 {
        // No rate is below zero, and those are in the order of their bits.
        let mut rates: Vec<u64> = self.demand.values().map(|demand| (demand / DECAY).to_bits()).collect();
        rates.sort_unstable();
        let mut left = self.budget;
        for (place, rate) in rates.iter().map(|rate| f64::from_bits(*rate)).enumerate() {
            let equal = left / (rates.len() - place) as f64;
            if rate > equal {
                return equal;
            }
            left -= rate;
        }
        // There is enough for everybody.
        self.budget
    }
}

/// e to the power of minus `times`, as (1 + x/n)⁻ⁿ, to a thousandth of the whole. The mathematics library, for
/// this one function, would be loaded by every start.
fn decayed(times: f64) -> f64 {
    let mut power = 1.0 / (1.0 + times / f64::from(1 << SQUARINGS));
    for _ in 0..SQUARINGS {
        power *= power;
    }
    power
}

const SQUARINGS: u32 = 10;

/// The time in which demand decays to a third, in seconds.
const DECAY: f64 = 3.0;

/// The time over which what was not spent is kept, in seconds.
const MEMORY: f64 = 3.0;

/// Routes that are told apart.
const ROUTES: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_decays_as_the_exponential_does() {
        for times in 0..200 {
            let times = f64::from(times) / 10.0;
            assert!((decayed(times) - (-times).exp()).abs() < 0.001, "{times}");
        }
        assert!(decayed(1e9) < 1e-300);
    }
}
