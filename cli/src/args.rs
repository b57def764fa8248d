//! The command line: what can be asked for, and the help that teaches it.

use clap::{Args, Parser, Subcommand};
use std::{path::PathBuf, time::Duration};

/// See what Spanlayer makes of a Lambda function, without AWS.
#[derive(Debug, Parser)]
#[command(name = "spanlayer-cli", version, arg_required_else_help = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the example functions and show their traces
    ///
    /// Starts Lambda's interfaces on loopback, the extension, the example functions `orders-api` and `orders-worker`,
    /// and a destination; sends an HTTP request, a batch of messages and a call that fails; prints each trace as a
    /// tree with the lines written in it, then what was measured and what it cost. Needs no account and no network.
    Demo(Demo),
    /// Run your own function and show its traces
    ///
    /// Does for any function binary what `demo` does for the examples: the function need not be written in Rust, only
    /// be executable and speak Lambda's Runtime API (a custom runtime's `bootstrap`).
    #[command(after_help = LOCAL_EXAMPLES)]
    Local(Local),
}

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// The extension; by default `spanlayer` beside this program
    #[arg(long, value_name = "BIN")]
    pub extension: Option<PathBuf>,
    /// Cold starts to measure with the layer, and as many without
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub repeat: u32,
    /// Show ids and every attribute
    #[arg(long, short)]
    pub verbose: bool,
}

/// Options of `local`.
#[derive(Debug, Args)]
pub struct Local {
    /// The function to run: an executable
    #[arg(long, value_name = "BIN")]
    pub function: PathBuf,
    /// A file with the JSON of an event; give it again for more events, sent in order. By default one HTTP request
    #[arg(long, value_name = "FILE")]
    pub event: Vec<PathBuf>,
    /// The extension; by default `spanlayer` beside this program
    #[arg(long, value_name = "BIN")]
    pub extension: Option<PathBuf>,
    /// A variable for function and extension; give it again for more
    #[arg(long, value_name = "K=V", value_parser = variable)]
    pub env: Vec<(String, String)>,
    /// How often to send the events
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: u32,
    /// The function's timeout, in seconds
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub timeout: Duration,
    /// Show ids and every attribute, and what function and extension print
    #[arg(long, short)]
    pub verbose: bool,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE, such as LOG_LEVEL=debug".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let wrong = || "expected seconds between 0.1 and 900, such as 3 or 0.5".to_owned();
    let number: f64 = text.parse().map_err(|_| wrong())?;
    // Lambda's own limit is 15 minutes.
    if (0.1..=900.0).contains(&number) { Ok(Duration::from_secs_f64(number)) } else { Err(wrong()) }
}

const EXAMPLES: &str = "\
Examples:
  spanlayer-cli demo
      See it work.

  spanlayer-cli local --function target/debug/my-function --event event.json
      See the trace of your own function for an event.

Exit status: 0 when all went well, 1 when something failed, 2 when the command line is wrong.
Colours are for terminals; NO_COLOR=1 turns them off.";

const LOCAL_EXAMPLES: &str = "\
Examples:
  spanlayer-cli local --function target/debug/my-function
      Send it an API Gateway HTTP request.

  spanlayer-cli local --function ./bootstrap --event order.json --event refund.json --repeat 50
      Send two events fifty times each, in turn.

  spanlayer-cli local --function ./bootstrap --env OTEL_TRACES_SAMPLER=always_off --timeout 3
      Try a setting. Variables reach function and extension, as they do on Lambda.

Exit status: 0 when every invocation succeeded, 1 when one failed, no span came or something was lost, 2 when the command
line is wrong or a file is not there.";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_variable_keeps_what_follows_its_first_equals_sign() {
        assert_eq!(variable("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(variable("A="), Ok(("A".to_owned(), String::new())));
        for wrong in ["A", "=b", ""] {
            assert!(variable(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_timeout_is_one_that_lambda_would_take() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["0", "-1", "901", "NaN", "inf", "3s", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
