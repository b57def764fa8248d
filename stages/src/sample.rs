//! Tail sampling: whether a trace is kept is decided once its invocation is over, with all of its spans in hand.
//!
//! ```text
//! spans ─▶ Trace: what the rules need to know ─ over, or waited for long enough ─▶ rules vote ─▶ Verdict
//!   └────▶ apart: a payload for each trace, held until then
//! ```
//!
//! A vote is a threshold ([`threshold`](crate::stage::threshold)): to keep for sure is that of what came in, not to keep is
//! never to be reached. The lowest counts. So rules that keep a share decide alike wherever the same share is kept, and
//! what is kept says how many it stands for.

mod adaptive;
mod apart;
mod rule;
mod trace;

pub use adaptive::{Adaptive, Unit};
pub use apart::{Fate, Part, mark};
pub use rule::{Rate, Rule};
pub use trace::Test;

use crate::{
    fields::span,
    record::Record,
    scene::{Level, walk},
    stage::threshold::NEVER,
};
use spanlayer_otlp::Signal;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use trace::Trace;

pub(crate) type TraceId = [u8; 16];

/// Decides about traces.
pub struct Tail {
    /// Tells its groups from those of others.
    number: u64,
    tests: Vec<Test>,
    /// How long the rest of a trace is waited for that does not seem to be over.
    wait: Duration,
    state: Mutex<State>,
}

struct State {
    rules: Vec<Rule>,
    open: HashMap<TraceId, Trace>,
    /// In the order in which they were first heard of. Some of them may be decided.
    order: VecDeque<TraceId>,
    decided: HashMap<TraceId, Verdict>,
    decided_order: VecDeque<TraceId>,
}

/// What was decided about a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The group that its payloads are held under.
    pub group: u64,
    /// Whether it is kept.
    pub keep: bool,
    /// The threshold that it reached, where that is to be told.
    pub threshold: Option<u64>,
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail")
            .field("number", &self.number)
            .field("tests", &self.tests)
            .finish_non_exhaustive()
    }
}

impl Tail {
    /// One of several in a process, by its number. `rules` refer to `tests` by place; of these, the first 64 count.
    pub fn new(number: u64, tests: Vec<Test>, rules: Vec<Rule>, wait: Duration) -> Self {
        let state = State {
            rules,
            open: HashMap::new(),
            order: VecDeque::new(),
            decided: HashMap::new(),
            decided_order: VecDeque::new(),
        };
        Self { number, tests, wait, state: Mutex::new(state) }
    }

    /// Takes note of spans, at a time in Unix nanoseconds. Spans of a trace that was left out may change that, if they
    /// are such as are kept for sure.
    pub(crate) fn observe(&self, root: &mut Record, now: u64) {
        let mut late: HashMap<TraceId, Trace> = HashMap::new();
        let mut state = self.state();
        state.forget();
        walk(Signal::Traces, root, Level::Item, &mut |scene| {
            let Some(id) = scene.item.as_deref().and_then(trace_id) else { return true };
            let trace = if state.decided.contains_key(&id) {
                late.entry(id).or_insert_with(|| Trace::new(now))
            } else {
                state.open(id, now)
            };
            trace.add(&self.tests, scene, now);
            true
        });
        for (id, trace) in late {
            let sure = state.rules.iter().any(|rule| rule.is_sure(&trace));
            if let Some(verdict) = state.decided.get_mut(&id).filter(|verdict| sure && !verdict.keep) {
                (verdict.keep, verdict.threshold) = (true, None);
            }
        }
    }

    /// Every trace that was heard of is over: its invocation is.
    pub fn ended(&self) {
        self.state().open.values_mut().for_each(|trace| trace.over = true);
    }

    /// Decides about all traces that are over or were waited for long enough; about all, if nothing more will come.
    pub fn decide(&self, now: u64, all: bool) -> Vec<Verdict> {
        let mut state = self.state();
        let excess = state.open.len().saturating_sub(OPEN);
        let wait = u64::try_from(self.wait.as_nanos()).unwrap_or(u64::MAX);
        let mut kept_open = VecDeque::new();
        let mut verdicts = Vec::new();
        for (place, id) in std::mem::take(&mut state.order).into_iter().enumerate() {
            let due = |trace: &Trace| {
                all || place < excess || trace.over || now.saturating_sub(trace.heard) >= wait
            };
            match state.open.get(&id).map(due) {
                Some(true) => verdicts.extend(self.judge(&mut state, id, now)),
                Some(false) => kept_open.push_back(id),
                None => {}
            }
        }
        state.order = kept_open;
        verdicts
    }

    /// Whether any trace is waited for.
    pub fn is_waiting(&self) -> bool {
        !self.state().open.is_empty()
    }

    /// Whether more traces are waited for than should be.
    pub fn is_full(&self) -> bool {
        self.state().open.len() > OPEN
    }

    fn judge(&self, state: &mut State, id: TraceId, now: u64) -> Option<Verdict> {
        let trace = state.open.remove(&id)?;
        let randomness = trace.randomness(&id);
        let so_far = trace.so_far(randomness);
        // What is left out for sure is no demand that others should know of.
        let gone =
            |rule: &mut Rule| matches!(rule, Rule::Drop(_)) && rule.vote(&trace, so_far, now).is_none();
        let vote = match state.rules.iter_mut().any(gone) {
            true => None,
            false => {
                let others = state.rules.iter_mut().filter(|rule| !matches!(rule, Rule::Drop(_)));
                others.filter_map(|rule| rule.vote(&trace, so_far, now)).reduce(rule::Vote::better)
            }
        };
        let keep = vote.is_some_and(|vote| vote.threshold < NEVER && randomness >= vote.threshold);
        let told = vote.filter(|vote| vote.threshold > so_far && vote.known).map(|vote| vote.threshold);
        state.rules.iter_mut().for_each(|rule| rule.settle(&trace, keep));
        let verdict = Verdict { group: self.group(&id), keep, threshold: told.filter(|_| keep) };
        state.remember(id, verdict);
        Some(verdict)
    }

    pub(crate) fn group(&self, id: &TraceId) -> u64 {
        crate::fnv(id) ^ self.number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic in there leaves at worst a trace undecided, and what nobody decides is kept.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn open(&mut self, id: TraceId, now: u64) -> &mut Trace {
        self.open.entry(id).or_insert_with(|| {
            self.order.push_back(id);
            Trace::new(now)
        })
    }

    fn remember(&mut self, id: TraceId, verdict: Verdict) {
        if self.decided.insert(id, verdict).is_none() {
            self.decided_order.push_back(id);
        }
    }

    /// Not while a payload is at the door: of that one everything is asked for, however many traces it has.
    fn forget(&mut self) {
        let excess = self.decided_order.len().saturating_sub(REMEMBERED);
        for oldest in self.decided_order.drain(..excess) {
            self.decided.remove(&oldest);
        }
    }
}

fn trace_id(item: &Record) -> Option<TraceId> {
    item.bytes(span::TRACE_ID).try_into().ok()
}

/// Traces that are waited for. Beyond that the oldest are decided as they are.
const OPEN: usize = 4096;

/// Decisions remembered, for stragglers: as many as the queue remembers.
const REMEMBERED: usize = 4096;

#[cfg(test)]
mod tests;
