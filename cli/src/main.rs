//! `spanlayer-cli`: see what Spanlayer makes of a Lambda function, without AWS.

use clap::Parser;
use spanlayer_cli::{
    args::{Cli, Command},
    check, cost, demo, diff,
    failure::Failure,
    local,
    paint::Tone,
    replay,
    screen::Screen,
};
use spanlayer_host::vars::Process;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let screen = Screen::find(&Process);
    match run(&cli.command, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.done();
            if !failure.is_told() {
                eprintln!("{} {failure}", screen.paint_errors.tone(Tone::Bad, "error:"));
            }
            ExitCode::from(failure.code())
        }
    }
}

fn run(command: &Command, screen: &Screen) -> Result<(), Failure> {
    match command {
        Command::Demo(args) => finished(demo::run(args, screen)),
        Command::Local(args) => finished(local::run(args, screen)),
        Command::Replay(args) => finished(replay::run(args, screen)),
        Command::Check(args) => check::check(args, screen),
        Command::Explain(args) => check::explain_file(args),
        Command::Diff(args) => diff::run(args, screen),
        Command::Cost(args) => finished(cost::run(args, screen)),
        Command::Schema => check::print_schema(),
    }
}

fn finished(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::run(format!("cannot start: {error}")))?;
    runtime.block_on(command)
}
