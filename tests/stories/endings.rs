//! However an invocation ends, there is exactly one span of it, which says how; and every other span of its trace has
//! its parent.

use crate::world::{SOON, World, children, invocations};
use serde_json::{Value, json};
use spanlayer_emulator::{
    Destination, Emulator, Ended, Invocation, Mode, binary,
    destination::{ReceivedSpan, Value as Attribute},
};
use std::{collections::HashSet, time::Duration};

/// No span names a parent that did not arrive. (No caller is part of these traces.)
fn has_no_orphan(spans: &[ReceivedSpan]) {
    let ids: HashSet<String> = spans.iter().map(ReceivedSpan::span_id).collect();
    assert_eq!(ids.len(), spans.len(), "none twice");
    for span in spans {
        let parent = span.parent_id();
        assert!(parent.is_empty() || ids.contains(&parent), "{} has no parent: {spans:#?}", span.span.name);
    }
}

/// Shuts the world down, and returns the one span that there is of this invocation.
async fn the_span_of(world: &World, invocation: &Invocation) -> ReceivedSpan {
    world.shutdown().await;
    let all = world.destination.spans();
    has_no_orphan(&all);
    let is_it = |span: &&ReceivedSpan| span.text("faas.invocation_id") == Some(&invocation.request_id);
    let [span] = &invocations(&all).iter().filter(is_it).cloned().collect::<Vec<_>>()[..] else {
        panic!("one invocation span: {all:#?}");
    };
    assert!(
        span.span.start_time_unix_nano > 0 && span.span.end_time_unix_nano >= span.span.start_time_unix_nano
    );
    span.clone()
}

/// The names of spans, in order.
fn names(spans: &[ReceivedSpan]) -> Vec<&str> {
    let mut names: Vec<_> = spans.iter().map(|span| span.span.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// One invocation that fails, the first or a later one of its environment.
async fn fails(event: &Value, error_type: &str, made_by_the_platform: bool) {
    for earlier in [0, 3] {
        let world = World::with(|builder| builder.timeout(Duration::from_millis(700))).await;
        for _ in 0..earlier {
            world.invoke(&json!({ "do": "work", "count": 1 })).await.payload();
        }
        let invocation = world.invoke(event).await;
        invocation.error();
        let span = the_span_of(&world, &invocation).await;
        assert!(span.is_error(), "{span:?}");
        assert_eq!(span.text("error.type"), Some(error_type), "{event}");
        assert_eq!(span.text("spanlayer.origin") == Some("platform"), made_by_the_platform, "{span:?}");
        // What had ended is there, however suddenly the rest did.
        assert_eq!(names(&children(&world.spans(), &span)), ["step"], "{event}");
        // The same name and service, whoever wrote it.
        assert_eq!((span.span.name.as_str(), span.span.kind), ("orders", 2));
        assert_eq!(span.resource_text("service.name"), Some("orders"));
        assert_eq!(world.invocations().len(), earlier + 1);
    }
}

#[tokio::test]
async fn a_success() {
    let world = World::with(|builder| builder).await;
    let invocation = world.invoke(&json!({ "do": "work", "count": 2 })).await;
    invocation.payload();
    let span = the_span_of(&world, &invocation).await;
    assert!(!span.is_error() && span.text("error.type").is_none());
    assert_eq!(children(&world.spans(), &span).len(), 2);
}

#[tokio::test]
async fn a_panic() {
    fails(&json!({ "do": "panic" }), "panic", false).await;
}

#[tokio::test]
async fn an_error_of_the_handler() {
    let world = World::with(|builder| builder).await;
    let invocation = world.invoke(&json!({ "do": "fail" })).await;
    assert!(the_span_of(&world, &invocation).await.is_error());
}

#[tokio::test]
async fn an_event_that_cannot_be_read() {
    let world = World::with(|builder| builder).await;
    let invocation = world.invoke(&json!({ "do": "what nobody can" })).await;
    assert!(the_span_of(&world, &invocation).await.is_error());
}

#[tokio::test]
async fn the_process_exits() {
    fails(&json!({ "do": "exit" }), "Runtime.ExitError", true).await;
}

#[tokio::test]
async fn the_process_aborts() {
    fails(&json!({ "do": "abort" }), "Runtime.ExitError", true).await;
}

#[tokio::test]
async fn a_response_that_is_too_large() {
    // A text of this length, in its quotes, is as long as Lambda takes; and one byte more.
    let most = 6 * 1024 * 1024 + 100 - 2;
    let world = World::with(|builder| builder).await;
    let fits = world.invoke(&json!({ "do": "large", "bytes": most })).await;
    fits.payload();
    let too_large = world.invoke(&json!({ "do": "large", "bytes": most + 1 })).await;
    assert_eq!(too_large.error().error_type, "Function.ResponseSizeTooLarge");
    let after = world.invoke(&json!({ "do": "answer" })).await;
    after.payload();
    let span = the_span_of(&world, &too_large).await;
    assert!(span.is_error());
    assert_eq!(span.text("error.type"), Some("Function.ResponseSizeTooLarge"));
    assert_eq!(span.text("spanlayer.origin"), None, "the function knows by itself");
    assert_eq!(world.invocations().iter().filter(|span| span.is_error()).count(), 1, "none of the others");
    assert_eq!(world.invocations().len(), 3);
}

#[tokio::test]
async fn under_a_runtime_of_the_functions_own_each_ending_is_one_span_too() {
    for (order, error_type) in [
        (json!({ "do": "work", "count": 1 }), None),
        (json!({ "do": "fail" }), Some("Box<dyn Error>")),
        (json!({ "do": "panic" }), Some("panic")),
        (json!({ "do": "exit" }), Some("Runtime.ExitError")),
        (json!({ "do": "hang" }), Some("timeout")),
        (json!({ "do": "large", "bytes": 6 << 20 | 100 }), Some("Function.ResponseSizeTooLarge")),
        (json!({ "do": "what nobody can" }), Some("lambda_runtime::deserializer::DeserializeError")),
    ] {
        let world = World::with(|builder| {
            builder.function(binary("story-handled")).timeout(Duration::from_millis(700))
        })
        .await;
        world.invoke(&json!({ "do": "answer" })).await.payload();
        let invocation = world.invoke(&order).await;
        assert_eq!(invocation.response.is_err(), error_type.is_some(), "{order}");
        let span = the_span_of(&world, &invocation).await;
        assert_eq!((span.is_error(), span.text("error.type")), (error_type.is_some(), error_type), "{order}");
        let reports = world.named("platform.report");
        let under = children(&reports, &span);
        assert!(under.iter().all(|report| report.is_error() == error_type.is_some()), "{order}: {under:#?}");
        assert_eq!(world.invocations().len(), 2);
    }
}

#[tokio::test]
async fn a_streamed_response_ends_its_invocation_when_it_ends_or_breaks_off() {
    for (breaks, error_type) in [(false, None), (true, Some("Runtime.StreamError"))] {
        let world = World::with(|builder| builder.function(binary("story-streaming"))).await;
        let invocation = world.invoke(&json!({ "pieces": 3, "breaks": breaks })).await;
        assert!(invocation.streamed);
        let span = the_span_of(&world, &invocation).await;
        assert_eq!((span.is_error(), span.text("error.type")), (breaks, error_type));
        assert_eq!(span.attribute("spanlayer.response.size_bytes"), Some(&Attribute::IntValue(18)));
        let under = children(&world.spans(), &span);
        assert_eq!(names(&under), ["piece"; 3], "made after the handler had returned");
        assert!(under.iter().all(|piece| piece.span.end_time_unix_nano <= span.span.end_time_unix_nano));
    }
}

#[tokio::test]
async fn a_function_that_dies_before_it_is_ready() {
    let destination = Destination::start(Mode::Healthy).await.unwrap();
    let builder = Emulator::builder().function(binary("story-stillborn")).extension(binary("spanlayer"));
    let builder = builder
        .function_name("orders")
        .env("SPANLAYER_OTLP_HTTP", "127.0.0.1:0")
        .env("SPANLAYER_OTLP_GRPC", "127.0.0.1:0")
        .env("SPANLAYER_TELEMETRY_API", "127.0.0.1:0")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", destination.url());
    assert!(builder.start().await.is_err(), "nobody is served");
    let [init] = &destination.spans()[..] else { panic!("{:#?}", destination.spans()) };
    assert_eq!((init.span.name.as_str(), init.parent_id().as_str()), ("init", ""));
    assert_eq!((init.is_error(), init.text("error.type")), (true, Some("Runtime.ExitError")));
    assert_eq!(init.resource_text("service.name"), Some("orders"));
}

#[tokio::test]
async fn a_timeout_shows_what_had_ended_and_what_was_interrupted() {
    for earlier in [0, 3] {
        let world = World::with(|builder| builder.timeout(Duration::from_millis(700))).await;
        for _ in 0..earlier {
            world.invoke(&json!({ "do": "answer" })).await.payload();
        }
        let invocation = world.invoke(&json!({ "do": "hang" })).await;
        assert_eq!(invocation.ended, Ended::TimedOut);
        let span = the_span_of(&world, &invocation).await;
        assert!(span.is_error());
        assert_eq!(span.text("error.type"), Some("timeout"));
        assert_eq!(names(&children(&world.spans(), &span)), ["hang", "step"]);
        let took = span.span.end_time_unix_nano - span.span.start_time_unix_nano;
        assert!((600_000_000..1_500_000_000).contains(&took), "{took} ns");
    }
}

/// An invocation that is under way when the runtime dies, soon after it had begun.
async fn killed(kill: impl FnOnce(&World), error_type: &str) {
    let (world, invocation) = struck(kill).await;
    let span = the_span_of(&world, &invocation).await;
    assert!(span.is_error());
    assert_eq!(span.text("error.type"), Some(error_type));
    assert_eq!(span.text("spanlayer.origin"), Some("platform"));
    // Where it was, and what it had done by then.
    let under = children(&world.spans(), &span);
    assert_eq!(names(&under), ["hang", "step"]);
    let interrupted = |name| {
        let one = under.iter().find(|one| one.span.name == name).unwrap();
        one.attribute("spanlayer.interrupted").is_some()
    };
    assert!(interrupted("hang") && !interrupted("step"));
}

/// A world in which somebody dies in the midst of an invocation.
async fn struck(kill: impl FnOnce(&World)) -> (World, Invocation) {
    let world = World::with(|builder| builder.timeout(SOON)).await;
    for _ in 0..2 {
        world.invoke(&json!({ "do": "answer" })).await.payload();
    }
    let order = json!({ "do": "hang", "lines": ["here I am"] });
    let invocation = world.invoke(&order);
    let death = async {
        while !world.lambda.function_output().iter().any(|line| line == "here I am") {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        kill(&world);
    };
    let (invocation, ()) = tokio::join!(invocation, death);
    invocation.error();
    (world, invocation)
}

#[tokio::test]
async fn the_process_is_killed() {
    killed(|world| world.lambda.kill_runtime(), "Runtime.ExitError").await;
}

#[tokio::test]
async fn memory_runs_out() {
    killed(|world| world.lambda.kill_runtime_out_of_memory(), "Runtime.OutOfMemory").await;
}

#[tokio::test]
async fn the_extension_is_killed_and_the_function_with_it() {
    let (world, invocation) = struck(|world| world.lambda.kill_extension("spanlayer")).await;
    // Whoever comes next tells of what it finds.
    world.invoke(&json!({ "do": "answer" })).await.payload();
    let span = the_span_of(&world, &invocation).await;
    assert!(span.is_error());
    assert_eq!(span.text("error.type"), Some("failure"));
    assert_eq!(names(&children(&world.spans(), &span)), ["hang", "step"]);
    assert_eq!(span.text("faas.trigger"), Some("other"), "all that had been known of it");
    let left = std::fs::read_dir(world.lambda.state_dir()).unwrap().flatten();
    assert_eq!(left.filter(|file| file.file_name().to_string_lossy().starts_with("journal")).count(), 0);
}

#[tokio::test]
async fn a_function_that_makes_no_spans_gets_one_for_each_invocation_however_it_ends() {
    for flush in ["adaptive", "end", "continuous"] {
        let world =
            World::with(|builder| builder.function(binary("story-bare")).env("SPANLAYER_FLUSH", flush)).await;
        let orders = ["answer", "fail", "answer", "exit", "answer"];
        let mut ids = Vec::new();
        for order in orders {
            ids.push(world.invoke(&json!({ "do": order })).await.request_id);
        }
        world.shutdown().await;
        has_no_orphan(&world.destination.spans());
        let mut spans = world.invocations();
        spans.sort_by_key(|span| span.span.start_time_unix_nano);
        let told: Vec<_> = spans.iter().filter_map(|span| span.text("faas.invocation_id")).collect();
        assert_eq!(told, ids, "{flush}");
        let failed: Vec<_> = spans.iter().map(ReceivedSpan::is_error).collect();
        assert_eq!(failed, orders.map(|order| order != "answer"), "{flush}");
        assert!(spans.iter().all(|span| span.resource_text("service.name") == Some("orders")));
    }
}
