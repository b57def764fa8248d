//! One environment: what the extension's driver does, in virtual time, with the extension's own policy and machine.

use crate::{
    backend::Backend,
    figures::{Figures, Micros},
    fleet::Arrival,
    rng::Rng,
    strategy::{ENOUGH, STALENESS, Strategy},
};
use spanlayer_extension::lifecycle::{
    machine::{Action, Input, Phase},
    policy::{Background, Held, Policy, Sight},
};
use std::time::Duration;

/// What environments have in common.
#[derive(Clone, Copy, Debug)]
pub struct World<'a> {
    /// How flushes are decided.
    pub strategy: Strategy,
    /// Where they go.
    pub backend: &'a Backend,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Environment {
    policy: Option<Policy>,
    phase: Phase,
    rng: Rng,
    /// When what is held was recorded, and whether it tells of an error; what is in flight comes first.
    held: Vec<(Micros, bool)>,
    flight: Option<Flight>,
    circuit: Circuit,
    hold: Option<(Micros, bool)>,
    invocations: u64,
    last: Micros,
    gaps: f64,
}

#[derive(Clone, Copy, Debug)]
struct Flight {
    began: Micros,
    over: Micros,
    delivers: bool,
    payloads: usize,
    again: bool,
}

/// The breaker's rules: left alone after a failure for a second, twice as long after each probe in vain, up to 10 s.
#[derive(Clone, Copy, Debug, Default)]
struct Circuit {
    open: bool,
    until: Micros,
    wait: Micros,
}

impl Environment {
    /// One that has just come up.
    pub fn new(seed: u64) -> Self {
        Self {
            policy: None,
            phase: Phase::Asked,
            rng: Rng::new(seed),
            held: Vec::new(),
            flight: None,
            circuit: Circuit::default(),
            hold: None,
            invocations: 0,
            last: 0,
            gaps: 0.0,
        }
    }

    /// Serves an invocation; says when the environment is free again.
    pub fn invoke(&mut self, arrival: &Arrival, world: &World<'_>, figures: &mut Figures) -> Micros {
        let at = arrival.at;
        let gap = (at - self.last) as f64;
        self.gaps = if self.invocations < 2 { gap } else { self.gaps * 0.7 + gap * 0.3 };
        figures.invocations += 1;
        let free = if world.strategy == Strategy::Clairvoyant {
            self.foresee(arrival, world, figures)
        } else {
            let usual = Duration::from_micros(self.gaps as u64);
            if let Some(policy) = world.strategy.policy(self.invocations, usual, duration(at)) {
                self.policy = Some(policy);
            }
            match self.policy.take() {
                Some(mut policy) => {
                    let free = self.serve(&mut policy, arrival, world, figures);
                    self.policy = Some(policy);
                    free
                }
                None => at + arrival.takes,
            }
        };
        self.invocations += 1;
        self.last = at;
        figures.bill(at, free - at - arrival.takes);
        free
    }

    fn serve(
        &mut self,
        policy: &mut Policy,
        arrival: &Arrival,
        world: &World<'_>,
        figures: &mut Figures,
    ) -> Micros {
        let mut now = arrival.at;
        let done = now + arrival.takes;
        let mut ended = false;
        let plan = policy.invoked(duration(now), &self.held(policy, now, false), Sight::Clear);
        self.step(Input::Invoked { request: String::new(), plan }, policy, now, world, figures);
        loop {
            let waiting =
                matches!(self.phase, Phase::Overlapping { .. } | Phase::Lingering | Phase::Flushing);
            let until = self.held_until(policy, now);
            if waiting && until.is_none() {
                self.step(Input::Exported, policy, now, world, figures);
                continue;
            }
            if self.phase == Phase::Asked && ended {
                return now;
            }
            let over = self.flight.map_or(Micros::MAX, |flight| flight.over.max(now));
            let end = if ended { Micros::MAX } else { done };
            let hold = until.filter(|_| self.hold.is_some()).unwrap_or(Micros::MAX);
            let background = self.background(policy, now);
            // In the driver's order, where several are ready at once.
            let next = over.min(end).min(hold).min(background);
            now = next;
            if next == end {
                ended = true;
                self.held.push((now, arrival.fails));
                policy.handler_took(Duration::from_micros(arrival.takes));
                self.step(Input::Ended { request: String::new() }, policy, now, world, figures);
            } else if next == over {
                self.exported(policy, now, world, figures);
            } else if next == background {
                self.export(false, now, world, figures);
            }
        }
    }

    fn step(
        &mut self,
        input: Input,
        policy: &mut Policy,
        now: Micros,
        world: &World<'_>,
        figures: &mut Figures,
    ) {
        let (phase, action) = std::mem::replace(&mut self.phase, Phase::Asked).step(input);
        self.phase = phase;
        match action {
            Action::Wait | Action::Drain | Action::AwaitEnd => {}
            Action::AskNext => self.release(policy, now),
            Action::AskNextAndExport => {
                self.release(policy, now);
                self.export(false, now, world, figures);
            }
            Action::Export => self.export(false, now, world, figures),
            Action::Linger => self.hold = Some((now, true)),
            Action::Flush => {
                self.hold = Some((now, false));
                self.export(true, now, world, figures);
            }
        }
    }

    fn release(&mut self, policy: &mut Policy, now: Micros) {
        if let Some((since, _)) = self.hold.take()
            && self.flight.is_some()
        {
            policy.waited_in_vain(0, Duration::from_micros(now - since));
        }
    }

    fn export(&mut self, everything: bool, now: Micros, world: &World<'_>, figures: &mut Figures) {
        if let Some(flight) = &mut self.flight {
            flight.again |= everything;
        } else if !self.held.is_empty() && (!self.circuit.open || self.circuit.until <= now) {
            let (takes, delivers) = world.backend.export(now, &mut self.rng);
            figures.export(now);
            self.flight = Some(Flight {
                began: now,
                over: now + takes,
                delivers,
                payloads: self.held.len(),
                again: false,
            });
        }
    }

    fn exported(&mut self, policy: &mut Policy, now: Micros, world: &World<'_>, figures: &mut Figures) {
        let Some(flight) = self.flight.take() else { return };
        let took = Duration::from_micros(now - flight.began);
        if flight.delivers {
            for (recorded, _) in self.held.drain(..flight.payloads) {
                figures.delivered(now - recorded);
            }
            self.circuit = Circuit::default();
        } else {
            self.circuit.wait = if self.circuit.open { (self.circuit.wait * 2).min(CAP) } else { FIRST };
            self.circuit.open = true;
            let pause = self.circuit.wait as f64 * (0.5 + self.rng.unit() / 2.0);
            self.circuit.until = now + pause as Micros;
        }
        policy.exported(0, duration(now), took, flight.delivers);
        if flight.delivers && flight.again {
            self.export(false, now, world, figures);
        } else if let Some((since, _)) = self.hold
            && !flight.delivers
        {
            policy.waited_in_vain(0, Duration::from_micros(now - since));
        }
    }

    fn held(&self, policy: &Policy, now: Micros, unless_running: bool) -> Held {
        let mut held = Held::default();
        if unless_running && self.flight.is_some() {
            return held;
        }
        let probe = if self.circuit.open { self.circuit.until.saturating_sub(now) } else { 0 };
        let rest = Duration::from_micros(probe).max(policy.rest(0, duration(now)));
        held.reachable = !self.circuit.open && rest.is_zero() && !policy.patience(0).is_zero();
        let Some((oldest, _)) = self.held.first() else { return held };
        if held.reachable {
            held.bytes = self.held.len() as u64 * BYTES;
            held.errors = self.held.iter().filter(|(_, error)| *error).count() as u64;
            held.age = Some(Duration::from_micros(now - oldest));
        } else {
            held.probe = Some(rest);
        }
        held
    }

    fn held_until(&self, policy: &Policy, now: Micros) -> Option<Micros> {
        let _ = self.flight.filter(|_| !self.circuit.open)?;
        let (since, limit) = match self.hold {
            Some((since, true)) => (since, policy.linger(0)),
            hold => (hold.map_or(now, |(since, _)| since), policy.patience(0)),
        };
        let until = since + limit.as_micros() as Micros;
        (until > now).then_some(until)
    }

    fn background(&self, policy: &Policy, now: Micros) -> Micros {
        let sight = (self.phase == Phase::Asked).then_some(Sight::Clear);
        match policy.background(duration(now), &self.held(policy, now, true), sight) {
            Background::Now => now,
            Background::In(wait) => now + wait.as_micros() as Micros,
            Background::Never => Micros::MAX,
        }
    }

    /// What one would do who had known when this invocation comes: at the last one's end, flush only what would be too
    /// old by now, or could not be exported for nothing beside this handler.
    fn foresee(&mut self, arrival: &Arrival, world: &World<'_>, figures: &mut Figures) -> Micros {
        let (at, done) = (arrival.at, arrival.at + arrival.takes);
        let (takes, delivers) = world.backend.export(at, &mut self.rng);
        if let Some((oldest, _)) = self.held.first().copied() {
            let stale = at + takes > oldest + STALENESS.as_micros() as Micros;
            if stale {
                self.foreseen_flush(world, figures);
            } else if delivers && takes <= arrival.takes {
                figures.export(at);
                for (recorded, _) in self.held.drain(..) {
                    figures.delivered(at + takes - recorded);
                }
            }
        }
        self.held.push((done, arrival.fails));
        done
    }

    /// Flushes at the end of the last invocation, in retrospect.
    fn foreseen_flush(&mut self, world: &World<'_>, figures: &mut Figures) {
        let Some((end, _)) = self.held.last().copied() else { return };
        let (takes, delivers) = world.backend.export(end, &mut self.rng);
        if !delivers {
            return;
        }
        figures.export(end);
        figures.bill(end, takes);
        for (recorded, _) in self.held.drain(..) {
            figures.delivered(end + takes - recorded);
        }
    }

    /// The environment ends, with a word of warning or without.
    pub fn end(mut self, at: Micros, unannounced: bool, world: &World<'_>, figures: &mut Figures) {
        if world.strategy == Strategy::Clairvoyant {
            self.foreseen_flush(world, figures);
        }
        if let Some(flight) = self.flight.filter(|flight| flight.delivers && flight.over < at) {
            // The answer lies in our socket: it was delivered while we were frozen, and nobody here knew.
            for (recorded, _) in self.held.drain(..flight.payloads) {
                figures.delivered(flight.over.saturating_sub(recorded));
            }
        }
        let left = self.held.len() as u64;
        if unannounced {
            figures.lost += left;
        } else if !world.backend.is_there(at) {
            figures.dead_letters += left;
        } else if left > 0 {
            let (takes, _) = world.backend.export(at, &mut self.rng);
            figures.export(at);
            for (recorded, _) in self.held.drain(..) {
                figures.delivered(at + takes - recorded);
            }
        }
    }
}

fn duration(micros: Micros) -> Duration {
    // Far from zero, as Unix time is.
    Duration::from_micros(micros + 1_000_000_000)
}

/// What an invocation leaves: a few spans, its lines, its measurements.
const BYTES: u64 = 3_000;

const FIRST: Micros = 1_000_000;
const CAP: Micros = 10_000_000;

/// Compressed batches of this size are what the policy takes for full.
const _: () = assert!(ENOUGH > BYTES);
