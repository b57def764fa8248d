//! What was recorded arrives: once, compressed, and without the function waiting for it.

use crate::world::World;
use serde_json::json;
use spanlayer_emulator::{Event, Mode, destination::ReceivedSpan};
use spanlayer_link::{Ended, Frame, Hello, Priority, Sender};
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
async fn without_the_platforms_word_the_first_invocation_is_delivered_as_well() {
    let world =
        World::with(|builder| builder.freeze_between(true).env("SPANLAYER_TELEMETRY_API", "off")).await;
    // Longer than a function is given to introduce itself.
    world.invoke(&json!({ "do": "answer", "ms": 150 })).await.payload();
    assert_eq!(world.spans().len(), 1);
}

#[tokio::test]
async fn a_function_that_empties_tmp_is_heard_as_before() {
    let world = World::with(|builder| builder).await;
    // Before it had connected: it needs a new socket. After that it keeps its connection.
    for _ in 0..2 {
        std::fs::remove_dir_all(world.lambda.state_dir()).unwrap();
        world.invoke(&json!({ "do": "answer" })).await.payload();
        world.invoke(&json!({ "do": "work", "count": 2 })).await.payload();
    }
    world.shutdown().await;
    assert_eq!(world.named("step").len(), 4);
    let invocations = world.invocations();
    assert_eq!(invocations.iter().filter(|span| span.text("spanlayer.origin").is_some()).count(), 0);
}

#[tokio::test]
async fn an_end_that_is_heard_before_its_invocation_holds_nothing_up() {
    let (answered, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let world = World::with(|builder| {
        let builder = builder.env("SPANLAYER_FLUSH", "end").env("SPANLAYER_TELEMETRY_API", "off");
        builder.timeout(Duration::from_secs(30)).handler(move |event| {
            answered.send(()).unwrap();
            async move { Ok(event.payload().clone()) }
        })
    })
    .await;
    let mut link = Sender::connect(&world.lambda.state_dir().join("link.sock")).unwrap();
    let hello = Hello { version: "0".to_owned(), ..Default::default() };
    link.send(&Frame::Hello(hello), Priority::Control);
    let ended = |request: &str| {
        Frame::Ended(Ended {
            request_id: request.to_owned(),
            end_unix_nano: 1,
            error: false,
            dropped_spans: 0,
        })
    };
    // While the extension is frozen, the function is told to begin, answers, and says so.
    world.lambda.freeze();
    link.send(&ended("early"), Priority::Control);
    let thaw = async {
        answers.recv().await.unwrap();
        world.lambda.thaw();
    };
    let (invocation, ()) = tokio::join!(world.lambda.invoke(Event::new("{}").request_id("early")), thaw);
    invocation.payload();
    assert!(invocation.tail < Duration::from_secs(5), "{:?}", invocation.tail);
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
    assert_eq!(world.spans().len(), 8);
    let ended = world.invocations();
    assert_eq!(ended.iter().map(ReceivedSpan::is_error).collect::<Vec<_>>(), [false, true, false]);
}
