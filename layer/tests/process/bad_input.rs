//! Whatever comes in: a clear answer or a line in the log, the process alive, the next good request delivered.

use crate::world::{JSON, PROTOBUF, Reply, SOON, World, exchange, post, spans};
use spanlayer_emulator::{Builder, Exit, Mode, Reason};
use spanlayer_otlp::status::{Encoding, Status};
use std::{io::Write as _, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// The extension takes a good request, and delivers it.
async fn still_works(world: &World) {
    let before = world.destination.spans().len();
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(1, false)).await.status, 200);
    world.invoke().await.payload();
    world.destination.wait_for_spans(before + 1, SOON).await.unwrap();
}

/// What the body of a refusal says.
fn message(reply: &Reply, encoding: Encoding) -> String {
    assert!(reply.head.contains(encoding.content_type()), "{}", reply.head);
    Status::decode(&reply.body, encoding).unwrap().message
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn garbage_and_truncated_bodies_are_told_what_is_wrong_in_their_own_encoding() {
    let world = World::idle(|builder| builder).await;
    let to = world.otlp().await;
    let mut truncated = spans(3, false);
    truncated.pop();
    for body in [b"garbage".as_slice(), &truncated, &[0xff; 300]] {
        for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
            let reply = post(to, path, PROTOBUF, body).await;
            assert_eq!(reply.status, 400, "{path}");
            assert!(!message(&reply, Encoding::Protobuf).is_empty());
        }
    }
    for body in [b"".as_slice(), b"{", b"[]", b"{\"resourceSpans\":7}", &[0xff; 300]] {
        let reply = post(to, "/v1/traces", JSON, body).await;
        assert_eq!(reply.status, 400);
        assert!(!message(&reply, Encoding::Json).is_empty());
    }
    still_works(&world).await;
    assert_eq!(world.destination.spans().len(), 1, "nothing of it was delivered");
}

#[tokio::test]
async fn wrong_or_missing_content_types_and_encodings_are_told_what_would_be_right() {
    let world = World::idle(|builder| builder).await;
    let to = world.otlp().await;
    for path in ["/v1/traces", "/v1/metrics", "/v1/logs"] {
        for headers in ["", "Content-Type: text/plain\r\n", "Content-Type: \u{fc}\r\n"] {
            let reply = post(to, path, headers, &spans(1, false)).await;
            assert_eq!(reply.status, 415, "{headers}");
            assert!(message(&reply, Encoding::Json).contains("application/x-protobuf"));
        }
    }
    let reply = post(to, "/v1/traces", &format!("{PROTOBUF}Content-Encoding: br\r\n"), b"x").await;
    assert_eq!(reply.status, 415);
    assert!(reply.head.contains("accept-encoding: gzip, zstd"), "{}", reply.head);
    assert!(message(&reply, Encoding::Protobuf).contains("gzip"));
    let reply = post(to, "/v1/traces", &format!("{PROTOBUF}Content-Encoding: gzip\r\n"), b"not gzip").await;
    assert_eq!(reply.status, 400);
    still_works(&world).await;
}

#[tokio::test]
async fn unknown_paths_and_methods_are_told_the_right_ones() {
    let world = World::idle(|builder| builder).await;
    let to = world.otlp().await;
    let reply = post(to, "/v2/spans", PROTOBUF, b"").await;
    assert_eq!(reply.status, 404);
    assert!(message(&reply, Encoding::Protobuf).contains("/v1/traces"));
    let reply =
        exchange(to, "GET /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(reply.status, 405);
    assert!(reply.head.contains("allow: post"), "{}", reply.head);
    still_works(&world).await;
}

#[tokio::test]
async fn bodies_beyond_the_limit_are_refused_and_bombs_do_not_go_off() {
    let world = World::idle(|builder| builder.env("SPANLAYER_QUEUE_BYTES", "1MiB")).await;
    let to = world.otlp().await;
    let megabyte = vec![0; 1 << 20];
    let plain = post(to, "/v1/traces", PROTOBUF, &megabyte.repeat(3)).await;
    let streamed = post(to, "/v1/traces", PROTOBUF, &[megabyte.clone(), vec![0]].concat()).await;
    let gzip_bomb = gzip(&megabyte).repeat(512);
    let gzip_bomb =
        post(to, "/v1/traces", &format!("{PROTOBUF}Content-Encoding: gzip\r\n"), &gzip_bomb).await;
    let zstd_bomb = zstd::bulk::compress(&megabyte, 1).unwrap().repeat(512);
    let zstd_bomb =
        post(to, "/v1/traces", &format!("{PROTOBUF}Content-Encoding: zstd\r\n"), &zstd_bomb).await;
    for reply in [plain, streamed, gzip_bomb, zstd_bomb] {
        assert_eq!(reply.status, 413);
        assert!(message(&reply, Encoding::Protobuf).contains("1048576 bytes"));
    }
    let memory = world.lambda.extension_memory("spanlayer").unwrap();
    assert!(memory.peak < 64 << 20, "{memory:?}");
    still_works(&world).await;
}

#[tokio::test]
async fn a_lying_length_and_bytes_that_are_not_http_end_their_own_connection_only() {
    let world = World::idle(|builder| builder).await;
    let to = world.otlp().await;
    let head = "POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n";
    // Longer than what comes: the sender hangs up before it is there.
    exchange(to, format!("{head}Content-Length: 1000\r\n\r\nabc")).await;
    // Shorter than what comes: the rest is taken for a request, and is none.
    let reply = exchange(to, format!("{head}Content-Length: 0\r\n\r\nabc\r\n\r\n")).await.unwrap();
    assert_eq!(reply.status, 200);
    // Absurd, contradictory, and no number at all.
    for length in ["99999999999999999999999", "3\r\nContent-Length: 4", "many", "-1"] {
        let reply = exchange(to, format!("{head}Content-Length: {length}\r\n\r\nabc")).await;
        assert!(reply.is_none_or(|reply| (400..500).contains(&reply.status)), "{length}");
    }
    // Pieces that are none, and a last piece that never comes.
    for chunks in ["zz\r\nabc\r\n", "3\r\nabcdef\r\n", "ffffffffffffffffff\r\n", "3\r\nabc\r\n"] {
        let reply = exchange(to, format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunks}")).await.unwrap();
        assert_eq!(reply.status, 400, "{chunks:?}");
        assert!(message(&reply, Encoding::Protobuf).contains("cannot be read"));
    }
    for bytes in [
        b"\x16\x03\x01\x02\x00\x01\x00".as_slice(),
        b"hello\r\n\r\n",
        &[0; 4096],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let reply = exchange(to, bytes).await;
        assert!(reply.is_none_or(|reply| (400..600).contains(&reply.status)));
    }
    still_works(&world).await;
}

#[tokio::test]
async fn a_connection_serves_request_after_request_until_it_is_told_to_close() {
    let world = World::idle(|builder| builder).await;
    let body = spans(1, false);
    let request = |connection: &str| {
        let mut bytes = format!(
            "POST /v1/traces HTTP/1.1\r\nHost: x\r\n{PROTOBUF}Content-Length: {}\r\n{connection}\r\n",
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    };
    let last = "Connection: close\r\n";
    let replies =
        exchange(world.otlp().await, [request(""), request(""), request(last)].concat()).await.unwrap();
    let all = format!("{}\r\n\r\n{}", replies.head, replies.text().to_lowercase());
    assert_eq!(all.matches("http/1.1 200 ok").count(), 3, "{all}");
    assert_eq!(all.matches("connection: close").count(), 1, "{all}");
}

#[tokio::test]
async fn connections_that_nobody_uses_keep_nobody_out() {
    let world = World::idle(|builder| builder).await;
    let to = world.otlp().await;
    let said = format!("POST /v1/traces HTTP/1.1\r\nHost: x\r\n{PROTOBUF}Content-Length: 0\r\n\r\n");
    let mut open = Vec::new();
    // More than are served at once, as clients leave them that are made for one request each. Half of them said nothing yet.
    for nth in 0..300 {
        let mut stream = TcpStream::connect(to).await.unwrap();
        if nth % 2 == 0 {
            stream.write_all(said.as_bytes()).await.unwrap();
            let mut answer = [0; 15];
            let answered = timeout(SOON, stream.read_exact(&mut answer)).await;
            assert!(answered.is_ok_and(|read| read.is_ok()), "the {nth}th waits for its answer");
        }
        open.push(stream);
    }
    still_works(&world).await;
}

#[tokio::test]
async fn every_encoding_of_a_good_request_is_taken() {
    let world = World::idle(|builder| builder).await;
    let to = world.otlp().await;
    let encoded = |encoding: &str| format!("{PROTOBUF}Content-Encoding: {encoding}\r\n");
    assert_eq!(post(to, "/v1/traces", &encoded("gzip"), &gzip(&spans(1, false))).await.status, 200);
    let zstandard = zstd::bulk::compress(&spans(1, false), 3).unwrap();
    assert_eq!(post(to, "/v1/traces", &encoded("zstd"), &zstandard).await.status, 200);
    let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"6957a1f03b8c51d2e7f0469a8d1c27e4",
        "spanId":"c4f1837a0be2659d","name":"orders"}]}]}]}"#;
    let reply =
        post(to, "/v1/traces", "Content-Type: application/json; charset=utf-8\r\n", json.as_bytes()).await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "{}"));
    let empty = post(to, "/v1/metrics", PROTOBUF, b"").await;
    assert_eq!((empty.status, empty.body.len()), (200, 0), "an empty envelope is a success");
    world.invoke().await.payload();
    world.destination.wait_for_spans(3, SOON).await.unwrap();
}

#[tokio::test]
async fn what_the_queue_has_no_room_for_is_a_partial_success_and_never_a_429() {
    let world = World::idle(|builder| builder.env("SPANLAYER_QUEUE_BYTES", "64KiB")).await;
    let to = world.otlp().await;
    // Errors are not given up for healthy spans, so the second request finds no room.
    assert_eq!(post(to, "/v1/traces", PROTOBUF, &spans(1000, true)).await.status, 200);
    let reply = post(to, "/v1/traces", JSON, healthy_json(400).as_bytes()).await;
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains("\"rejectedSpans\":\"400\""), "{}", reply.text());
}

fn healthy_json(count: usize) -> String {
    let span = |id| format!(r#"{{"traceId":"{id:032x}","spanId":"{id:016x}","name":"healthy span {id}"}}"#);
    let spans: Vec<String> = (1..=count).map(span).collect();
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

#[tokio::test]
async fn telemetry_events_that_make_no_sense_are_answered_200_and_passed_over() {
    let world = World::idle(|builder| builder.env("SPANLAYER_FLUSH", "end")).await;
    let to = world.platform().await;
    // What is told before the first invocation waits for it.
    world.invoke().await.payload();
    for body in [
        b"".as_slice(),
        b"garbage",
        b"{}",
        b"[1,{\"type\":\"platform.dance\",\"record\":{}},{\"type\":null}]",
        b"[{\"type\":\"platform.runtimeDone\",\"record\":{\"requestId\":7}}]",
        b"[{\"type\":\"platform.runtimeDone\",\"record\":{\"requestId\":\"nobody\"}}",
        &[0xff; 1000],
    ] {
        assert_eq!(post(to, "/", JSON, body).await.status, 200);
        assert_eq!(post(to, "/any/path", "", body).await.status, 200);
    }
    exchange(to, "not http\r\n\r\n").await;
    still_works(&world).await;
}

#[tokio::test]
async fn a_bad_link_frame_ends_its_own_connection_only() {
    let end = |builder: Builder| builder.env("SPANLAYER_FLUSH", "end");
    let world = World::wrapped(Mode::Healthy, Duration::from_millis(10), end).await;
    let path = world.lambda.state_dir().join("link.sock");
    for bytes in
        [&[0xff; 64][..], &[0, 0, 0, 0], &[5, 0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff], &[3, 0, 0, 0, 4, 1, 2]]
    {
        let mut stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        stream.write_all(bytes).await.unwrap();
    }
    world.says("a frame cannot be").await;
    world.says("malformed payload").await;
    world.invoke().await.payload();
    world.destination.wait_for_spans(1, SOON).await.unwrap();
    still_works(&world).await;
    assert_eq!(world.lambda.shutdown(Reason::Spindown).await.extension("spanlayer").exit, Exit::Code(0));
}
