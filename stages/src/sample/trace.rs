//! What rules need to know of a trace: added up as its spans come in.

use super::TraceId;
use crate::{
    fields::{
        resource,
        span::{ATTRIBUTES, END, EVENTS, KIND, NAME, PARENT, SERVING, START, STATUS, TRACE_STATE},
        status,
    },
    ottl::{Condition, Context},
    record::{Record, Value},
    scene::Scene,
    stage::threshold::State,
};
use regex_lite::Regex;

/// A question about single spans: whether any of a trace is such.
#[derive(Debug)]
pub enum Test {
    /// Its status is one of these.
    Status(Vec<u64>),
    /// An attribute of it or of its resource is one of these texts,
    Text(String, Vec<String>),
    /// or matches one of these.
    Matches(String, Vec<Regex>),
    /// An attribute is a number from the first to the second.
    Between(String, f64, f64),
    /// An attribute is this.
    Bool(String, bool),
    /// A condition holds for it, or for one of its events.
    Holds(Condition),
}

/// One trace, as far as it is known.
#[derive(Debug)]
pub(crate) struct Trace {
    /// When something of it came in last, in Unix nanoseconds.
    pub(super) heard: u64,
    /// Its invocation's span was seen, or the invocation ended.
    pub(super) over: bool,
    pub(super) spans: u64,
    /// As encoded.
    pub(super) bytes: u64,
    pub(super) error: bool,
    begins: u64,
    ends: u64,
    /// Which tests a span of it passed, by place.
    pub(super) passed: u64,
    /// What kind of work it is: a hash of the name of its first span here.
    pub(super) route: u64,
    state: State,
}

impl Trace {
    pub(super) fn new(now: u64) -> Self {
        Self {
            heard: now,
            over: false,
            spans: 0,
            bytes: 0,
            error: false,
            begins: u64::MAX,
            ends: 0,
            passed: 0,
            route: 0,
            state: State::default(),
        }
    }

    pub(super) fn add(&mut self, tests: &[Test], scene: &mut Scene<'_>, now: u64) {
        for (place, test) in tests.iter().enumerate().take(64) {
            if self.passed & 1 << place == 0 && test.passes(scene) {
                self.passed |= 1 << place;
            }
        }
        let Some(span) = scene.item.as_deref() else { return };
        self.heard = now;
        self.spans += 1;
        self.bytes += span.length() as u64;
        self.error |= status_of(span) == status::ERROR;
        self.begins = self.begins.min(span.bits(START));
        self.ends = self.ends.max(span.bits(END));
        // The span that came from outside: an invocation's, or a root.
        let entry = SERVING.contains(&span.bits(KIND)) || span.bytes(PARENT).iter().all(|byte| *byte == 0);
        if entry && !self.over || self.route == 0 {
            self.route = crate::fnv(span.text(NAME).as_bytes()) | 1;
        }
        self.over |= entry;
        let state = State::parse(span.text(TRACE_STATE));
        if state.threshold.is_some() || state.randomness.is_some() {
            self.state = state;
        }
    }

    pub(super) fn randomness(&self, id: &TraceId) -> u64 {
        self.state.randomness(id).unwrap_or_default()
    }

    /// The threshold that was applied before it came here.
    pub(super) fn so_far(&self, randomness: u64) -> u64 {
        self.state.so_far(randomness)
    }

    /// From its first beginning to its last end, in nanoseconds.
    pub(super) const fn nanos(&self) -> u64 {
        self.ends.saturating_sub(self.begins)
    }
}

impl Test {
    fn passes(&self, scene: &mut Scene<'_>) -> bool {
        if let Self::Holds(condition) = self {
            return match condition.context() {
                Context::SpanEvent => any_event(scene, condition),
                _ => condition.holds(scene).unwrap_or_default(),
            };
        }
        let Some(span) = scene.item.as_deref() else { return false };
        let either = |key: &str, test: &dyn Fn(&Value) -> bool| {
            test(&span.attribute(ATTRIBUTES, key))
                || test(&scene.resource.attribute(resource::ATTRIBUTES, key))
        };
        match self {
            Self::Status(codes) => codes.contains(&status_of(span)),
            Self::Text(key, texts) => {
                either(key, &|value| value.as_text().is_some_and(|text| texts.iter().any(|one| one == text)))
            }
            Self::Matches(key, patterns) => either(key, &|value| {
                value.as_text().is_some_and(|text| patterns.iter().any(|pattern| pattern.is_match(text)))
            }),
            Self::Between(key, least, most) => either(key, &|value| match value {
                Value::Int(number) => (*least..=*most).contains(&(*number as f64)),
                Value::Double(number) => (*least..=*most).contains(number),
                _ => false,
            }),
            Self::Bool(key, wanted) => either(key, &|value| *value == Value::Bool(*wanted)),
            Self::Holds(_) => false,
        }
    }
}

fn any_event(scene: &mut Scene<'_>, condition: &Condition) -> bool {
    let Some(span) = scene.item.as_deref_mut() else { return false };
    let mut events = span.take(EVENTS);
    let holds = events.iter_mut().any(|event| {
        let (scope, item, part) = (scene.scope.as_deref_mut(), Some(&mut *span), Some(event));
        let mut scene = Scene { resource: scene.resource, scope, item, part, shape: 0, changed: false };
        condition.holds(&mut scene).unwrap_or_default()
    });
    span.put(EVENTS, events);
    holds
}

fn status_of(span: &Record) -> u64 {
    span.look(STATUS).bits(status::CODE)
}
