//! A backend that is down: what it costs, and what is lost.

use crate::{
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    world::{World, invoke, said},
};
use spanlayer_emulator::{Destination, Mode, Reason};
use std::{collections::HashSet, time::Duration};

const SECTION: &str = "outage";

/// Each leaves ten child spans and that of the invocation itself.
const EVENT: &str = r#"{"workMs":20,"spans":10}"#;
const SPANS: usize = 11;
const INVOCATIONS: usize = 12;

pub(crate) async fn run(world: &World, progress: &mut Progress) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    let ways = [("refuses connections", Mode::Refusing), ("never answers", Mode::Hanging)];
    for (nth, (how, mode)) in ways.into_iter().enumerate() {
        progress.step("backend that is down", nth + 1, 2);
        let (tails, lost) = outage(world, mode).await?;
        let sum: Sample = [tails.sum()].into_iter().collect();
        rows.push(
            Row::new(SECTION, format!("backend {how}: tails of 12 invocations"), Unit::Millis, sum)
                .budget(Budget::AtMost(1500.0))
                .note(format!("the longest {:.0} ms", tails.quantile(1.0))),
        );
        let lost: Sample = [lost as f64].into_iter().collect();
        rows.push(
            Row::new(SECTION, format!("backend {how}: spans lost after recovery"), Unit::Count, lost)
                .budget(Budget::AtMost(0.0))
                .note(format!("of {}", (INVOCATIONS + 1) * SPANS)),
        );
    }
    Ok(rows)
}

/// The tails during the outage, and the spans that had not come when the environment was gone.
async fn outage(world: &World, mode: Mode) -> Result<(Sample, usize), String> {
    let destination = Destination::start(mode).await.map_err(said)?;
    let lambda = world
        .layered(&destination.url())
        .function(&world.wrapped)
        .timeout(Duration::from_secs(30))
        .start()
        .await
        .map_err(said)?;
    let mut tails = Sample::default();
    for _ in 0..INVOCATIONS {
        tails.push(invoke(&lambda, EVENT).await?.tail.as_secs_f64() * 1e3);
    }
    destination.set_mode(Mode::Healthy);
    invoke(&lambda, EVENT).await?;
    lambda.shutdown(Reason::Spindown).await;
    // Counted by id: what was delivered twice does not make up for what was not.
    let came: HashSet<Vec<u8>> = destination.spans().iter().map(|span| span.span.span_id.clone()).collect();
    Ok((tails, ((INVOCATIONS + 1) * SPANS).saturating_sub(came.len())))
}
