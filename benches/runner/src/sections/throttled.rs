//! The same with 7 % of a core, which is what a function with 128 MB gets. There wall time is CPU time.

use crate::{
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    sink::Sink,
    throttle::Throttle,
    world::{World, invoke, name, said},
};
use spanlayer_emulator::{Builder, Reason};
use std::path::Path;

const SECTION: &str = "throttled";
const SHARE: f64 = 0.07;

pub(crate) async fn run(world: &World, progress: &mut Progress) -> Result<Vec<Row>, String> {
    let throttle = Throttle::new(SHARE)?;
    let sink = Sink::start().map_err(said)?;
    let mut rows = startup(world, &sink, &throttle, progress).await?;
    rows.extend(invocations(world, &sink, &throttle, progress).await?);
    Ok(rows)
}

async fn startup(
    world: &World,
    sink: &Sink,
    throttle: &Throttle,
    progress: &Progress,
) -> Result<Vec<Row>, String> {
    let [mut register, mut next, mut noop_register, mut noop_next] =
        std::array::from_fn(|_| Sample::default());
    let starts = world.times(150);
    for round in 0..starts {
        progress.step("start", round + 1, starts);
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let builder = world.layered(&sink.url());
                start(builder, &world.extension, throttle, &mut register, &mut next).await?;
            } else {
                start(world.plain(), &world.noop, throttle, &mut noop_register, &mut noop_next).await?;
            }
        }
    }
    // Time goes in steps here: within a period's quota, or one period later. The means say on which side most fell.
    let means = format!("means {:.1} and {:.1} ms", next.mean(), noop_next.mean());
    Ok(vec![
        Row::new(SECTION, "7 % of a core: exec → register", Unit::Millis, register).against(noop_register),
        Row::new(SECTION, "7 % of a core: exec → first next", Unit::Millis, next)
            .against(noop_next)
            .budget(Budget::Ratio(1.15))
            .note(format!("{means}; {}; both include the shell that enters the group", throttle.kind)),
    ])
}

async fn start(
    builder: Builder,
    program: &Path,
    throttle: &Throttle,
    register: &mut Sample,
    next: &mut Sample,
) -> Result<(), String> {
    let lambda = builder.launch_with(throttle.launcher()).start().await.map_err(said)?;
    let init = lambda.init();
    let extension = init.extension(&name(program));
    register.push(extension.register.as_secs_f64() * 1e3);
    next.push(extension.first_next.as_secs_f64() * 1e3);
    lambda.shutdown(Reason::Spindown).await;
    Ok(())
}

/// Response and tail, function and extension sharing the 7 %. The environments have a group each, and only one of
/// them works at a time.
async fn invocations(
    world: &World,
    sink: &Sink,
    throttle: &Throttle,
    progress: &Progress,
) -> Result<Vec<Row>, String> {
    let other = Throttle::new(SHARE)?;
    let ours = world.layered(&sink.url()).function(&world.wrapped).launch_with(throttle.launcher());
    let bare = world.plain().function(&world.bare).launch_with(other.launcher());
    let (ours, bare) = (ours.start().await.map_err(said)?, bare.start().await.map_err(said)?);
    let [mut our_response, mut our_tail, mut response, mut tail] = std::array::from_fn(|_| Sample::default());
    let (count, learning) = (world.times(150), 10);
    for round in 0..count + learning {
        progress.step("invocation", round, count + learning);
        for turn in 0..2 {
            let wrapped = (round + turn) % 2 == 0;
            let invocation = invoke(if wrapped { &ours } else { &bare }, r#"{"spans":5}"#).await?;
            let (responses, tails) =
                if wrapped { (&mut our_response, &mut our_tail) } else { (&mut response, &mut tail) };
            if round >= learning {
                responses.push(invocation.response_time.as_secs_f64() * 1e3);
                tails.push(invocation.tail.as_secs_f64() * 1e3);
            }
        }
    }
    ours.shutdown(Reason::Spindown).await;
    bare.shutdown(Reason::Spindown).await;
    Ok(vec![
        Row::new(SECTION, "7 % of a core: response, wrapped, 5 spans", Unit::Millis, our_response)
            .against(response),
        Row::new(SECTION, "7 % of a core: billed tail", Unit::Millis, our_tail).against(tail),
    ])
}
