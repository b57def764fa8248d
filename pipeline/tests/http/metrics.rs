//! What is counted of answers over HTTP.

use std::time::{Duration, SystemTime};

use spanlayer_pipeline::{
    Destination, Mapping, Server as JsonServer, Signal,
    auth::{Auth, Value},
    settings::Protocol,
};

use super::{
    ONCE, QUICK, Under,
    support::{
        http::{Reply, Server, answer, ok},
        scrape::Scrape,
        spans,
    },
    to,
};

/// Each destination has series for every signal that it takes.
const SPANS: (&str, &str) = ("otel_component_type", "otlp_http_span_exporter");

fn read(under: &Under) -> Scrape {
    Scrape::of(&under.pipeline.metrics().to_prometheus())
}

#[tokio::test]
async fn an_attempt_is_told_with_its_code_its_server_and_its_bytes() {
    let busy = Reply::Bytes(answer("429 Too Many Requests", &[], b""));
    let server = Server::start([busy]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(50).await, (50, 0));
    let seen = read(&under);
    let port = server.address.port().to_string();
    for (code, error) in [("429", "429"), ("200", "")] {
        let labels = [
            SPANS,
            ("otel_component_name", &server.url()),
            ("server_address", "127.0.0.1"),
            ("server_port", &port),
            ("http_response_status_code", code),
            ("error_type", error),
        ];
        assert_eq!(seen.value("spanlayer_exporter_attempts_total", &labels), 1.0, "{code}");
    }
    let sent: usize = server.requests().iter().map(|request| request.body.len()).sum();
    assert_eq!(seen.value("spanlayer_exporter_egress_compressed_bytes_total", &[SPANS]), sent as f64);
    let before = 2 * spans(50).bytes().len();
    assert_eq!(seen.value("spanlayer_exporter_egress_uncompressed_bytes_total", &[SPANS]), before as f64);
    assert_eq!(seen.value("spanlayer_exporter_retries_total", &[SPANS]), 1.0);
}

#[tokio::test]
async fn a_server_whose_clock_is_behind_shows() {
    #[expect(clippy::disallowed_methods, reason = "a real server says what time it is")]
    let behind = SystemTime::now() - Duration::from_secs(90);
    let date = httpdate::fmt_http_date(behind);
    let server = Server::start([Reply::Bytes(answer("200 OK", &[("date", &date)], b""))]).await;
    let under = Under::test(to(&server), ONCE);
    assert!(!read(&under).has("spanlayer_exporter_clock_skew_seconds", &[]));
    under.sent(1).await;
    let skew = read(&under).value("spanlayer_exporter_clock_skew_seconds", &[]);
    assert!((-92.0..=-89.0).contains(&skew), "{skew}");
    // An answer that does not say leaves what is known.
    under.sent(1).await;
    assert_eq!(read(&under).value("spanlayer_exporter_clock_skew_seconds", &[]), skew);
}

#[tokio::test]
async fn who_is_turned_away_or_finds_nobody_is_told_why() {
    let server = Server::start([Reply::Bytes(answer("401 Unauthorized", &[], b""))]).await;
    let under = Under::test(to(&server), ONCE);
    under.sent(1).await;
    let seen = read(&under);
    assert_eq!(seen.value("spanlayer_exporter_authentication_failures_total", &[SPANS]), 1.0);
    assert_eq!(seen.value("otel_sdk_exporter_span_exported_total", &[("error_type", "refused")]), 1.0);

    let server = Server::start([Reply::Close, Reply::Close]).await;
    let under = Under::test(to(&server), ONCE);
    under.sent(1).await;
    let lost = [("error_type", "no_answer"), ("http_response_status_code", "")];
    assert_eq!(read(&under).value("spanlayer_exporter_attempts_total", &lost), 1.0);

    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::Bearer(Value::parse("${file:/nowhere/token}").unwrap()));
    let under = Under::test(otlp, ONCE);
    under.sent(1).await;
    let seen = read(&under);
    assert_eq!(seen.value("spanlayer_exporter_attempts_total", &[("error_type", "credentials")]), 1.0);
    assert_eq!(seen.value("spanlayer_exporter_authentication_failures_total", &[SPANS]), 1.0);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn whoever_is_sent_json_has_a_type_of_its_own() {
    let server = Server::start([ok(), ok()]).await;
    let mut otlp = to(&server);
    otlp.protocol = Protocol::HttpJson;
    let zipkin = || JsonServer::at(&server.url()).unwrap();
    for (destination, expected) in [
        (Destination::otlp(otlp, None), "otlp_http_json_span_exporter"),
        (Destination::zipkin(zipkin()), "zipkin_http_span_exporter"),
        (Destination::json_events(Mapping::span_array(), zipkin()), "spanlayer_json_span_exporter"),
    ] {
        assert!(destination.takes(Signal::Traces));
        let under = Under::sending_to(destination, ONCE);
        under.sent(1).await;
        let labels = [("otel_component_type", expected), ("server_address", "127.0.0.1"), ("error_type", "")];
        assert_eq!(read(&under).value("spanlayer_exporter_attempts_total", &labels), 1.0);
    }
}
