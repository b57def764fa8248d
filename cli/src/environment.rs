//! A function with its extension on an emulated Lambda, and the destination that its telemetry goes to.

use crate::{failure::Failure, screen::Screen};
use serde_json::Value;
use spanlayer_emulator::{Builder, Destination, Emulator, Exit, Invocation, Line, Mode, Reason, Source};
use std::{path::PathBuf, time::Duration};

/// What to run, and how.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The function's name.
    pub name: String,
    /// The function's executable.
    pub function: PathBuf,
    /// The extension's executable; `None` for a function without the layer.
    pub extension: Option<PathBuf>,
    /// Variables for both.
    pub env: Vec<(String, String)>,
    /// The function's timeout.
    pub timeout: Duration,
    /// Show what both print.
    pub echo: bool,
}

/// One event to send.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is, for headings.
    pub title: String,
    /// The payload.
    pub event: Vec<u8>,
}

/// What became of a [`Request`].
#[derive(Debug)]
pub struct Invoked {
    /// Its title.
    pub title: String,
    /// How it went.
    pub invocation: Invocation,
}

/// What happened in one environment, from its start to its end.
#[derive(Debug)]
pub struct Run {
    /// What was sent, in order.
    pub invoked: Vec<Invoked>,
    /// From the first exec until everything was ready.
    pub init: Duration,
    /// What ended otherwise than it should: "the extension … ended by exit status 1".
    pub crashes: Vec<String>,
    /// What the extension warned of, and what it lost.
    pub warnings: Vec<Warning>,
    /// What was to go nowhere.
    pub left_out: LeftOut,
}

/// What the extension's last line says of data that was to go nowhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeftOut {
    /// Spans that a processor left out.
    pub filtered: u64,
    /// Spans that sampling left out.
    pub sampled_out: u64,
    /// What no route and no tenant took.
    pub unrouted: u64,
}

impl LeftOut {
    /// Takes a line for the last one; `None` for all others.
    fn of(line: &Line) -> Option<Self> {
        let json = logged(line)?;
        let spans = json.get("signals")?.get("traces");
        let count = |from: Option<&Value>, name| from?.get(name)?.as_u64();
        Some(Self {
            filtered: count(spans, "filtered").unwrap_or(0),
            sampled_out: count(spans, "sampledOut").unwrap_or(0),
            unrouted: count(Some(&json), "unrouted").unwrap_or(0),
        })
    }
}

/// A line of the extension's log at `WARN` or `ERROR`.
#[derive(Debug)]
pub struct Warning {
    /// Whether something was lost: `ERROR`.
    pub lost: bool,
    /// The line.
    pub line: String,
}

impl Warning {
    /// Takes a line for what it is; `None` for all others.
    fn of(line: &Line) -> Option<Self> {
        let json = logged(line)?;
        let lost = match (json["source"].as_str()?, json["level"].as_str()?) {
            ("spanlayer", "WARN") => false,
            ("spanlayer", "ERROR") => true,
            _ => return None,
        };
        Some(Self { lost, line: line.to_string() })
    }
}

/// What a line of the extension's log says; `None` for what is none.
fn logged(line: &Line) -> Option<Value> {
    let Source::Extension(_) = line.source else { return None };
    serde_json::from_str(&line.text).ok()
}

/// A destination that takes everything.
///
/// # Errors
///
/// When no port on loopback can be had.
pub async fn destination() -> Result<Destination, Failure> {
    Destination::start(Mode::Healthy)
        .await
        .map_err(|error| Failure::run(format!("cannot listen on 127.0.0.1 for telemetry: {error}")))
}

impl Environment {
    /// Starts the environment; telemetry goes to `destination`.
    ///
    /// # Errors
    ///
    /// When function or extension cannot be started or end before they are ready; with what they printed.
    pub async fn start(&self, destination: Option<&Destination>) -> Result<Emulator, Failure> {
        let mut builder =
            Emulator::builder().function(&self.function).function_name(&self.name).timeout(self.timeout);
        if let Some(extension) = &self.extension {
            builder = builder.extension(extension);
        }
        if let Some(destination) = destination {
            // Not OTEL_…: an SDK in the function shall find the extension, not go past it.
            builder = builder.env("SPANLAYER_EXPORTER_OTLP_ENDPOINT", destination.url());
        }
        builder = self.env.iter().fold(builder, |builder: Builder, (key, value)| builder.env(key, value));
        if self.echo {
            builder = builder.on_line(|line| eprintln!("{line}"));
        }
        builder.start().await.map_err(|error| self.did_not_start(&error.to_string()))
    }

    fn did_not_start(&self, why: &str) -> Failure {
        Failure::run(format!("{} did not come up: {why}", self.name)).hint(format!(
            "Its output is above, if there was any. A function must ask the Runtime API at\n\
             $AWS_LAMBDA_RUNTIME_API for events, as lambda_runtime::run does, and must be built for this machine:\n  \
             file {}",
            self.function.display()
        ))
    }

    /// Starts the environment, sends every request, and shuts it down, which delivers what is left.
    ///
    /// # Errors
    ///
    /// When it does not come up. What fails afterwards is in the answer.
    pub async fn run(
        &self,
        requests: &[Request],
        destination: Option<&Destination>,
        screen: &Screen,
    ) -> Result<Run, Failure> {
        screen.progress(&format!("starting {}", self.name));
        let lambda = self.start(destination).await?;
        let init = lambda.init().duration;
        let mut invoked = Vec::with_capacity(requests.len());
        for (nth, request) in requests.iter().enumerate() {
            if nth % 10 == 0 {
                screen.progress(&format!("{}: event {} of {}", self.name, nth + 1, requests.len()));
            }
            let invocation = lambda.invoke(request.event.clone()).await;
            invoked.push(Invoked { title: request.title.clone(), invocation });
        }
        screen.progress(&format!("shutting {} down", self.name));
        let shutdown = lambda.shutdown(Reason::Spindown).await;
        screen.done();
        let crashes = shutdown.extensions.iter().filter_map(|extension| match extension.exit {
            Exit::Code(0) if !extension.killed => None,
            _ if extension.killed => Some(format!("the extension {} had to be killed", extension.name)),
            exit => Some(format!("the extension {} ended by {exit}", extension.name)),
        });
        let output = lambda.output();
        let warnings = output.iter().filter_map(Warning::of).collect();
        let left_out = output.iter().rev().find_map(LeftOut::of).unwrap_or_default();
        Ok(Run { invoked, init, crashes: crashes.collect(), warnings, left_out })
    }
}
