//! `probabilistic_sampler`: a share of all traces, the same ones wherever the same share is kept.

use super::threshold::{self, NEVER, State};
use crate::{
    fields::{log, span},
    record::{Record, Value},
    scene::{Level, walk},
};
use spanlayer_otlp::Signal;

/// See the module's documentation.
#[derive(Debug)]
pub struct Share {
    /// How many, from 0 to 1.
    pub probability: f64,
    /// How it is decided.
    pub mode: Mode,
    /// How exactly the threshold is written: 1 to 14 hexadecimal digits.
    pub digits: u32,
    /// Whether what has nothing random is left out.
    pub closed: bool,
    /// Of log records, the attribute that is hashed instead of the trace id.
    pub from_attribute: Option<String>,
    /// Of log records, the attribute that has a percentage of its own.
    pub priority: Option<String>,
}

/// How it is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// This share of what comes in, whatever was left out before.
    Proportional,
    /// This share of what there was, of which some may have been left out before.
    Equalizing,
    /// By a hash of the trace id and this seed.
    Seed(u32),
}

impl Share {
    pub(super) fn run(&self, signal: Signal, root: &mut Record, gone: &mut usize) -> bool {
        walk(signal, root, Level::Item, &mut |scene| {
            let Some(item) = scene.item.as_deref_mut() else { return true };
            let (keep, changed) = if signal == Signal::Traces { self.span(item) } else { self.log(item) };
            scene.changed |= changed;
            *gone += usize::from(!keep);
            keep
        })
    }

    /// Whether a span is kept, and was changed.
    fn span(&self, item: &mut Record) -> (bool, bool) {
        let mut state = State::parse(item.text(span::TRACE_STATE));
        let randomness = self.randomness(item.bytes(span::TRACE_ID), &mut state);
        match priority(&item.attribute(span::ATTRIBUTES, "sampling.priority")) {
            Some(0.0) => return (false, false),
            // It stands for what it stood for before.
            Some(priority) if priority > 0.0 => {
                if randomness.is_some() {
                    state.threshold.get_or_insert(0);
                    item.set_bytes(span::TRACE_STATE, state.to_text());
                }
                return (true, randomness.is_some());
            }
            _ => {}
        }
        let Some(randomness) = randomness else { return (!self.closed, false) };
        let threshold = self.threshold(state.so_far(randomness), self.probability);
        if randomness < threshold {
            return (false, false);
        }
        state.threshold = Some(threshold);
        item.set_bytes(span::TRACE_STATE, state.to_text());
        (true, true)
    }

    /// Log records have no trace state: attributes say the same.
    fn log(&self, record: &mut Record) -> (bool, bool) {
        let own = self.priority.as_ref().and_then(|key| priority(&record.attribute(log::ATTRIBUTES, key)));
        let probability = own.map_or(self.probability, |percent| (percent / 100.0).clamp(0.0, 1.0));
        let text = |key: &str| record.attribute(log::ATTRIBUTES, key).to_text();
        let mut state = State::parse(&format!("ot=th:{};rv:{}", text(THRESHOLD), text(RANDOMNESS)));
        let hashed = self.from_attribute.as_ref().map(|key| record.attribute(log::ATTRIBUTES, key));
        let source = match hashed {
            Some(Value::Nil) => Vec::new(),
            Some(value) => value.to_text().into_bytes(),
            None => record.bytes(log::TRACE_ID).to_vec(),
        };
        let Some(randomness) = self.randomness(&source, &mut state).filter(|_| !source.is_empty()) else {
            return (!self.closed, false);
        };
        let threshold = self.threshold(state.so_far(randomness), probability);
        if randomness < threshold {
            return (false, false);
        }
        let mut attributes = record.attributes(log::ATTRIBUTES);
        attributes.set(THRESHOLD, &Value::Text(threshold::digits(threshold)));
        if let Some(randomness) = state.randomness {
            attributes.set(RANDOMNESS, &Value::Text(format!("{randomness:014x}")));
        }
        (true, true)
    }

    pub(super) fn threshold(&self, so_far: u64, probability: f64) -> u64 {
        match self.mode {
            Mode::Proportional => {
                threshold::of(threshold::probability(so_far) * probability, self.digits).max(so_far)
            }
            Mode::Equalizing => threshold::of(probability, self.digits).max(so_far),
            Mode::Seed(_) => {
                NEVER - (((probability * f64::from(BUCKETS)) as u64).min(BUCKETS.into()) << BUCKET)
            }
        }
    }

    /// The random bits; where they come from a hash, they are told, so that those who come later decide alike. What was
    /// sampled consistently before is not to be sampled by a hash: there are none then, as in the Collector.
    pub(super) fn randomness(&self, source: &[u8], state: &mut State) -> Option<u64> {
        let seed = match self.mode {
            Mode::Seed(_) if state.threshold.is_some() || state.randomness.is_some() => return None,
            Mode::Seed(seed) => seed,
            // What is hashed is no trace id.
            _ if self.from_attribute.is_some() && state.randomness.is_none() => 0,
            _ => return state.randomness(source),
        };
        state.randomness = Some(spread(hash(seed, source)));
        state.randomness
    }
}

/// Of a hash, the 14 bits that decide come first, so that the lowest are the first to be kept; then the others, mixed as
/// the Collector mixes them.
fn spread(hash: u32) -> u64 {
    let (decides, unused) = (u64::from(hash & (BUCKETS - 1)), u64::from(hash >> 18));
    let mixed = unused ^ (unused << 10);
    (u64::from(BUCKETS) - 1 - decides) << BUCKET | mixed << 14 | decides
}

/// As the Collector hashes: FNV-1a with 32 bits over the seed and the id; of that, 14 bits count.
fn hash(seed: u32, bytes: &[u8]) -> u32 {
    let bytes = seed.to_le_bytes().into_iter().chain(bytes.iter().copied());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

const BUCKETS: u32 = 1 << 14;

/// Buckets lie in the upper bits of 56.
const BUCKET: u32 = 56 - 14;

fn priority(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Double(number) => Some(*number),
        Value::Text(text) => text.parse().ok(),
        _ => None,
    }
}

const THRESHOLD: &str = "sampling.threshold";
const RANDOMNESS: &str = "sampling.randomness";
