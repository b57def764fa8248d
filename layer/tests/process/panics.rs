//! A panic anywhere in the extension costs what it was about: it lives, serves, and delivers what it had accepted.

use crate::world::{PROTOBUF, SOON, World, exchange_or_nothing, nothing_of_its_own, spans};
use spanlayer_emulator::{Ended, Exit, Mode, Reason};
use std::time::Duration;

/// Wrapped invocations, each of a span, while a panic is planted in the midst of them. Ends, and returns how many spans
/// arrived. One panic, no more, is counted.
async fn five_invocations_with_a_panic_in(place: &str) -> usize {
    let world = World::wrapped(Mode::Healthy, Duration::from_millis(2), |builder| {
        nothing_of_its_own(builder)
            .env("SPANLAYER_TEST_PANICS", place)
            .env("SPANLAYER_FLUSH", "end")
            .timeout(Duration::from_secs(3))
    })
    .await;
    for number in 0..5 {
        let invocation = world.invoke().await;
        invocation.payload();
        assert_eq!(invocation.ended, Ended::Normally, "{place}: invocation {number} is held up by nobody");
    }
    let shutdown = world.lambda.shutdown(Reason::Spindown).await;
    let ours = shutdown.extension("spanlayer");
    assert_eq!((ours.exit, ours.killed), (Exit::Code(0), false), "{place}");
    let told: Vec<String> =
        world.log().into_iter().filter(|line| line.contains("panicked, going on")).collect();
    assert!(matches!(&told[..], [one] if one.contains("planted")), "{place}: {told:?}");
    let last = world.says("\"message\":\"shut down").await;
    assert!(last.contains("\"panics\":1") && last.contains("\"lost\":0"), "{place}: {last}");
    world.destination.spans().len()
}

/// The conversation with Lambda, at each of its turns: nothing of what the function sends has to do with it.
#[tokio::test]
async fn a_panic_in_the_conversation_with_lambda_costs_no_invocation_and_no_span() {
    if !cfg!(debug_assertions) {
        return println!("not tried: there is no door for it in this build");
    }
    for place in ["next", "next:3", "invoked", "invoked:3", "heard:2", "heard:5", "stop", "drain"] {
        assert_eq!(five_invocations_with_a_panic_in(place).await, 5, "{place}");
    }
}

#[tokio::test]
async fn a_panic_about_a_frame_of_the_link_costs_that_frame_alone() {
    if !cfg!(debug_assertions) {
        return println!("not tried: there is no door for it in this build");
    }
    // A hello, and then *started*, a span and *ended* of each invocation.
    for (frame, spans) in [(1, 5), (2, 5), (3, 4), (4, 5), (6, 4)] {
        assert_eq!(five_invocations_with_a_panic_in(&format!("link:{frame}")).await, spans, "frame {frame}");
    }
}

#[tokio::test]
async fn a_panic_in_a_receiver_ends_one_connection_and_the_next_one_is_served() {
    if !cfg!(debug_assertions) {
        return println!("not tried: there is no door for it in this build");
    }
    for place in ["request", "accept:2"] {
        let world = World::idle(|builder| {
            nothing_of_its_own(builder)
                .env("SPANLAYER_TEST_PANICS", place)
                .env("SPANLAYER_TELEMETRY_API", "off")
        })
        .await;
        let address = world.otlp().await;
        let mut acknowledged = 0;
        for _ in 0..5 {
            let answer = exchange_or_nothing(address, "/v1/traces", PROTOBUF, &spans(1, false)).await;
            acknowledged += usize::from(answer == Some(200));
        }
        assert!(acknowledged >= 4, "{place}: {acknowledged} of 5");
        world.invoke().await.payload();
        assert_eq!(world.lambda.shutdown(Reason::Spindown).await.extension("spanlayer").exit, Exit::Code(0));
        let arrived = world.destination.wait_for_spans(acknowledged, SOON).await.unwrap();
        assert_eq!(arrived.len(), acknowledged, "{place}: what was acknowledged, and nothing else");
        world.says("\"panics\":1").await;
    }
}

/// Whoever panics at every turn ends in an orderly way, and Lambda begins a new environment.
#[tokio::test]
async fn panics_without_an_end_lead_to_an_orderly_one() {
    if !cfg!(debug_assertions) {
        return println!("not tried: there is no door for it in this build");
    }
    let world = World::wrapped(Mode::Healthy, Duration::from_millis(2), |builder| {
        let every_turn = vec!["turn"; 40].join(",");
        nothing_of_its_own(builder).env("SPANLAYER_TEST_PANICS", format!("turn:4,{every_turn}"))
    })
    .await;
    world.invoke().await.payload();
    world.says("\"reason\":\"panicked\"").await;
    assert_eq!(world.destination.spans().len(), 1);
}
