//! Metrics and logs: whether they go out, and how.

use std::time::Duration;

use spanlayer_host::vars::{Reading, Var};

use super::variables::{ATTRIBUTE_COUNT, VALUE_LENGTH};

pub(super) const METRICS_EXPORTER: Var<bool> = Var {
    name: "OTEL_METRICS_EXPORTER",
    default: "otlp",
    parse: exporter,
    about: "`otlp`, or `none` to collect no metrics (cargo feature `metrics`)",
};

pub(super) const TEMPORALITY: Var<Temporality> = Var {
    name: "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    default: "delta",
    parse: temporality,
    about: "`delta`, `cumulative` or `lowmemory`: whether counters and histograms say what came since the last time, or \
            since the environment's start",
};

pub(super) const METRIC_INTERVAL: Var<Option<Duration>> = Var {
    name: "OTEL_METRIC_EXPORT_INTERVAL",
    default: "0",
    parse: interval,
    about: "milliseconds that pass between two collections of metrics at least; 0 collects with each invocation, and \
            anything else loses what was not collected when the environment ends",
};

pub(super) const LOGS_EXPORTER: Var<bool> = Var {
    name: "OTEL_LOGS_EXPORTER",
    default: "otlp",
    parse: exporter,
    about: "`otlp`, or `none` to send no event as a log record whatever `SPANLAYER_EVENTS` says",
};

pub(super) const EVENTS: Var<Events> = Var {
    name: "SPANLAYER_EVENTS",
    default: "stdout",
    parse: events,
    about: "where `tracing` events go: `stdout` (lines, for CloudWatch), `otlp` (log records), or `both`; lines of events \
            that are sent as well are marked, and not sent again by the extension (cargo feature `logs`)",
};

pub(super) const RECORD_VALUE_LENGTH: Var<u32> = Var {
    name: "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    about: "longest attribute value of a log record, in characters",
    ..VALUE_LENGTH
};

pub(super) const RECORD_ATTRIBUTE_COUNT: Var<u32> = Var {
    name: "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
    about: "most attributes of a log record",
    ..ATTRIBUTE_COUNT
};

/// Whether and how metrics are collected.
#[cfg(feature = "metrics")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct MetricSettings {
    pub(crate) enabled: bool,
    pub(crate) temporality: Temporality,
    /// The least time between two collections; `None` for one with each invocation.
    pub(crate) interval: Option<Duration>,
}

#[cfg(feature = "metrics")]
impl MetricSettings {
    pub(super) fn read(reading: &mut Reading<'_>) -> Self {
        Self {
            enabled: reading.get(&METRICS_EXPORTER),
            temporality: reading.get(&TEMPORALITY),
            interval: reading.get(&METRIC_INTERVAL),
        }
    }
}

/// What a data point counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Temporality {
    Cumulative,
    Delta,
    LowMemory,
}

/// Where events of `tracing` go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Events {
    Stdout,
    Otlp,
    Both,
}

impl Events {
    pub(super) fn read(reading: &mut Reading<'_>) -> Self {
        let wanted = reading.get(&EVENTS);
        if reading.get(&LOGS_EXPORTER) { wanted } else { Self::Stdout }
    }

    pub(crate) fn to_stdout(self) -> bool {
        self != Self::Otlp
    }

    pub(crate) fn to_otlp(self) -> bool {
        self != Self::Stdout
    }
}

/// How much one log record may hold.
#[cfg(feature = "logs")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct RecordLimits {
    /// The longest text of an attribute, in characters.
    pub(crate) value_length: Option<usize>,
    pub(crate) attributes: u32,
}

#[cfg(feature = "logs")]
impl RecordLimits {
    pub(super) fn read(reading: &mut Reading<'_>) -> Self {
        let value_length = reading.find(&RECORD_VALUE_LENGTH).or_else(|| reading.find(&VALUE_LENGTH));
        let attributes = reading.find(&RECORD_ATTRIBUTE_COUNT).or_else(|| reading.find(&ATTRIBUTE_COUNT));
        Self {
            value_length: value_length.map(|limit| limit as usize),
            attributes: attributes.unwrap_or(DEFAULT_COUNT),
        }
    }
}

fn exporter(text: &str) -> Result<bool, String> {
    match text {
        text if text.eq_ignore_ascii_case("otlp") => Ok(true),
        text if text.eq_ignore_ascii_case("none") => Ok(false),
        _ => Err("expected otlp or none: other exporters are not supported by this version".to_owned()),
    }
}

fn temporality(text: &str) -> Result<Temporality, String> {
    match text.to_ascii_lowercase().as_str() {
        "cumulative" => Ok(Temporality::Cumulative),
        "delta" => Ok(Temporality::Delta),
        "lowmemory" => Ok(Temporality::LowMemory),
        _ => Err("expected cumulative, delta or lowmemory".to_owned()),
    }
}

fn interval(text: &str) -> Result<Option<Duration>, String> {
    let millis: u64 = text.parse().map_err(|_| "expected milliseconds, such as 60000".to_owned())?;
    Ok((millis > 0).then(|| Duration::from_millis(millis)))
}

fn events(text: &str) -> Result<Events, String> {
    match text.to_ascii_lowercase().as_str() {
        "stdout" => Ok(Events::Stdout),
        "otlp" => Ok(Events::Otlp),
        "both" => Ok(Events::Both),
        _ => Err("expected stdout, otlp or both".to_owned()),
    }
}

/// The specification's default, *Attribute Limits*.
#[cfg(feature = "logs")]
const DEFAULT_COUNT: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn read<T>(vars: &[(&str, &str)], read: impl FnOnce(&mut Reading<'_>) -> T) -> (T, usize) {
        let vars: HashMap<&str, &str> = vars.iter().copied().collect();
        let mut reading = Reading::new(&vars);
        let value = read(&mut reading);
        (value, reading.into_problems().len())
    }

    #[test]
    fn the_standard_variable_switches_log_records_off_but_never_lines() {
        assert_eq!(read(&[], Events::read), (Events::Stdout, 0));
        for wanted in ["otlp", "both"] {
            let (events, problems) =
                read(&[("SPANLAYER_EVENTS", wanted), ("OTEL_LOGS_EXPORTER", "none")], Events::read);
            assert!(!events.to_otlp() && events.to_stdout() && problems == 0);
        }
        let (events, _) = read(&[("SPANLAYER_EVENTS", "BOTH")], Events::read);
        assert!(events.to_otlp() && events.to_stdout());
    }

    #[test]
    fn every_preference_of_the_specification_is_known() {
        for (text, expected) in [
            ("Cumulative", Temporality::Cumulative),
            ("DELTA", Temporality::Delta),
            ("LowMemory", Temporality::LowMemory),
        ] {
            assert_eq!(temporality(text), Ok(expected));
        }
        assert!(temporality("sometimes").is_err());
    }

    #[test]
    fn an_exporter_that_is_not_there_is_refused_by_name_and_the_default_holds() {
        let (events, problems) =
            read(&[("SPANLAYER_EVENTS", "otlp"), ("OTEL_LOGS_EXPORTER", "console")], Events::read);
        assert!(events.to_otlp());
        assert_eq!(problems, 1);
    }

    #[test]
    fn limits_of_records_go_before_those_of_anything() {
        let general =
            [("OTEL_ATTRIBUTE_COUNT_LIMIT", "9"), ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5")];
        let (limits, _) = read(&general, RecordLimits::read);
        assert_eq!((limits.attributes, limits.value_length), (9, Some(5)));
        assert_eq!(read(&[], RecordLimits::read).0.attributes, 128);
    }

    #[test]
    fn no_interval_is_one_collection_with_each_invocation() {
        assert_eq!(interval("0"), Ok(None));
        assert_eq!(interval("60000"), Ok(Some(Duration::from_secs(60))));
        assert!(interval("1m").is_err());
    }
}
