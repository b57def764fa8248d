//! A destination that fails costs the function nothing but a moment, and loses nothing.

use crate::world::World;
use serde_json::json;
use spanlayer_emulator::{Ended, Mode};
use std::{collections::HashSet, time::Duration};

async fn twelve_invocations_through(mode: Mode, flush: &str) {
    let world = World::with(|builder| builder.env("SPANLAYER_FLUSH", flush)).await;
    world.destination.set_mode(mode);
    let mut tails = Duration::ZERO;
    for _ in 0..12 {
        let invocation = world.invoke(&json!({ "do": "work", "count": 1 })).await;
        invocation.payload();
        assert_eq!(invocation.ended, Ended::Normally);
        assert!(invocation.response_time < Duration::from_millis(500), "{:?}", invocation.response_time);
        tails += invocation.tail;
    }
    assert!(tails < Duration::from_millis(1500), "{flush}: {tails:?}");

    world.destination.set_mode(Mode::Healthy);
    // Recovery is noticed with traffic, and by the shutdown at the latest.
    world.invoke(&json!({ "do": "answer", "ms": 100 })).await.payload();
    assert!(world.shutdown().await.extension("spanlayer").exit == spanlayer_emulator::Exit::Code(0));
    let ids: HashSet<String> = world.spans().iter().map(|span| span.span_id()).collect();
    assert_eq!(ids.len(), 25);
}

#[tokio::test]
async fn a_destination_that_refuses_connections_costs_a_moment_and_gets_all_later() {
    twelve_invocations_through(Mode::Refusing, "adaptive").await;
}

#[tokio::test]
async fn a_destination_that_refuses_connections_costs_a_moment_also_when_flushing_at_the_end() {
    twelve_invocations_through(Mode::Refusing, "end").await;
}

#[tokio::test]
async fn a_destination_that_hangs_costs_a_moment_and_gets_all_later() {
    twelve_invocations_through(Mode::Hanging, "adaptive").await;
}

#[tokio::test]
async fn a_destination_that_hangs_costs_a_moment_also_when_flushing_at_the_end() {
    twelve_invocations_through(Mode::Hanging, "end").await;
}

#[tokio::test]
async fn a_destination_that_resets_connections_costs_a_moment_and_gets_all_later() {
    twelve_invocations_through(Mode::Resetting, "adaptive").await;
}

#[tokio::test]
async fn a_destination_that_is_unavailable_costs_a_moment_and_gets_all_later() {
    twelve_invocations_through(Mode::status(503), "end").await;
}

#[tokio::test]
async fn a_destination_that_asks_for_a_minute_is_left_alone_and_gets_all_at_the_end() {
    twelve_invocations_through(Mode::busy(429, 60), "adaptive").await;
}

#[tokio::test]
async fn recovery_is_noticed_beside_one_of_the_next_invocations_and_not_waited_for() {
    let world = World::with(|builder| builder).await;
    world.destination.set_mode(Mode::Refusing);
    for _ in 0..12 {
        world.invoke(&json!({ "do": "work", "count": 1 })).await.payload();
    }
    world.destination.set_mode(Mode::Healthy);
    let (mut tails, mut invocations) = (Duration::ZERO, 0);
    // At most as long as a destination is ever left alone.
    while world.named("step").len() < 12 && invocations < 100 {
        let invocation = world.invoke(&json!({ "do": "answer", "ms": 100 })).await;
        tails += invocation.tail;
        invocations += 1;
    }
    assert_eq!(world.named("step").len(), 12, "after {invocations} invocations");
    assert!(tails < Duration::from_millis(300), "{tails:?} in {invocations} invocations");
}

#[tokio::test]
async fn an_extension_that_is_restarted_in_an_outage_does_not_wait_for_the_dead_destination_again() {
    for mode in [Mode::Hanging, Mode::Refusing] {
        let world = World::with(|builder| builder.env("SPANLAYER_FLUSH", "end")).await;
        world.destination.set_mode(mode.clone());
        for _ in 0..5 {
            world.invoke(&json!({ "do": "work", "count": 1 })).await.payload();
        }
        world.lambda.kill_extension("spanlayer");
        // Lambda notices with the next invocation, which fails, and resets the environment.
        world.invoke(&json!({ "do": "answer" })).await.error();
        let mut tails = Duration::ZERO;
        for _ in 0..5 {
            let invocation = world.invoke(&json!({ "do": "work", "count": 1 })).await;
            invocation.payload();
            tails += invocation.tail;
        }
        assert!(tails < Duration::from_millis(500), "{mode:?}: {tails:?}");
    }
}
