//! When what is sent arrives, and what that costs.

use crate::world::{PROTOBUF, SOON, World, nothing_of_its_own, post, spans};
use bytes::Bytes;
use spanlayer_emulator::{Ended, Event, FunctionError, Mode};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::Notify;

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[tokio::test]
async fn the_first_invocation_is_delivered_at_its_end() {
    let world = World::wrapped(Mode::Healthy, millis(5), |builder| builder).await;
    world.invoke().await.payload();
    assert_eq!(world.destination.spans().len(), 1, "before the environment may be frozen");
}

#[tokio::test]
async fn end_delivers_every_invocation_at_its_end() {
    let world =
        World::wrapped(Mode::Healthy, millis(5), |builder| builder.env("SPANLAYER_FLUSH", "end")).await;
    for count in 1..=5 {
        world.invoke().await.payload();
        assert_eq!(world.destination.spans().len(), count);
    }
}

#[tokio::test]
async fn a_function_that_runs_often_is_not_held_up_and_its_spans_leave_beside_the_next_invocation() {
    // Long enough for an export to fit beside it, also on a busy machine.
    let world = World::wrapped(Mode::Healthy, millis(150), |builder| builder).await;
    world.invoke_times(3).await;
    for count in 3..8 {
        let outcome = world.invoke().await;
        assert_eq!(outcome.extension_tail, Duration::ZERO, "the runtime was the last to ask for next");
        world.destination.wait_for_spans(count, SOON).await.unwrap();
    }
}

#[tokio::test]
async fn next_is_asked_for_before_the_handler_answers() {
    let asked = Arc::new(Notify::new());
    let waiting = Arc::clone(&asked);
    // The handler of a deferred invocation answers only when Lambda has been asked for the next event.
    let world = World::with(Mode::Healthy, |builder, _| {
        builder.handler(move |event: Event| {
            let waiting = Arc::clone(&waiting);
            async move {
                if event.payload() == "wait" {
                    waiting.notified().await;
                }
                Ok(Bytes::from_static(b"{}"))
            }
        })
    })
    .await;
    world.invoke_times(3).await;
    let invocation = world.lambda.invoke("wait");
    let release = async {
        // Deferring, the extension asks at once, and says so.
        let plans = || world.log().iter().filter(|line| line.contains("release: AtOnce")).count();
        let before = plans();
        let by = tokio::time::Instant::now() + SOON;
        while plans() == before {
            assert!(tokio::time::Instant::now() < by, "{:?}", world.log());
            tokio::time::sleep(millis(1)).await;
        }
        // It says so just before it does so: once it has served others, it has.
        let to = world.otlp().await;
        for _ in 0..3 {
            assert_eq!(post(to, "/no/such/path", PROTOBUF, b"").await.status, 404);
        }
        asked.notify_one();
    };
    let (outcome, ()) = tokio::join!(invocation, release);
    assert_eq!(outcome.extension_tail, Duration::ZERO);
}

#[tokio::test]
async fn an_unwrapped_function_is_flushed_when_the_platform_says_that_it_is_done() {
    let to = Arc::new(OnceLock::new());
    let address = Arc::clone(&to);
    let world = World::with(Mode::Healthy, |builder, _| {
        nothing_of_its_own(builder).env("SPANLAYER_FLUSH", "end").handler(move |_| {
            let address = Arc::clone(&address);
            async move {
                let reply = post(*address.get().unwrap(), "/v1/traces", PROTOBUF, &spans(4, false)).await;
                assert_eq!(reply.status, 200);
                Ok(Bytes::from_static(b"{}"))
            }
        })
    })
    .await;
    to.set(world.otlp().await).unwrap();
    for count in 1..=5 {
        let outcome = world.invoke().await;
        assert_eq!(world.destination.spans().len(), 4 * count, "none was left behind");
        assert!(outcome.tail < millis(500), "{:?}", outcome.tail);
    }
}

#[tokio::test]
async fn a_wrapped_function_is_flushed_without_waiting_for_the_platform() {
    let world = World::wrapped(Mode::Healthy, millis(5), |builder| {
        // Platform events come late, if at all.
        builder.env("SPANLAYER_FLUSH", "end").env("SPANLAYER_TELEMETRY_API", "off")
    })
    .await;
    // The first tells us that the function is wrapped.
    world.invoke_times(1).await;
    for count in 2..=5 {
        world.invoke().await.payload();
        assert_eq!(world.destination.spans().len(), count);
    }
}

#[tokio::test]
async fn errors_leave_at_once_also_when_deferring() {
    let world = World::with(Mode::Healthy, |builder, function| {
        builder.handler(move |event: Event| {
            let function = function.clone();
            async move {
                function.started(&event);
                function.spans(1, event.payload() == "fail");
                function.ended_soon(&event);
                match event.payload() == "fail" {
                    true => {
                        Err(FunctionError { error_type: "Function.Fails".to_owned(), payload: Bytes::new() })
                    }
                    false => Ok(Bytes::from_static(b"{}")),
                }
            }
        })
    })
    .await;
    world.invoke_times(4).await;
    let outcome = world.lambda.invoke("fail").await;
    assert!(outcome.response.is_err());
    let spans = world.destination.wait_for_spans(5, SOON).await.unwrap();
    assert!(spans.iter().any(|span| span.is_error()));
}

#[tokio::test]
async fn continuous_delivers_without_waiting_for_anything() {
    let world =
        World::wrapped(Mode::Healthy, millis(50), |builder| builder.env("SPANLAYER_FLUSH", "continuous"))
            .await;
    for count in 1..=5 {
        assert_eq!(world.invoke().await.extension_tail, Duration::ZERO);
        world.destination.wait_for_spans(count, SOON).await.unwrap();
    }
}

#[tokio::test]
async fn periodic_delivers_by_the_clock_and_in_the_midst_of_a_long_invocation() {
    let world =
        World::wrapped(Mode::Healthy, millis(1), |builder| builder.env("SPANLAYER_FLUSH", "periodic,100"))
            .await;
    world.invoke_times(3).await;
    world.destination.wait_for_spans(3, SOON).await.unwrap();
}

#[tokio::test]
async fn what_waited_through_a_freeze_is_delivered_once() {
    let world = World::wrapped(Mode::Healthy, millis(20), |builder| builder.freeze_between(true)).await;
    world.invoke_times(10).await;
    // A probe of the last ones: the environment runs on from here.
    world.lambda.thaw();
    world.lambda.shutdown(spanlayer_emulator::Reason::Spindown).await;
    let spans = world.destination.wait_for_spans(10, SOON).await.unwrap();
    let mut ids: Vec<String> = spans.iter().map(|span| span.span_id()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), spans.len()), (10, 10), "each of them, and none twice");
}

#[tokio::test]
async fn a_function_that_times_out_has_what_it_sent_delivered() {
    let world = World::with(Mode::Healthy, |builder, function| {
        builder.timeout(millis(400)).handler(move |event: Event| {
            let function = function.clone();
            async move {
                function.started(&event);
                function.spans(3, false);
                std::future::pending::<()>().await;
                unreachable!("it hangs")
            }
        })
    })
    .await;
    let outcome = world.invoke().await;
    assert_eq!(outcome.ended, Ended::TimedOut);
    world.destination.wait_for_spans(3, SOON).await.unwrap();
    let exit = outcome.reset.unwrap();
    assert_eq!(exit.extension("spanlayer").exit, spanlayer_emulator::Exit::Code(0));
}

#[tokio::test]
async fn a_destination_that_takes_a_second_delays_no_response() {
    let world = World::wrapped(Mode::Slow(Duration::from_secs(1)), millis(5), |builder| builder).await;
    for _ in 0..4 {
        let outcome = world.invoke().await;
        assert!(outcome.response_time < millis(500), "{:?}", outcome.response_time);
        assert_eq!(outcome.ended, Ended::Normally);
    }
    world.destination.wait_for_spans(1, SOON).await.unwrap();
}
