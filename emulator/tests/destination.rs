//! The destination's behaviours, as a client sees them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest,
        metrics::v1::ExportMetricsServiceRequest,
        trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse},
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::{Metric, ResourceMetrics, ScopeMetrics},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use spanlayer_emulator::{Destination, Mode};
use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const SOON: Duration = Duration::from_secs(5);

fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn traces(names: &[&str]) -> Vec<u8> {
    let span = |name: &&str| Span {
        name: (*name).to_owned(),
        trace_id: vec![0xab; 16],
        span_id: vec![1; 8],
        attributes: vec![text("faas.trigger", "http")],
        ..Span::default()
    };
    let scope_spans = vec![ScopeSpans { spans: names.iter().map(span).collect(), ..ScopeSpans::default() }];
    let resource = Some(Resource { attributes: vec![text("service.name", "orders")], ..Resource::default() });
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// What a client that knows nothing but sockets gets back: status line, headers and body, or how it failed.
fn post(address: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Result<(String, Vec<u8>), ErrorKind> {
    let mut stream = TcpStream::connect(address).map_err(|error| error.kind())?;
    exchange(&mut stream, path, headers, body, Duration::from_secs(5))
}

fn exchange(
    stream: &mut TcpStream,
    path: &str,
    headers: &str,
    body: &[u8],
    patience: Duration,
) -> Result<(String, Vec<u8>), ErrorKind> {
    stream.set_read_timeout(Some(patience)).unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    stream.write_all(&[head.as_bytes(), body].concat()).map_err(|error| error.kind())?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        if let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8(answer[..end].to_vec()).unwrap().to_lowercase();
            let length =
                head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
            let body = &answer[end + 4..];
            if body.len() >= length.unwrap_or(0) {
                return Ok((head, body.to_vec()));
            }
        }
        match stream.read(&mut chunk).map_err(|error| error.kind())? {
            0 => return Err(ErrorKind::UnexpectedEof),
            read => answer.extend_from_slice(&chunk[..read]),
        }
    }
}

#[tokio::test]
async fn what_arrives_is_recorded_flat_and_with_its_sizes() {
    let destination = Destination::start(Mode::Healthy).await.unwrap();
    let body = traces(&["one", "two"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&body).unwrap();
    let zipped = gzip.finish().unwrap();
    let address = destination.address();
    post(address, "/v1/traces", "content-encoding: gzip\r\nx-key: secret\r\n", &zipped).unwrap();
    let zstd = zstd::encode_all(body.as_slice(), 1).unwrap();
    post(address, "/v1/traces", "content-encoding: zstd\r\n", &zstd).unwrap();

    let spans = destination.wait_for_spans(4, SOON).await.unwrap();
    assert_eq!(
        spans.iter().map(|span| span.span.name.as_str()).collect::<Vec<_>>(),
        ["one", "two", "one", "two"]
    );
    assert_eq!(spans[0].resource_text("service.name"), Some("orders"));
    assert_eq!(spans[0].text("faas.trigger"), Some("http"));
    assert_eq!(spans[0].trace_id(), "ab".repeat(16));
    assert_eq!((spans[0].parent_id().as_str(), spans[0].is_error()), ("", false));
    let requests = destination.requests();
    assert_eq!((requests[0].wire_bytes, requests[0].body.len()), (zipped.len(), body.len()));
    assert_eq!(requests[0].header("x-key"), Some("secret"));
    assert_eq!((requests[0].connection, requests[1].connection), (1, 2));
    let counts = destination.counts();
    assert_eq!((counts.connections, counts.requests, counts.accepted), (2, 2, 2));
    assert_eq!(counts.wire_bytes as usize, zipped.len() + zstd.len());
}

#[tokio::test]
async fn logs_and_metrics_are_recorded_too() {
    let destination = Destination::start(Mode::Healthy).await.unwrap();
    let body = Some(AnyValue { value: Some(Value::StringValue("hello".to_owned())) });
    let scope_logs = vec![ScopeLogs {
        log_records: vec![LogRecord { body, ..LogRecord::default() }],
        ..ScopeLogs::default()
    }];
    let logs = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }],
    };
    post(destination.address(), "/v1/logs", "", &logs.encode_to_vec()).unwrap();
    assert_eq!(destination.wait_for_logs(1, SOON).await.unwrap()[0].body(), Some("hello"));
    let metrics = vec![Metric { name: "faas.coldstarts".to_owned(), ..Metric::default() }];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    let resource_metrics = vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }];
    let metrics = ExportMetricsServiceRequest { resource_metrics };
    post(destination.address(), "/v1/metrics", "", &metrics.encode_to_vec()).unwrap();
    assert_eq!(destination.wait_for_metrics(1, SOON).await.unwrap()[0].metric.name, "faas.coldstarts");
}

#[tokio::test]
async fn each_way_to_fail_looks_like_itself() {
    let destination = Destination::start(Mode::Refusing).await.unwrap();
    let address = destination.address();
    let send = || post(address, "/v1/traces", "", &traces(&["x"]));
    assert_eq!(send().unwrap_err(), ErrorKind::ConnectionRefused);

    destination.set_mode(Mode::Resetting);
    assert_eq!(send().unwrap_err(), ErrorKind::ConnectionReset);

    destination.set_mode(Mode::AnswerLost);
    assert_eq!(send().unwrap_err(), ErrorKind::UnexpectedEof);
    assert_eq!(destination.spans().len(), 1, "taken all the same");

    destination.set_mode(Mode::busy(429, 7));
    let (head, _) = send().unwrap();
    assert!(head.starts_with("http/1.1 429") && head.contains("retry-after: 7"), "{head}");
    assert_eq!(destination.spans().len(), 1, "not taken");

    destination.set_mode(Mode::Partial { rejected: 3 });
    let (head, body) = send().unwrap();
    let partial = ExportTraceServiceResponse::decode(body.as_slice()).unwrap().partial_success.unwrap();
    assert_eq!((head.starts_with("http/1.1 200"), partial.rejected_spans), (true, 3));

    destination.set_mode(Mode::Slow(Duration::from_millis(80)));
    let begun = tokio::time::Instant::now();
    send().unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(80));

    destination.set_mode(Mode::Hanging);
    let mut stream = TcpStream::connect(address).unwrap();
    let hung =
        exchange(&mut stream, "/v1/traces", "", &traces(&["x"]), Duration::from_millis(80)).unwrap_err();
    assert_eq!(hung, ErrorKind::WouldBlock);
    assert_eq!(destination.requests().last().map(|request| request.accepted), Some(false));
}

#[tokio::test]
async fn a_connection_that_is_open_feels_the_switch() {
    let destination = Destination::start(Mode::Healthy).await.unwrap();
    let body = traces(&["x"]);
    let connect = || TcpStream::connect(destination.address()).unwrap();
    let mut pooled = connect();
    exchange(&mut pooled, "/v1/traces", "", &body, SOON).unwrap();
    destination.set_mode(Mode::Resetting);
    assert_eq!(exchange(&mut pooled, "/v1/traces", "", &body, SOON).unwrap_err(), ErrorKind::ConnectionReset);

    destination.set_mode(Mode::Healthy);
    let mut pooled = connect();
    exchange(&mut pooled, "/v1/traces", "", &body, SOON).unwrap();
    destination.set_mode(Mode::Refusing);
    exchange(&mut pooled, "/v1/traces", "", &body, SOON).unwrap_err();
    assert_eq!(TcpStream::connect(destination.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    destination.set_mode(Mode::Healthy);
    exchange(&mut connect(), "/v1/traces", "", &body, SOON).unwrap();
    assert_eq!(destination.spans().len(), 3);
}

#[tokio::test]
async fn queued_modes_meet_one_request_each() {
    let destination = Destination::start(Mode::Healthy).await.unwrap();
    destination.queue([Mode::status(503), Mode::AnswerLost]);
    let send = || post(destination.address(), "/v1/traces", "", &traces(&["x"]));
    assert!(send().unwrap().0.starts_with("http/1.1 503"));
    assert_eq!(send().unwrap_err(), ErrorKind::UnexpectedEof);
    assert!(send().unwrap().0.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn what_is_not_otlp_is_refused_and_said_to_be() {
    let destination = Destination::start(Mode::Healthy).await.unwrap();
    for (path, headers, body) in [
        ("/v1/traces", "", &b"\xff\xff"[..]),
        ("/v1/traces", "content-encoding: gzip\r\n", b"plain"),
        ("/v1/traces", "content-encoding: br\r\n", b""),
        ("/v2/traces", "", b""),
    ] {
        let (head, _) = post(destination.address(), path, headers, body).unwrap();
        assert!(head.starts_with("http/1.1 400"), "{path} {headers}: {head}");
    }
    assert!(destination.requests().iter().all(|request| request.malformed.is_some() && !request.accepted));
}

#[tokio::test]
async fn a_counting_destination_keeps_nothing_but_numbers() {
    let destination = Destination::start_counting(Mode::Healthy).await.unwrap();
    let body = traces(&["x"]);
    post(destination.address(), "/v1/traces", "", &body).unwrap();
    assert_eq!((destination.counts().accepted, destination.counts().wire_bytes as usize), (1, body.len()));
    assert!(destination.spans().is_empty() && destination.requests().is_empty());
}

#[tokio::test]
async fn waiting_in_vain_says_what_came() {
    let destination = Destination::start(Mode::Healthy).await.unwrap();
    post(destination.address(), "/v1/traces", "", &traces(&["x"])).unwrap();
    let error = destination.wait_for_spans(2, Duration::from_millis(20)).await.unwrap_err().to_string();
    assert!(error.contains("for 2 spans, but only 1 came"), "{error}");
}
