//! Which environment serves which invocation: the one that was free last, a new one when none is.

use crate::{
    environment::{Environment, World},
    figures::{Figures, Micros},
    rng::Rng,
    shape::Shape,
    strategy::Strategy,
};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

/// An invocation that comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// When.
    pub at: Micros,
    /// How long its handler takes.
    pub takes: Micros,
    /// Whether it ends with an error.
    pub fails: bool,
}

/// Runs a strategy through a shape's arrivals.
pub fn run(shape: &Shape, arrivals: &[Arrival], strategy: Strategy, seed: u64) -> Figures {
    let world = World { strategy, backend: &shape.backend };
    let mut figures = Figures::default();
    let mut environments: Vec<Option<Environment>> = Vec::new();
    let mut busy = BinaryHeap::new();
    // By when they were free, oldest first.
    let mut idle: VecDeque<(Micros, usize)> = VecDeque::new();
    let mut chance = Rng::new(seed);
    for arrival in arrivals {
        while let Some(Reverse((free, id))) = busy.peek().copied()
            && free <= arrival.at
        {
            busy.pop();
            idle.push_back((free, id));
        }
        while let Some((free, id)) = idle.front().copied()
            && free + IDLE <= arrival.at
        {
            idle.pop_front();
            if let Some(environment) = environments[id].take() {
                environment.end(free + IDLE, chance.unit() < UNANNOUNCED, &world, &mut figures);
            }
        }
        let id = idle.pop_back().map_or_else(
            || {
                figures.environments += 1;
                environments.push(Some(Environment::new(seed ^ (environments.len() as u64) << 20)));
                environments.len() - 1
            },
            |(_, id)| id,
        );
        if let Some(environment) = &mut environments[id] {
            busy.push(Reverse((environment.invoke(arrival, &world, &mut figures), id)));
        }
    }
    let rest = busy.into_iter().map(|Reverse(one)| one).chain(idle);
    let mut rest: Vec<_> = rest.collect();
    rest.sort_unstable();
    for (free, id) in rest {
        if let Some(environment) = environments[id].take() {
            environment.end(free + IDLE, chance.unit() < UNANNOUNCED, &world, &mut figures);
        }
    }
    figures
}

/// How long Lambda keeps an environment that has nothing to do. Not documented; minutes are seen.
const IDLE: Micros = 360_000_000;

/// The share of environments that are gone without a SHUTDOWN. Not documented either; this is meant to be pessimistic.
const UNANNOUNCED: f64 = 0.05;
