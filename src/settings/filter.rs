//! Levels and log format: `RUST_LOG` and Lambda's own logging controls.

use tracing_subscriber::filter::{LevelFilter, Targets};

/// Which spans and events count.
#[derive(Clone, Debug)]
pub(crate) struct Levels {
    /// For spans, and for events as far as `logs` says nothing.
    pub(crate) spans: Targets,
    /// For log lines only: Lambda's own setting, which is about logs and hides no span.
    pub(crate) logs: Option<LevelFilter>,
}

impl Levels {
    /// Which events become log lines.
    pub(crate) fn logs(&self) -> Targets {
        self.logs.map_or_else(|| self.spans.clone(), |level| Targets::new().with_default(level))
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Parses directives such as `info` or `warn,my_crate=debug`. What only `EnvFilter` knows, filters on a span's name or
/// fields, is refused: it would bring a regular expression engine into every function.
pub(super) fn directives(text: &str) -> Result<Targets, String> {
    text.parse().map_err(|_| "expected levels by target, such as info or warn,my_crate=debug".to_owned())
}

pub(super) fn level(text: &str) -> Result<LevelFilter, String> {
    // Lambda's levels are tracing's, and FATAL.
    if text.eq_ignore_ascii_case("fatal") {
        return Ok(LevelFilter::ERROR);
    }
    text.parse().map_err(|_| "expected TRACE, DEBUG, INFO, WARN, ERROR or FATAL".to_owned())
}

pub(super) fn format(text: &str) -> Result<LogFormat, String> {
    match text {
        text if text.eq_ignore_ascii_case("text") => Ok(LogFormat::Text),
        text if text.eq_ignore_ascii_case("json") => Ok(LogFormat::Json),
        _ => Err("expected Text or JSON".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing_subscriber::filter::LevelFilter;

    #[test]
    fn lambdas_log_level_hides_lines_but_no_spans() {
        let levels = Levels {
            spans: directives("info").expect("a level"),
            logs: Some(level("FATAL").expect("a level")),
        };
        assert!(levels.spans.would_enable("orders", &tracing::Level::INFO));
        assert!(!levels.logs().would_enable("orders", &tracing::Level::INFO));
        assert!(levels.logs().would_enable("orders", &tracing::Level::ERROR));
        assert_eq!(level("debug"), Ok(LevelFilter::DEBUG));
    }

    #[test]
    fn filters_on_span_fields_are_refused() {
        assert!(directives("[request{id=7}]=trace").is_err());
    }
}
