//! What is billed after the response: from the last byte of the response until all could be frozen.

use crate::{
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    sink::Sink,
    world::{World, invoke, said},
};
use spanlayer_emulator::{Builder, Reason};
use std::time::Duration;

const SECTION: &str = "tail";

/// An invocation of 5 ms that leaves 200 child spans behind, where they are real.
const LOADED: &str = r#"{"workMs":5,"spans":200}"#;

/// How long the slow destination takes: long against everything else here.
const EXPORT: Duration = Duration::from_millis(20);

pub(crate) async fn run(world: &World, progress: &mut Progress) -> Result<Vec<Row>, String> {
    let sink = Sink::start().map_err(said)?;
    let mut rows = deferred(world, &sink, progress).await?;
    rows.extend(flushed(world, &sink, progress).await?);
    Ok(rows)
}

/// The default policy, on a function that is called often: what is there goes out later.
async fn deferred(world: &World, sink: &Sink, progress: &Progress) -> Result<Vec<Row>, String> {
    let wrapped = world.layered(&sink.url()).function(&world.wrapped);
    let unwrapped = world.layered(&sink.url()).function(&world.bare);
    let baseline = world.plain().function(&world.bare);
    let count = world.times(200);
    let [ours, bare, noop] =
        tails([wrapped, unwrapped, baseline], LOADED, count, "deferring", progress).await?;
    Ok(vec![
        Row::new(SECTION, "billed tail, deferring, wrapped, 200 spans", Unit::Millis, ours)
            .against(noop.clone())
            .budget(Budget::AtMost(0.3))
            .note("baseline: bare function, extension that does nothing"),
        Row::new(SECTION, "billed tail, deferring, not wrapped", Unit::Millis, bare)
            .against(noop)
            .budget(Budget::AtMost(0.3)),
    ])
}

/// `SPANLAYER_FLUSH=end`: everything goes out before the environment is frozen.
async fn flushed(world: &World, instant: &Sink, progress: &Progress) -> Result<Vec<Row>, String> {
    let slow = Sink::slow(EXPORT).map_err(said)?;
    let at_end = |sink: &Sink| world.layered(&sink.url()).env("SPANLAYER_FLUSH", "end");
    let count = world.times(60);
    let environments = [at_end(instant).function(&world.wrapped), at_end(instant).function(&world.bare)];
    let [wrapped, bare] = tails(environments, LOADED, count, "at the end", progress).await?;

    // What the destination took is the export; all else is ours.
    let lambda = at_end(&slow).function(&world.wrapped).start().await.map_err(said)?;
    let mut ours = Sample::default();
    for round in 0..count {
        progress.step("at the end, slowly", round, count);
        let before = slow.spent();
        let tail = invoke(&lambda, LOADED).await?.tail;
        ours.push((tail.as_secs_f64() - (slow.spent() - before).as_secs_f64()) * 1e3);
    }
    lambda.shutdown(Reason::Spindown).await;
    Ok(vec![
        Row::new(SECTION, "billed tail, flushing at the end, wrapped", Unit::Millis, wrapped)
            .note("200 spans exported to an instant destination, all included"),
        Row::new(SECTION, "the same, destination takes 20 ms, less those", Unit::Millis, ours)
            .budget(Budget::AtMost(1.0))
            .note("200 spans compressed and sent included"),
        Row::new(SECTION, "billed tail, flushing at the end, not wrapped", Unit::Millis, bare)
            .note("waits for platform.runtimeDone, which the platform buffers for 25 ms"),
    ])
}

/// Tails of several environments, in turn.
async fn tails<const N: usize>(
    builders: [Builder; N],
    event: &str,
    count: usize,
    what: &str,
    progress: &Progress,
) -> Result<[Sample; N], String> {
    let mut lambdas = Vec::new();
    for builder in builders {
        lambdas.push(builder.start().await.map_err(said)?);
    }
    let mut samples: [Sample; N] = std::array::from_fn(|_| Sample::default());
    // The first invocations are the policy's to learn from: it has seen no gaps yet.
    let learning = 20;
    for round in 0..count + learning {
        progress.step(what, round, count + learning);
        for turn in 0..lambdas.len() {
            let at = (round + turn) % lambdas.len();
            let invocation = invoke(&lambdas[at], event).await?;
            if round >= learning {
                samples[at].push(invocation.tail.as_secs_f64() * 1e3);
            }
        }
    }
    for lambda in lambdas {
        lambda.shutdown(Reason::Spindown).await;
    }
    Ok(samples)
}
