//! `make simulate`: what the flush policy costs, by traffic shape, beside what others do.

use clap::Parser;
use spanlayer_host::clock;
use spanlayer_simulate::{
    figures::Figures,
    fleet::{self, Arrival},
    plot, report,
    shape::{SHAPES, Shape},
    strategy::Strategy,
    trace,
};
use std::{
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
};

/// Simulate when telemetry is flushed, what that is billed, and how late it arrives.
#[derive(Debug, Parser)]
#[command(name = "spanlayer-simulate", after_help = TRACES)]
struct Cli {
    /// Write the tables into DIR/scale.md, between its markers, and the plots beside it; without, print the tables
    #[arg(long, value_name = "DIR", conflicts_with_all = ["trace", "only"])]
    write: Option<PathBuf>,
    /// Only shapes whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Simulate the invocations of this file instead
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    trace: Option<PathBuf>,
    /// With --trace, the median time of an export in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 40.0, value_parser = millis)]
    export: f64,
    /// Where chance begins
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), String> {
    if let Some(path) = &cli.trace {
        let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let arrivals = trace::read(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        let shape = Shape::of_trace(cli.export);
        println!("{}", simulate(&shape, &arrivals, cli.seed).table());
        return Ok(());
    }
    let wanted = |shape: &&Shape| cli.only.as_ref().is_none_or(|only| shape.name.contains(only.as_str()));
    let shapes: Vec<_> = SHAPES.iter().filter(wanted).collect();
    if shapes.is_empty() {
        let names: Vec<_> = SHAPES.iter().map(|shape| shape.name).collect();
        return Err(format!("no such shape; there are: {}", names.join(", ")));
    }
    let began = clock::monotonic();
    let results: Vec<_> =
        shapes.into_iter().map(|shape| simulate(shape, &shape.arrivals(cli.seed), cli.seed)).collect();
    progress(&format!("{} shapes in {:.1} s\n", results.len(), began.elapsed().as_secs_f64()));
    match &cli.write {
        Some(directory) => write(directory, &results),
        None => {
            println!("{}", report::tables(&results));
            Ok(())
        }
    }
}

/// One thread a strategy.
fn simulate<'a>(shape: &'a Shape, arrivals: &[Arrival], seed: u64) -> report::Result<'a> {
    progress(&format!("{}: {} invocations", shape.name, arrivals.len()));
    let figures = thread::scope(|scope| {
        let run = |strategy: Strategy| scope.spawn(move || fleet::run(shape, arrivals, strategy, seed));
        let runs = Strategy::ALL.map(run);
        runs.map(|run| run.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).to_vec()
    });
    report::Result { shape, figures }
}

/// One line that changes, on a terminal.
fn progress(line: &str) {
    if io::stderr().is_terminal() {
        eprint!("\r\x1b[K{line}");
        let _ = io::stderr().flush();
    }
}

fn write(directory: &Path, results: &[report::Result<'_>]) -> Result<(), String> {
    let put = |name: &str, text: &str| {
        let path = directory.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    let document = directory.join("scale.md");
    let text = fs::read_to_string(&document).map_err(|error| format!("{}: {error}", document.display()))?;
    let text = report::replace(&text, &report::tables(results))
        .map_err(|error| format!("{}: {error}", document.display()))?;
    put("scale.md", &text)?;
    put("scale-frontier.svg", &plot::frontier(results))?;
    let lines = |name: &str, of: fn(&Figures) -> Vec<f64>| -> Vec<(Strategy, Vec<f64>)> {
        let result = results.iter().find(|result| result.shape.name == name);
        let figures = result.map(|result| result.figures.as_slice()).unwrap_or_default();
        let known = Strategy::ALL.into_iter().zip(figures);
        let known = known.filter(|(strategy, _)| *strategy != Strategy::Clairvoyant);
        known.map(|(strategy, figures)| (strategy, of(figures))).collect()
    };
    let outage = plot::over_time(
        "An outage from minute 10 to 40, never answering: what was billed so far",
        "billed ms since the start",
        &lines("outage, hanging", plot::bill),
        (1.0, "minutes"),
        1e7,
    );
    put("scale-outage.svg", &outage)?;
    let herd = plot::over_time(
        "5,000 environments and a backend that is away from second 30 to 90: what it is asked",
        "exports begun per second",
        &lines("herd", plot::load),
        (1.0, "seconds"),
        1e5,
    );
    put("scale-herd.svg", &herd)
}

fn millis(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(millis) if (0.1..=60_000.0).contains(&millis) => Ok(millis),
        _ => Err("expected milliseconds between 0.1 and 60000".to_owned()),
    }
}

const TRACES: &str = "\
A trace has one invocation a line: the second at which it arrives, counted from any moment, and how many milliseconds
its handler takes, separated by a comma or white space; optionally a third column, 1 for one that fails. Empty lines and
lines that begin with # are skipped.";
