//! What was measured, summed up: a line a metric.

use crate::figures::{Figures, bytes};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, NumberDataPoint, metric::Data, number_data_point::Value,
};
use spanlayer_emulator::{Destination, destination::ReceivedMetric};
use std::collections::BTreeMap;

/// Data points of one metric together, of all its series.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Total {
    /// What was counted.
    Counted(f64),
    /// How often something was measured, and what that makes together.
    Measured { count: u64, sum: f64 },
    /// How things stood at the last time.
    Stood { least: f64, most: f64, series: usize },
}

/// Every metric that a destination received, by name: counters as sums, histograms as means, gauges as they stood at last.
pub fn figures(destination: &Destination) -> Figures {
    let metrics = destination.metrics();
    let mut totals: BTreeMap<(&str, &str), Total> = BTreeMap::new();
    for ReceivedMetric { metric, .. } in &metrics {
        let Some((data, total)) = metric.data.as_ref().and_then(|data| Some((data, Total::of(data)?))) else {
            continue;
        };
        let name = (metric.name.as_str(), metric.unit.as_str());
        let before = totals.get(&name).filter(|_| says_what_is_new(data));
        totals.insert(name, before.map_or(total, |before| before.and(total)));
    }
    let mut figures = Figures::default();
    for ((name, unit), total) in totals {
        figures.push(name, total.text(unit));
    }
    figures
}

/// Whether data points say what came since the last time, and so add up; others say how things are by now.
fn says_what_is_new(data: &Data) -> bool {
    let temporality = match data {
        Data::Sum(sum) => sum.aggregation_temporality(),
        Data::Histogram(histogram) => histogram.aggregation_temporality(),
        Data::ExponentialHistogram(histogram) => histogram.aggregation_temporality(),
        Data::Gauge(_) | Data::Summary(_) => AggregationTemporality::Unspecified,
    };
    temporality == AggregationTemporality::Delta
}

impl Total {
    /// `None` of no data points, and of what no instrument of today makes.
    fn of(data: &Data) -> Option<Self> {
        let measured = |points: &mut dyn Iterator<Item = (u64, Option<f64>)>| {
            points.fold(Self::Measured { count: 0, sum: 0.0 }, |all, (count, sum)| {
                all.and(Self::Measured { count, sum: sum.unwrap_or(0.0) })
            })
        };
        Some(match data {
            Data::Sum(sum) => Self::Counted(sum.data_points.iter().map(number).sum()),
            Data::Histogram(histogram) => {
                measured(&mut histogram.data_points.iter().map(|point| (point.count, point.sum)))
            }
            Data::ExponentialHistogram(histogram) => {
                measured(&mut histogram.data_points.iter().map(|point| (point.count, point.sum)))
            }
            Data::Gauge(gauge) => {
                let values = gauge.data_points.iter().map(number);
                let (least, most) = (values.clone().reduce(f64::min)?, values.reduce(f64::max)?);
                Self::Stood { least, most, series: gauge.data_points.len() }
            }
            Data::Summary(_) => return None,
        })
    }

    /// Both together; of two that do not add up, the second.
    fn and(self, next: Self) -> Self {
        match (self, next) {
            (Self::Counted(one), Self::Counted(other)) => Self::Counted(one + other),
            (Self::Measured { count, sum }, Self::Measured { count: more, sum: other }) => {
                Self::Measured { count: count + more, sum: sum + other }
            }
            (_, next) => next,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            Self::Counted(sum) => sum.to_string(),
            Self::Measured { count: 0, .. } => "never measured".to_owned(),
            Self::Measured { count: 1, sum } => format!("{}, once", amount(sum, unit)),
            Self::Measured { count, sum } => {
                format!("{} on average, {count} times", amount(sum / count as f64, unit))
            }
            Self::Stood { most, series: 1, .. } => amount(most, unit),
            Self::Stood { least, most, series } => {
                format!("{} to {}, {series} series", amount(least, unit), amount(most, unit))
            }
        }
    }
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(Value::AsInt(number)) => number as f64,
        Some(Value::AsDouble(number)) => number,
        None => 0.0,
    }
}

/// A number with its unit. What is counted in braces, as `{order}`, is known by the metric's name.
fn amount(number: f64, unit: &str) -> String {
    match unit {
        "s" => format!("{:.1} ms", number * 1e3),
        "By" => bytes(number.round() as u64),
        unit => {
            let number = (number * 1e3).round() / 1e3;
            let unit = if unit.starts_with('{') { "" } else { unit };
            format!("{number} {unit}").trim_end().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::metrics::v1::{Gauge, Sum};

    fn points(values: &[i64]) -> Vec<NumberDataPoint> {
        let point =
            |value: &i64| NumberDataPoint { value: Some(Value::AsInt(*value)), ..NumberDataPoint::default() };
        values.iter().map(point).collect()
    }

    #[test]
    fn counters_read_as_totals_and_histograms_as_means() {
        assert_eq!(Total::Counted(51.0).text("{invocation}"), "51");
        assert_eq!(Total::Measured { count: 4, sum: 0.05 }.text("s"), "12.5 ms on average, 4 times");
        assert_eq!(Total::Measured { count: 2, sum: 42_000_000.0 }.text("By"), "21.0 MB on average, 2 times");
        assert_eq!(Total::Measured { count: 1, sum: 4.5 }.text(""), "4.5, once");
    }

    #[test]
    fn gauges_read_as_they_stand() {
        let gauge = |values| Total::of(&Data::Gauge(Gauge { data_points: points(values) }));
        assert_eq!(gauge(&[7]).map(|total| total.text("{message}")), Some("7".to_owned()));
        assert_eq!(gauge(&[7, 3, 5]).map(|total| total.text("")), Some("3 to 7, 3 series".to_owned()));
        assert_eq!(gauge(&[]), None);
    }

    #[test]
    fn only_what_says_what_is_new_adds_up() {
        let sum = |temporality: AggregationTemporality| {
            Data::Sum(Sum {
                data_points: points(&[2, 3]),
                aggregation_temporality: temporality.into(),
                ..Sum::default()
            })
        };
        assert_eq!(Total::of(&sum(AggregationTemporality::Delta)), Some(Total::Counted(5.0)));
        assert!(says_what_is_new(&sum(AggregationTemporality::Delta)));
        assert!(!says_what_is_new(&sum(AggregationTemporality::Cumulative)));
        assert_eq!(Total::Counted(5.0).and(Total::Counted(2.0)), Total::Counted(7.0));
    }
}
