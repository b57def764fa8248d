//! `service`: what is used, and how the extension tells of itself.

use crate::options::{Kind, Opt, ignored, opt};

/// `service::telemetry`.
pub(crate) const TELEMETRY: &[Opt] = &[
    opt("logs", Kind::Section(LOGS), "", "the extension's own log"),
    opt("metrics", Kind::Section(METRICS), "", "what the extension counts for itself, as metrics"),
    ignored("traces", Kind::Free, "the extension makes no traces of itself"),
    ignored("resource", Kind::Free, "set `OTEL_RESOURCE_ATTRIBUTES`"),
];

const METRICS: &[Opt] = &[
    opt(
        "level",
        Kind::Choice(&["none", "basic", "normal", "detailed"]),
        "",
        "`none` sends none, any other all of them; `SPANLAYER_OWN_METRICS` counts first",
    ),
    ignored("address", Kind::Text, "nobody scrapes a function: they go where other metrics go"),
    ignored("readers", Kind::Free, "they go where other metrics go"),
    ignored("views", Kind::Free, "they are as they are"),
];

const LOGS: &[Opt] = &[
    opt(
        "level",
        Kind::Choice(&["debug", "info", "warn", "error", "DEBUG", "INFO", "WARN", "ERROR"]),
        "",
        "how much it says; `SPANLAYER_LOG` counts first",
    ),
    ignored("encoding", Kind::Text, "lines are JSON"),
    ignored("development", Kind::Bool, "there is no such mode"),
    ignored("sampling", Kind::Free, "every line is written"),
    ignored("output_paths", Kind::Texts, "lines go to standard error"),
    ignored("error_output_paths", Kind::Texts, "lines go to standard error"),
    ignored("initial_fields", Kind::Free, "lines are as they are"),
    ignored("disable_caller", Kind::Bool, "lines are as they are"),
    ignored("disable_stacktrace", Kind::Bool, "lines are as they are"),
    ignored("processors", Kind::Free, "the extension's own log goes to CloudWatch"),
];
