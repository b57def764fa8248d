//! A destination that fails: what an outage costs, and that nothing is lost by it.

use crate::world::{SOON, World};
use bytes::Bytes;
use spanlayer_emulator::{Destination, Event, Mode, Reason};
use std::time::Duration;

/// What a hundred invocations may cost beyond their responses while nothing can be delivered.
const PRICE: Duration = Duration::from_millis(1500);

async fn outage(mode: Mode, flush: &str) {
    let world = World::wrapped(mode.clone(), Duration::from_millis(20), |builder| {
        builder.env("SPANLAYER_FLUSH", flush)
    })
    .await;
    let tails = world.invoke_times(100).await;
    assert!(tails < PRICE, "{mode:?}, {flush}: {tails:?}");
    let later = world.invoke_times(12).await;
    assert!(
        later < Duration::from_millis(400),
        "{mode:?}, {flush}: once known, an outage costs nothing: {later:?}"
    );

    world.destination.set_mode(Mode::Healthy);
    world.invoke_times(1).await;
    world.lambda.shutdown(Reason::Spindown).await;
    let spans = world.destination.wait_for_spans(113, SOON).await;
    let log = world.log().join("\n");
    assert_eq!(spans.expect(&log).len(), 113, "{mode:?}, {flush}: everything is delivered after recovery");
}

#[tokio::test]
async fn an_outage_costs_about_a_second_in_all_and_loses_nothing() {
    for mode in [Mode::Refusing, Mode::Resetting, Mode::status(503), Mode::busy(429, 60), Mode::Hanging] {
        outage(mode, "adaptive").await;
    }
}

#[tokio::test]
async fn an_outage_costs_no_more_when_every_invocation_is_to_be_flushed() {
    for mode in [Mode::Refusing, Mode::status(503), Mode::Hanging] {
        outage(mode, "end").await;
    }
}

#[tokio::test]
async fn a_hanging_destination_lets_no_invocation_run_into_its_timeout() {
    let world = World::wrapped(Mode::Hanging, Duration::from_millis(20), |builder| {
        builder.env("SPANLAYER_FLUSH", "end").timeout(Duration::from_millis(600))
    })
    .await;
    // Each of these panics if it ended by its timeout.
    world.invoke_times(5).await;
}

#[tokio::test]
async fn the_first_delivery_and_the_first_failure_are_told_once_each() {
    let world = World::wrapped(Mode::Healthy, Duration::from_millis(5), |builder| {
        builder.env("SPANLAYER_FLUSH", "end").extension_env("SPANLAYER_LOG", "warn")
    })
    .await;
    world.invoke_times(3).await;
    world.says("first delivery").await;
    world.destination.set_mode(Mode::status(503));
    world.invoke_times(3).await;
    world.says("does not take data").await;
    for text in ["first delivery", "does not take data"] {
        assert_eq!(world.log().iter().filter(|line| line.contains(text)).count(), 1, "{:?}", world.log());
    }
}

#[tokio::test]
async fn a_destination_that_hangs_does_not_hold_up_the_other() {
    let hanging = Destination::start(Mode::Hanging).await.unwrap();
    let world = World::with(Mode::Healthy, |builder, function| {
        builder
            .env("SPANLAYER_FLUSH", "end")
            .env("SPANLAYER_EXPORTER_OTLP_LOGS_ENDPOINT", format!("{}/v1/logs", hanging.url()))
            .handler(move |event: Event| {
                let function = function.clone();
                async move {
                    function.started(&event);
                    function.spans(1, false);
                    function.logs(1);
                    function.ended_soon(&event);
                    Ok(Bytes::from_static(b"{}"))
                }
            })
    })
    .await;
    let mut tails = Duration::ZERO;
    for count in 1..=12 {
        tails += world.invoke_times(1).await;
        assert_eq!(
            world.destination.spans().len(),
            count,
            "delivered at its end, whatever becomes of the logs"
        );
    }
    assert!(tails < PRICE, "{tails:?}");
}
