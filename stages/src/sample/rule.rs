//! Rules: each votes on a trace.

use super::{adaptive::Adaptive, trace::Trace};
use crate::stage::threshold::{NEVER, share};

/// One rule (the Collector calls it a policy).
#[derive(Debug)]
pub enum Rule {
    /// Keeps everything.
    Always,
    /// Keeps traces of which a span passes the test at this place.
    Test(u32),
    /// Keeps traces that took more than the first, and not more than the second if that is not zero, in nanoseconds.
    Latency(u64, u64),
    /// Keeps traces with at least the first number of spans here, and at most the second if that is not zero.
    Spans(u64, u64),
    /// Keeps a share.
    Share(f64),
    /// Keeps so many spans a second.
    Rate(Rate),
    /// Keeps what a budget allows.
    Adaptive(Adaptive),
    /// Keeps what all of these keep.
    All(Vec<Rule>),
    /// Keeps what any of these keeps.
    Any(Vec<Rule>),
    /// Keeps what this does not.
    Not(Box<Rule>),
    /// Leaves out what all of these keep, whatever others say.
    Drop(Vec<Rule>),
}

/// A vote: the threshold that a trace has to reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Vote {
    pub(super) threshold: u64,
    /// Whether that says how many it stands for.
    pub(super) known: bool,
}

impl Vote {
    const NO: Self = Self { threshold: NEVER, known: true };

    fn when(yes: bool, so_far: u64) -> Self {
        if yes { Self { threshold: so_far, known: true } } else { Self::NO }
    }

    pub(super) fn better(self, other: Self) -> Self {
        match self.threshold.cmp(&other.threshold) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal => Self { known: self.known || other.known, ..self },
        }
    }

    fn worse(self, other: Self) -> Self {
        Self { threshold: self.threshold.max(other.threshold), known: self.known && other.known }
    }

    const fn is_no(self) -> bool {
        self.threshold == NEVER
    }
}

impl Rule {
    /// `None`: it is left out, whatever others say.
    pub(super) fn vote(&mut self, trace: &Trace, so_far: u64, now: u64) -> Option<Vote> {
        let when = |yes| Some(Vote::when(yes, so_far));
        match self {
            Self::Always => when(true),
            Self::Test(place) => when(trace.passed & 1 << *place != 0),
            Self::Latency(least, most) => {
                when(trace.nanos() > *least && (*most == 0 || trace.nanos() <= *most))
            }
            Self::Spans(least, most) => when(trace.spans >= *least && (*most == 0 || trace.spans <= *most)),
            Self::Share(probability) => Some(Vote { threshold: share(so_far, *probability), known: true }),
            Self::Rate(rate) => {
                Some(Vote { known: false, ..Vote::when(rate.allows(trace.spans as f64, now), so_far) })
            }
            Self::Adaptive(adaptive) => {
                let probability = adaptive.probability(trace, now);
                Some(Vote {
                    threshold: share(so_far, if trace.error { 1.0 } else { probability }),
                    known: true,
                })
            }
            Self::All(rules) => all(rules, trace, so_far, now),
            Self::Any(rules) => {
                let mut votes = rules.iter_mut().map(|rule| rule.vote(trace, so_far, now));
                votes.try_fold(Vote::NO, |best, vote| Some(best.better(vote?)))
            }
            Self::Not(rule) => rule.vote(trace, so_far, now).map(|vote| Vote::when(vote.is_no(), so_far)),
            Self::Drop(rules) => match all(rules, trace, so_far, now) {
                Some(vote) if !vote.is_no() => None,
                _ => Some(Vote::NO),
            },
        }
    }

    /// Whether it keeps a trace for sure for what these spans are.
    pub(super) fn is_sure(&self, trace: &Trace) -> bool {
        match self {
            Self::Always => true,
            Self::Test(place) => trace.passed & 1 << *place != 0,
            Self::Adaptive(_) => trace.error,
            Self::All(rules) => rules.iter().all(|rule| rule.is_sure(trace)),
            Self::Any(rules) => rules.iter().any(|rule| rule.is_sure(trace)),
            _ => false,
        }
    }

    /// What became of the trace that was voted on last.
    pub(super) fn settle(&mut self, trace: &Trace, kept: bool) {
        match self {
            Self::Adaptive(adaptive) if kept => adaptive.spend(trace),
            Self::All(rules) | Self::Any(rules) | Self::Drop(rules) => {
                rules.iter_mut().for_each(|rule| rule.settle(trace, kept))
            }
            Self::Not(rule) => rule.settle(trace, kept),
            _ => {}
        }
    }
}

fn all(rules: &mut [Rule], trace: &Trace, so_far: u64, now: u64) -> Option<Vote> {
    let mut vote = Vote::when(true, so_far);
    for rule in rules {
        vote = vote.worse(rule.vote(trace, so_far, now)?);
        // What follows is not asked: a rate counts what it allows.
        if vote.is_no() {
            break;
        }
    }
    Some(vote)
}

/// So many spans a second, and those of a second at once.
#[derive(Debug)]
pub struct Rate {
    per_second: f64,
    left: f64,
    at: Option<u64>,
}

impl Rate {
    /// A rate in spans a second.
    pub const fn new(per_second: f64) -> Self {
        Self { per_second, left: per_second, at: None }
    }

    fn allows(&mut self, spans: f64, now: u64) -> bool {
        let since = now.saturating_sub(self.at.unwrap_or(now)) as f64 / 1e9;
        self.at = Some(now);
        self.left = (self.left + since * self.per_second).min(self.per_second);
        let allows = self.left >= spans;
        self.left -= if allows { spans } else { 0.0 };
        allows
    }
}
