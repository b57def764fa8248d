//! The metrics of the conventions for functions, and what Lambda tells beyond them: added up in this environment, and
//! taken with a flush. One data point per trigger and flush, not one per invocation.

use spanlayer_otlp::wire::{fixed64_field, message_field};
pub use spanlayer_pipeline::message::Temporality;
use spanlayer_pipeline::{
    histogram::{Histogram, SECONDS},
    message::{self, Instrument, Value, attribute},
};

/// What is measured. The order is that of [`METRICS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    InvokeDuration,
    InitDuration,
    RestoreDuration,
    ColdStarts,
    Errors,
    Invocations,
    Timeouts,
    MemoryUsage,
    CpuUsage,
    NetworkIo,
    BilledDuration,
    PostRuntimeDuration,
}

/// How a metric is told.
#[derive(Clone, Copy, Debug)]
struct Definition {
    metric: Metric,
    head: message::Metric,
    /// A histogram with these bounds; a counter without.
    bounds: Option<&'static [f64]>,
}

/// Every metric. Those with `faas.` are of the semantic conventions.
const METRICS: [Definition; 12] = [
    histogram(
        Metric::InvokeDuration,
        "faas.invoke_duration",
        "s",
        "How long the function took, as the runtime saw it",
        SECONDS,
    ),
    histogram(
        Metric::InitDuration,
        "faas.init_duration",
        "s",
        "How long the environment took to start",
        SECONDS,
    ),
    histogram(
        Metric::RestoreDuration,
        "aws.lambda.restore_duration",
        "s",
        "How long the environment took to be restored from a snapshot",
        SECONDS,
    ),
    counter(
        Metric::ColdStarts,
        "faas.coldstarts",
        "{coldstart}",
        "Starts of an environment that a caller waited for",
    ),
    counter(Metric::Errors, "faas.errors", "{error}", "Invocations that failed, other than by a timeout"),
    counter(Metric::Invocations, "faas.invocations", "{invocation}", "Invocations that succeeded"),
    counter(Metric::Timeouts, "faas.timeouts", "{timeout}", "Invocations that timed out"),
    histogram(
        Metric::MemoryUsage,
        "faas.mem_usage",
        "By",
        "The most memory that the environment had used by the end of an invocation",
        BYTES,
    ),
    histogram(Metric::CpuUsage, "faas.cpu_usage", "s", "Processor time of an invocation", SECONDS),
    histogram(Metric::NetworkIo, "faas.net_io", "By", "Bytes received and sent during an invocation", BYTES),
    histogram(
        Metric::BilledDuration,
        "aws.lambda.billed_duration",
        "s",
        "How long Lambda bills for",
        SECONDS,
    ),
    histogram(
        Metric::PostRuntimeDuration,
        "aws.lambda.post_runtime_duration",
        "s",
        "How long extensions held an invocation after the function was done",
        SECONDS,
    ),
];

const fn histogram(
    metric: Metric,
    name: &'static str,
    unit: &'static str,
    about: &'static str,
    bounds: &'static [f64],
) -> Definition {
    let head = message::Metric { name, unit, about, instrument: Instrument::Histogram };
    Definition { metric, head, bounds: Some(bounds) }
}

const fn counter(metric: Metric, name: &'static str, unit: &'static str, about: &'static str) -> Definition {
    let head = message::Metric { name, unit, about, instrument: Instrument::Counter };
    Definition { metric, head, bounds: None }
}

/// Name, instrument, unit and meaning of every metric, for the reader.
pub fn table() -> impl Iterator<Item = [&'static str; 4]> {
    METRICS.iter().map(|one| [one.head.name, one.head.instrument.name(), one.head.unit, one.head.about])
}

/// What was counted and measured, and is not told yet (or, cumulatively, ever).
#[derive(Debug)]
pub(super) struct Metrics {
    pub(super) temporality: Temporality,
    /// By trigger, in the order of their first appearance.
    series: Vec<(Box<str>, Vec<Option<Sum>>)>,
    /// When counting began.
    since: u64,
    changed: bool,
}

#[derive(Clone, Debug)]
enum Sum {
    Counter(u64),
    Histogram(Histogram),
}

impl Metrics {
    pub(super) fn new(temporality: Temporality) -> Self {
        Self { temporality, series: Vec::new(), since: 0, changed: false }
    }

    /// Counting begins, at the first word of anything: before it there is nothing to count.
    pub(super) fn begin(&mut self, now: u64) {
        if self.since == 0 {
            self.since = now;
        }
    }

    /// Counts one.
    pub(super) fn count(&mut self, metric: Metric, trigger: &str) {
        if let Sum::Counter(count) = self.sum(metric, trigger) {
            *count += 1;
        }
    }

    /// Takes a value into its histogram.
    pub(super) fn record(&mut self, metric: Metric, trigger: &str, value: f64) {
        if let Sum::Histogram(histogram) = self.sum(metric, trigger) {
            histogram.record(value);
        }
    }

    /// A duration in nanoseconds, where there is one.
    pub(super) fn duration(&mut self, metric: Metric, trigger: &str, nanos: Option<u64>) {
        if let Some(nanos) = nanos {
            self.record(metric, trigger, nanos as f64 / 1e9);
        }
    }

    /// All data points as a request; `None` when nothing has happened since the last time.
    pub(super) fn take(&mut self, resource: &[u8], now: u64) -> Option<Vec<u8>> {
        if !std::mem::take(&mut self.changed) {
            return None;
        }
        // A clock that was set back must not make a data point end before it begins.
        let until = now.max(self.since);
        let mut items = Vec::new();
        for definition in &METRICS {
            self.write(&mut items, definition, until);
        }
        if self.temporality == Temporality::Delta {
            self.series.clear();
            self.since = until;
        }
        message::request(resource, &[("spanlayer", &items)])
    }

    fn write(&self, out: &mut Vec<u8>, definition: &Definition, until: u64) {
        let points = || {
            let sums = self.series.iter().map(|(trigger, sums)| (trigger, &sums[definition.metric as usize]));
            sums.filter_map(|(trigger, sum)| Some((trigger, sum.as_ref()?)))
        };
        if points().next().is_none() {
            return;
        }
        definition.head.write(out, self.temporality, &mut |out| {
            for (trigger, sum) in points() {
                message_field(out, 1, |out| self.point(out, trigger, sum, until));
            }
        });
    }

    fn point(&self, out: &mut Vec<u8>, trigger: &str, sum: &Sum, until: u64) {
        fixed64_field(out, 2, self.since);
        fixed64_field(out, 3, until);
        let attributes = match sum {
            Sum::Counter(count) => {
                fixed64_field(out, 6, *count);
                7
            }
            Sum::Histogram(histogram) => {
                histogram.write(out);
                9
            }
        };
        attribute(out, attributes, "faas.trigger", Value::Text(trigger));
    }

    fn sum(&mut self, metric: Metric, trigger: &str) -> &mut Sum {
        self.changed = true;
        let known = self.series.iter().position(|(name, _)| **name == *trigger);
        let at = known.unwrap_or_else(|| {
            // The conventions have five triggers; a function that invents one per event gets no series for each.
            let trigger = if self.series.len() < MOST_TRIGGERS { trigger } else { OTHER };
            let known = self.series.iter().position(|(name, _)| **name == *trigger);
            known.unwrap_or_else(|| {
                self.series.push((trigger.into(), vec![None; METRICS.len()]));
                self.series.len() - 1
            })
        });
        self.series[at].1[metric as usize].get_or_insert_with(|| match METRICS[metric as usize].bounds {
            Some(bounds) => Sum::Histogram(Histogram::new(bounds)),
            None => Sum::Counter(0),
        })
    }
}

/// The trigger of what nobody has told the trigger of.
pub(super) const OTHER: &str = "other";

const MOST_TRIGGERS: usize = 16;

/// The conventions leave these open: powers of four from a kilobyte, and closer where functions' memory lies.
const BYTES: &[f64] = &[
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    33_554_432.0,
    67_108_864.0,
    134_217_728.0,
    268_435_456.0,
    536_870_912.0,
    1_073_741_824.0,
    2_147_483_648.0,
    4_294_967_296.0,
    10_737_418_240.0,
];

#[cfg(test)]
mod tests;
