//! The command line: what can be asked for, and the help that teaches it.

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::{HeaderName, HeaderValue};
use spanlayer_pipeline::Signal;
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
    /// Deliver dead letters
    ///
    /// What a destination refused for good, or what could not be delivered by the end of an environment, was kept as dead
    /// letters (SPANLAYER_DEAD_LETTERS): lines on standard output, and so in CloudWatch Logs, in a file, or in objects of S3.
    /// This finds them in files, directories, buckets, standard input, and in what `aws logs filter-log-events` prints;
    /// puts those together that take several lines; and sends each once, under the key of its first attempt. What was
    /// acknowledged is noted at once and then taken out of its file, or its object is deleted; an interrupted run is
    /// resumed by running it again.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(Replay),
    /// Find mistakes in a pipeline file before it is deployed
    ///
    /// Says everything that is wrong or unwise, each with its line, the reason and what to do. Knows exactly what the
    /// extension knows. Variables that are not set here are not known: what they stand for is not checked, and they are
    /// listed at the end.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Show what a pipeline file asks for
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(Explain),
    /// Show in what two pipeline files differ
    ///
    /// Compares what counts: components, pipelines and every setting, defaults included. Order, comments, anchors and defaults that
    /// are spelt out make no difference, nor does what is faulty and so not run, or not used. Secrets and headers are never shown, nor
    /// compared, nor part of the hash: whether they are there is.
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(Diff),
    /// Show what telemetry cost, and what compression, filters and sampling saved
    ///
    /// When an environment ends, the extension's last line says what came in, what was left out, and what each destination was
    /// sent. This finds such lines in files, directories, buckets, standard input, and in what `aws logs filter-log-events`
    /// prints, and adds them up by service and destination. An environment that was killed has no such line, and is not
    /// in the sums; nor is one that still runs.
    ///
    /// Bytes and items are counts. What was left out was never encoded for a destination: what it would have cost is estimated from
    /// what was kept of the same signal.
    #[command(after_help = COST_EXAMPLES)]
    Cost(Cost),
    /// Print the JSON schema of pipeline files, for editors
    Schema,
}

/// Options of `replay`.
#[derive(Debug, Args)]
pub struct Replay {
    /// Files, directories of files, or `s3://BUCKET/PREFIX`; `-` is standard input
    #[arg(required = true)]
    pub source: Vec<PathBuf>,
    /// Where to send them: the base of an OTLP/HTTP endpoint. Without it they are listed
    #[arg(long, value_name = "ENDPOINT")]
    pub to: Option<String>,
    /// A header for every request; give it again for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = header)]
    pub header: Vec<(HeaderName, HeaderValue)>,
    /// Only list what would be sent
    #[arg(long, short = 'n')]
    pub dry_run: bool,
    /// Only those that were for the destination of this name, or whose name has this in it; `*` sends all to one
    #[arg(long, value_name = "TEXT")]
    pub destination: Option<String>,
    /// Only those written since so long ago, such as 90m, 12h or 7d
    #[arg(long, value_name = "AGO", value_parser = ago)]
    pub since: Option<Duration>,
    /// Only this signal
    #[arg(long, value_enum)]
    pub signal: Option<SignalName>,
    /// Where to note what was delivered; by default beside the first source
    #[arg(long, value_name = "FILE")]
    pub journal: Option<PathBuf>,
}

/// A signal, on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SignalName {
    /// Spans.
    Traces,
    /// Data points.
    Metrics,
    /// Log records.
    Logs,
}

impl From<SignalName> for Signal {
    fn from(name: SignalName) -> Self {
        match name {
            SignalName::Traces => Self::Traces,
            SignalName::Metrics => Self::Metrics,
            SignalName::Logs => Self::Logs,
        }
    }
}

fn header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let wrong = || "expected name=value, such as authorization='Bearer …'".to_owned();
    let (name, value) = text.split_once('=').ok_or_else(wrong)?;
    let name = name.trim().parse().map_err(|_| wrong())?;
    let mut value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn ago(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time such as 90m, 12h or 7d".to_owned();
    let (number, unit) = text.split_at(text.len() - text.chars().next_back().map_or(0, char::len_utf8));
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(number.checked_mul(seconds).ok_or_else(wrong)?))
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The file; `-` for standard input
    pub file: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// Fail also when something is merely unwise
    #[arg(long)]
    pub strict: bool,
    /// A variable that the file refers to; give it again for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
}

/// Options of `explain`.
#[derive(Debug, Args)]
pub struct Explain {
    /// The file; `-` for standard input
    pub file: PathBuf,
    /// A variable that the file refers to; give it again for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
}

/// Options of `diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The one file; `-` for standard input
    pub old: PathBuf,
    /// The other file; `-` for standard input
    pub new: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
    /// A variable that the files refer to; give it again for more
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
    pub env: Vec<(String, String)>,
}

/// Options of `cost`.
#[derive(Debug, Args)]
pub struct Cost {
    /// Files, directories of files, or `s3://BUCKET/PREFIX`; `-` is standard input
    #[arg(required = true)]
    pub source: Vec<PathBuf>,
    /// What 10^9 bytes cost that are sent, after compression
    #[arg(long, value_name = "PRICE", value_parser = price)]
    pub price_per_gb: Option<f64>,
    /// What a million spans cost that are delivered
    #[arg(long, value_name = "PRICE", value_parser = price)]
    pub price_per_million_spans: Option<f64>,
    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,
}

fn price(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| "expected a number such as 0.09 or 2".to_owned())
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
    #[arg(long, value_name = "NAME=VALUE", value_parser = variable)]
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

  spanlayer-cli check spanlayer.yaml
      Find mistakes in a pipeline file.

  spanlayer-cli cost ends.json
      See what was sent where, and what compression, filters and sampling saved.

Exit status: 0 when all went well, 1 when something failed, 2 when the command line is wrong.
Colours are for terminals; NO_COLOR=1 turns them off.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  aws logs filter-log-events --log-group-name /aws/lambda/orders --filter-pattern deadLetter > letters.json
  spanlayer-cli replay letters.json
      See what was not delivered, and why.

  spanlayer-cli replay letters.json --to https://otlp.example.com --header authorization='Bearer …' --since 12h
      Deliver it.

  spanlayer-cli replay /var/spanlayer/letters --to http://127.0.0.1:4318 --signal traces
      The same from files, whose delivered lines go.

  spanlayer-cli replay s3://telemetry-letters/prod/ --to https://otlp.example.com
      The same from S3, whose delivered objects go. Credentials and region come from AWS_ACCESS_KEY_ID,
      AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN and AWS_REGION; of a profile, they are printed by
      `aws configure export-credentials --format env`.

An endpoint that knows the Idempotency-Key of a batch takes it once, even if its first attempt had arrived after all.

Exit status: 0 when all that was chosen was listed or delivered, 1 when some was not, 2 when the command line is wrong or a
file cannot be read.";

const CHECK_EXAMPLES: &str = "\
Examples:
  spanlayer-cli check spanlayer.yaml
      In a build: fails when something is wrong.

  spanlayer-cli check spanlayer.yaml --strict --env VENDOR_KEY=x --json
      Fails on warnings too, knows a variable, prints JSON.

Exit status: 0 when nothing is wrong, 1 when something is, 2 when the command line is wrong or the file cannot be read.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  spanlayer-cli explain spanlayer.yaml
      The pipelines as a picture, what each part does, every setting that counts.

  spanlayer-cli explain spanlayer.yaml --env STAGE=prod
      The same, with a variable that the file refers to.

Exit status: 0 when the file can be run, 1 when nothing in it can, 2 when the command line is wrong or the file cannot be
read.";

const DIFF_EXAMPLES: &str = "\
Examples:
  spanlayer-cli diff deployed.yaml spanlayer.yaml
      What a deployment would change.

  git show main:spanlayer.yaml | spanlayer-cli diff - spanlayer.yaml --json
      What a branch changes, for a program.

The hashes are those that the extension logs, and has in its last line (`config`).

Exit status: 0 when both ask for the same, 1 when they differ, 2 when the command line is wrong, or a file cannot be read or
nothing in it can be run.";

const COST_EXAMPLES: &str = "\
Examples:
  aws logs filter-log-events --log-group-name /aws/lambda/orders --filter-pattern '\"shut down\"' > ends.json
  spanlayer-cli cost ends.json
      What was sent where, and what was saved. More files, and so more functions, make one report.

  spanlayer-cli cost ends.json --price-per-gb 0.09 --price-per-million-spans 2
      The same in money: of bytes sent, and of spans delivered.

  spanlayer-cli cost ends/ --json
      For a program.

Exit status: 0 when there were figures, 1 when there were none, 2 when the command line is wrong or a file cannot be read.";

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
