//! Functions that call each other, over HTTP and over a queue, are one trace.

use crate::world::{SOON, children, invocations};
use serde_json::{Value, json};
use spanlayer_emulator::{Builder, Destination, Emulator, Mode, Reason, TraceHeader, binary};
use std::{future::Future, sync::Arc};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// An example function with the extension. X-Ray is on and samples nothing: what it says is of no account elsewhere.
async fn function(
    name: &str,
    destination: &Destination,
    change: impl FnOnce(Builder) -> Builder,
) -> Emulator {
    let builder = Emulator::builder()
        .function(binary(name))
        .extension(binary("spanlayer"))
        .function_name(name)
        .trace_header(TraceHeader::Active { sampled: false })
        .env("SPANLAYER_OTLP_HTTP", "127.0.0.1:0")
        .env("SPANLAYER_OTLP_GRPC", "127.0.0.1:0")
        .env("SPANLAYER_TELEMETRY_API", "127.0.0.1:0")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", destination.url());
    change(builder).start().await.unwrap()
}

/// A request as it came in: headers, in lower case, and body.
struct Request {
    headers: serde_json::Map<String, Value>,
    body: String,
}

/// Listens, and answers each request with what `answer` makes of it. Returns the address.
async fn listen<F: Future<Output = String> + Send>(
    answer: impl Fn(Request) -> F + Send + Sync + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let body = answer(read(&mut stream).await).await;
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    });
    format!("http://{address}")
}

async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let pairs = head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let headers: serde_json::Map<_, _> =
            pairs.map(|(name, value)| (name.to_lowercase(), value.into())).collect();
        let length = headers["content-length"].as_str().unwrap().parse::<usize>().unwrap();
        if body.len() >= length {
            return Request { headers, body: body.to_owned() };
        }
    }
}

/// What API Gateway makes of a request.
fn http_event(request: Request) -> Value {
    json!({
        "version": "2.0", "routeKey": "POST /orders", "rawPath": "/orders", "rawQueryString": "",
        "headers": request.headers, "body": request.body, "isBase64Encoded": false,
        "requestContext": {
            "requestId": "JKJaXmPLvHcESHA=", "stage": "$default", "routeKey": "POST /orders",
            "http": { "method": "POST", "path": "/orders", "protocol": "HTTP/1.1" },
        },
    })
}

/// What SQS makes of a message.
fn queue_event(request: &Request) -> Value {
    let sent: Value = serde_json::from_str(&request.body).unwrap();
    let attributes = sent["MessageAttributes"].as_object().unwrap();
    let attribute =
        |value: &Value| json!({ "stringValue": value["StringValue"], "dataType": value["DataType"] });
    let attributes: Value = attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    json!({ "Records": [{
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "AQEB",
        "body": sent["MessageBody"], "attributes": {}, "messageAttributes": attributes,
        "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:orders-placed",
        "awsRegion": "eu-west-1",
    }] })
}

#[tokio::test]
async fn a_call_over_http_and_a_message_over_a_queue_are_one_trace_without_x_ray() {
    let destination = Destination::start(Mode::Healthy).await.unwrap();
    let api = Arc::new(function("orders-api", &destination, |builder| builder).await);
    let worker = Arc::new(function("orders-worker", &destination, |builder| builder).await);
    let orders_url = listen({
        let api = Arc::clone(&api);
        move |request| {
            let api = Arc::clone(&api);
            async move {
                let answer = api.invoke(http_event(request).to_string()).await;
                let answer: Value = serde_json::from_slice(answer.payload()).unwrap();
                answer["body"].as_str().unwrap().to_owned()
            }
        }
    });
    let queue_url = listen({
        let worker = Arc::clone(&worker);
        move |request| {
            let worker = Arc::clone(&worker);
            async move {
                worker.invoke(queue_event(&request).to_string()).await.payload();
                "{}".to_owned()
            }
        }
    });
    let (orders_url, queue_url) = (orders_url.await, queue_url.await);
    let environment = |builder: Builder| builder.env("ORDERS_URL", orders_url).env("QUEUE_URL", queue_url);
    let caller = function("caller", &destination, environment).await;

    let order = json!({ "customer": "c-17", "items": [{ "sku": "tea", "quantity": 2 }] });
    let confirmation: Value =
        serde_json::from_slice(caller.invoke(order.to_string()).await.payload()).unwrap();
    assert_eq!(confirmation["total"], 900);
    for function in [&caller, &*api, &*worker] {
        function.shutdown(Reason::Spindown).await;
    }

    let spans = destination.wait_for_spans(11, SOON).await.unwrap();
    let one = |service: &str, name: &str| {
        let found: Vec<_> = spans
            .iter()
            .filter(|span| span.resource_text("service.name") == Some(service) && span.span.name == name)
            .collect();
        assert_eq!(found.len(), 1, "{name} of {service} in {spans:?}");
        found[0].clone()
    };
    let invocation = |service: &str| {
        let mut all = invocations(&spans);
        all.retain(|span| span.resource_text("service.name") == Some(service));
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0)
    };
    let root = invocation("caller");
    assert_eq!(root.parent_id(), "", "and nothing of X-Ray's above it");
    assert!(spans.iter().all(|span| span.trace_id() == root.trace_id()), "{spans:?}");
    let (call, sent) = (one("caller", "POST"), one("caller", "send orders-placed"));
    assert!(children(&spans, &root).len() >= 2);
    assert_eq!(invocation("orders-api").parent_id(), call.span_id());
    assert_eq!(invocation("orders-worker").parent_id(), sent.span_id());
    for span in spans.iter().filter(|span| span.span_id() != root.span_id()) {
        assert!(spans.iter().any(|parent| parent.span_id() == span.parent_id()), "an orphan: {span:?}");
    }
}
