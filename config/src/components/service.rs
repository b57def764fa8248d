//! `service`: what is used, and how the extension tells of itself.

use crate::options::{Kind, Opt, ignored, opt};

/// `service::telemetry`.
pub(crate) const TELEMETRY: &[Opt] = &[
    opt("logs", Kind::Section(LOGS), "", "the extension's own log"),
    ignored(
        "metrics",
        Kind::Free,
        "the extension counts for itself, and says what was lost in its last line",
    ),
    ignored("traces", Kind::Free, "the extension makes no traces of itself"),
    ignored("resource", Kind::Free, "set `OTEL_RESOURCE_ATTRIBUTES`"),
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
