//! A wrapped function with the layer against a bare one: init, response, cycle.

use crate::{
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    sink::Sink,
    world::{World, invoke, pinned, said},
};
use spanlayer_emulator::{Builder, Emulator, Reason};

const SECTION: &str = "wrapper";

/// An HTTP event as API Gateway sends it, about 2 KB.
const HTTP_EVENT: &str = include_str!("../../events/http.json");

pub(crate) async fn run(world: &World, progress: &mut Progress) -> Result<Vec<Row>, String> {
    let sink = Sink::start().map_err(said)?;
    let mut rows = init(world, &sink, progress).await?;
    rows.extend(invocations(world, &sink, progress).await?);
    Ok(rows)
}

/// From the function's exec to its first `/next`, with the same extension beside both.
async fn init(world: &World, sink: &Sink, progress: &Progress) -> Result<Vec<Row>, String> {
    let (mut ours, mut bare) = (Sample::default(), Sample::default());
    let starts = world.times(60);
    for round in 0..starts {
        progress.step("init", round + 1, starts);
        for turn in 0..2 {
            let wrapped = (round + turn) % 2 == 0;
            let (function, sample) =
                if wrapped { (&world.wrapped, &mut ours) } else { (&world.bare, &mut bare) };
            let lambda = world.layered(&sink.url()).function(function).start().await.map_err(said)?;
            sample.push(lambda.init().runtime_first_next.as_secs_f64() * 1e3);
            lambda.shutdown(Reason::Spindown).await;
        }
    }
    let row = Row::new(SECTION, "wrapper: function init", Unit::Millis, ours);
    Ok(vec![row.against(bare).budget(Budget::Ratio(1.15))])
}

/// Response and cycle, event by event in turn.
async fn invocations(world: &World, sink: &Sink, progress: &Progress) -> Result<Vec<Row>, String> {
    let start = async |builder: Builder| builder.launch_with(pinned()).start().await.map_err(said);
    let ours = start(world.layered(&sink.url()).function(&world.wrapped)).await?;
    let bare = start(world.plain().function(&world.bare)).await?;
    let mut rows = Vec::new();
    for (what, event) in [("{}", "{}"), ("2 KB HTTP event", HTTP_EVENT)] {
        let count = world.times(3000);
        let [mut our_response, mut our_cycle, mut response, mut cycle] =
            std::array::from_fn(|_| Sample::default());
        warm(&ours, event, count / 10).await?;
        warm(&bare, event, count / 10).await?;
        for round in 0..count {
            if round % 100 == 0 {
                progress.step(what, round, count);
            }
            for turn in 0..2 {
                let wrapped = (round + turn) % 2 == 0;
                let invocation = invoke(if wrapped { &ours } else { &bare }, event).await?;
                let (responses, cycles) =
                    if wrapped { (&mut our_response, &mut our_cycle) } else { (&mut response, &mut cycle) };
                responses.push(invocation.response_time.as_secs_f64() * 1e6);
                cycles.push(invocation.cycle_time.as_secs_f64() * 1e6);
            }
        }
        let extra = our_response.paired_difference(&response);
        rows.push(
            Row::new(SECTION, format!("wrapper: response, {what}"), Unit::Micros, our_response)
                .against(response)
                .budget(Budget::RatioOrExtra(1.10, 12.0))
                .note(format!("median of paired differences {extra:+.1} µs")),
        );
        let extra = our_cycle.paired_difference(&cycle);
        rows.push(
            Row::new(SECTION, format!("wrapper: cycle (billed), {what}"), Unit::Micros, our_cycle)
                .against(cycle)
                .note(format!("median of paired differences {extra:+.1} µs")),
        );
    }
    ours.shutdown(Reason::Spindown).await;
    bare.shutdown(Reason::Spindown).await;
    Ok(rows)
}

async fn warm(lambda: &Emulator, event: &str, count: usize) -> Result<(), String> {
    for _ in 0..count.max(20) {
        invoke(lambda, event).await?;
    }
    Ok(())
}
