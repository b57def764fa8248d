//! Calls that the handler makes: their spans, and what goes along with them.

use std::sync::Mutex;

use http::{HeaderMap, Request, Response, StatusCode};
use lambda_runtime::{
    Error, LambdaEvent,
    tower::{Layer as _, Service as _, ServiceExt as _, service_fn},
};
use opentelemetry::{Context, propagation::TextMapPropagator as _, trace::TraceContextExt as _};
use serde_json::json;

use super::world::World;
use crate::outgoing::Layer;

type Text = LambdaEvent<String>;

/// Invokes a handler that makes one request of a service which answers with a status, or not at all.
async fn call(world: &World, uri: &str, method: &str, answer: Option<StatusCode>) -> HeaderMap {
    // The layer asks for the global one, as every instrumentation does.
    opentelemetry::global::set_text_map_propagator(world.telemetry.settings.propagators.clone());
    let seen = Mutex::new(HeaderMap::new());
    let client = Layer::with_telemetry(world.telemetry.clone()).layer(service_fn(|request: Request<()>| {
        *seen.lock().expect("one at a time") = request.headers().clone();
        async move {
            assert!(Context::current().span().span_context().is_valid(), "polled inside the span");
            let mut response = Response::new(());
            *response.status_mut() = answer.ok_or("nobody there")?;
            Ok::<_, Error>(response)
        }
    }));
    let handler = |_: Text| {
        let request = Request::builder().uri(uri).method(method).body(()).expect("a request");
        let mut client = client.clone();
        async move {
            // What becomes of the call is not the handler's failure here.
            let _ = client.ready().await?.call(request).await;
            Ok::<(), Error>(())
        }
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    seen.into_inner().expect("one at a time")
}

#[tokio::test]
async fn a_call_is_a_client_span_whose_context_goes_along() {
    let world = World::new();
    let uri = "https://me:secret@stock.example.com/orders?id=7&X-Amz-Signature=abc";
    let headers = call(&world, uri, "POST", Some(StatusCode::CREATED)).await;
    let received = world.received();
    let (root, span) = (received.span("orders"), received.span("POST"));
    assert!(span.is_child_of(&root));
    assert_eq!((span.0["kind"].as_u64(), span.status()), (Some(3), 0));
    let expected = "https://stock.example.com/orders?id=7&X-Amz-Signature=REDACTED";
    assert_eq!(span.attribute("url.full"), Some(&json!(expected)));
    assert_eq!(span.attribute("server.address"), Some(&json!("stock.example.com")));
    assert_eq!(span.attribute("server.port"), Some(&json!("443")));
    assert_eq!(span.attribute("http.request.method"), Some(&json!("POST")));
    assert_eq!(span.attribute("http.response.status_code"), Some(&json!("201")));
    let expected = format!("00-{}-{}-01", span.text("traceId"), span.text("spanId"));
    assert_eq!(headers["traceparent"].to_str().ok(), Some(&*expected));
    assert!(world.telemetry.settings.propagators.fields().any(|field| field == "traceparent"));
}

#[tokio::test]
async fn an_answer_of_400_and_above_fails_the_call_and_not_the_invocation() {
    for (status, failed) in [(302, false), (404, true), (500, true)] {
        let world = World::new();
        call(&world, "http://stock/", "GET", StatusCode::from_u16(status).ok()).await;
        let received = world.received();
        let span = received.span("GET");
        assert_eq!(span.status() == 2, failed, "{status}");
        assert_eq!(span.attribute("error.type"), failed.then(|| json!(status.to_string())).as_ref());
        assert_eq!(span.attribute("server.port"), Some(&json!("80")));
        assert_eq!(received.span("orders").status(), 0);
    }
}

#[tokio::test]
async fn a_call_that_nobody_answers_says_why() {
    let world = World::new();
    call(&world, "http://stock/", "GET", None).await;
    let span = world.received().span("GET");
    assert_eq!((span.status(), &span.0["status"]["message"]), (2, &json!("nobody there")));
    assert!(span.attribute("error.type").is_some());
}

#[tokio::test]
async fn a_method_of_ones_own_does_not_become_a_name() {
    let world = World::new();
    call(&world, "http://stock/", "BREW", Some(StatusCode::OK)).await;
    let span = world.received().span("HTTP");
    assert_eq!(span.attribute("http.request.method"), Some(&json!("_OTHER")));
    assert_eq!(span.attribute("http.request.method_original"), Some(&json!("BREW")));
}

#[tokio::test]
async fn disabled_hands_on_nothing() {
    let world = World::with(&[("SPANLAYER_DISABLED", "true")]);
    let client = Layer::with_telemetry(world.telemetry.clone()).layer(service_fn(|request: Request<()>| {
        assert!(request.headers().is_empty());
        async { Ok::<_, Error>(Response::new(())) }
    }));
    client.oneshot(Request::new(())).await.expect("an answer");
}
