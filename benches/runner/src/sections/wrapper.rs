//! A wrapped function with the layer against a bare one: init, response, cycle.

use crate::{
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    sink::Sink,
    world::{World, invoke, pinned, pinned_apart, said},
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

/// Response and cycle, event by event in turn. First with function and extension on one core, where a message to the
/// extension makes it run before the function goes on; then with a core for each.
async fn invocations(world: &World, sink: &Sink, progress: &Progress) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let cores = [("one core", Some(pinned())), ("a core each", pinned_apart(world))];
    for (cores, launcher) in cores.into_iter().filter_map(|(cores, launcher)| Some((cores, launcher?))) {
        let start =
            async |builder: Builder| builder.launch_with(launcher.clone()).start().await.map_err(said);
        // Nothing of ours, the layer alone, and the layer with the wrapper.
        let lambdas = [
            start(world.plain().function(&world.bare)).await?,
            start(world.layered(&sink.url()).function(&world.bare)).await?,
            start(world.layered(&sink.url()).function(&world.wrapped)).await?,
        ];
        for (what, event) in [("{}", "{}"), ("2 KB HTTP event", HTTP_EVENT)] {
            let times = measure(&lambdas, event, world.times(2000), progress).await?;
            rows.extend(compared(&format!("{what}, {cores}"), times));
        }
        for lambda in lambdas {
            lambda.shutdown(Reason::Spindown).await;
        }
    }
    Ok(rows)
}

async fn measure<const N: usize>(
    lambdas: &[Emulator; N],
    event: &str,
    count: usize,
    progress: &Progress,
) -> Result<[Times; N], String> {
    let mut times: [Times; N] = std::array::from_fn(|_| Times::default());
    let warm = count / 10;
    for round in 0..warm + count {
        if round % 100 == 0 {
            progress.step("invocation", round, warm + count);
        }
        for turn in 0..N {
            let at = (round + turn) % N;
            let invocation = invoke(&lambdas[at], event).await?;
            if round >= warm {
                times[at].response.push(invocation.response_time.as_secs_f64() * 1e6);
                times[at].cycle.push(invocation.cycle_time.as_secs_f64() * 1e6);
            }
        }
    }
    Ok(times)
}

fn compared(what: &str, [nothing, layer, wrapper]: [Times; 3]) -> [Row; 5] {
    let compare = |name: &str, ours: &Sample, baseline: &Sample| {
        let extra = ours.paired_difference(baseline);
        Row::new(SECTION, format!("{name}, {what}"), Unit::Micros, ours.clone())
            .against(baseline.clone())
            .note(format!("median of paired differences {extra:+.1} µs"))
    };
    [
        compare("wrapper: response", &wrapper.response, &layer.response)
            .budget(Budget::RatioOrExtra(1.10, 12.0)),
        compare("wrapper + layer: response", &wrapper.response, &nothing.response),
        compare("layer: response", &layer.response, &nothing.response),
        compare("wrapper + layer: cycle", &wrapper.cycle, &nothing.cycle),
        compare("layer: cycle", &layer.cycle, &nothing.cycle),
    ]
}
