//! What the extension itself tells of invocations: which of their logs, which metrics, which spans.

use crate::ledger::{Severity, Temporality};
use spanlayer_config::Plan;
use spanlayer_host::vars::{Reading, Var, Vars};
use spanlayer_pipeline::{Destination, Signal};

/// `SPANLAYER_LOGS`. On, as every SDK and most extensions have it: whoever names a destination for logs wants them, and
/// a trace without the lines that were written in it is half of the truth. The level keeps the volume down.
pub(super) const LOGS: Var<bool> = Var {
    name: "SPANLAYER_LOGS",
    default: "on",
    parse: switch,
    about: "`on` sends what function and extensions print as log records, where there is a destination for logs; \
            `off` leaves it to CloudWatch alone",
};

/// `SPANLAYER_LOGS_LEVEL`.
pub(super) const LOGS_LEVEL: Var<Severity> = Var {
    name: "SPANLAYER_LOGS_LEVEL",
    default: "info",
    parse: level,
    about: "the least severe lines that are sent: `trace`, `debug`, `info`, `warn`, `error` or `fatal`; lines that name \
            no level are sent always",
};

/// `SPANLAYER_METRICS`.
pub(super) const METRICS: Var<bool> = Var {
    name: "SPANLAYER_METRICS",
    default: "on",
    parse: switch,
    about: "`on` counts and measures invocations (`faas.*`, `aws.lambda.*`), where there is a destination for metrics",
};

/// `SPANLAYER_OWN_METRICS`. Off: every environment would add its data points to those that a vendor bills.
pub(super) const OWN_METRICS: Var<bool> = Var {
    name: "SPANLAYER_OWN_METRICS",
    default: "off",
    parse: switch,
    about: "`on` sends the extension's own metrics too (`otel.sdk.*`, `spanlayer.*`), where there is a destination for \
            metrics: what it received, sent, holds and dropped, and how destinations answered",
};

/// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`.
pub(super) const TEMPORALITY: Var<Temporality> = Var {
    name: "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    default: "delta",
    parse: temporality,
    about: "`delta`, `cumulative` or `lowmemory`: whether counters and histograms say what came since the last time, or \
            since the environment's start",
};

/// `SPANLAYER_INVOCATION_SPANS`.
pub(super) const INVOCATION_SPANS: Var<bool> = Var {
    name: "SPANLAYER_INVOCATION_SPANS",
    default: "auto",
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "auto" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected auto or off".to_owned()),
    },
    about: "`auto` makes the span of each invocation of a function that makes none itself; `off` does so only for \
            wrapped functions that died",
};

/// What is told of invocations, given where it could go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Functions that make no invocation spans get them.
    pub complete: bool,
    /// Lambda's own segments get spans, where those of invocations name them as their parents.
    pub fill_segments: bool,
    /// Lines from this level on; `None` for no lines.
    pub logs: Option<Severity>,
    /// Whose lines.
    pub lines: Lines,
    /// What metrics cover; `None` for no metrics.
    pub metrics: Option<Temporality>,
    /// The same of the extension's own.
    pub own_metrics: Option<Temporality>,
}

/// Whose lines are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lines {
    /// The function's.
    pub function: bool,
    /// Extensions'.
    pub extension: bool,
}

impl View {
    /// Restricts it to what a file's `telemetryapi` asks for, where no variable asks for it.
    pub(super) fn follow(&mut self, vars: &dyn Vars, plan: &Plan) {
        let platform = plan.receivers.platform.clone().unwrap_or_default();
        let asked = |name: &str| vars.get(name).is_some();
        self.lines = Lines { function: platform.function, extension: platform.extension };
        if asked(LOGS.name) {
            self.lines = Lines { function: true, extension: true };
        } else if !platform.function && !platform.extension {
            self.logs = None;
        }
        if !platform.events && !asked(METRICS.name) {
            self.metrics = None;
        }
        if !platform.events && !asked(INVOCATION_SPANS.name) {
            (self.complete, self.fill_segments) = (false, false);
        }
        if let (false, Some(cumulative)) = (asked(TEMPORALITY.name), platform.cumulative) {
            let asked_for = if cumulative { Temporality::Cumulative } else { Temporality::Delta };
            for temporality in [&mut self.metrics, &mut self.own_metrics].into_iter().flatten() {
                *temporality = asked_for;
            }
        }
    }

    /// What variables ask for, and in their place what a file does.
    pub(super) fn read(reading: &mut Reading<'_>, destinations: &[Destination], plan: Option<&Plan>) -> Self {
        let complete = reading.get(&INVOCATION_SPANS);
        let (logs, level) = (reading.get(&LOGS), reading.get(&LOGS_LEVEL));
        let (metrics, temporality) = (reading.get(&METRICS), reading.get(&TEMPORALITY));
        let own = reading.find(&OWN_METRICS).or(plan.and_then(|plan| plan.own_metrics)).unwrap_or_default();
        let serves = |signal| destinations.iter().any(move |one| one.signals.contains(&signal));
        // X-Ray has the segments already, and nobody else does.
        let xray = |one: &Destination| one.name.contains("://xray.") && one.name.contains(".amazonaws.com");
        let traces = || destinations.iter().filter(|one| one.signals.contains(&Signal::Traces));
        Self {
            complete: complete && serves(Signal::Traces),
            fill_segments: traces().any(|one| !xray(one)),
            logs: Some(level).filter(|_| logs && serves(Signal::Logs)),
            lines: Lines { function: true, extension: true },
            metrics: Some(temporality).filter(|_| metrics && serves(Signal::Metrics)),
            own_metrics: Some(temporality).filter(|_| own && serves(Signal::Metrics)),
        }
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        _ => Err("expected on or off".to_owned()),
    }
}

fn level(text: &str) -> Result<Severity, String> {
    let wrong = || "expected trace, debug, info, warn, error or fatal".to_owned();
    Severity::parse(text).ok_or_else(wrong)
}

fn temporality(text: &str) -> Result<Temporality, String> {
    match text.to_ascii_lowercase().as_str() {
        // What is counted here is counted at once, and that is delta in either.
        "delta" | "lowmemory" => Ok(Temporality::Delta),
        "cumulative" => Ok(Temporality::Cumulative),
        _ => Err("expected delta, cumulative or lowmemory".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        config::{Config, View},
        ledger::{Severity, Temporality},
    };
    use std::collections::HashMap;

    fn view(vars: &[(&str, &str)]) -> View {
        let (config, problems) = Config::from_vars(&vars.iter().copied().collect::<HashMap<_, _>>());
        assert_eq!(problems, []);
        config.view
    }

    const EVERYTHING: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");

    #[test]
    fn a_signal_that_nobody_takes_is_not_collected() {
        let everything = view(&[EVERYTHING]);
        assert_eq!((everything.logs, everything.metrics), (Some(Severity::INFO), Some(Temporality::Delta)));
        let traces = view(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/v1/traces")]);
        assert_eq!((traces.complete, traces.logs, traces.metrics), (true, None, None));
        let nowhere = view(&[]);
        assert_eq!((nowhere.complete, nowhere.logs, nowhere.metrics), (true, None, None));
        let logs = view(&[("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://127.0.0.1:9/v1/logs")]);
        assert_eq!((logs.complete, logs.fill_segments, logs.logs), (false, false, Some(Severity::INFO)));
    }

    #[test]
    fn each_of_it_can_be_switched_off_and_changed() {
        let off = view(&[
            EVERYTHING,
            ("SPANLAYER_LOGS", "off"),
            ("SPANLAYER_METRICS", "OFF"),
            ("SPANLAYER_INVOCATION_SPANS", "off"),
        ]);
        assert_eq!((off.complete, off.logs, off.metrics), (false, None, None));
        let changed = view(&[
            EVERYTHING,
            ("SPANLAYER_LOGS_LEVEL", "warning"),
            ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Cumulative"),
        ]);
        assert_eq!((changed.logs, changed.metrics), (Some(Severity::WARN), Some(Temporality::Cumulative)));
    }

    #[test]
    fn the_extensions_own_metrics_are_sent_where_somebody_asks_for_them_and_takes_them() {
        assert_eq!(view(&[EVERYTHING]).own_metrics, None);
        let on = ("SPANLAYER_OWN_METRICS", "on");
        assert_eq!(view(&[EVERYTHING, on]).own_metrics, Some(Temporality::Delta));
        assert_eq!(view(&[on]).own_metrics, None, "there is no destination for metrics");
        let cumulative = ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "cumulative");
        assert_eq!(view(&[EVERYTHING, on, cumulative]).own_metrics, Some(Temporality::Cumulative));

        let file = |level: &str| {
            format!(
                "receivers: {{otlp: {{protocols: {{http: }}}}}}\nexporters: {{otlphttp: {{endpoint: http://127.0.0.1:9}}}}\nservice:\n  \
                 pipelines: {{metrics: {{receivers: [otlp], exporters: [otlphttp]}}}}\n  \
                 telemetry: {{metrics: {{level: {level}}}}}\n"
            )
        };
        let by_file = |level: &str, vars: &[(&str, &str)]| {
            let vars: HashMap<_, _> = vars.iter().copied().collect();
            let (config, problems, is_run) = Config::with_file(&vars, "f", Some(&file(level)));
            assert!(is_run && problems.is_empty(), "{problems:?}");
            config.view.own_metrics.is_some()
        };
        assert!(by_file("basic", &[]) && by_file("detailed", &[]) && !by_file("none", &[]));
        assert!(by_file("none", &[on]) && !by_file("normal", &[("SPANLAYER_OWN_METRICS", "off")]));
    }

    #[test]
    fn segments_are_filled_in_wherever_x_ray_is_not_the_destination() {
        assert!(view(&[EVERYTHING]).fill_segments);
        let xray = "https://xray.eu-west-1.amazonaws.com/v1/traces";
        assert!(!view(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", xray)]).fill_segments);
    }
}
