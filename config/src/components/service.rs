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
        "readers",
        Kind::Sections(READER),
        "",
        "beside Lambda, who reads them: of those that pull, the first counts; in a function they go where other metrics go",
    ),
    opt("address", Kind::Listen, "", "the same, as it was written before there were readers"),
    opt(
        "level",
        Kind::Choice(&["none", "basic", "normal", "detailed"]),
        "",
        "in a function, `none` sends none, any other all of them; `SPANLAYER_OWN_METRICS` counts first",
    ),
    ignored("views", Kind::Free, "metrics are as they are"),
];

const READER: &[Opt] = &[
    opt("pull", Kind::Section(PULL), "", "a reader that asks"),
    ignored("periodic", Kind::Free, "metrics wait until they are asked for"),
];

const PULL: &[Opt] = &[opt("exporter", Kind::Section(PULLED), "", "how it asks")];

const PULLED: &[Opt] =
    &[opt("prometheus", Kind::Section(PROMETHEUS), "", "`GET /metrics`, as Prometheus does")];

const PROMETHEUS: &[Opt] = &[
    opt("host", Kind::Text, "localhost", "where to listen: an address of this machine's"),
    opt("port", Kind::Whole(0, 65535), "8888", "where to listen"),
    ignored("without_type_suffix", Kind::Bool, "names are as they are"),
    ignored("without_units", Kind::Bool, "names are as they are"),
    ignored("without_scope_info", Kind::Bool, "names are as they are"),
    ignored("with_resource_constant_labels", Kind::Free, "names are as they are"),
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
