//! Formats other than OTLP over real sockets: Zipkin's, and JSON by a template.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use spanlayer_otlp::json;
use spanlayer_pipeline::{Backoff, Compression, Deadline, Destination, Mapping, Payload, Server, Signal};
use support::{
    QUICK, Under,
    http::{Reply, Request, Server as Backend, answer},
};

fn pipeline_to(destination: Destination) -> Under {
    let mut twice_more = QUICK;
    twice_more.retries = 2;
    Under::sending_to(destination, twice_more)
}

/// So many spans of a service, numbered from `first`.
fn spans(service: &str, first: usize, count: usize) -> Payload {
    let spans: Vec<String> = (first..first + count)
        .map(|n| format!(r#"{{"traceId":"000000000000000000000000000000a1","spanId":"{n:016x}"}}"#))
        .collect();
    payload(service, &spans.join(","))
}

fn payload(service: &str, spans: &str) -> Payload {
    let group = resource(service, spans);
    request(&group)
}

fn resource(service: &str, spans: &str) -> String {
    format!(
        r#"{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"{service}"}}}}]}},"scopeSpans":[{{"spans":[{spans}]}}]}}"#
    )
}

fn request(groups: &str) -> Payload {
    let json = format!(r#"{{"resourceSpans":[{groups}]}}"#);
    let bytes = json::to_protobuf(Signal::Traces, json.as_bytes()).unwrap();
    Payload::scan(Signal::Traces, bytes.into()).unwrap()
}

fn server(backend: &Backend) -> Server {
    Server::at(&backend.url()).unwrap()
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn failing(status: &str, said: &str) -> Reply {
    Reply::Bytes(answer(status, &[], said.as_bytes()))
}

#[tokio::test]
async fn zipkin_gets_an_array_of_spans_at_its_path() {
    let backend = Backend::start([Reply::Bytes(answer("202 Accepted", &[], b""))]).await;
    let under = pipeline_to(Destination::zipkin(server(&backend)));
    assert_eq!(under.send([spans("orders", 1, 3)]).await.delivered, 3);
    let request = &backend.requests()[0];
    assert!(request.head.starts_with("POST /api/v2/spans HTTP/1.1\n"), "{}", request.head);
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(request.header("content-encoding"), None);
    let ids: Vec<Value> = body(request).as_array().unwrap().iter().map(|span| span["id"].clone()).collect();
    assert_eq!(ids, ["0000000000000001", "0000000000000002", "0000000000000003"]);
    assert_eq!(body(request)[0]["localEndpoint"]["serviceName"], "orders");
}

#[tokio::test]
async fn a_vendors_own_authentication_is_seen_by_the_server_and_by_nobody_else() {
    let echo = "unknown key s3cr3t-k3y for project shop-pr0ject";
    let backend = Backend::start([failing("401 Unauthorized", echo)]).await;
    let server = server(&backend).header("Authorization", "ApiKey s3cr3t-k3y").unwrap();
    let server = server.header("X-Project-ID", "shop-pr0ject").unwrap();
    let destination = Destination::json_events(Mapping::events("shop"), server.clone());
    let shown = format!("{server:?} {destination:?}");
    let under = pipeline_to(destination);
    assert_eq!(under.send([spans("orders", 1, 1)]).await.refused, 1);
    let request = &backend.requests()[0];
    assert!(request.head.starts_with("POST /v1/ingest HTTP/1.1\n"), "{}", request.head);
    assert_eq!(request.header("authorization"), Some("ApiKey s3cr3t-k3y"));
    assert_eq!(request.header("x-project-id"), Some("shop-pr0ject"));
    let told = under.told();
    assert!(told.contains("401 Unauthorized: unknown key *** for project ***"), "{told}");
    assert!(!told.contains("s3cr3t") && !shown.contains("s3cr3t"), "{told} {shown}");
}

#[tokio::test]
async fn what_the_address_holds_is_not_repeated_when_the_server_echoes_the_request() {
    let echo =
        "POST /v1/ingest?key=k3y-v4lue authorization: Basic c2hvcC11c2VyOnMzY3IzdA== (shop-user:s3cr3t)";
    let backend = Backend::start([failing("401 Unauthorized", echo)]).await;
    let address = format!("http://shop-user:s3cr3t@{}/?key=k3y-v4lue", backend.address);
    let server = Server::at(&address).unwrap();
    let under = pipeline_to(Destination::json_events(Mapping::events("shop"), server));
    assert_eq!(under.send([spans("orders", 1, 1)]).await.refused, 1);
    let request = &backend.requests()[0];
    assert_eq!(request.header("authorization"), Some("Basic c2hvcC11c2VyOnMzY3IzdA=="));
    let told = under.told();
    assert!(told.contains("/v1/ingest?key=*** authorization: Basic *** (***)"), "{told}");
}

#[tokio::test]
async fn sub_batches_hold_five_hundred_and_the_one_that_fails_is_the_only_one_sent_again() {
    let ok = || Reply::Bytes(answer("200 OK", &[], b""));
    let script = [ok(), failing("503 Service Unavailable", ""), ok(), ok()];
    let backend = Backend::start(script).await;
    let under = pipeline_to(Destination::json_events(Mapping::events("shop"), server(&backend)));
    let flushed = under.send([spans("orders", 1, 1201)]).await;
    assert_eq!((flushed.delivered, flushed.left), (1201, 0));
    let requests = backend.requests();
    assert_eq!(requests.len(), 4);
    let (once, repeated): (Vec<_>, Vec<_>) =
        requests.iter().partition(|one| requests.iter().filter(|other| other.body == one.body).count() == 1);
    assert_eq!(repeated.len(), 2, "one body was sent twice, byte for byte");
    assert_eq!(repeated[0].header("idempotency-key"), repeated[1].header("idempotency-key"));
    let delivered = once.into_iter().chain(repeated.into_iter().take(1));
    let sizes = delivered.clone().map(|request| body(request)["events"].as_array().unwrap().len());
    let mut sizes: Vec<usize> = sizes.collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [201, 500, 500]);
    let ids: BTreeSet<String> = delivered
        .flat_map(|request| body(request)["events"].as_array().unwrap().clone())
        .map(|event| event["span_id"].to_string())
        .collect();
    assert_eq!(ids.len(), 1201);
}

#[tokio::test]
async fn a_format_that_names_the_resource_once_gets_a_request_for_each() {
    let backend = Backend::start([]).await;
    let mapping = Mapping::spans_with_resource().at("/traces");
    let under = pipeline_to(Destination::json_events(mapping, server(&backend)));
    let span = |id: &str| format!(r#"{{"traceId":"000000000000000000000000000000a1","spanId":"{id:0>16}"}}"#);
    let mixed =
        [resource("orders", &span("a")), resource("bank", &span("b")), resource("orders", &span("c"))];
    let payloads =
        [spans("orders", 1, 1), spans("bank", 2, 1), request(&mixed.join(",")), spans("orders", 3, 1)];
    assert_eq!(under.send(payloads).await.delivered, 6);
    let mut seen: Vec<(String, usize)> = backend
        .requests()
        .iter()
        .map(|request| {
            let body = body(request);
            (body["resource"]["service_name"].to_string(), body["spans"].as_array().unwrap().len())
        })
        .collect();
    seen.sort();
    let (bank, orders) = ("\"bank\"".to_owned(), "\"orders\"".to_owned());
    assert_eq!(seen, [(bank.clone(), 1), (bank, 1), (orders.clone(), 2), (orders, 2)]);
}

#[tokio::test]
async fn the_compact_form_goes_out_with_zstd() {
    let backend = Backend::start([]).await;
    let mut server = server(&backend);
    server.compression = Compression::ZSTD;
    let under = pipeline_to(Destination::json_events(Mapping::compact_events("shop"), server));
    assert_eq!(under.send([spans("orders", 1, 40)]).await.delivered, 40);
    let request = &backend.requests()[0];
    assert_eq!(request.header("content-encoding"), Some("zstd"));
    let mut plain = vec![0; 1 << 20];
    let length = zstd::bulk::decompress_to_buffer(&request.body, &mut plain).unwrap();
    let plain: Value = serde_json::from_slice(&plain[..length]).unwrap();
    assert_eq!(plain["events"].as_array().unwrap().len(), 40);
}

#[tokio::test]
async fn silence_a_refused_connection_and_a_failure_are_told_apart() {
    let silent = Backend::start([Reply::Hang, Reply::Hang, Reply::Hang]).await;
    let mut destination = Destination::json_events(Mapping::span_array(), server(&silent));
    destination.timeout = Some(Duration::from_millis(100));
    let under = pipeline_to(destination);
    assert_eq!(under.send([spans("orders", 1, 1)]).await.left, 1);
    let told = under.told();
    let (_, waited) = told.split_once("no answer within ").unwrap();
    // On a busy machine the end of the wait is noticed late, but never early.
    let waited: f64 = waited.split_once(" s").unwrap().0.parse().unwrap();
    assert!(waited >= 0.1, "{told}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = Server::at(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let under = pipeline_to(Destination::json_events(Mapping::span_array(), nobody));
    assert_eq!(under.send([spans("orders", 1, 1)]).await.left, 1);
    assert!(under.told().contains("cannot connect: "), "{}", under.told());

    let failing = Backend::start([failing("404 Not Found", &"no such path ".repeat(100))]).await;
    let under = pipeline_to(Destination::json_events(Mapping::span_array(), server(&failing)));
    assert_eq!(under.send([spans("orders", 1, 1)]).await.refused, 1);
    let told = under.told();
    let (_, said) = told.split_once("404 Not Found: ").unwrap();
    assert!(said.starts_with("no such path no such path") && said.chars().count() == 200, "{told}");
}

#[tokio::test]
async fn an_empty_batch_sends_nothing() {
    let backend = Backend::start([]).await;
    let under = pipeline_to(Destination::json_events(Mapping::span_array(), server(&backend)));
    assert_eq!(under.send([payload("orders", "")]).await.left, 0);
    assert_eq!(backend.requests().len(), 0);
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_until_it_is_not() {
    let too_large = || failing("413 Payload Too Large", "");
    let backend = Backend::start([too_large()]).await;
    let under = pipeline_to(Destination::zipkin(server(&backend)));
    assert_eq!(under.send([spans("orders", 1, 9)]).await.delivered, 9);
    let sizes: Vec<usize> =
        backend.requests().iter().map(|request| body(request).as_array().unwrap().len()).collect();
    assert_eq!(sizes[0], 9);
    assert_eq!(sizes[1..].iter().sum::<usize>(), 9);
    assert_eq!(sizes.len(), 3);
}

#[tokio::test]
async fn a_destination_by_itself_is_sent_sub_batches_and_only_the_one_that_failed_again() {
    use spanlayer_pipeline::{Batch, Export as _, Outcome, stage::Wrap as _};
    let ok = || Reply::Bytes(answer("200 OK", &[], b""));
    let backend = Backend::start([ok(), failing("503 Service Unavailable", "")]).await;
    let server = server(&backend).header("Authorization", "ApiKey s3cr3t-k3y").unwrap();
    let mut quick = Backoff::exponential();
    quick.first = Duration::from_millis(1);
    let export = Destination::json_events(Mapping::compact_events("shop"), server).exporter().retry(quick);
    let batch = Batch::of([spans("orders", 1, 1201)]).unwrap();
    assert_eq!(export.export(batch, Deadline::never()).await, Outcome::DELIVERED);
    let requests = backend.requests();
    let sizes: Vec<usize> =
        requests.iter().map(|request| body(request)["events"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [500, 500, 500, 201]);
    assert_eq!(requests[1].body, requests[2].body);
    assert_eq!(requests[1].header("idempotency-key"), requests[2].header("idempotency-key"));
    assert!(requests.iter().all(|request| request.header("authorization") == Some("ApiKey s3cr3t-k3y")));
}

#[tokio::test]
async fn a_destination_by_itself_is_sent_nothing_that_it_would_misread() {
    use spanlayer_pipeline::{Batch, Export as _, Outcome};
    let backend = Backend::start([]).await;
    let zipkin = Destination::zipkin(server(&backend));
    let mut only_logs = Destination::json_events(Mapping::span_array(), server(&backend));
    only_logs.signals = vec![Signal::Logs];
    let of = |signal, json: &str| {
        let request = json::to_protobuf(signal, json.as_bytes()).unwrap();
        Batch::of([Payload::scan(signal, request.into()).unwrap()]).unwrap()
    };
    let log = of(Signal::Logs, r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"eventName":"a"}]}]}]}"#);
    let point = of(
        Signal::Metrics,
        r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"m","gauge":{"dataPoints":[{"asInt":1}]}}]}]}]}"#,
    );
    for (destination, batch, signal) in [
        (&zipkin, log, "logs"),
        (&zipkin, point, "metrics"),
        (&only_logs, Batch::of([spans("orders", 1, 1)]).unwrap(), "traces"),
    ] {
        let outcome = destination.exporter().export(batch, Deadline::never()).await;
        assert_eq!(outcome, Outcome::refused(format!("{} takes no {signal}", backend.url())));
    }
    assert!(backend.requests().is_empty());
}
