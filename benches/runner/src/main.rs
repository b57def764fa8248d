//! Measures the extension against one that does nothing, and a wrapped function against a bare one, and prints the
//! figures beside their budgets.
//!
//! Every figure is a ratio to a baseline taken in the same run, in turn with it: the machine's mood then touches both.
//! Absolute times vary from machine to machine; medians and the spread from p10 to p90 are given.

mod load; // spans to send, and a client
mod process; // CPU and memory of others, from /proc
mod progress; // what is being measured, on standard error
mod report; // the table
mod sample; // medians
mod sections; // one file a group of figures
mod sink; // a destination that costs nothing
mod throttle; // a share of a core
mod world; // programs, and environments to run them in

use clap::Parser;
use progress::Progress;
use report::{Missing, Row};
use std::{fs, path::PathBuf, process::ExitCode};
use world::World;

/// Measure the extension and the wrapper.
#[derive(Debug, Parser)]
#[command(version, about, after_help = HELP)]
struct Args {
    /// A tenth of the measurements: for a first look, not for conclusions
    #[arg(long)]
    quick: bool,
    /// Only this section; give it again for more
    #[arg(long, value_name = "SECTION", value_parser = clap::builder::PossibleValuesParser::new(sections::names()))]
    only: Vec<String>,
    /// Write the figures as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("cannot start: {error}")),
    };
    let world = match World::new(args.quick) {
        Ok(world) => world,
        Err(error) => return fail(&error),
    };
    let (rows, missing) = runtime.block_on(measure(&args, &world));
    print!("{}", report::table(&rows, &missing));
    if let Some(path) = &args.json {
        let text = format!("{:#}\n", report::json(&rows, &missing));
        if let Err(error) = fs::write(path, text) {
            return fail(&format!("cannot write {}: {error}", path.display()));
        }
    }
    // A figure over its budget is a result; one that could not be taken is a failure.
    if missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn measure(args: &Args, world: &World) -> (Vec<Row>, Vec<Missing>) {
    let (mut rows, mut missing) = (Vec::new(), Vec::new());
    let mut progress = Progress::new();
    for section in sections::ALL {
        if !args.only.is_empty() && !args.only.iter().any(|only| only == section.name) {
            continue;
        }
        progress.begin(section.name, section.about);
        match (section.run)(world, &mut progress).await {
            Ok(more) => rows.extend(more),
            Err(why) => missing.push(Missing { section: section.name, why }),
        }
    }
    progress.end();
    (rows, missing)
}

fn fail(why: &str) -> ExitCode {
    eprintln!("spanlayer-bench: {why}");
    ExitCode::FAILURE
}

const HELP: &str = "\
Build everything first (`make bench` does): cargo build --release --workspace
Keep the machine quiet meanwhile. Exit status: 0, or 1 when a figure could not be taken.";
