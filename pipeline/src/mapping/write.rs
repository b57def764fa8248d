//! Values as JSON, as OpenTelemetry's *AnyValue representation for non-OTLP protocols* has it.

use std::fmt::Write as _;

use spanlayer_otlp::json::text::{base64, double, quoted};

use crate::read::{
    Attributes, Buckets, ExponentialHistogram, Histogram, Number, PointData, SummaryPoint, Value,
};

/// Appends a value with its type.
pub(crate) fn value(out: &mut String, value: Value<'_>) {
    match value {
        Value::Empty => out.push_str("null"),
        Value::Text(text) => quoted(out, text),
        Value::Bool(flag) => out.push_str(if flag { "true" } else { "false" }),
        Value::Int(number) => integer(out, number),
        Value::Double(number) => double(out, number),
        Value::Bytes(bytes) => {
            out.push('"');
            base64(out, bytes);
            out.push('"');
        }
        Value::Array(array) => list(out, array.iter(), self::value),
        Value::Map(map) => attributes(out, map),
    }
}

/// A value as text: itself if it is one, its JSON otherwise, without quotes around what is one word.
pub(crate) fn plain(of: Value<'_>) -> String {
    match of {
        Value::Text(text) => text.to_owned(),
        Value::Empty => String::new(),
        other => {
            let mut json = String::new();
            value(&mut json, other);
            // Bytes and what is not finite.
            match json.strip_prefix('"').and_then(|json| json.strip_suffix('"')) {
                Some(word) => word.to_owned(),
                None => json,
            }
        }
    }
}

/// Appends attributes with their types.
pub(crate) fn attributes(out: &mut String, attributes: Attributes<'_>) {
    object(out, attributes, value);
}

/// Appends attributes as texts.
pub(super) fn texts(out: &mut String, attributes: Attributes<'_>) {
    object(out, attributes, |out, of| quoted(out, &plain(of)));
}

fn object(out: &mut String, attributes: Attributes<'_>, write: impl Fn(&mut String, Value<'_>)) {
    let mut open = '{';
    for attribute in attributes.iter() {
        out.push(open);
        quoted(out, attribute.key);
        out.push(':');
        write(out, attribute.value);
        open = ',';
    }
    out.push_str(if open == '{' { "{}" } else { "}" });
}

pub(super) fn integer(out: &mut String, number: i64) {
    let _ = write!(out, "{number}"); // writing to a string cannot fail
}

/// Appends what a data point measured.
pub(super) fn measured(out: &mut String, data: PointData<'_>) {
    match data {
        PointData::Number(None) => out.push_str("null"),
        PointData::Number(Some(Number::Int(number))) => integer(out, number),
        PointData::Number(Some(Number::Double(number))) => double(out, number),
        PointData::Histogram(histogram) => write_histogram(out, histogram),
        PointData::ExponentialHistogram(histogram) => write_exponential(out, histogram),
        PointData::Summary(summary) => write_summary(out, summary),
    }
}

fn write_histogram(out: &mut String, histogram: Histogram<'_>) {
    let _ = write!(out, "{{\"count\":{},\"sum\":", histogram.count);
    maybe(out, histogram.sum);
    out.push_str(",\"bucket_counts\":");
    list(out, histogram.bucket_counts(), unsigned);
    out.push_str(",\"bounds\":");
    list(out, histogram.bounds(), double);
    extremes(out, histogram.min, histogram.max);
    out.push('}');
}

fn write_exponential(out: &mut String, histogram: ExponentialHistogram<'_>) {
    let _ = write!(out, "{{\"count\":{},\"sum\":", histogram.count);
    maybe(out, histogram.sum);
    let _ = write!(
        out,
        ",\"scale\":{},\"zero_count\":{},\"zero_threshold\":",
        histogram.scale, histogram.zero_count
    );
    double(out, histogram.zero_threshold);
    out.push_str(",\"positive\":");
    buckets(out, histogram.positive);
    out.push_str(",\"negative\":");
    buckets(out, histogram.negative);
    extremes(out, histogram.min, histogram.max);
    out.push('}');
}

fn buckets(out: &mut String, buckets: Buckets<'_>) {
    let _ = write!(out, "{{\"offset\":{},\"bucket_counts\":", buckets.offset);
    list(out, buckets.counts(), unsigned);
    out.push('}');
}

fn write_summary(out: &mut String, summary: SummaryPoint<'_>) {
    let _ = write!(out, "{{\"count\":{},\"sum\":", summary.count);
    double(out, summary.sum);
    out.push_str(",\"quantiles\":");
    list(out, summary.quantiles.iter(), |out, quantile| {
        out.push_str("{\"quantile\":");
        double(out, quantile.quantile);
        out.push_str(",\"value\":");
        double(out, quantile.value);
        out.push('}');
    });
    out.push('}');
}

fn extremes(out: &mut String, min: Option<f64>, max: Option<f64>) {
    out.push_str(",\"min\":");
    maybe(out, min);
    out.push_str(",\"max\":");
    maybe(out, max);
}

fn maybe(out: &mut String, number: Option<f64>) {
    match number {
        Some(number) => double(out, number),
        None => out.push_str("null"),
    }
}

fn unsigned(out: &mut String, number: u64) {
    let _ = write!(out, "{number}");
}

pub(super) fn list<T>(out: &mut String, items: impl Iterator<Item = T>, write: impl Fn(&mut String, T)) {
    out.push('[');
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}
