//! Last lines of extensions, added up by service and destination.

use crate::screen::printable;
use serde_json::Value;
use spanlayer_pipeline::Signal;
use std::collections::{BTreeMap, HashSet};

/// Everything that was read.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) services: BTreeMap<String, Service>,
    /// Lines that are in an earlier source as well, and count once.
    pub(super) again: u64,
    /// Lines of versions that tell no figures.
    pub(super) without: u64,
    /// Lines that are cut off or damaged.
    pub(super) damaged: u64,
    /// Lines of earlier sources, and of this one.
    seen: HashSet<String>,
    here: Vec<String>,
}

/// One service's environments together.
#[derive(Debug, Default)]
pub(super) struct Service {
    /// How many of them have ended.
    pub(super) environments: u64,
    /// Items that are kept as dead letters.
    pub(super) dead_lettered: u64,
    /// Items that are gone.
    pub(super) lost: u64,
    /// What came in, by signal.
    pub(super) came: [Came; 3],
    /// What each destination was sent, by signal.
    pub(super) destinations: BTreeMap<String, [Sent; 3]>,
}

/// Items of one signal, before destinations.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Came {
    pub(super) accepted: u64,
    pub(super) filtered: u64,
    pub(super) sampled_out: u64,
}

/// Requests to one destination.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Items that it took.
    pub(super) delivered: u64,
    /// Requests, repetitions included.
    pub(super) requests: u64,
    /// Those of them that it did not take.
    pub(super) failed: u64,
    /// Bytes in them before compression,
    pub(super) bytes: u64,
    /// of which those whose size on the wire is counted,
    pub(super) counted: u64,
    /// and that size.
    pub(super) sent: u64,
}

/// Why something was left out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Left {
    Filtered,
    SampledOut,
}

/// What would have been sent more, by estimate.
#[derive(Clone, Copy, Debug)]
pub(super) struct More {
    /// Items, as often as they would have been delivered.
    pub(super) items: f64,
    /// Bytes on the wire.
    pub(super) sent: f64,
}

impl Tally {
    /// Another source begins.
    pub(super) fn begin(&mut self) {
        self.seen.extend(self.here.drain(..));
    }

    /// Adds a line's figures, if it has any.
    pub(super) fn add(&mut self, line: &str) {
        // Others may have written before it, such as `aws logs tail`.
        let Some(from) = line.find(r#"{"timestamp":""#) else { return };
        let text = line[from..].trim_end();
        if !text.contains(r#""source":"spanlayer","message":"shut down"#) {
            return;
        }
        let Some(Ok(line)) = serde_json::Deserializer::from_str(text).into_iter::<Value>().next() else {
            self.damaged += 1;
            return;
        };
        // Anybody can write to a function's output.
        if !is_possible(&line) {
            self.damaged += 1;
            return;
        }
        // Two environments may well end alike, but one line is in one source once.
        if self.seen.contains(text) {
            self.again += 1;
            return;
        }
        self.here.push(text.to_owned());
        match (line["service"].as_str(), line["signals"].as_object()) {
            (Some(service), Some(_)) => self.services.entry(printable(service)).or_default().add(&line),
            _ => self.without += 1,
        }
    }
}

/// Whether all figures are such as an environment can come to, so that sums of them can be had.
fn is_possible(of: &Value) -> bool {
    match of {
        Value::Number(number) => number.as_f64().is_some_and(|number| (0.0..=MOST).contains(&number)),
        Value::Array(items) => items.iter().all(is_possible),
        Value::Object(members) => members.values().all(is_possible),
        _ => true,
    }
}

/// A petabyte.
const MOST: f64 = 1e15;

impl Service {
    fn add(&mut self, line: &Value) {
        let count = |of: &Value, name: &str| of[name].as_u64().unwrap_or_default();
        self.environments += 1;
        self.dead_lettered += count(line, "deadLettered");
        self.lost +=
            ["lost", "refused", "evicted", "turnedAway"].map(|name| count(line, name)).iter().sum::<u64>();
        for signal in Signal::ALL {
            let (of, came) = (&line["signals"][signal.name()], &mut self.came[signal as usize]);
            came.accepted += count(of, "accepted");
            came.filtered += count(of, "filtered");
            came.sampled_out += count(of, "sampledOut");
        }
        for one in line["destinations"].as_array().into_iter().flatten() {
            let name = printable(one["name"].as_str().unwrap_or_default());
            let sums = self.destinations.entry(name).or_default();
            for signal in Signal::ALL {
                let of = &one[signal.name()];
                let (bytes, sent) = (count(of, "bytes"), count(of, "sent"));
                sums[signal as usize].add(Sent {
                    delivered: count(of, "delivered"),
                    requests: count(of, "requests"),
                    failed: count(of, "failed"),
                    bytes,
                    // It is not for those that are not sent OTLP.
                    counted: if sent > 0 { bytes } else { 0 },
                    sent,
                });
            }
        }
    }

    /// What all destinations were sent of one signal.
    pub(super) fn sent(&self, signal: Signal) -> Sent {
        Sent::sum(self.destinations.values().map(|sent| &sent[signal as usize]))
    }

    /// What all destinations were sent.
    pub(super) fn sent_in_all(&self) -> Sent {
        Sent::sum(self.destinations.values().flatten())
    }

    /// What would have been sent more if nothing had been left out for this reason: for each item as much as for one that
    /// was kept, on average. `None` when none was kept, or what was sent is not counted on the wire.
    pub(super) fn saved(&self, signal: Signal, left: Left) -> Option<More> {
        let Came { accepted, filtered, sampled_out } = self.came[signal as usize];
        let out = match left {
            Left::Filtered => filtered,
            Left::SampledOut => sampled_out,
        };
        if out == 0 {
            return Some(More { items: 0.0, sent: 0.0 });
        }
        let kept = accepted.saturating_sub(filtered + sampled_out);
        let sent = self.sent(signal);
        (kept > 0 && sent.requests > 0 && sent.counted == sent.bytes).then(|| {
            let times = out as f64 / kept as f64;
            More { items: times * sent.delivered as f64, sent: times * sent.sent as f64 }
        })
    }
}

impl Sent {
    fn add(&mut self, more: Self) {
        self.delivered += more.delivered;
        self.requests += more.requests;
        self.failed += more.failed;
        self.bytes += more.bytes;
        self.counted += more.counted;
        self.sent += more.sent;
    }

    /// All of them together.
    pub(super) fn sum<'s>(all: impl Iterator<Item = &'s Self>) -> Self {
        let mut sum = Self::default();
        all.for_each(|one| sum.add(*one));
        sum
    }

    /// Bytes that compression saved: less than none where it made things larger, as JSON does.
    pub(super) fn saved(&self) -> i64 {
        self.counted as i64 - self.sent as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_function_wrote_itself_does_no_harm() {
        let mut tally = Tally::default();
        let line = |service: &str, accepted: &str| {
            format!(
                r#"{{"timestamp":"x","level":"INFO","source":"spanlayer","message":"shut down","service":"{service}","signals":{{"traces":{{"accepted":{accepted}}}}},"destinations":[{{"name":"d","traces":{{"sent":{accepted}}}}}]}}"#
            )
        };
        for accepted in ["18446744073709551615", "-1", "1e300", "1e15"] {
            tally.add(&line("a", accepted));
            tally.add(&line("b", accepted));
        }
        assert_eq!((tally.damaged, tally.services.len()), (6, 2));
        tally.add(&line("\\u001b[31mred", "5"));
        assert_eq!(tally.services.keys().next().unwrap(), " [31mred");
    }
}
