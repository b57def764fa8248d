//! What was recorded arrives: once, compressed, and without the function waiting for it.

use crate::world::World;
use serde_json::json;
use spanlayer_emulator::{Mode, destination::ReceivedSpan};
use std::{collections::HashSet, time::Duration};

#[tokio::test]
async fn every_span_of_fifty_invocations_arrives_exactly_once() {
    for flush in ["adaptive", "end", "continuous", "periodic,50"] {
        let world = World::with(|builder| builder.env("SPANLAYER_FLUSH", flush)).await;
        for _ in 0..50 {
            world.invoke(&json!({ "do": "work", "count": 3 })).await.payload();
        }
        assert!(world.shutdown().await.extension("spanlayer").exit == spanlayer_emulator::Exit::Code(0));
        let spans = world.spans();
        let ids: HashSet<String> = spans.iter().map(|span| span.span_id()).collect();
        assert_eq!((spans.len(), ids.len()), (200, 200), "{flush}");
        let traces: HashSet<String> = spans.iter().map(|span| span.trace_id()).collect();
        assert_eq!(traces.len(), 50, "{flush}");
    }
}

#[tokio::test]
async fn requests_are_compressed_batches_of_protobuf_under_a_key_of_their_own() {
    let world = World::with(|builder| builder).await;
    for _ in 0..10 {
        world.invoke(&json!({ "do": "work", "count": 20 })).await.payload();
    }
    world.shutdown().await;
    let requests = world.destination.requests();
    let to = |path: &str| requests.iter().filter(|request| request.path == path).count();
    assert!((1..10).contains(&to("/v1/traces")), "{} requests for 10 invocations", to("/v1/traces"));
    assert_eq!(to("/v1/metrics"), 1, "added up until the end");
    let mut keys = HashSet::new();
    for request in &requests {
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        assert!(request.header("user-agent").unwrap().contains("spanlayer"));
        assert!(keys.insert(request.header("idempotency-key").unwrap().to_owned()));
    }
}

#[tokio::test]
async fn a_freeze_between_invocations_loses_nothing() {
    let world = World::with(|builder| builder.freeze_between(true).hold_telemetry_between(true)).await;
    for _ in 0..20 {
        world.invoke(&json!({ "do": "work", "count": 2 })).await.payload();
    }
    world.shutdown().await;
    assert_eq!(world.spans().len(), 60);
    assert_eq!(world.invocations().len(), 20);
}

#[tokio::test]
async fn the_first_invocation_is_delivered_before_it_may_be_frozen() {
    let world = World::with(|builder| builder.freeze_between(true)).await;
    world.invoke(&json!({ "do": "work", "count": 2 })).await.payload();
    assert_eq!(world.spans().len(), 3);
}

#[tokio::test]
async fn a_slow_destination_delays_no_response() {
    let world = World::with(|builder| builder.timeout(Duration::from_secs(10))).await;
    world.destination.set_mode(Mode::Slow(Duration::from_secs(1)));
    for _ in 0..3 {
        let answer = world.invoke(&json!({ "do": "work", "count": 2 })).await;
        assert!(answer.response_time < Duration::from_millis(500), "{:?}", answer.response_time);
    }
    world.destination.set_mode(Mode::Healthy);
    world.shutdown().await;
    let received: HashSet<String> = world.spans().iter().map(|span| span.span_id()).collect();
    assert_eq!(received.len(), 9);
}

#[tokio::test]
async fn what_ended_before_a_crash_arrives_and_the_next_environment_works() {
    let world = World::with(|builder| builder).await;
    world.invoke(&json!({ "do": "work", "count": 2 })).await.payload();
    world.invoke(&json!({ "do": "exit" })).await.error();
    world.invoke(&json!({ "do": "work", "count": 2 })).await.payload();
    world.shutdown().await;
    assert_eq!(world.spans().len(), 7);
    let ended = world.invocations();
    assert_eq!(ended.iter().map(ReceivedSpan::is_error).collect::<Vec<_>>(), [false, true, false]);
}
