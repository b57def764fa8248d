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

/// What one environment gave.
#[derive(Clone, Default)]
struct Times {
    response: Sample,
    cycle: Sample,
}

/// Response and cycle, event by event in turn, in three environments: nothing of ours, the layer alone, and the layer
/// with the wrapper.
async fn invocations(world: &World, sink: &Sink, progress: &Progress) -> Result<Vec<Row>, String> {
    let start = async |builder: Builder| builder.launch_with(pinned()).start().await.map_err(said);
    let lambdas = [
        start(world.plain().function(&world.bare)).await?,
        start(world.layered(&sink.url()).function(&world.bare)).await?,
        start(world.layered(&sink.url()).function(&world.wrapped)).await?,
    ];
    let mut rows = Vec::new();
    for (what, event) in [("{}", "{}"), ("2 KB HTTP event", HTTP_EVENT)] {
        let count = world.times(2500);
        for lambda in &lambdas {
            warm(lambda, event, count / 10).await?;
        }
        let mut times: [Times; 3] = std::array::from_fn(|_| Times::default());
        for round in 0..count {
            if round % 100 == 0 {
                progress.step(what, round, count);
            }
            for turn in 0..lambdas.len() {
                let at = (round + turn) % lambdas.len();
                let invocation = invoke(&lambdas[at], event).await?;
                times[at].response.push(invocation.response_time.as_secs_f64() * 1e6);
                times[at].cycle.push(invocation.cycle_time.as_secs_f64() * 1e6);
            }
        }
        let [nothing, layer, wrapper] = times;
        let compare = |name: &str, ours: &Sample, baseline: &Sample| {
            let extra = ours.paired_difference(baseline);
            Row::new(SECTION, format!("{name}, {what}"), Unit::Micros, ours.clone())
                .against(baseline.clone())
                .note(format!("median of paired differences {extra:+.1} µs"))
        };
        rows.push(
            compare("wrapper: response", &wrapper.response, &layer.response)
                .budget(Budget::RatioOrExtra(1.10, 12.0)),
        );
        rows.push(compare("wrapper and layer: response", &wrapper.response, &nothing.response));
        rows.push(compare("layer alone: response", &layer.response, &nothing.response));
        rows.push(compare("wrapper and layer: cycle (billed)", &wrapper.cycle, &nothing.cycle));
        rows.push(compare("layer alone: cycle (billed)", &layer.cycle, &nothing.cycle));
    }
    for lambda in lambdas {
        lambda.shutdown(Reason::Spindown).await;
    }
    Ok(rows)
}

async fn warm(lambda: &Emulator, event: &str, count: usize) -> Result<(), String> {
    for _ in 0..count.max(20) {
        invoke(lambda, event).await?;
    }
    Ok(())
}
