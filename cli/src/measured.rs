//! What was measured, summed up: a line a metric.

use crate::figures::{Figures, bytes};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
use spanlayer_emulator::{Destination, destination::ReceivedMetric};
use std::collections::BTreeMap;

/// All data points of one metric together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Total {
    /// How often something was measured; zero for a counter.
    count: u64,
    sum: f64,
}

/// Sums and means of every metric that a destination received, by name. Each data point says what came since the last
/// one, so they add up.
pub fn figures(destination: &Destination) -> Figures {
    let metrics = destination.metrics();
    let mut totals: BTreeMap<(&str, &str), Total> = BTreeMap::new();
    for ReceivedMetric { metric, .. } in &metrics {
        let total = totals.entry((&metric.name, &metric.unit)).or_default();
        match &metric.data {
            Some(Data::Sum(sum)) => {
                total.sum += sum.data_points.iter().map(|point| number(point.value)).sum::<f64>();
            }
            Some(Data::Histogram(histogram)) => {
                total.count += histogram.data_points.iter().map(|point| point.count).sum::<u64>();
                total.sum += histogram.data_points.iter().filter_map(|point| point.sum).sum::<f64>();
            }
            _ => {}
        }
    }
    let mut figures = Figures::default();
    for ((name, unit), total) in totals {
        figures.push(name, text(unit, total));
    }
    figures
}

fn number(value: Option<Value>) -> f64 {
    match value {
        Some(Value::AsInt(number)) => number as f64,
        Some(Value::AsDouble(number)) => number,
        None => 0.0,
    }
}

fn text(unit: &str, total: Total) -> String {
    let Total { count, sum } = total;
    if count == 0 {
        return sum.to_string();
    }
    let mean = sum / count as f64;
    let mean = match unit {
        "s" => format!("{:.1} ms", mean * 1e3),
        "By" => bytes(mean.round() as u64),
        unit => format!("{mean:.1} {unit}"),
    };
    format!("{mean} on average, {count} times")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_read_as_totals_and_histograms_as_means() {
        assert_eq!(text("{invocation}", Total { count: 0, sum: 51.0 }), "51");
        assert_eq!(text("s", Total { count: 4, sum: 0.05 }), "12.5 ms on average, 4 times");
        assert_eq!(text("By", Total { count: 2, sum: 42_000_000.0 }), "21.0 MB on average, 2 times");
    }
}
