//! An hour of a function's life and more, at the pace of the machine: memory, descriptors and files over time, as a table. A
//! wrapped function is invoked again and again; an eighth of the time its destination is away, and now and then everything is
//! frozen.
//!
//! ```text
//! spanlayer-soak [--invocations N | --minutes N]
//! ```

mod sample;

use sample::Sample;
use serde_json::json;
use spanlayer_emulator::{Destination, Emulator, Exit, Mode, Reason, binary};
use spanlayer_host::clock;
use std::{env, process::ExitCode, time::Duration};

/// For how long.
#[derive(Clone, Copy)]
enum Length {
    Invocations(u64),
    Time(Duration),
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
    let length = match &*arguments.iter().map(String::as_str).collect::<Vec<_>>() {
        [] => Some(Length::Invocations(HOUR)),
        ["--invocations", count] => number(count).map(Length::Invocations),
        ["--minutes", minutes] => {
            number(minutes).map(|minutes| Length::Time(Duration::from_secs(60 * minutes)))
        }
        _ => None,
    };
    let Some(length) = length else {
        eprintln!("usage: spanlayer-soak [--invocations N | --minutes N]");
        return ExitCode::from(2);
    };
    match soak(length).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

async fn soak(length: Length) -> Result<(), String> {
    let said = |error: spanlayer_emulator::Error| error.to_string();
    let destination = Destination::start_counting(Mode::Healthy).await.map_err(said)?;
    let lambda = Emulator::builder()
        .function(binary("story-wrapped"))
        .extension(binary("spanlayer"))
        .memory_mb(128)
        .env("SPANLAYER_OTLP_HTTP", "127.0.0.1:0")
        .env("SPANLAYER_OTLP_GRPC", "127.0.0.1:0")
        .env("SPANLAYER_TELEMETRY_API", "127.0.0.1:0")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", destination.url())
        .start()
        .await
        .map_err(said)?;
    println!("{}", Sample::HEAD);
    let (start, mut count, mut shown) = (clock::monotonic(), 0, 0);
    let progress = |count: u64| match length {
        Length::Invocations(all) => count as f64 / all as f64,
        Length::Time(all) => start.elapsed().as_secs_f64() / all.as_secs_f64(),
    };
    let mut away = false;
    while progress(count) < 1.0 {
        let event = json!({ "do": "work", "count": SPANS }).to_string();
        lambda.invoke(event).await.response.map_err(|error| format!("invocation {count}: {error:?}"))?;
        count += 1;
        // Away for the fifth eighth of each tenth.
        let goes = (progress(count) * 80.0) as u64 % 8 == 4;
        if goes != away {
            away = goes;
            destination.set_mode(if away { Mode::status(503) } else { Mode::Healthy });
        }
        if count % FREEZES == 0 {
            lambda.freeze();
            tokio::time::sleep(Duration::from_millis(200)).await;
            lambda.thaw();
        }
        if (progress(count) * ROWS) as u64 > shown {
            shown = (progress(count) * ROWS) as u64;
            println!("{}", Sample::take(&lambda, &destination, start.elapsed(), count)?);
        }
    }
    destination.set_mode(Mode::Healthy);
    let exit = lambda.shutdown(Reason::Spindown).await.extension("spanlayer").exit;
    let output = lambda.extension_output("spanlayer");
    println!("\n{} invocations of {} spans; {:?}", count, SPANS + 1, exit);
    let last =
        output.iter().rev().find(|line| line.contains("shut down")).ok_or("it did not say how it ended")?;
    println!("{last}");
    if exit == Exit::Code(0) { Ok(()) } else { Err("the extension did not end well".to_owned()) }
}

/// An hour of ten invocations a second.
const HOUR: u64 = 36_000;

/// Spans of each invocation, besides its own.
const SPANS: u64 = 20;

/// Rows of the table.
const ROWS: f64 = 20.0;

/// Invocations between two freezes.
const FREEZES: u64 = 2000;
