//! OTLP/gRPC over real sockets: what a call looks like, and what becomes of everything a server may do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

use std::{fs, sync::Arc, time::Duration};

use rcgen::{CertificateParams, KeyPair};
use spanlayer_otlp::{
    status::{Encoding, PartialSuccess},
    wire,
};
use spanlayer_pipeline::{
    Compression, Deadline, Payload, Signal,
    auth::{Auth, Value},
    settings::Otlp,
};
use support::{
    LEFT, ONCE, QUICK, TAKEN, Under, dropped_in_mid_export,
    grpc::{Reply, Server, Then, instead, ok, status},
    scrape::Scrape,
    spans, unzipped,
};
use tokio::time::Instant;
use tokio_rustls::rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

fn to(server: &Server) -> Otlp {
    Otlp::grpc(&server.url()).unwrap()
}

/// The message of a body of one, and whether it says that it is compressed.
fn message(body: &[u8]) -> (bool, &[u8]) {
    let (prefix, message) = body.split_first_chunk::<5>().unwrap();
    assert_eq!(u32::from_be_bytes(prefix[1..].try_into().unwrap()) as usize, message.len());
    (prefix[0] == 1, message)
}

#[tokio::test]
async fn a_call_is_what_the_specification_says() {
    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.headers = vec![("x-team".parse().unwrap(), "a".parse().unwrap())];
    let under = Under::test(otlp, ONCE);
    assert_eq!(under.sent(50).await, (50, 0));
    let call = &server.calls()[0];
    assert_eq!(call.method, http::Method::POST);
    assert_eq!(call.uri.path(), "/opentelemetry.proto.collector.trace.v1.TraceService/Export");
    assert_eq!(call.uri.scheme_str(), Some("http"));
    assert_eq!(call.header("content-type"), Some("application/grpc"));
    assert_eq!(call.header("te"), Some("trailers"));
    assert_eq!(call.header("grpc-encoding"), Some("gzip"));
    assert_eq!(call.header("content-encoding"), None, "messages are compressed, not bodies");
    assert_eq!(call.header("x-team"), Some("a"));
    assert_eq!(call.header("idempotency-key").map(str::len), Some(32));
    assert!(call.header("user-agent").unwrap().contains(" OTel-OTLP-Exporter-Rust/"));
    let limit: u64 =
        call.header("grpc-timeout").and_then(|text| text.strip_suffix('m')).unwrap().parse().unwrap();
    assert!((4_000..=5_000).contains(&limit), "what is left of the flush's five seconds: {limit}");
    let (compressed, packed) = message(&call.body);
    assert!(compressed);
    assert_eq!(unzipped(packed), spans(50).bytes()[..]);
    assert_eq!(under.told(), format!("first delivery to {}", server.url()));
}

#[tokio::test]
async fn each_signal_has_its_service_and_all_share_a_connection() {
    let server = Server::start([]).await;
    let under = Under::test(to(&server), ONCE);
    for signal in Signal::ALL {
        let sent = under.send([Payload::scan(signal, one(signal).into()).unwrap()]).await;
        assert_eq!(sent.delivered, 1, "{signal}");
    }
    let calls = server.calls();
    let paths: Vec<&str> = calls.iter().map(|call| call.uri.path()).collect();
    assert_eq!(paths, Signal::ALL.map(Signal::grpc_path));
    assert!(calls.iter().all(|call| call.connection == 0));
}

/// A request of one item, with no more in it than makes it valid.
fn one(signal: Signal) -> Vec<u8> {
    let mut item = Vec::new();
    if signal == Signal::Traces {
        wire::bytes_field(&mut item, 1, &[7; 16]);
        wire::bytes_field(&mut item, 2, &[7; 8]);
    }
    // From the item outwards; the data points of metrics are two levels further down.
    let fields: &[u32] = if signal == Signal::Metrics { &[1, 5, 2, 2, 1] } else { &[2, 2, 1] };
    fields.iter().fold(item, |inner, field| {
        let mut outer = Vec::new();
        wire::bytes_field(&mut outer, *field, &inner);
        outer
    })
}

#[tokio::test]
async fn messages_go_out_uncompressed_or_in_zstd_if_told_so() {
    let server = Server::start([]).await;
    for compression in [Compression::None, Compression::ZSTD] {
        let mut otlp = to(&server);
        otlp.compression = compression;
        assert_eq!(Under::test(otlp, ONCE).sent(9).await, (9, 0));
    }
    let calls = server.calls();
    assert_eq!(calls[0].header("grpc-encoding"), None);
    assert_eq!(message(&calls[0].body), (false, &spans(9).bytes()[..]));
    assert_eq!(calls[1].header("grpc-encoding"), Some("zstd"));
    let (compressed, packed) = message(&calls[1].body);
    assert!(compressed);
    assert_eq!(zstd::decode_all(packed).unwrap(), spans(9).bytes()[..]);
}

#[tokio::test]
async fn a_batch_larger_than_the_servers_windows_arrives_whole() {
    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.compression = Compression::None;
    assert_eq!(Under::test(otlp, ONCE).sent(8000).await, (8000, 0));
    assert_eq!(message(&server.calls()[0].body).1, &spans(8000).bytes()[..]);
}

#[tokio::test]
async fn what_may_be_retried_is_with_the_same_bytes_under_the_same_key() {
    let server = Server::start([
        status(14, &[("grpc-message", "starting")]),
        instead(Then::BreakOff),
        instead(Then::Close),
        Reply { status: 503, ..Reply::default() },
    ])
    .await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(9).await, (9, 0));
    let calls = server.calls();
    assert_eq!(calls.len(), 5);
    for call in &calls[1..] {
        assert_eq!(call.body, calls[0].body);
        assert_eq!(call.header("idempotency-key"), calls[0].header("idempotency-key"));
    }
}

#[tokio::test]
async fn the_delay_that_a_server_asks_for_is_honoured() {
    // RetryInfo of 60 s, as google.rpc.Status { code: 8, details: [Any] }, base64 without padding.
    let mut info = Vec::new();
    wire::varint_field(&mut info, 1, 8);
    wire::message_field(&mut info, 3, |any| {
        wire::bytes_field(any, 1, b"type.googleapis.com/google.rpc.RetryInfo");
        wire::message_field(any, 2, |info| {
            wire::message_field(info, 1, |delay| wire::varint_field(delay, 1, 60))
        });
    });
    let mut text = String::new();
    spanlayer_otlp::json::text::base64(&mut text, &info);
    let details = [("grpc-status-details-bin", text.trim_end_matches('='))];
    let server = Server::start([status(8, &details)]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(1).await, LEFT);
    let wait = under.pipeline.pending().destinations[0].health.probe_in();
    assert!(wait > Duration::from_secs(55) && wait <= Duration::from_secs(60), "{wait:?}");
}

#[tokio::test]
async fn an_exhausted_resource_without_a_delay_is_refused_in_ever_smaller_halves() {
    let server = Server::start([status(8, &[("grpc-message", "message larger than max")])]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(100).await, (100, 0));
    assert_eq!(server.calls().len(), 3, "the whole, and two halves that fit");
}

#[tokio::test]
async fn a_status_without_an_answer_is_told_in_the_servers_words() {
    let trailers_only = Reply {
        status: 200,
        headers: vec![("grpc-status", "16".to_owned()), ("grpc-message", "no%20token".to_owned())],
        ..Reply::default()
    };
    let server = Server::start([trailers_only]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.send([spans(3)]).await.refused, 3);
    assert!(under.told().contains("refused 3 spans: UNAUTHENTICATED: no token"), "{}", under.told());
}

#[tokio::test]
async fn a_server_that_speaks_no_grpc_is_found_out() {
    let page = Reply { status: 200, body: b"<html>welcome</html>".to_vec(), ..Reply::default() };
    let server = Server::start([page]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.send([spans(1)]).await.refused, 1);
    assert!(under.told().contains("no gRPC status") && under.told().contains("welcome"), "{}", under.told());
}

#[tokio::test]
async fn partial_success_is_success() {
    let partial = PartialSuccess { rejected: 2, message: "too old".to_owned() };
    let bytes = partial.encode(Signal::Traces, Encoding::Protobuf);
    let body = [&[0, 0, 0, 0, bytes.len() as u8], &bytes[..]].concat();
    let server = Server::start([Reply { body, ..ok() }]).await;
    let under = Under::test(to(&server), QUICK);
    let flushed = under.send([spans(5)]).await;
    assert_eq!((flushed.delivered, flushed.rejected, flushed.left), (3, 2, 0));
    assert!(under.told().contains("rejected 2 spans: too old"));
    assert_eq!(server.calls().len(), 1);
}

#[tokio::test]
async fn an_answer_of_five_mebibytes_is_a_final_error_and_not_kept() {
    let server = Server::start([Reply { body: vec![0; 5 << 20], ..ok() }]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.send([spans(1)]).await.refused, 1);
    assert!(under.told().contains("larger than 4 MiB"), "{}", under.told());
}

#[tokio::test]
async fn a_stale_connection_costs_one_immediate_retry_over_a_new_one() {
    let server = Server::start([ok(), instead(Then::Close)]).await;
    let under = Under::test(to(&server), ONCE);
    assert_eq!(under.sent(1).await, TAKEN);
    assert_eq!(under.sent(1).await, TAKEN, "without any retry of the retry stage");
    let connections: Vec<usize> = server.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_new_connection_that_fails_as_well_is_the_destinations_fault() {
    let server = Server::start([ok(), instead(Then::Close), instead(Then::Close)]).await;
    let under = Under::test(to(&server), ONCE);
    under.sent(1).await;
    assert_eq!(under.sent(1).await, LEFT);
    assert_eq!(server.calls().len(), 3);
}

#[tokio::test]
async fn silence_ends_at_the_limit_and_the_next_attempt_goes_over_a_new_connection() {
    let server = Server::start([instead(Then::Hang)]).await;
    let under = Under::limited(to(&server), QUICK, Duration::from_millis(100));
    let start = Instant::now();
    assert_eq!(under.sent(1).await, TAKEN);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert_eq!(server.calls().iter().map(|call| call.connection).collect::<Vec<_>>(), [0, 1]);
    server.closed(1).await;
}

#[tokio::test]
async fn a_pipeline_dropped_in_mid_export_leaks_no_task_and_closes_its_connection() {
    let elsewhere =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = elsewhere.spawn(Server::start([instead(Then::Hang)])).await.unwrap();
    let asked = async {
        while server.calls().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    dropped_in_mid_export(to(&server), asked, server.closed(1)).await;
    elsewhere.shutdown_background();
}

#[tokio::test]
async fn dropping_a_flush_closes_its_connection_and_keeps_the_batch() {
    let server = Server::start([instead(Then::Hang)]).await;
    let under = Under::test(to(&server), ONCE);
    under.pipeline.accept(spans(1));
    let flush = under.pipeline.flush(Deadline::never());
    assert!(tokio::time::timeout(Duration::from_millis(100), flush).await.is_err());
    server.closed(1).await;
    assert_eq!(under.sent(1).await, (2, 0));
    let calls = server.calls();
    assert_eq!(calls[0].header("grpc-timeout"), Some("10000m"), "the attempt's own limit");
    assert_eq!(calls[0].header("idempotency-key"), calls[1].header("idempotency-key"));
}

#[tokio::test]
async fn a_server_of_http_1_is_no_loss() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    });
    let under = Under::test(Otlp::grpc(&url).unwrap(), ONCE);
    assert_eq!(under.sent(1).await, LEFT);
    assert!(under.told().contains("does not take data"), "{}", under.told());
}

#[tokio::test]
async fn with_tls_http_2_is_agreed_upon_and_a_server_without_it_is_told() {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let file = std::env::temp_dir().join(format!("spanlayer-grpc-{}.pem", std::process::id()));
    fs::write(&file, certificate.pem()).unwrap();
    for (alpn, outcome) in [("h2", TAKEN), ("http/1.1", LEFT)] {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = builder.with_single_cert(vec![certificate.der().clone()], der).unwrap();
        config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
        let server = Server::with_tls(config).await;
        let mut otlp = Otlp::grpc(&server.address.to_string()).unwrap();
        otlp.certificate = Some(file.clone());
        let under = Under::test(otlp, ONCE);
        assert_eq!(under.sent(1).await, outcome, "{}", under.told());
        assert!(server.calls().iter().all(|call| call.uri.scheme_str() == Some("https")));
    }
    fs::remove_file(file).unwrap();
}

#[tokio::test]
async fn a_token_that_is_turned_away_is_got_anew_and_the_call_repeated_once() {
    const UNAUTHENTICATED: u32 = 16;
    let server = Server::start([status(UNAUTHENTICATED, &[("grpc-message", "expired")])]).await;
    let file = std::env::temp_dir().join(format!("spanlayer-grpc-token-{}", std::process::id()));
    std::fs::write(&file, "t0ken").unwrap();
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::Bearer(Value::parse(&format!("${{file:{}}}", file.display())).unwrap()));
    assert_eq!(Under::test(otlp.clone(), ONCE).sent(1).await, TAKEN);
    let calls = server.calls();
    assert_eq!(calls.len(), 2);
    assert_eq!((calls[1].header("authorization"), &calls[1].body), (Some("Bearer t0ken"), &calls[0].body));
    std::fs::remove_file(&file).unwrap();

    let stubborn = Server::start([status(UNAUTHENTICATED, &[]), status(UNAUTHENTICATED, &[])]).await;
    otlp.urls = to(&stubborn).urls;
    otlp.auth = Some(Auth::Bearer(Value::text("t0ken")));
    let under = Under::test(otlp, ONCE);
    assert_eq!(under.send([spans(1)]).await.refused, 1);
    assert_eq!(stubborn.calls().len(), 1, "what cannot be had anew is not tried again");
}

#[tokio::test]
async fn calls_are_counted_by_their_status() {
    let server = Server::start([status(14, &[]), status(16, &[]), status(0, &[])]).await;
    let under = Under::test(to(&server), QUICK);
    under.sent(2).await;
    under.sent(3).await;
    let seen = Scrape::of(&under.pipeline.metrics().to_prometheus());
    let spans = ("otel_component_type", "otlp_grpc_span_exporter");
    for (code, error) in [("UNAVAILABLE", "UNAVAILABLE"), ("UNAUTHENTICATED", "UNAUTHENTICATED"), ("OK", "")]
    {
        let labels = [spans, ("rpc_status_code", code), ("error_type", error)];
        assert_eq!(seen.value("spanlayer_exporter_attempts_total", &labels), 1.0, "{code}");
    }
    assert_eq!(seen.value("spanlayer_exporter_authentication_failures_total", &[spans]), 1.0);
    let took = "otel_sdk_exporter_operation_duration_seconds_count";
    assert_eq!(seen.value(took, &[("rpc_status_code", "UNAUTHENTICATED")]), 1.0);
    assert!(!seen.has(took, &[("rpc_status_code", "UNAVAILABLE")]), "the last attempt counts");
    assert_eq!(seen.value(took, &[("rpc_status_code", "OK")]), 1.0);
}
