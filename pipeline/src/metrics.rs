//! A pipeline's own metrics: what it counts anyway, under the names of OpenTelemetry's semantic conventions (*SDK metrics*,
//! `docs/otel/sdk-metrics.md`, 1.44) where these have one, and `spanlayer.*` where they have none.
//!
//! ```
//! use spanlayer_pipeline::{Deadline, Destination, Memory, Payload, Pipeline, Settings, Signal};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pipeline = Pipeline::new(Settings::to([Destination::memory(Memory::default())]));
//! # let request = spanlayer_pipeline::otlp::json::to_protobuf(Signal::Traces, br#"{"resourceSpans":[{"scopeSpans":[{"spans":
//! #   [{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"}]}]}]}"#)?.into();
//! pipeline.accept(Payload::scan(Signal::Traces, request)?);
//! pipeline.flush(Deadline::never()).await;
//!
//! let text = pipeline.metrics().to_prometheus(); // for a scraper, as metrics::CONTENT_TYPE
//! assert!(text.contains(r#"otel_sdk_exporter_span_exported_total{otel_component_type="spanlayer_memory_span_exporter",otel_component_name="memory"} 1"#));
//! # Ok(())
//! # }
//! ```
//!
//! Nothing is counted for them that costs anything: a [`Snapshot`] is put together when somebody asks. How many series there
//! are depends on settings, not on data: destinations, signals, and status codes, services and rules that are at most some
//! twenty each.

mod gather;
mod prometheus;
mod table;

use std::sync::Arc;

use spanlayer_otlp::wire::{double_field, fixed64_field, message_field};

pub use prometheus::CONTENT_TYPE;
pub use table::table;
use table::{METRICS, Metric};

use crate::{
    histogram::Histogram,
    message::{self, Instrument, Temporality, Value as Text, attribute},
};

/// All metrics of a pipeline at one moment. See the [module](self).
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Unix time in nanoseconds at which counting began,
    since: u64,
    /// and that of this moment.
    at: u64,
    temporality: Temporality,
    /// Data points, by the metric's place in the table.
    points: Vec<Vec<Point>>,
}

#[derive(Clone, Debug)]
struct Point {
    /// What it has in common with others of the same destination,
    of: Arc<Attributes>,
    /// and what not.
    more: Attributes,
    value: Value,
}

type Attributes = Vec<(&'static str, Attribute)>;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Attribute {
    Text(Box<str>),
    Number(u64),
}

#[derive(Clone, Debug)]
enum Value {
    Whole(u64),
    Real(f64),
    Histogram(Box<Histogram>),
}

impl Snapshot {
    fn begin(since: u64, at: u64) -> Self {
        // A clock that was set back must not make a data point end before it begins.
        let points = METRICS.iter().map(|_| Vec::new()).collect();
        Self { since, at: at.max(since), temporality: Temporality::Cumulative, points }
    }

    fn put(&mut self, place: usize, of: &Arc<Attributes>, more: &[(&'static str, Text<'_>)], value: Value) {
        self.points[place].push(Point { of: Arc::clone(of), more: attributes(more), value });
    }

    fn add(&mut self, metric: Metric, of: &Arc<Attributes>, more: &[(&'static str, Text<'_>)], value: Value) {
        self.put(metric as usize, of, more, value);
    }

    /// The same, and which file the settings are from, by its fingerprint.
    #[must_use]
    pub fn with_config(mut self, hash: &str) -> Self {
        if !hash.is_empty() {
            for point in &mut self.points[Metric::Info as usize] {
                point.more.push((CONFIG_HASH, Attribute::Text(hash.into())));
            }
        }
        self
    }

    /// What happened since an earlier snapshot of the same pipeline, or since counting began: counters and histograms in
    /// which nothing was counted are left out; what is a state rather than a sum stays as it is.
    #[must_use]
    pub fn since(&self, before: Option<&Self>) -> Self {
        let mut new = Self::begin(before.map_or(self.since, |before| before.at), self.at);
        new.temporality = Temporality::Delta;
        for (place, metric) in METRICS.iter().enumerate() {
            let sums = matches!(metric.instrument, Instrument::Counter | Instrument::Histogram);
            for now in &self.points[place] {
                let earlier = before.filter(|_| sums).map_or(&[][..], |before| &before.points[place]);
                let mut earlier = earlier.iter().filter(|one| one.of == now.of && one.more == now.more);
                let value = match (&now.value, earlier.next().map(|one| &one.value)) {
                    (Value::Whole(now), Some(Value::Whole(then))) => Value::Whole(now.saturating_sub(*then)),
                    (Value::Real(now), Some(Value::Real(then))) => Value::Real(now - then),
                    (Value::Histogram(now), Some(Value::Histogram(then))) => {
                        Value::Histogram(now.since(then).into())
                    }
                    (now, _) => now.clone(),
                };
                if !sums || value.is_something() {
                    new.points[place].push(Point { value, of: Arc::clone(&now.of), more: now.more.clone() });
                }
            }
        }
        new
    }

    /// As an `ExportMetricsServiceRequest` of this resource, which is an encoded `Resource` (or empty).
    pub fn to_otlp(&self, resource: &[u8]) -> Vec<u8> {
        let mut items = Vec::new();
        for (metric, points) in METRICS.iter().zip(&self.points).filter(|(_, points)| !points.is_empty()) {
            metric.write(&mut items, self.temporality, &mut |out| {
                for point in points {
                    message_field(out, 1, |out| self.point(out, point));
                }
            });
        }
        message::request(resource, &[(SCOPE, &items)]).unwrap_or_default()
    }

    fn point(&self, out: &mut Vec<u8>, point: &Point) {
        fixed64_field(out, 2, self.since);
        fixed64_field(out, 3, self.at);
        let number = match &point.value {
            Value::Whole(number) => {
                fixed64_field(out, 6, *number);
                7
            }
            Value::Real(number) => {
                double_field(out, 4, *number);
                7
            }
            Value::Histogram(histogram) => {
                histogram.write(out);
                9
            }
        };
        for (key, value) in point.attributes() {
            let value = match value {
                Attribute::Text(text) => Text::Text(text),
                Attribute::Number(number) => Text::Integer(*number),
            };
            attribute(out, number, key, value);
        }
    }
}

impl Point {
    fn attributes(&self) -> impl Iterator<Item = &(&'static str, Attribute)> {
        self.of.iter().chain(&self.more)
    }
}

fn attributes(list: &[(&'static str, Text<'_>)]) -> Attributes {
    let owned = |value: &Text<'_>| match value {
        Text::Integer(number) => Attribute::Number(*number),
        Text::Text(text) => Attribute::Text((*text).into()),
        // There are no others.
        Text::Double(_) | Text::Flag(_) => Attribute::Text("".into()),
    };
    list.iter().map(|(key, value)| (*key, owned(value))).collect()
}

impl Value {
    fn is_something(&self) -> bool {
        match self {
            Self::Whole(number) => *number > 0,
            Self::Real(number) => *number > 0.0,
            Self::Histogram(histogram) => histogram.count() > 0,
        }
    }
}

/// The instrumentation scope.
const SCOPE: &str = "spanlayer.pipeline";

const CONFIG_HASH: &str = "spanlayer.config.hash";

#[cfg(test)]
mod tests;
