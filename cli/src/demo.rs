//! `demo`: the example functions with the layer, what they leave behind, and what that cost.

use crate::{
    args::Demo,
    environment::{self, Environment, Request, Run},
    failure::Failure,
    figures::{Figures, times},
    files, measured,
    paint::Tone,
    screen::{Screen, print, say},
    show::{self, Traces},
};
use spanlayer_emulator::{Emulator, Reason};
use std::time::Duration;

/// Runs the demonstration.
///
/// # Errors
///
/// When a program is missing or does not come up, or not all that was promised arrived.
pub async fn run(args: &Demo, screen: &Screen) -> Result<(), Failure> {
    let extension = files::companion("extension", "spanlayer", args.extension.as_deref())?;
    let environment = |name: &str| -> Result<Environment, Failure> {
        Ok(Environment {
            name: name.to_owned(),
            function: files::companion("example function", name, None)?,
            extension: Some(extension.clone()),
            env: quiet_ports(),
            timeout: Duration::from_secs(10),
            echo: false,
        })
    };
    let (api, worker) = (environment("orders-api")?, environment("orders-worker")?);
    let destination = environment::destination().await?;

    let single = request("An HTTP request, through API Gateway, to orders-api", HTTP);
    let batch = request("A batch of three messages, from SQS, to orders-worker", SQS);
    let failing = request("A call that fails, to orders-api", FAILING);
    let first = api.run(&[single.clone(), failing], Some(&destination), screen).await?;
    let second = worker.run(&[batch], Some(&destination), screen).await?;

    let mut traces = Traces::of(&destination);
    let order = [&first.invoked[0], &second.invoked[0], &first.invoked[1]];
    for (nth, invoked) in order.into_iter().enumerate() {
        print(&show::invocation(nth + 1, invoked, &mut traces, screen, args.verbose))?;
    }
    let all_arrived = order.iter().all(|invoked| traces.has(&invoked.invocation.request_id));

    let warm = api.run(&vec![single; WARM], Some(&destination), screen).await?;
    let mut figures = Figures::default();
    show::delivered(&mut figures, &Traces::of(&destination), &destination);
    cold_starts(&api, args.repeat, &mut figures, screen).await?;
    show::billed(&mut figures, &[&warm]);
    say(&measured::figures(&destination).text("What was measured", screen.paint))?;
    print(&figures.text("What it cost", screen.paint))?;
    let note = "  A cold start is the init and the first response. Times are this machine's: compare them with each other.";
    say(&screen.paint.tone(Tone::Faint, note))?;

    ended_well(&[&first, &second, &warm])?;
    if all_arrived {
        Ok(())
    } else {
        Err(Failure::run("not every invocation left a trace")
            .hint("run it again with --verbose, and please report it"))
    }
}

/// Starts the function with and without the layer, in turn, and compares.
async fn cold_starts(
    environment: &Environment,
    repeat: u32,
    figures: &mut Figures,
    screen: &Screen,
) -> Result<(), Failure> {
    let destination = environment::destination().await?;
    let mut bare = Environment { extension: None, ..environment.clone() };
    bare.env.push(("SPANLAYER_DISABLED".to_owned(), "true".to_owned()));
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..repeat {
        screen.progress(&format!("measuring cold starts: {} of {repeat}", round + 1));
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let lambda = environment.start(Some(&destination)).await?;
                with.push(cold(&lambda).await);
                lambda.shutdown(Reason::Spindown).await;
            } else {
                let lambda = bare.start(None).await?;
                without.push(cold(&lambda).await);
                lambda.shutdown(Reason::Spindown).await;
            }
        }
    }
    screen.done();
    figures.push("cold start, with the layer", times(&with));
    figures.push("cold start, without", times(&without));
    Ok(())
}

/// From the first exec to the first response, without the time between, which is the caller's.
async fn cold(lambda: &Emulator) -> Duration {
    lambda.init().duration + lambda.invoke(HTTP).await.response_time
}

fn ended_well(runs: &[&Run]) -> Result<(), Failure> {
    match runs.iter().flat_map(|run| &run.crashes).next() {
        Some(what) => Err(Failure::run(what.clone())),
        None => Ok(()),
    }
}

fn request(title: &str, event: &str) -> Request {
    Request { title: title.to_owned(), event: event.as_bytes().to_vec() }
}

/// Ports that nothing else on this machine can hold: a collector may run here already.
fn quiet_ports() -> Vec<(String, String)> {
    [
        ("SPANLAYER_OTLP_HTTP", "127.0.0.1:0"),
        ("SPANLAYER_OTLP_GRPC", "off"),
        ("SPANLAYER_TELEMETRY_API", "127.0.0.1:0"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .to_vec()
}

const HTTP: &str = include_str!("events/http.json");
const SQS: &str = include_str!("events/sqs.json");
const FAILING: &str = include_str!("events/failing.json");

/// Warm invocations from which times are taken.
const WARM: usize = 50;
