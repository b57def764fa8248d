//! What begins inside the handler is a child of the invocation, however it is made and wherever it runs.

use lambda_runtime::{Error, LambdaEvent};
use opentelemetry::{
    Context, KeyValue,
    trace::{Span as _, TraceContextExt as _, Tracer as _},
};
use tracing::Instrument as _;

use super::world::World;

type Text = LambdaEvent<String>;

#[tokio::test]
async fn spans_of_tracing_are_children_across_awaits_and_tasks() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let handler = |_: Text| async {
        async {
            tokio::task::yield_now().await;
            tracing::info_span!("inner").in_scope(|| ());
        }
        .instrument(tracing::info_span!("outer"))
        .await;
        // Where the task runs must not matter: only the span goes with it.
        let task = async { tracing::info_span!("in a task").in_scope(|| ()) };
        tokio::spawn(task.in_current_span()).await?;
        Ok::<(), Error>(())
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    let received = world.received();
    let root = received.span("orders");
    let outer = received.span("outer");
    assert!(outer.is_child_of(&root));
    assert!(received.span("inner").is_child_of(&outer));
    assert!(received.span("in a task").is_child_of(&root));
    assert_eq!(received.spans().len(), 4);
}

#[tokio::test]
async fn spans_of_the_opentelemetry_api_are_children_and_mix_with_those_of_tracing() {
    for subscribed in [true, false] {
        let world = World::new();
        let _subscribed = subscribed.then(|| world.subscribe());
        let tracer = world.telemetry.new_tracer();
        let handler = |_: Text| {
            let mut first = tracer.start("eager");
            first.end();
            async {
                tokio::task::yield_now().await;
                let mut span = tracer.start("query");
                span.set_attribute(KeyValue::new("db.system.name", "dynamodb"));
                let context = Context::current_with_span(span);
                let _inside = context.attach();
                if subscribed {
                    tracing::info_span!("parse").in_scope(|| ());
                }
                Ok::<(), Error>(())
            }
        };
        world.invoke(handler, r#""7""#).await.expect("an answer");
        let received = world.received();
        let root = received.span("orders");
        assert!(received.span("eager").is_child_of(&root), "also what begins before the first await");
        assert!(received.span("query").is_child_of(&root));
        if subscribed {
            assert!(received.span("parse").is_child_of(&received.span("query")));
        }
    }
}

#[tokio::test]
async fn a_filter_hides_spans_but_never_the_invocation() {
    for (directives, spans) in [("", 2), ("warn", 1), ("off", 1), ("elsewhere=trace", 1)] {
        let world = World::with(&[("RUST_LOG", directives)]);
        let _subscribed = world.subscribe();
        let handler = |_: Text| async {
            tracing::debug_span!("never by default").in_scope(|| ());
            tracing::info_span!("by default").in_scope(|| ());
            Ok::<(), Error>(())
        };
        world.invoke(handler, r#""7""#).await.expect("an answer");
        assert_eq!(world.received().spans().len(), spans, "RUST_LOG={directives}");
    }
}

#[tokio::test]
async fn a_subscriber_that_exports_nothing_or_hides_everything_still_gives_the_invocation() {
    use tracing_subscriber::{filter::LevelFilter, prelude::*};
    let plain = tracing_subscriber::registry();
    let world = World::new();
    let deaf = tracing_subscriber::registry()
        .with(crate::subscriber::layer(&world.telemetry))
        .with(LevelFilter::OFF);
    let handler = |_: Text| async {
        assert!(Context::current().span().span_context().is_valid());
        Ok::<(), Error>(())
    };
    for subscribed in [plain.set_default(), deaf.set_default()] {
        world.invoke(handler, r#""7""#).await.expect("an answer");
        world.received().span("orders");
        drop(subscribed);
    }
}

#[tokio::test]
async fn spans_tell_nothing_of_the_build_machine_or_its_threads() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let handler = |_: Text| async {
        tracing::info_span!("work", item = 7).in_scope(|| tracing::info!("done"));
        Ok::<(), Error>(())
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    for span in world.received().spans() {
        let text = span.0.to_string();
        for unwanted in ["code.", "thread.", "busy_ns", "idle_ns", env!("CARGO_MANIFEST_DIR")] {
            assert!(!text.contains(unwanted), "{unwanted} in {text}");
        }
    }
}

#[tokio::test]
async fn invocations_at_once_do_not_mix() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let handler = |event: Text| async move {
        for _ in 0..3 {
            tokio::task::yield_now().await;
            tracing::info_span!("step", of = event.payload).in_scope(|| ());
        }
        if event.payload == "b" { Err(Error::from("b")) } else { Ok(()) }
    };
    let (a, b) = tokio::join!(world.invoke(handler, r#""a""#), world.invoke(handler, r#""b""#));
    assert!(a.is_ok() && b.is_err());
    let received = world.received();
    let roots: Vec<_> = received.spans().into_iter().filter(|span| span.text("name") == "orders").collect();
    assert_eq!(roots.iter().map(|root| root.status()).max(), Some(2));
    assert_eq!(roots.iter().map(|root| root.status()).min(), Some(0));
    for root in &roots {
        let children: Vec<_> = received.spans().into_iter().filter(|span| span.is_child_of(root)).collect();
        let name = if root.status() == 2 { "b" } else { "a" };
        assert_eq!(children.len(), 3);
        assert!(children.iter().all(|child| child.attribute("of").is_some_and(|of| of == name)));
    }
}

#[tokio::test]
async fn a_handler_made_by_the_attribute_joins_the_invocation_around_it() {
    let world = World::new();
    let handler = |event: LambdaEvent<crate::RawEvent>| async {
        let reply = crate::__private::invoke(
            event,
            |event: Text| async move { Ok::<_, Error>(event.payload) },
            crate::__private::Overrides::new().attribute("team", "shop"),
        );
        reply.await.map(crate::Reply::into_inner)
    };
    assert_eq!(world.invoke(handler, r#""hi""#).await, Ok("hi".into()));
    assert_eq!(world.received().spans().len(), 1);
}
