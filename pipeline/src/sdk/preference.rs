//! What a program's environment prefers of metrics (OpenTelemetry specification, *Metrics Exporter - OTLP*, "Additional
//! Environment Variable Configuration").

use std::sync::Once;

use opentelemetry_sdk::metrics::Temporality;
use spanlayer_host::vars::{Problem, Process, Reading, Var, Vars};

/// How metrics should be measured. [`Exporter::new`](super::Exporter::new) and
/// [`Wiring::service`](super::Wiring::service) begin with those of the process's environment.
///
/// | Variable | Values | Default |
/// |---|---|---|
/// | `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` | `cumulative`, `delta`, `lowmemory` | `cumulative` |
/// | `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION` | `explicit_bucket_histogram`, `base2_exponential_bucket_histogram` | `explicit_bucket_histogram` |
///
/// ```
/// use opentelemetry_sdk::metrics::Temporality;
/// use spanlayer_pipeline::sdk::Preferences;
/// use std::collections::HashMap;
///
/// let vars = HashMap::from([("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")]);
/// assert_eq!(Preferences::from_vars(&vars).temporality, Temporality::Delta);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Preferences {
    /// What metrics are measured against. See [`Exporter::with_temporality`](super::Exporter::with_temporality).
    pub temporality: Temporality,
    /// Whether the buckets of histograms fit themselves to what is measured. See
    /// [`exponential_histograms`](super::exponential_histograms), which is a view: an exporter by itself cannot ask for it.
    pub exponential_histograms: bool,
    /// Variables whose values are none of those, and which therefore do not count. Those of the process's own environment
    /// are told on standard error, a line for each, once.
    pub problems: Vec<Problem>,
}

impl Preferences {
    /// Those that these variables hold. What is faulty costs only itself.
    pub fn from_vars(vars: &dyn Vars) -> Self {
        let mut reading = Reading::new(vars);
        let (temporality, exponential_histograms) = (reading.get(&TEMPORALITY), reading.get(&AGGREGATION));
        Self { temporality, exponential_histograms, problems: reading.problems().to_vec() }
    }

    /// Those of the process's environment, whose faults nobody else would tell of.
    pub(super) fn of_process() -> Self {
        static TOLD: Once = Once::new();
        let read = Self::from_vars(&Process);
        TOLD.call_once(|| read.problems.iter().for_each(|problem| eprintln!("spanlayer: {problem}")));
        read
    }
}

const TEMPORALITY: Var<Temporality> = Var {
    name: "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    default: "cumulative",
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "cumulative" => Ok(Temporality::Cumulative),
        "delta" => Ok(Temporality::Delta),
        "lowmemory" => Ok(Temporality::LowMemory),
        _ => Err("expected cumulative, delta or lowmemory".to_owned()),
    },
    about: "what metrics are measured against",
};

const AGGREGATION: Var<bool> = Var {
    name: "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    default: "explicit_bucket_histogram",
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "explicit_bucket_histogram" => Ok(false),
        "base2_exponential_bucket_histogram" => Ok(true),
        _ => Err("expected explicit_bucket_histogram or base2_exponential_bucket_histogram".to_owned()),
    },
    about: "how histograms count",
};

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn of(temporality: &str, aggregation: &str) -> Preferences {
        Preferences::from_vars(&HashMap::from([
            (TEMPORALITY.name, temporality),
            (AGGREGATION.name, aggregation),
        ]))
    }

    #[test]
    fn both_variables_are_read_whatever_their_case() {
        for (text, temporality) in [
            ("", Temporality::Cumulative),
            ("Cumulative", Temporality::Cumulative),
            ("delta", Temporality::Delta),
            ("LowMemory", Temporality::LowMemory),
        ] {
            assert_eq!(of(text, "").temporality, temporality, "{text}");
        }
        assert!(!of("", "explicit_bucket_histogram").exponential_histograms);
        assert!(of("", "BASE2_exponential_bucket_histogram").exponential_histograms);
        assert_eq!(of("delta", "").problems, []);
    }

    #[test]
    fn what_is_faulty_is_named_and_does_not_count() {
        let read = of("sometimes", "round");
        assert_eq!((read.temporality, read.exponential_histograms), (Temporality::Cumulative, false));
        let names: Vec<&str> = read.problems.iter().map(|problem| problem.name.as_ref()).collect();
        assert_eq!(names, [TEMPORALITY.name, AGGREGATION.name]);
    }
}
