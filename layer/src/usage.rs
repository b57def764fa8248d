//! What somebody asks who starts the program by hand. Lambda asks for nothing, and in there no argument is looked at.

use std::fmt;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// Serve, with the pipeline file that is named, if one is.
    Run {
        /// As `SPANLAYER_CONFIG` has it.
        config: Option<String>,
    },
    /// Say this.
    Say(String),
    /// Refuse, with this.
    Refuse(String),
}

/// Reads the arguments after the program's name.
pub fn read(arguments: impl IntoIterator<Item = String>) -> Asked {
    let mut arguments = arguments.into_iter();
    let Some(first) = arguments.next() else { return Asked::Refuse(USAGE.to_owned()) };
    match first.as_str() {
        "--help" | "-h" | "help" => Asked::Say(USAGE.to_owned()),
        "--version" | "-V" => Asked::Say(format!("spanlayer {}", env!("CARGO_PKG_VERSION"))),
        "run" => run(arguments),
        "check" | "explain" | "diff" | "schema" => {
            wrong(format_args!("`{first}` is spanlayer-cli's: spanlayer-cli {first} --help"))
        }
        _ => wrong(format_args!("`{first}` is not known")),
    }
}

fn run(mut arguments: impl Iterator<Item = String>) -> Asked {
    let mut config = None;
    while let Some(argument) = arguments.next() {
        let value = match argument.as_str() {
            "--help" | "-h" => return Asked::Say(RUN.to_owned()),
            "--config" => arguments.next(),
            other => match other.strip_prefix("--config=") {
                Some(value) => Some(value.to_owned()),
                None => return wrong(format_args!("`{other}` is no option of `run`")),
            },
        };
        let Some(value) = value.filter(|value| !value.is_empty()) else {
            return wrong(format_args!("`--config` needs a file, such as --config spanlayer.yaml"));
        };
        if config.replace(value).is_some() {
            return wrong(format_args!("there is one `--config`, and so one file"));
        }
    }
    Asked::Run { config }
}

fn wrong(what: fmt::Arguments<'_>) -> Asked {
    Asked::Refuse(format!("spanlayer: {what}\nspanlayer --help says what there is"))
}

/// What this is, and how it is used.
const USAGE: &str = concat!(
    "spanlayer ",
    env!("CARGO_PKG_VERSION"),
    " - takes OpenTelemetry data, and delivers it

In a Lambda function it is started by Lambda, from /opt/extensions, where a
layer or a container image puts it. Elsewhere it is started by you:

  spanlayer run [--config FILE]    serve, as an agent, sidecar or gateway

  Attach it   add the layer to a function, or copy this file to
              /opt/extensions/spanlayer in a container image
  Set it up   OTEL_EXPORTER_OTLP_ENDPOINT=https://your.backend:4318
  Send to it  spans, metrics and logs as OTLP, to 127.0.0.1:4318 (HTTP) or
              127.0.0.1:4317 (gRPC)
  Check it    spanlayer-cli check FILE, before FILE is deployed
  Try it      spanlayer-cli demo, a function on this machine

Options: --help (also of run), --version"
);

const RUN: &str = "spanlayer run [--config FILE] - serve outside Lambda

Takes OTLP in, does what the pipeline file asks for, and delivers in batches:
every 5 seconds, or 512 items. The same file works in a Lambda function.

  --config FILE   a pipeline file, in the OpenTelemetry Collector's own
                  vocabulary: a path, env:VARIABLE, yaml:TEXT, s3://BUCKET/KEY
                  or https://HOST/PATH. Without it: SPANLAYER_CONFIG, and what
                  counts after that; else the variables' destination

  SPANLAYER_OTLP_HTTP=127.0.0.1:4318, SPANLAYER_OTLP_GRPC=127.0.0.1:4317
                  where OTLP is taken; off for none. Full: 429, Retry-After
  SPANLAYER_HEALTH=127.0.0.1:13133
                  / says 200 while data is taken and 503 otherwise; /metrics
                  has what became of it, for Prometheus
  SPANLAYER_STATE_DIR=/tmp/spanlayer
                  what was taken is kept here until it is delivered
  SPANLAYER_SHUTDOWN_TIMEOUT=10s
                  SIGTERM or SIGINT: everything goes out in this time, or to
                  SPANLAYER_DEAD_LETTERS; a second signal ends it at once

  OTEL_EXPORTER_OTLP_ENDPOINT=https://your.backend:4318 spanlayer run
  spanlayer run --config /etc/spanlayer.yaml

Exit status: 0 after an end in order, 1 when a port cannot be had or something
was lost at the end, 2 when the command line or a setting is wrong.";

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> Asked {
        read(line.split_whitespace().map(str::to_owned))
    }

    fn config(line: &str) -> Option<String> {
        match asked(line) {
            Asked::Run { config } => config,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn says_what_it_is_and_answers_the_usual_questions() {
        assert_eq!(asked(""), Asked::Refuse(USAGE.to_owned()));
        assert_eq!(asked("--help"), Asked::Say(USAGE.to_owned()));
        assert_eq!(asked("run -h"), Asked::Say(RUN.to_owned()));
        assert_eq!(asked("--version"), Asked::Say(format!("spanlayer {}", env!("CARGO_PKG_VERSION"))));
        let lines = || USAGE.lines().chain(RUN.lines());
        assert!(lines().all(|line| line.len() <= 80), "{:?}", lines().find(|line| line.len() > 80));
    }

    #[test]
    fn a_file_is_named_once_and_in_either_form() {
        assert_eq!(config("run"), None);
        assert_eq!(config("run --config a.yaml").as_deref(), Some("a.yaml"));
        assert_eq!(config("run --config=yaml:a=b").as_deref(), Some("yaml:a=b"));
        for wrong in [
            "run --config",
            "run --config=",
            "run a.yaml",
            "run --config a --config b",
            "serve",
            "check a.yaml",
        ] {
            let Asked::Refuse(told) = asked(wrong) else { panic!("{wrong}") };
            assert!(told.contains("spanlayer --help"), "{told}");
        }
        assert!(matches!(asked("check a.yaml"), Asked::Refuse(told) if told.contains("spanlayer-cli check")));
    }

    /// The help has the defaults that count.
    #[test]
    fn the_help_names_settings_with_their_defaults() {
        use crate::config::{CONFIG, HEALTH, OTLP_GRPC, OTLP_HTTP, SHUTDOWN_TIMEOUT};
        let rows = [
            OTLP_HTTP.row(),
            OTLP_GRPC.row(),
            HEALTH.row(),
            SHUTDOWN_TIMEOUT.row(),
            spanlayer_link::STATE_DIR.row(),
        ];
        for row in rows {
            assert!(RUN.contains(&format!("{}={}", row.name, row.default)), "{}", row.name);
        }
        assert!(RUN.contains(CONFIG.name));
    }
}
