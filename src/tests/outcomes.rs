//! However the handler ends: one span, the right status, the answer untouched.

use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};

use super::world::{ARN, World, attribute};

async fn echo(event: LambdaEvent<String>) -> Result<String, Error> {
    Ok(event.payload)
}

#[tokio::test]
async fn a_success_is_one_server_span_with_an_unset_status() {
    let world = World::new();
    let _subscribed = world.subscribe();
    assert_eq!(world.invoke(echo, r#""hi""#).await, Ok(json!("hi")));
    let received = world.received();
    let span = received.span("orders");
    assert_eq!(received.spans().len(), 1);
    assert_eq!((span.status(), span.0["kind"].as_u64()), (0, Some(2)));
    assert_eq!(span.text("parentSpanId"), "");
    assert_eq!(span.attribute("faas.trigger"), Some(&json!("other")));
    assert_eq!(span.attribute("faas.coldstart"), Some(&json!(true)));
    assert_eq!(span.attribute("aws.lambda.invoked_arn"), Some(&json!(ARN)));
    assert_eq!(span.attribute("cloud.resource_id"), Some(&json!(ARN.replace("live", "7"))));
    assert_eq!(span.attribute("cloud.account.id"), Some(&json!("123456789012")));
}

#[tokio::test]
async fn only_the_first_invocation_is_a_cold_start() {
    let world = World::new();
    for cold in [true, false, false] {
        world.invoke(echo, r#""hi""#).await.expect("an answer");
        let received = world.received();
        assert_eq!(received.span("orders").attribute("faas.coldstart"), Some(&json!(cold)));
        assert_eq!(received.started[0].coldstart, cold);
    }
}

#[tokio::test]
async fn an_environment_made_ahead_has_no_cold_start() {
    let world = World::with(&[("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency")]);
    world.invoke(echo, r#""hi""#).await.expect("an answer");
    assert_eq!(world.received().span("orders").attribute("faas.coldstart"), Some(&json!(false)));
}

#[tokio::test]
async fn an_environment_that_waited_for_its_first_event_has_no_cold_start() {
    // However slow other extensions are, an init takes ten seconds at most.
    for (waited, cold) in [(9_000, true), (11_000, false)] {
        let mut world = World::new();
        world.waited = waited;
        world.invoke(echo, r#""hi""#).await.expect("an answer");
        let received = world.received();
        assert_eq!(received.span("orders").attribute("faas.coldstart"), Some(&json!(cold)), "{waited} ms");
        assert_eq!(received.started[0].coldstart, cold);
    }
}

/// Whatever fails, the span says so in the same three places.
fn assert_failed(world: &World, kind: &str, message: &str) {
    let received = world.received();
    let span = received.span("orders");
    assert_eq!(received.spans().len(), 1, "exactly one span");
    assert_eq!(span.status(), 2);
    assert_eq!(span.attribute("error.type"), Some(&json!(kind)));
    let exceptions = span.events("exception");
    assert_eq!(exceptions.len(), 1);
    assert_eq!(attribute(&exceptions[0], "exception.type"), Some(&json!(kind)));
    let said = attribute(&exceptions[0], "exception.message").and_then(Value::as_str).unwrap_or_default();
    assert!(said.contains(message), "{said}");
    assert!(received.ended[0].error);
}

#[tokio::test]
async fn a_handlers_error_is_the_spans_error() {
    for subscribed in [true, false] {
        let world = World::new();
        let _subscribed = subscribed.then(|| world.subscribe());
        let fail = |_: LambdaEvent<String>| async { Err::<(), Error>("no such order".into()) };
        let answer = world.invoke(fail, r#""7""#).await.expect_err("an error");
        assert_eq!(answer, lambda_runtime::Diagnostic::from(Error::from("no such order")));
        assert_failed(&world, "Box<dyn Error>", "no such order");
    }
}

#[tokio::test]
async fn an_event_of_another_type_is_an_error_though_the_handler_never_ran() {
    let world = World::new();
    let answer = world.invoke(echo, r#"{"not":"text"}"#).await;
    assert!(answer.is_err());
    assert_failed(&world, "lambda_runtime::deserializer::DeserializeError", "invalid type: map");
}

#[tokio::test]
async fn an_event_that_is_not_json_is_an_error() {
    let world = World::new();
    assert!(world.invoke(echo, "{").await.is_err());
    assert_failed(&world, "lambda_runtime::deserializer::DeserializeError", "");
}

fn out_of_stock() -> Result<(), Error> {
    panic!("out of stock")
}

#[tokio::test]
async fn a_panic_is_noted_and_goes_on_to_the_runtime() {
    for first_poll in [true, false] {
        let world = World::new();
        let panics = move |_: LambdaEvent<String>| async move {
            if !first_poll {
                tokio::task::yield_now().await;
            }
            out_of_stock()
        };
        // Nothing around it, so that the panic can be looked at; with the runtime around it: `tests::runtime`.
        let report = tokio::spawn({
            let telemetry = std::sync::Arc::clone(&world.telemetry);
            async move {
                use lambda_runtime::tower::{Service as _, service_fn};
                let mut service = crate::service::Traced::with_telemetry(service_fn(panics), telemetry);
                let context = super::world::invocation("").context;
                service.call(LambdaEvent::new(crate::Payload("7".to_owned()), context)).await
            }
        });
        let panic = report.await.expect_err("a panic").into_panic();
        assert_eq!(crate::failure::panic_message(&*panic), "out of stock");
        assert_failed(&world, "panic", "out of stock");
    }
}

#[tokio::test]
async fn an_error_that_is_only_logged_does_not_fail_the_invocation() {
    let world = World::new();
    let _subscribed = world.subscribe();
    let logs = |_: LambdaEvent<String>| async {
        tracing::error!("the cache is away");
        Ok::<(), Error>(())
    };
    world.invoke(logs, r#""7""#).await.expect("an answer");
    let span = world.received().span("orders");
    assert_eq!(span.status(), 0);
    assert_eq!(span.events("the cache is away").len(), 1);
}

#[tokio::test]
async fn disabled_leaves_the_handler_alone() {
    for variable in ["SPANLAYER_DISABLED", "OTEL_SDK_DISABLED"] {
        let world = World::with(&[(variable, "true")]);
        assert_eq!(world.invoke(echo, r#""hi""#).await, Ok(json!("hi")));
        assert!(world.frames().is_empty());
    }
}

pub(super) const REQUEST: &str = r#"{
    "version": "2.0", "routeKey": "GET /orders/{id}", "rawPath": "/orders/7", "rawQueryString": "",
    "headers": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    "requestContext": {"apiId": "a1", "http": {"method": "GET", "path": "/orders/7", "protocol": "HTTP/1.1"}}
}"#;

#[tokio::test]
async fn a_request_names_the_span_and_its_parent() {
    for subscribed in [true, false] {
        let world = World::new();
        let _subscribed = subscribed.then(|| world.subscribe());
        let handler = |_: LambdaEvent<Value>| async { Ok::<_, Error>(json!({"statusCode": 200})) };
        world.invoke(handler, REQUEST).await.expect("an answer");
        let received = world.received();
        let span = received.span("GET /orders/{id}");
        assert_eq!(span.text("traceId"), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span.text("parentSpanId"), "b7ad6b7169203331");
        assert_eq!(span.attribute("faas.trigger"), Some(&json!("http")));
        assert_eq!(
            received.started[0].parent_span_id,
            Some([0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31])
        );
        assert_eq!(received.started[0].name, "GET /orders/{id}");
    }
}

#[tokio::test]
async fn a_server_error_in_the_answer_is_an_error_and_a_callers_mistake_is_not() {
    for (status, code) in [(200, 0), (404, 0), (500, 2)] {
        let world = World::new();
        let body = json!({"statusCode": status, "body": "the answer"});
        let handler = |_: LambdaEvent<Value>| async { Ok::<_, Error>(&body) };
        assert_eq!(world.invoke(handler, REQUEST).await, Ok(body.clone()), "the answer is passed on");
        let received = world.received();
        let span = received.span("GET /orders/{id}");
        assert_eq!(span.status(), code, "{status}");
        assert_eq!(span.attribute("http.response.status_code"), Some(&json!(status.to_string())));
        assert_eq!(span.attribute("error.type").is_some(), code == 2);
        assert_eq!(received.ended[0].error, code == 2);
    }
}

#[tokio::test]
async fn a_trace_that_is_named_without_a_span_is_joined_at_its_root() {
    let world = World::with(&[("OTEL_PROPAGATORS", "xray")]);
    let event = REQUEST.replace(
        r#""traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01""#,
        r#""x-amzn-trace-id": "Root=1-67d448e8-3ae320be0e2cdf2f53ccdaba;Lineage=1:73f724a8:0""#,
    );
    let handler = |_: LambdaEvent<Value>| async { Ok::<_, Error>(()) };
    world.invoke(handler, &event).await.expect("an answer");
    let span = world.received().span("GET /orders/{id}");
    assert_eq!(span.text("traceId"), "67d448e83ae320be0e2cdf2f53ccdaba");
    assert_eq!(span.text("parentSpanId"), "");
}

#[tokio::test]
async fn a_caller_that_left_sampling_to_us_leaves_it_to_the_sampler_of_roots() {
    let parent =
        |sampled| format!("Root=1-67d448e8-3ae320be0e2cdf2f53ccdaba;Parent=53995c3f42cd8ad8;{sampled}");
    for (sampled, spans) in [("Sampled=1", 1), ("Sampled=?", 0)] {
        let world = World::with(&[
            ("OTEL_PROPAGATORS", "xray"),
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0"),
        ]);
        let event = json!({"x-amzn-trace-id": parent(sampled)}).to_string();
        let handler = |_: LambdaEvent<Value>| async { Ok::<_, Error>(()) };
        world.invoke(handler, &event).await.expect("an answer");
        assert_eq!(world.received().spans().len(), spans, "{sampled}");
    }
}

#[tokio::test]
async fn a_tenants_invocation_says_whose_it_is() {
    let world = World::new();
    let mut invocation = super::world::invocation(r#""hi""#);
    invocation.context.tenant_id = Some("blue".to_owned());
    assert_eq!(world.invoke_as(echo, invocation).await, Ok(json!("hi")));
    assert_eq!(world.received().span("orders").attribute("aws.lambda.tenant_id"), Some(&json!("blue")));
}
