//! The text format of Prometheus, 0.0.4 (*Exposition formats*), under the names that OpenTelemetry gives metrics there
//! (OpenTelemetry specification, *Prometheus and OpenMetrics Compatibility*).

use crate::{
    histogram::Histogram,
    message::{self, Instrument},
};

use super::{Attribute, Point, Snapshot, Value, table::METRICS};

/// What a text is served as.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Snapshot {
    /// As Prometheus scrapes it; serve it as [`CONTENT_TYPE`].
    pub fn to_prometheus(&self) -> String {
        let mut out = String::with_capacity(16 << 10);
        for (metric, points) in METRICS.iter().zip(&self.points).filter(|(_, points)| !points.is_empty()) {
            let name = name(metric);
            let kind = match metric.instrument {
                Instrument::Counter => "counter",
                Instrument::UpDownCounter | Instrument::Gauge => "gauge",
                Instrument::Histogram => "histogram",
            };
            for words in ["# HELP ", &name, " ", metric.about, "\n# TYPE ", &name, " ", kind, "\n"] {
                out.push_str(words);
            }
            points.iter().for_each(|point| write(&mut out, &name, point));
        }
        out
    }
}

/// A metric's name: words with underscores, the unit, and what it is if it is a counter.
pub(super) fn name(metric: &message::Metric) -> String {
    let mut name = metric.name.replace('.', "_");
    name.push_str(match metric.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        // What is in braces is no unit.
        _ => "",
    });
    if metric.instrument == Instrument::Counter {
        name.push_str("_total");
    }
    name
}

fn write(out: &mut String, name: &str, point: &Point) {
    match &point.value {
        Value::Whole(number) => line(out, name, "", point, None, &number.to_string()),
        Value::Real(number) => line(out, name, "", point, None, &number.to_string()),
        Value::Histogram(histogram) => buckets(out, name, point, histogram),
    }
}

fn buckets(out: &mut String, name: &str, point: &Point, histogram: &Histogram) {
    for (bound, count) in histogram.cumulative() {
        let bound = if bound.is_finite() { bound.to_string() } else { "+Inf".to_owned() };
        line(out, name, "_bucket", point, Some(&bound), &count.to_string());
    }
    line(out, name, "_sum", point, None, &histogram.sum().to_string());
    line(out, name, "_count", point, None, &histogram.count().to_string());
}

fn line(out: &mut String, name: &str, suffix: &str, point: &Point, bound: Option<&str>, value: &str) {
    out.push_str(name);
    out.push_str(suffix);
    let mut before = '{';
    for (key, value) in point.attributes() {
        out.push(before);
        before = ',';
        out.extend(key.chars().map(|c| if c == '.' { '_' } else { c }));
        out.push_str("=\"");
        match value {
            Attribute::Text(text) => escaped(out, text),
            Attribute::Number(number) => out.push_str(&number.to_string()),
        }
        out.push('"');
    }
    if let Some(bound) = bound {
        out.push(before);
        before = ',';
        for words in ["le=\"", bound, "\""] {
            out.push_str(words);
        }
    }
    if before == ',' {
        out.push('}');
    }
    for words in [" ", value, "\n"] {
        out.push_str(words);
    }
}

fn escaped(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}
