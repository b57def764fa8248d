//! The function answers as it does without us, whatever happens in it; and its trace tells what happened.

use crate::world::{World, children};
use serde_json::{Value, json};
use spanlayer_emulator::{Emulator, Invocation, binary, destination::Value as Attribute};

/// What a caller sees of an answer: the payload, or the error. Without what differs between any two processes.
fn seen(invocation: &Invocation) -> Result<String, (String, String)> {
    match &invocation.response {
        Ok(payload) => Ok(String::from_utf8_lossy(payload).into_owned()),
        Err(error) => Err((error.error_type.clone(), String::from_utf8_lossy(&error.payload).into_owned())),
    }
}

async fn both(event: &str) -> (Invocation, Invocation, World) {
    let bare =
        Emulator::builder().function(binary("story-bare")).function_name("orders").start().await.unwrap();
    let world = World::with(|builder| builder).await;
    (bare.invoke(event.to_owned()).await, world.lambda.invoke(event.to_owned()).await, world)
}

async fn same_answer_and_one_failed_span(event: &str, error_type: Option<&str>, message: &str, under: usize) {
    let (bare, wrapped, world) = both(event).await;
    assert!(bare.response.is_err(), "the bare function fails too");
    assert_eq!(seen(&bare), seen(&wrapped));

    world.shutdown().await;
    let [span] = &world.invocations()[..] else { panic!("one invocation span: {:?}", world.spans()) };
    assert!(span.is_error());
    assert_eq!(span.text("faas.invocation_id"), Some(&*wrapped.request_id));
    let told = span.text("error.type").expect("a failed span says with what");
    if let Some(error_type) = error_type {
        assert_eq!(told, error_type);
    }
    let exceptions: Vec<_> = span.span.events.iter().filter(|event| event.name == "exception").collect();
    assert_eq!(exceptions.len(), 1);
    assert!(format!("{:?}", exceptions[0].attributes).contains(message), "{exceptions:?}");
    assert_eq!(children(&world.spans(), span).len(), under, "{:?}", world.spans());
}

#[tokio::test]
async fn an_error_of_the_handler_is_answered_as_without_us_and_seen() {
    same_answer_and_one_failed_span(r#"{"do":"fail"}"#, None, "out of stock", 1).await;
}

#[tokio::test]
async fn a_panic_of_the_handler_is_answered_as_without_us_and_seen() {
    same_answer_and_one_failed_span(r#"{"do":"panic"}"#, Some("panic"), "the shelf fell down", 1).await;
}

#[tokio::test]
async fn an_event_of_another_type_is_answered_as_without_us_and_seen() {
    same_answer_and_one_failed_span(r#"{"do":"something else"}"#, None, "something else", 0).await;
}

#[tokio::test]
async fn an_event_that_is_not_json_is_answered_as_without_us_and_seen() {
    same_answer_and_one_failed_span("not json at all", None, "", 0).await;
}

#[tokio::test]
async fn spans_inside_the_handler_are_its_children_also_from_other_tasks() {
    let (bare, wrapped, world) = both(r#"{"do":"work","count":3}"#).await;
    assert_eq!(seen(&bare), seen(&wrapped));
    world.shutdown().await;

    let spans = world.spans();
    let [root] = &world.invocations()[..] else { panic!("one invocation span: {spans:?}") };
    assert!(!root.is_error());
    assert_eq!(root.span.kind, 2, "a server span");
    assert_eq!(root.span.name, "orders");
    assert_eq!(root.resource_text("service.name"), Some("orders"));
    assert_eq!(root.resource_text("faas.name"), Some("orders"));
    let steps = children(&spans, root);
    assert_eq!(steps.len(), 3);
    assert_eq!(spans.len(), 4, "and nothing else");
    for step in steps {
        assert_eq!(step.span.name, "step");
        let keys: Vec<_> = step.span.attributes.iter().map(|a| a.key.as_str()).collect();
        assert_eq!(keys, ["number"], "no build paths, threads or busy times");
    }
}

#[tokio::test]
async fn a_router_behind_lambda_http_is_known_by_its_routes_and_its_answers() {
    let world = World::with(|builder| builder.function(binary("axum-api"))).await;
    for path in ["/shops/north/orders/7", "/shops/south/orders/700", "/nowhere"] {
        let event = json!({
            "version": "2.0", "routeKey": "ANY /{proxy+}", "rawPath": path, "rawQueryString": "", "headers": {},
            "isBase64Encoded": false,
            "requestContext": {
                "apiId": "a1", "stage": "$default", "routeKey": "ANY /{proxy+}", "timeEpoch": 0,
                "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1" },
            },
        });
        world.invoke(&event).await.payload();
    }
    world.shutdown().await;
    let invocations = world.invocations();
    let known = invocations.iter().map(|span| {
        let Some(Attribute::IntValue(status)) = span.attribute("http.response.status_code") else {
            panic!("{span:?}")
        };
        (span.span.name.as_str(), span.text("http.route"), *status)
    });
    let route = Some("/shops/{shop}/orders/{id}");
    assert_eq!(
        known.collect::<Vec<_>>(),
        [
            ("GET /shops/{shop}/orders/{id}", route, 200),
            ("GET /shops/{shop}/orders/{id}", route, 404),
            ("GET /{proxy+}", Some("/{proxy+}"), 404),
        ]
    );
    assert!(!invocations.iter().any(|span| span.is_error()), "a caller's mistake is no error");
    assert_eq!(children(&world.spans(), &invocations[0]).len(), 1);
}

#[tokio::test]
async fn the_first_invocation_and_no_other_is_a_cold_start() {
    let world = World::with(|builder| builder).await;
    for _ in 0..3 {
        assert_eq!(
            world.invoke(&json!({ "do": "answer" })).await.payload(),
            &json!({ "done": true }).to_string()
        );
    }
    world.shutdown().await;
    let cold: Vec<String> =
        world.invocations().iter().map(|s| format!("{:?}", s.attribute("faas.coldstart"))).collect();
    assert_eq!(cold.len(), 3);
    assert!(cold[0].contains("true") && cold[1].contains("false") && cold[2].contains("false"), "{cold:?}");
}

#[tokio::test]
async fn switched_off_nothing_is_touched_and_nothing_sent() {
    let world = World::with(|builder| builder.env("SPANLAYER_DISABLED", "true")).await;
    let answer = world.invoke(&json!({ "do": "work", "count": 2 })).await;
    assert_eq!(serde_json::from_slice::<Value>(answer.payload()).unwrap(), json!({ "done": true }));
    assert!(world.shutdown().await.extension("spanlayer").exit == spanlayer_emulator::Exit::Code(0));
    assert_eq!(world.destination.requests().len(), 0);
}

#[tokio::test]
async fn without_the_extension_the_function_answers_and_warns_once() {
    let lambda = Emulator::builder().function(binary("story-wrapped")).start().await.unwrap();
    for _ in 0..3 {
        lambda.invoke(json!({ "do": "work", "count": 1 }).to_string()).await.payload();
    }
    let warnings: Vec<_> =
        lambda.function_output().into_iter().filter(|line| line.contains("4318")).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}
