//! What is sent, when, and what happens when nobody takes it.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::Mutex,
    thread,
    time::Duration,
};

use lambda_runtime::{Error, LambdaEvent};
use opentelemetry::trace::{Span as _, Tracer as _};
use serde_json::json;
use spanlayer_host::clock;
use spanlayer_link::Frame;

use super::world::World;

async fn echo(event: LambdaEvent<String>) -> Result<String, Error> {
    Ok(event.payload)
}

#[tokio::test]
async fn everything_but_the_hello_goes_after_the_response() {
    let world = World::new();
    let before = Mutex::new(Vec::new());
    let read = || before.lock().expect("one at a time").extend(world.frames());
    world.invoke_then(echo, r#""hi""#, read).await;
    let before = before.into_inner().expect("one at a time");
    let [Frame::Hello(hello)] = &before[..] else { panic!("{before:?}") };
    assert!(!hello.resource.is_empty());
    let after = world.frames();
    let [Frame::Started(started), Frame::Telemetry(_, request), Frame::Ended(ended), Frame::Said(_)] =
        &after[..]
    else {
        panic!("{after:?}")
    };
    assert_eq!(spanlayer_otlp::scan(spanlayer_otlp::Signal::Traces, request).map(|found| found.items), Ok(1));
    assert_eq!(ended.request_id, started.request_id);
    assert!(!ended.error && ended.end_unix_nano >= started.start_unix_nano);
}

#[tokio::test]
async fn started_is_what_the_span_would_be_made_of() {
    let world = World::new();
    world.invoke(echo, r#""hi""#).await.expect("an answer");
    let received = world.received();
    let (started, span) = (&received.started[0], received.span("orders"));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&started.trace_id), span.text("traceId"));
    assert_eq!(hex(&started.span_id), span.text("spanId"));
    assert_eq!((started.name.as_str(), u64::from(started.kind)), ("orders", 2));
    assert_eq!(started.flags, 1);
    assert!(started.deadline_unix_millis > clock::unix_millis());
    assert!(started.attributes.windows(18).any(|window| window == b"faas.invocation_id"));
}

#[tokio::test]
async fn a_span_that_outlives_its_invocation_goes_out_with_the_next() {
    let world = World::new();
    let tracer = world.telemetry.new_tracer();
    let kept = Mutex::new(None);
    let keep = |_: LambdaEvent<String>| {
        *kept.lock().expect("one at a time") = Some(tracer.start("late"));
        async { Ok::<(), Error>(()) }
    };
    world.invoke(keep, r#""1""#).await.expect("an answer");
    let root = world.received().span("orders");
    kept.lock().expect("one at a time").take().expect("a span").end();
    assert!(world.frames().is_empty(), "nothing is written between invocations");
    world.invoke(echo, r#""2""#).await.expect("an answer");
    assert!(world.received().span("late").is_child_of(&root));
}

#[tokio::test]
async fn many_spans_are_sent_before_the_end() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let early = Mutex::new(0);
    let handler = |_: LambdaEvent<String>| async {
        for at in 0..1000 {
            tracing::info_span!("step", at).in_scope(|| ());
        }
        *early.lock().expect("one at a time") = world.received().spans().len();
        Ok::<(), Error>(())
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    let early = early.into_inner().expect("one at a time");
    assert!((1..1000).contains(&early), "{early}");
    assert_eq!(early + world.received().spans().len(), 1001);
}

#[tokio::test]
async fn old_spans_are_sent_though_the_handler_computes_on() {
    let world = World::new();
    let tracer = world.telemetry.new_tracer();
    let arrived = Mutex::new(false);
    let handler = |_: LambdaEvent<String>| {
        tracer.start("done").end();
        let by = clock::monotonic() + Duration::from_secs(10);
        let mut seen = false;
        while !seen && clock::monotonic() < by {
            thread::yield_now(); // as a handler that never gives its thread away
            seen = !world.received().requests.is_empty();
        }
        *arrived.lock().expect("one at a time") = seen;
        async { Ok::<(), Error>(()) }
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    assert!(arrived.into_inner().expect("one at a time"));
}

#[tokio::test]
async fn a_socket_that_nobody_reads_holds_nothing_up_and_losses_are_counted() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let handler = |_: LambdaEvent<String>| async {
        for _ in 0..100 {
            tracing::info_span!("step", text = "x".repeat(1000)).in_scope(|| ());
        }
        Ok::<(), Error>(())
    };
    let start = clock::monotonic();
    for _ in 0..50 {
        world.invoke(handler, r#""7""#).await.expect("an answer");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    let (mut spans, mut dropped, mut ended) = (0, 0, 0);
    let mut invocations = 50;
    while ended < invocations {
        let received = world.received();
        spans += received.spans().len() as u64;
        dropped += received.ended.iter().map(|ended| ended.dropped_spans).sum::<u64>();
        ended += received.ended.len();
        if received.ended.is_empty() {
            // What was kept goes out when there is something to write.
            world.invoke(echo, r#""7""#).await.expect("an answer");
            invocations += 1;
        }
    }
    assert!(dropped > 0);
    assert_eq!(spans + dropped, 50 * 100 + invocations as u64);
}

#[tokio::test]
async fn an_extension_that_comes_back_is_greeted_again() {
    let mut world = World::new();
    world.invoke(echo, r#""1""#).await.expect("an answer");
    assert_eq!(world.received().hellos, 1);
    world.hang_up();
    world.invoke(echo, r#""2""#).await.expect("an answer");
    world.listen_again();
    world.invoke(echo, r#""3""#).await.expect("an answer");
    let received = world.received();
    assert_eq!(received.hellos, 1);
    assert_eq!(received.spans().len(), 2, "what was kept, and the new one");
}

#[tokio::test]
async fn without_the_extension_spans_are_posted_to_a_collector() {
    let collector = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = collector.local_addr().expect("an address").to_string();
    let world = World::deaf(&[("SPANLAYER_OTLP_HTTP", &address)]);
    let server = thread::spawn(move || {
        let (mut stream, _) = collector.accept().expect("a connection");
        let mut request = Vec::new();
        let head = loop {
            let mut chunk = [0; 4096];
            let read = stream.read(&mut chunk).expect("a request");
            request.extend_from_slice(&chunk[..read]);
            if let Some(end) = request.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = String::from_utf8_lossy(&request[..head]).into_owned();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
        let mut body = request.split_off(head);
        let mut rest = vec![0; length.parse::<usize>().expect("a number") - body.len()];
        stream.read_exact(&mut rest).expect("the whole body");
        body.append(&mut rest);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").expect("an answer");
        (text, body)
    });
    world.invoke(echo, r#""hi""#).await.expect("an answer");
    let (head, body) = server.join().expect("a request");
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    let found = spanlayer_otlp::scan(spanlayer_otlp::Signal::Traces, &body).expect("valid OTLP");
    assert_eq!(found.items, 1);
}

#[tokio::test]
async fn nobody_anywhere_delays_nothing() {
    let closed =
        TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").to_string();
    for address in ["off", &closed] {
        let world = World::deaf(&[("SPANLAYER_OTLP_HTTP", address)]);
        let start = clock::monotonic();
        for _ in 0..20 {
            assert_eq!(world.invoke(echo, r#""hi""#).await, Ok(json!("hi")));
        }
        assert!(start.elapsed() < Duration::from_millis(200), "{:?}", start.elapsed());
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_is_waited_for_once_and_never_before_the_response() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = silent.local_addr().expect("an address").to_string();
    let world = World::deaf(&[("SPANLAYER_OTLP_HTTP", &address)]);
    let start = clock::monotonic();
    let answered = Mutex::new(None);
    let note = || *answered.lock().expect("one at a time") = Some(start.elapsed());
    world.invoke_then(echo, r#""hi""#, note).await;
    let answered = answered.into_inner().expect("one at a time").expect("an answer");
    assert!(answered < Duration::from_millis(100), "{answered:?}");
    let again = clock::monotonic();
    world.invoke(echo, r#""hi""#).await.expect("an answer");
    assert!(again.elapsed() < Duration::from_millis(100), "given up for a while");
}

#[tokio::test]
async fn before_a_snapshot_is_restored_nothing_is_sent_nor_made_that_has_to_be_unique() {
    let world = World::with(&[("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")]);
    let tracer = world.telemetry.new_tracer();
    let start = |spans: usize| (0..spans).for_each(|_| tracer.start("during the start").end());
    start(1000);
    world.telemetry.outbox.flush();
    world.telemetry.outbox.tick();
    assert!(world.frames().is_empty());
    world.invoke(echo, r#""hi""#).await.expect("an answer");
    let received = world.received();
    assert_eq!(received.spans().len(), 1001);
    assert_eq!(received.span("orders").attribute("faas.coldstart"), Some(&json!(false)));
    let resource = &received.requests[0]["resourceSpans"][0]["resource"];
    assert!(super::world::attribute(resource, "service.instance.id").is_some());
    start(1000);
    assert!(!world.received().requests.is_empty(), "from now on many are sent at once");
}

#[tokio::test]
async fn what_is_kept_for_a_snapshot_is_bounded_and_the_rest_counted() {
    let world = World::with(&[("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")]);
    let tracer = world.telemetry.new_tracer();
    let text = "x".repeat(10_000);
    for _ in 0..200 {
        tracer.start("large").set_attribute(opentelemetry::KeyValue::new("text", text.clone()));
    }
    world.invoke(echo, r#""hi""#).await.expect("an answer");
    let mut received = world.received();
    while received.ended.is_empty() {
        // What the socket did not take at once goes out when there is something to write.
        world.telemetry.outbox.tick();
        received.append(world.received());
    }
    let kept = received.spans().len();
    assert!((50..200).contains(&kept), "{kept}");
    assert_eq!(received.ended[0].dropped_spans + kept as u64, 201);
}
