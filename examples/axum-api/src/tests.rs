//! The router under the wrapper, spans kept in memory.

use lambda_http::request::LambdaRequest;
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use spanlayer::{
    LambdaEvent, Payload, Traced,
    lambda_runtime::{Context, tower::ServiceExt as _},
};

use super::*;

/// Sends requests to the router, and returns the invocations' spans.
async fn spans(paths: &[&str]) -> Vec<SpanData> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    opentelemetry::global::set_tracer_provider(provider);
    spanlayer::init();
    for path in paths {
        let event = json!({
            "version": "2.0", "routeKey": "ANY /{proxy+}", "rawPath": path, "rawQueryString": "",
            "headers": {}, "isBase64Encoded": false,
            "requestContext": {
                "apiId": "a1", "stage": "$default", "routeKey": "ANY /{proxy+}", "timeEpoch": 0,
                "http": { "method": "GET", "path": path, "protocol": "HTTP/1.1" },
            },
        });
        let request: LambdaRequest = serde_json::from_value(event).expect("a request");
        let service = Traced::new(lambda_http::Adapter::from(router()));
        let event = LambdaEvent::new(Payload(request), Context::default());
        service.oneshot(event).await.expect("an answer");
    }
    exporter.get_finished_spans().expect("what was kept")
}

fn attribute<'a>(span: &'a SpanData, key: &str) -> Option<&'a str> {
    let attribute = span.attributes.iter().rfind(|attribute| attribute.key.as_str() == key);
    attribute.map(|attribute| match &attribute.value {
        opentelemetry::Value::String(text) => text.as_str(),
        _ => "",
    })
}

#[tokio::test]
async fn a_route_names_the_spans_of_all_its_requests() {
    let spans = spans(&["/shops/north/orders/7", "/shops/south/orders/8", "/health", "/nowhere"]).await;
    let routes: Vec<_> = spans.iter().filter_map(|span| attribute(span, "http.route")).collect();
    assert_eq!(routes, ["/shops/{shop}/orders/{id}", "/shops/{shop}/orders/{id}", "/health"]);
    let shops: Vec<_> = spans.iter().filter_map(|span| attribute(span, "shop")).collect();
    assert_eq!(shops, ["north", "south"]);
    let child = spans.iter().find(|span| span.name == "total").expect("a child");
    let invocation = spans.iter().find(|span| attribute(span, "shop") == Some("north"));
    assert_eq!(Some(child.parent_span_id), invocation.map(|span| span.span_context.span_id()));
}
