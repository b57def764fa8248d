//! OTLP/HTTP over real sockets: what goes out, and what becomes of everything a server may do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod auth;
mod letters;
mod metrics;
mod s3;
#[path = "../support/mod.rs"]
mod support;
mod tls;

use std::{io::Write as _, time::Duration};

use spanlayer_otlp::status::{Encoding, PartialSuccess};
use spanlayer_pipeline::{
    Compression, Deadline, Signal,
    settings::{Otlp, Protocol, Proxy},
};
use support::{
    LEFT, ONCE, QUICK, TAKEN, Under, dropped_in_mid_export,
    http::{Reply, Server, answer, ok},
    spans, unzipped,
};
use tokio::time::Instant;

fn to(server: &Server) -> Otlp {
    Otlp::http(&server.url()).unwrap()
}

#[tokio::test]
async fn a_request_is_what_the_specification_says() {
    let server = Server::start([]).await;
    let mut http = to(&server);
    http.headers = vec![("x-team".parse().unwrap(), "a".parse().unwrap())];
    let under = Under::test(http, ONCE);
    assert_eq!(under.sent(50).await, (50, 0));
    let request = &server.requests()[0];
    assert!(request.head.starts_with("POST /v1/traces HTTP/1.1\n"));
    assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
    assert_eq!(request.header("content-encoding"), Some("gzip"));
    assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
    assert_eq!(request.header("transfer-encoding"), None);
    assert_eq!(request.header("x-team"), Some("a"));
    assert_eq!(request.header("idempotency-key").map(str::len), Some(32));
    let agent = request.header("user-agent").unwrap();
    assert!(agent.starts_with("spanlayer/") && agent.contains(" OTel-OTLP-Exporter-Rust/"), "{agent}");
    assert_eq!(unzipped(&request.body), spans(50).bytes()[..]);
    assert_eq!(under.told(), format!("first delivery to {}", server.url()));
}

#[tokio::test]
async fn without_compression_the_body_is_the_request_itself() {
    let server = Server::start([]).await;
    let mut http = to(&server);
    http.compression = Compression::None;
    assert_eq!(Under::test(http, ONCE).sent(1).await, TAKEN);
    let request = &server.requests()[0];
    assert_eq!((request.header("content-encoding"), &request.body[..]), (None, &spans(1).bytes()[..]));
}

#[tokio::test]
async fn as_json_the_body_holds_the_same_and_the_answer_is_read_as_json() {
    let partial = PartialSuccess { rejected: 2, message: "too old".to_owned() };
    for content_type in [&[("content-type", "application/json")][..], &[]] {
        let body = partial.encode(Signal::Traces, Encoding::Json);
        let server = Server::start([Reply::Bytes(answer("200 OK", content_type, &body))]).await;
        let mut otlp = to(&server);
        otlp.protocol = Protocol::HttpJson;
        let flushed = Under::test(otlp, ONCE).send([spans(5)]).await;
        assert_eq!((flushed.delivered, flushed.rejected), (3, 2), "an answer is in the request's encoding");
        let request = &server.requests()[0];
        assert_eq!(request.header("content-type"), Some("application/json"));
        assert_eq!(request.header("content-encoding"), Some("gzip"));
        let json = unzipped(&request.body);
        assert!(json.starts_with(br#"{"resourceSpans":["#));
        let back = spanlayer_otlp::json::to_protobuf(Signal::Traces, &json).unwrap();
        assert_eq!(back, spans(5).bytes()[..]);
    }
}

#[tokio::test]
async fn zstd_at_any_level_is_announced_and_unpacks_to_the_request() {
    // The highest takes its time without optimization.
    for (level, count) in [(1, 5000), (3, 5000), (19, 500)] {
        let server = Server::start([]).await;
        let mut otlp = to(&server);
        otlp.compression = Compression::Zstd(level);
        let under = Under::test(otlp, ONCE);
        assert_eq!(under.sent(count).await, (count as u64, 0));
        let request = &server.requests()[0];
        assert_eq!(request.header("content-encoding"), Some("zstd"));
        assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
        assert_eq!(zstd::decode_all(&request.body[..]).unwrap(), spans(count).bytes()[..]);
        let traffic = under.pipeline.stats().destinations[0].traffic;
        let expected = (spans(count).bytes().len() as u64, request.body.len() as u64);
        assert_eq!((traffic.bytes, traffic.compressed_bytes), expected);
    }
}

#[tokio::test]
async fn the_connection_is_kept_for_the_next_batch() {
    let server = Server::start([]).await;
    let under = Under::test(to(&server), ONCE);
    for _ in 0..3 {
        assert_eq!(under.sent(1).await, TAKEN);
    }
    assert!(server.requests().iter().all(|request| request.connection == 0));
}

#[tokio::test]
async fn lost_answers_are_retried_with_the_same_bytes_under_the_same_key() {
    let server =
        Server::start([Reply::Reset, Reply::Close, Reply::Last(b"SSH-2.0-OpenSSH\r\n".to_vec())]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(9).await, (9, 0));
    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    for request in &requests[1..] {
        assert_eq!(request.body, requests[0].body);
        assert_eq!(request.header("idempotency-key"), requests[0].header("idempotency-key"));
    }
    let traffic = under.pipeline.stats().destinations[0].traffic;
    assert_eq!((traffic.attempts, traffic.failures, traffic.retries), (4, 3, 3));
}

#[tokio::test]
async fn a_stale_connection_costs_one_immediate_retry_over_a_new_one() {
    let server = Server::start([ok(), Reply::Close]).await;
    let under = Under::test(to(&server), ONCE);
    assert_eq!(under.sent(1).await, TAKEN);
    assert_eq!(under.sent(1).await, TAKEN, "without any retry of the retry stage");
    let connections: Vec<usize> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 1]);
}

#[tokio::test]
async fn a_new_connection_that_fails_as_well_is_the_destinations_fault() {
    let server = Server::start([ok(), Reply::Close, Reply::Reset]).await;
    let under = Under::test(to(&server), ONCE);
    under.send([spans(1)]).await;
    assert_eq!(under.sent(1).await, LEFT);
    assert_eq!(server.requests().len(), 3);
    let first = Server::start([Reply::Close]).await;
    assert_eq!(Under::test(to(&first), ONCE).sent(1).await, LEFT);
    assert_eq!(first.requests().len(), 1, "the first connection cannot be stale");
}

#[tokio::test]
async fn silence_ends_at_the_limit_and_the_connection_is_closed() {
    for reply in [Reply::Hang, Reply::Stall(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec())] {
        let server = Server::start([reply]).await;
        let under = Under::limited(to(&server), ONCE, Duration::from_millis(50));
        let start = Instant::now();
        assert_eq!(under.sent(1).await, LEFT);
        assert!(start.elapsed() < Duration::from_secs(2));
        server.closed(1).await;
        assert!(under.told().contains("no answer within 0.1 s"), "{}", under.told());
    }
}

#[tokio::test]
async fn a_pipeline_dropped_in_mid_export_leaks_no_task_and_closes_its_connection() {
    let elsewhere =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = elsewhere.spawn(Server::start([Reply::Hang])).await.unwrap();
    let asked = async {
        while server.requests().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    dropped_in_mid_export(to(&server), asked, server.closed(1)).await;
    elsewhere.shutdown_background();
}

#[tokio::test]
async fn dropping_a_flush_closes_its_connection_and_keeps_the_batch() {
    let server = Server::start([Reply::Hang]).await;
    let under = Under::test(to(&server), ONCE);
    under.pipeline.accept(spans(1));
    let flush = under.pipeline.flush(Deadline::never());
    assert!(tokio::time::timeout(Duration::from_millis(100), flush).await.is_err());
    server.closed(1).await;
    assert_eq!(under.sent(1).await, (2, 0));
    let keys: Vec<_> =
        server.requests().iter().map(|r| r.header("idempotency-key").map(str::to_owned)).collect();
    assert_eq!(keys[0], keys[1], "the batch that was out goes out again as it was");
}

#[tokio::test]
async fn retry_after_as_a_date_is_honoured() {
    let date = spanlayer_host::clock::unix() + Duration::from_secs(60);
    let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + date);
    let busy = answer("503 Service Unavailable", &[("retry-after", &date)], b"");
    let server = Server::start([Reply::Bytes(busy)]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(1).await, LEFT);
    let wait = under.pipeline.pending().destinations[0].health.probe_in();
    assert!(wait > Duration::from_secs(55) && wait <= Duration::from_secs(61), "{wait:?}");
    assert_eq!(under.sent(1).await, (0, 2));
    assert_eq!(server.requests().len(), 1, "it is left alone until then");
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_waited_by_the_clock_on_the_wall() {
    for (seconds, patience) in [("0", 1), ("1", 5)] {
        let busy = answer("429 Too Many Requests", &[("retry-after", seconds)], b"");
        let server = Server::start([Reply::Bytes(busy)]).await;
        let mut patient = QUICK;
        patient.patience = Duration::from_secs(patience);
        let under = Under::test(to(&server), patient);
        let start = spanlayer_host::clock::unix();
        assert_eq!(under.sent(1).await, TAKEN);
        let waited = spanlayer_host::clock::unix() - start;
        assert!(waited >= Duration::from_secs(seconds.parse().unwrap()), "{waited:?}");
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn partial_success_is_success_with_words_and_without() {
    for (message, told) in [("too old", "rejected 2 spans: too old"), ("", "rejected 2 spans")] {
        let partial = PartialSuccess { rejected: 2, message: message.to_owned() };
        let body = partial.encode(Signal::Traces, Encoding::Protobuf);
        let headers = [("content-type", "application/x-protobuf")];
        let server = Server::start([Reply::Bytes(answer("200 OK", &headers, &body))]).await;
        let under = Under::test(to(&server), QUICK);
        let flushed = under.send([spans(5)]).await;
        assert_eq!((flushed.delivered, flushed.rejected, flushed.left), (3, 2, 0));
        assert!(under.told().lines().any(|line| line.ends_with(told)), "{}", under.told());
        assert_eq!(server.requests().len(), 1);
    }
}

/// On one thread, which the client has to leave to the healthy one, too.
#[tokio::test]
async fn interim_answers_without_end_are_given_up_at_the_limit_and_hold_nobody_else_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let flooding = tokio::task::spawn_blocking(move || {
        let flood = b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000);
        let (mut stream, _) = listener.accept().unwrap();
        // Until the other end has had enough.
        while stream.write_all(&flood).is_ok() {}
    });
    let otlp = Otlp::http(&format!("http://{address}")).unwrap();
    let under = Under::limited(otlp, ONCE, Duration::from_millis(300));
    let server = Server::start([]).await;
    let healthy = Under::test(to(&server), ONCE);
    let (flooded, taken) = tokio::join!(under.sent(1), healthy.sent(1));
    assert_eq!((flooded, taken), (LEFT, TAKEN));
    flooding.await.unwrap();
}

#[tokio::test]
async fn a_few_interim_answers_are_passed_over() {
    let interim = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(3);
    let server = Server::start([Reply::Bytes([interim, answer("200 OK", &[], b"")].concat())]).await;
    assert_eq!(Under::test(to(&server), ONCE).sent(1).await, TAKEN);
}

#[tokio::test]
async fn an_answer_of_five_mebibytes_is_a_final_error_and_not_kept() {
    let huge = answer("200 OK", &[], &vec![b'x'; 5 << 20]);
    let server = Server::start([Reply::Last(huge)]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.send([spans(1)]).await.refused, 1);
    assert!(under.told().contains("larger than 4 MiB"));
}

#[tokio::test]
async fn a_success_whose_body_breaks_off_is_a_success_and_not_sent_twice() {
    let lying = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort".to_vec();
    let server = Server::start([Reply::Last(lying)]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(1).await, TAKEN);
    assert!(under.told().contains("broke off"), "{}", under.told());
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_body_longer_than_announced_does_not_spoil_the_next_request() {
    let lying = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nfar more than two".to_vec();
    let server = Server::start([Reply::Bytes(lying)]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(1).await, TAKEN);
    assert_eq!(under.sent(1).await, TAKEN);
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let elsewhere = Server::start([]).await;
    let location = format!("{}/v1/traces", elsewhere.url());
    let redirect = answer("307 Temporary Redirect", &[("location", &location)], b"");
    let server = Server::start([Reply::Bytes(redirect)]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.send([spans(1)]).await.refused, 1);
    assert!(
        elsewhere.requests().is_empty()
            && under
                .told()
                .contains(&format!("307 Temporary Redirect: not followed; it leads to {location}"))
    );
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_halved_until_it_fits() {
    let too_large = || Reply::Bytes(answer("413 Payload Too Large", &[], b""));
    let server = Server::start([too_large()]).await;
    let under = Under::test(to(&server), QUICK);
    assert_eq!(under.sent(100).await, (100, 0));
    let items = |body: &[u8]| spanlayer_otlp::scan(Signal::Traces, &unzipped(body)).unwrap().items;
    let mut sizes: Vec<usize> = server.requests().iter().map(|request| items(&request.body)).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [50, 50, 100]);
}

#[tokio::test]
async fn nobody_there_is_no_loss_and_is_told_with_the_reason_and_without_the_address() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let under = Under::test(Otlp::http(&format!("http://user:s3cret@{address}")).unwrap(), QUICK);
    assert_eq!(under.sent(1).await, LEFT);
    assert!(under.told().contains("cannot connect: Connection refused"), "{}", under.told());
    assert!(!under.told().contains("s3cret"));
}

#[tokio::test]
async fn a_proxy_is_asked_and_its_exceptions_are_kept() {
    let proxy_server = Server::start([]).await;
    let server = Server::start([]).await;
    let proxied = |except: &str| {
        let mut http = to(&server);
        let address = spanlayer_pipeline::Secret::new(proxy_server.url());
        http.proxy = Some(Proxy { address, except: except.to_owned() });
        Under::test(http, ONCE)
    };
    assert_eq!(proxied("").sent(1).await, TAKEN);
    let expected = format!("POST {}/v1/traces HTTP/1.1\n", server.url());
    assert!(proxy_server.requests()[0].head.starts_with(&expected));
    assert_eq!(proxied("127.0.0.1").sent(1).await, TAKEN);
    assert_eq!((proxy_server.requests().len(), server.requests().len()), (1, 1));
}
