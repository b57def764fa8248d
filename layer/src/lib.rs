//! The extension that delivers a Lambda function's telemetry, in the order in which things happen:
//!
//! ```text
//! api        register, subscribe, next ─ the conversation with Lambda
//! config     what is set, and what is wrong with it
//! app        sockets bound, stages wired; later drained
//! receive    link, OTLP/HTTP, Telemetry API ─▶ scan ─▶ pipeline
//! account    what all of these tell of invocations ─▶ ledger ─▶ pipeline
//! lifecycle  next ▸ flush or defer ▸ next ▸ … ▸ shutdown
//! ```
//!
//! Beside Lambda, `usage` reads the command line, and `standalone` serves the same pipeline until a signal ends it.
//!
//! The binary `spanlayer` is [`run`] and nothing else.

#![warn(missing_docs)]

pub mod account;
pub mod api;
pub mod app;
pub mod config;
pub mod ledger;
pub mod lifecycle;
pub mod log;
mod own;
pub mod proc;
pub mod receive;
pub mod remote;
pub mod usage;

mod standalone;
mod wiring;

use app::App;
use spanlayer_host::vars::{Process, Vars};
use std::{
    pin::{Pin, pin},
    process::ExitCode,
};

/// Runs the extension: from registration to shutdown inside Lambda; anywhere else, what the arguments ask for.
///
/// The order is the point. Lambda starts the function when every extension has registered, so registering comes before
/// everything: before the runtime, the settings, the log.
pub fn run() -> ExitCode {
    let mut arguments = std::env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let program = arguments.next().unwrap_or_default();
    let Some(address) = Process.get("AWS_LAMBDA_RUNTIME_API") else {
        return standalone::main(arguments);
    };
    let invokes =
        Process.get("AWS_LAMBDA_INITIALIZATION_TYPE").as_deref() != Some("lambda-managed-instances");
    // Lambda knows an extension by its file name.
    let name = program.rsplit('/').next().unwrap_or("spanlayer");
    let announced = api::Unregistered::new(api::Address::parse(&address), name, invokes).announce();

    on_one_thread(pin!(async {
        let app = App::build(announced, &Process.snapshot()); // sockets bound, stages wired, nothing running
        app.run().await; // registered ▸ next ▸ flush or defer ▸ next ▸ … ▸ drained
        ExitCode::SUCCESS
    }))
}

/// Does everything there is to do.
fn on_one_thread(work: Pin<&mut dyn Future<Output = ExitCode>>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            log::error("no runtime can be started", &[("error", &error)]);
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(work);
    // What is still under way was given its time.
    runtime.shutdown_background();
    code
}
