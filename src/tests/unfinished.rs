//! What is told of an invocation that may never end, and that nothing of it is sent twice.

use std::{cell::RefCell, collections::HashMap, thread, time::Duration};

use lambda_runtime::{Error, LambdaEvent};
use opentelemetry::{
    Context,
    trace::{TraceContextExt as _, Tracer as _},
};
use serde_json::{Value, json};
use spanlayer_host::clock;
use spanlayer_link::Unfinished;
use spanlayer_otlp::{Signal, json as otlp_json};

use super::{
    outcomes::REQUEST,
    world::{Received, Span, World, invocation},
};

/// The spans in it.
pub(super) fn spans(unfinished: &Unfinished) -> Vec<Span> {
    let text = otlp_json::from_protobuf(Signal::Traces, &unfinished.spans).expect("valid OTLP");
    let requests = vec![serde_json::from_str(&text).expect("JSON")];
    Received { requests, ..Received::default() }.spans()
}

/// Computes, and never gives its thread away, until something is told of it; hands over all that was sent so far.
fn compute(world: &World) -> Received {
    let by = clock::monotonic() + Duration::from_secs(10);
    let mut all = world.received();
    while all.unfinished.is_empty() {
        assert!(clock::monotonic() < by, "nothing is told");
        thread::yield_now();
        all.append(world.received());
    }
    all
}

#[tokio::test]
async fn before_its_deadline_an_invocation_that_computes_on_tells_what_is_open() {
    for subscribed in [true, false] {
        let world = World::new();
        let _subscribed = subscribed.then(|| world.subscribe());
        let tracer = world.telemetry.new_tracer();
        let mut event = invocation(REQUEST);
        event.context.deadline = clock::unix_millis() + 1000;
        let deadline = event.context.deadline;
        let early = RefCell::new(Received::default());
        let handler = |_: LambdaEvent<Value>| {
            crate::invocation().route("/shops/{id}").attribute("url.path", "/hidden");
            drop(tracer.start("finished"));
            let outer = Context::current_with_span(tracer.start("outer"));
            let _outer = outer.attach();
            let inner = Context::current_with_span(tracer.start("inner"));
            let _inner = inner.attach();
            *early.borrow_mut() = compute(&world);
            assert!(clock::unix_millis() < deadline, "it is told in time");
            async { Ok::<_, Error>(json!({"statusCode": 200})) }
        };
        world.invoke_as(handler, event).await.expect("an answer");
        let early = early.into_inner();
        assert_eq!(early.span("finished").attribute("spanlayer.interrupted"), None);
        let [told] = &early.unfinished[..] else { panic!("{:?}", early.unfinished) };
        let open: HashMap<_, _> =
            spans(told).into_iter().map(|span| (span.text("name").to_owned(), span)).collect();
        assert_eq!(open.len(), 2);
        assert!(open["inner"].is_child_of(&open["outer"]));
        assert!(open.values().all(|span| span.attribute("spanlayer.interrupted") == Some(&json!(true))));
        assert!(open.values().all(|span| span.status() == 0 && span.text("endTimeUnixNano") != "0"));
        // What the extension makes the invocation's span of, as the handler wants it.
        assert_eq!(told.name, "GET /shops/{id}");
        let attributes = String::from_utf8_lossy(&told.attributes);
        assert!(attributes.contains("/hidden") && attributes.contains("faas.invocation_id"));
        assert!(!attributes.contains("/orders/7"), "{attributes}");

        // It ended after all: the spans come as they were, each once, and *ended* makes void what was told.
        let late = world.received();
        assert_eq!((late.ended.len(), late.unfinished.len()), (1, 0));
        assert_eq!(late.spans().len(), 3);
        let root = late.span("GET /shops/{id}");
        assert!(late.span("outer").is_child_of(&root) && open["outer"].is_child_of(&root));
        assert_eq!(late.span("inner").text("spanId"), open["inner"].text("spanId"));
    }
}

#[tokio::test]
async fn spans_that_are_sent_ahead_are_followed_by_their_open_parents() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let early = RefCell::new(Received::default());
    let handler = |_: LambdaEvent<Value>| async {
        tracing::info_span!("all").in_scope(|| {
            for _ in 0..1000 {
                tracing::info_span!("step").in_scope(|| ());
            }
        });
        *early.borrow_mut() = world.received();
        Ok::<_, Error>(())
    };
    world.invoke(handler, "{}").await.expect("an answer");
    let early = early.into_inner();
    let sent = early.spans();
    assert!(!sent.is_empty() && sent.len() < 1000);
    let [told] = &early.unfinished[..] else { panic!("{:?}", early.unfinished) };
    let open = spans(told);
    let [all] = &open[..] else { panic!("{open:?}") };
    assert!(sent.iter().all(|span| span.is_child_of(all)));
    assert_eq!(told.request_id, early.started[0].request_id);
    assert!(told.name.is_empty() && told.attributes.is_empty(), "as *started* said");
}

#[tokio::test]
async fn a_long_invocation_tells_what_is_open_long_before_its_deadline() {
    let world = World::new();
    let tracer = world.telemetry.new_tracer();
    let mut event = invocation("{}");
    event.context.deadline = clock::unix_millis() + 900_000;
    let handler = |_: LambdaEvent<Value>| {
        let _query = Context::current_with_span(tracer.start("query")).attach();
        assert_eq!(spans(&compute(&world).unfinished[0]).len(), 1);
        async { Ok::<_, Error>(()) }
    };
    world.invoke_as(handler, event).await.expect("an answer");
}

#[tokio::test]
async fn what_outlives_its_invocation_is_no_longer_told_of() {
    let world = World::new();
    let tracer = world.telemetry.new_tracer();
    let kept = RefCell::new(None);
    let keep = |_: LambdaEvent<Value>| {
        *kept.borrow_mut() = Some(tracer.start("late"));
        async { Ok::<_, Error>(()) }
    };
    world.invoke(keep, "{}").await.expect("an answer");
    let mut event = invocation("{}");
    event.context.deadline = clock::unix_millis() + 1000;
    let handler = |_: LambdaEvent<Value>| {
        assert!(compute(&world).unfinished[0].spans.is_empty());
        async { Ok::<_, Error>(()) }
    };
    world.invoke_as(handler, event).await.expect("an answer");
}
