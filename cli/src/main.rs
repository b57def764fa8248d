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
            if failure.is_told() {
                return ExitCode::from(failure.code());
            }
            eprintln!("{} {failure}", screen.paint_errors.tone(Tone::Bad, "error:"));
            ExitCode::from(failure.code())
        }
    }
}

fn run(command: &Command, screen: &Screen) -> Result<(), Failure> {
    match command {
        Command::Check(args) => return check::check(args, screen),
        Command::Explain(args) => return check::explain_file(args),
        Command::Diff(args) => return diff::run(args, screen),
        Command::Schema => {
            check::print_schema();
            return Ok(());
        }
        Command::Demo(_) | Command::Local(_) | Command::Replay(_) | Command::Cost(_) => {}
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::run(format!("cannot start: {error}")))?;
    runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args, screen).await,
            Command::Local(args) => local::run(args, screen).await,
            Command::Replay(args) => replay::run(args, screen).await,
            Command::Cost(args) => cost::run(args, screen).await,
            Command::Check(_) | Command::Explain(_) | Command::Diff(_) | Command::Schema => Ok(()),
        }
    })
}
