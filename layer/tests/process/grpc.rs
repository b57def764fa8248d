//! OTLP/gRPC: what calls are answered, one by one and many at once, right and wrong.

use crate::world::{PROTOBUF, SOON, World, post, spans};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use spanlayer_emulator::{Builder, Mode};
use spanlayer_otlp::{
    Signal,
    status::{Encoding, PartialSuccess},
};
use spanlayer_pipeline::{Compression, Deadline, Destination, Payload, Pipeline, Settings, settings::Otlp};
use std::{convert::Infallible, io::Write as _, net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection.
#[derive(Clone)]
pub(crate) struct Client(SendRequest<BoxBody<Bytes, Infallible>>);

/// How a call ended.
#[derive(Debug)]
struct Ended {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    trailers: Option<HeaderMap>,
}

impl Ended {
    async fn read(response: Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        let trailers = body.trailers().cloned();
        Self { status: head.status, headers: head.headers, body: body.to_bytes(), trailers }
    }

    /// The code and the words, wherever they stand.
    fn grpc(&self) -> (u8, String) {
        assert_eq!(self.status, 200);
        assert_eq!(self.headers["content-type"], "application/grpc");
        let fields = self.trailers.as_ref().unwrap_or(&self.headers);
        let code = fields["grpc-status"].to_str().unwrap().parse().unwrap();
        // A call that failed has nothing but its status, all of it in the headers.
        assert_eq!(self.trailers.is_some(), code == 0, "{self:?}");
        let message = fields.get("grpc-message").map(|text| text.to_str().unwrap().to_owned());
        (code, message.unwrap_or_default().replace("%20", " "))
    }
}

impl Client {
    pub(crate) async fn connect(to: SocketAddr) -> Self {
        let stream = TcpStream::connect(to).await.unwrap();
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn send(&self, path: &str, headers: &[(&str, &str)], body: BoxBody<Bytes, Infallible>) -> Ended {
        let mut request = Request::post(format!("http://x{path}")).header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.0.clone().send_request(request.body(body).unwrap()).await;
        Ended::read(response.unwrap()).await
    }

    /// Sends spans: the code of the answer, and its words.
    pub(crate) async fn traces(&self, request: &[u8]) -> (u8, String) {
        self.export(&[], framed(0, request)).await.grpc()
    }

    /// Calls `Export` of the traces' service with this body.
    async fn export(&self, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Ended {
        let headers = [&[("content-type", "application/grpc")], headers].concat();
        self.send(Signal::Traces.grpc_path(), &headers, Full::new(body.into()).boxed()).await
    }
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    [&[flag][..], &(message.len() as u32).to_be_bytes(), message].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_signal_in_every_encoding_is_taken_and_delivered() {
    let world = World::idle(|builder| builder).await;
    let address = format!("http://{}", world.grpc().await);
    for compression in [Compression::None, Compression::GZIP, Compression::ZSTD] {
        let mut otlp = Otlp::grpc(&address).unwrap();
        otlp.compression = compression;
        let settings = Settings::to([Destination::otlp(otlp, None)]);
        let sender = Pipeline::new(settings);
        sender.accept(Payload::scan(Signal::Traces, spans(7, false).into()).unwrap());
        let flushed = sender.flush(Deadline::within(SOON)).await;
        assert_eq!((flushed.delivered, flushed.left), (7, 0), "{compression:?}");
    }
    world.invoke().await.payload();
    world.destination.wait_for_spans(21, SOON).await.unwrap();
}

#[tokio::test]
async fn a_good_call_is_answered_with_an_empty_message_and_then_its_status() {
    let world = World::idle(|builder| builder).await;
    let client = Client::connect(world.grpc().await).await;
    let ended = client.export(&[], framed(0, &spans(1, false))).await;
    assert_eq!((ended.grpc(), &ended.body[..]), ((0, String::new()), &[0; 5][..]));
    assert_eq!(ended.headers["grpc-accept-encoding"], "identity,gzip,zstd");
    // Nothing to deliver, and nothing wrong with it. In pieces of one byte, so that the prefix is cut too.
    let pieces = framed(0, &[]).into_iter().map(|byte| Ok(Frame::data(Bytes::from(vec![byte]))));
    let body = BodyExt::boxed(StreamBody::new(Pieces(pieces)));
    let headers = [("content-type", "application/grpc+proto")];
    let ended = client.send(Signal::Logs.grpc_path(), &headers, body).await;
    assert_eq!(ended.grpc().0, 0);
}

struct Pieces<I>(I);

impl<I: Iterator + Unpin> futures_core::Stream for Pieces<I> {
    type Item = I::Item;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<I::Item>> {
        std::task::Poll::Ready(self.0.next())
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_call_has_its_code_and_says_what_would_be_right() {
    let world = World::idle(|builder| builder.env("SPANLAYER_QUEUE_BYTES", "1MiB")).await;
    let client = Client::connect(world.grpc().await).await;
    let good = framed(0, &spans(1, false));
    let mut truncated = spans(3, false);
    truncated.pop();
    let megabyte = vec![0; 1 << 20];
    let (gzipped, zstandard) = ([("grpc-encoding", "gzip")], [("grpc-encoding", "zstd")]);
    let none: &[(&str, &str)] = &[];
    for (headers, body, code, says) in [
        (none, framed(0, b"garbage"), 3, "at byte 0: wrong wire type"),
        (none, framed(0, &truncated), 3, ""),
        (none, Vec::new(), 3, "there is none"),
        (none, good[..3].to_vec(), 3, "within its prefix"),
        (none, good[..9].to_vec(), 3, "ends too early"),
        (none, [&*good, &good].concat(), 3, "something follows"),
        (none, [&*good, b"x"].concat(), 3, "something follows"),
        (none, framed(7, &spans(1, false)), 3, "first byte"),
        (none, framed(1, &gzip(&spans(1, false))), 13, "no grpc-encoding"),
        (&gzipped, framed(1, b"not gzip"), 3, "not in the encoding it names"),
        (&gzipped, framed(1, &gzip(&truncated)), 3, ""),
        (&zstandard, framed(1, b"not zstd"), 3, "not in the encoding it names"),
        (&[("grpc-encoding", "snappy")], good.clone(), 12, "gzip, zstd or identity"),
        (none, framed(0, &megabyte.repeat(2)), 8, "1048576 bytes"),
        (none, [0, 0xff, 0xff, 0xff, 0xff].to_vec(), 8, "1048576 bytes"),
        (&gzipped, framed(1, &gzip(&megabyte).repeat(64)), 8, "1048576 bytes"),
        (&zstandard, framed(1, &zstd::bulk::compress(&megabyte, 1).unwrap().repeat(64)), 8, "1048576 bytes"),
    ] {
        let (was, words) = client.export(headers, body).await.grpc();
        assert!(was == code && words.contains(says), "{was} {words:?}, expected {code} {says:?}");
        assert!(!words.is_empty());
    }
    let headers = [("content-type", "application/grpc")];
    for path in ["/", "/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Import"] {
        let (code, words) = client.send(path, &headers, Full::default().boxed()).await.grpc();
        assert!(code == 12 && words.contains("TraceService"), "{code} {words}");
    }
    // Not gRPC at all, so answered in HTTP.
    for (path, content_type, status) in [
        (Signal::Traces.grpc_path(), "text/plain", 404),
        (Signal::Traces.path(), "text/plain", 415),
        (Signal::Traces.path(), "application/x-protobuf", 400),
    ] {
        let headers = [("content-type", content_type)];
        let body = Full::new(Bytes::from(good.clone())).boxed();
        assert_eq!(client.send(path, &headers, body).await.status, status);
    }
    let request = Request::get("http://x/").header("content-type", "application/grpc");
    let response = client.0.clone().send_request(request.body(Full::default().boxed()).unwrap()).await;
    assert_eq!(response.unwrap().status(), 405);
    assert_eq!(client.export(&[], good).await.grpc().0, 0, "the connection is as good as ever");
}

#[tokio::test]
async fn what_the_queue_has_no_room_for_is_a_partial_success() {
    let full = |builder: Builder, _| builder.env("SPANLAYER_QUEUE_BYTES", "64KiB");
    let world = World::with(Mode::Hanging, full).await;
    let client = Client::connect(world.grpc().await).await;
    // Errors are not given up for healthy spans, so the second request finds no room.
    assert_eq!(client.export(&[], framed(0, &spans(1000, true))).await.grpc().0, 0);
    let ended = client.export(&[], framed(0, &spans(800, false))).await;
    assert_eq!(ended.grpc().0, 0);
    let partial = PartialSuccess::decode(&ended.body[5..], Signal::Traces, Encoding::Protobuf);
    assert!(partial.rejected == 800 && partial.message.contains("full"), "{partial:?}");
}

#[tokio::test]
async fn many_calls_at_once_share_a_connection_and_each_gets_its_own_answer() {
    let world = World::idle(|builder| builder).await;
    let client = Client::connect(world.grpc().await).await;
    let calls: Vec<_> = (0..300)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                let body = if number % 3 == 0 { framed(0, b"garbage") } else { framed(0, &spans(2, false)) };
                (number, client.export(&[], body).await.grpc().0)
            })
        })
        .collect();
    for call in calls {
        let (number, code) = call.await.unwrap();
        assert_eq!(code, if number % 3 == 0 { 3 } else { 0 });
    }
    world.invoke().await.payload();
    world.destination.wait_for_spans(400, SOON).await.unwrap();
}

#[tokio::test]
async fn calls_that_are_given_up_or_never_finished_hold_nobody_up() {
    let world = World::idle(|builder| builder).await;
    let to = world.grpc().await;
    let client = Client::connect(to).await;
    for _ in 0..50 {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        sender.send(Bytes::from(framed(0, &spans(9, false))[..20].to_vec())).await.unwrap();
        let body = BodyExt::boxed(StreamBody::new(Channel(receiver)));
        let call = client.send(Signal::Traces.grpc_path(), &[("content-type", "application/grpc")], body);
        assert!(tokio::time::timeout(Duration::from_millis(1), call).await.is_err());
        drop(sender);
    }
    // A preface and then silence; half a preface; a connection that says nothing.
    let mut silent = Vec::new();
    for start in [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), b"PRI * HT", b"P", b""] {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(start).await.unwrap();
        silent.push(stream);
    }
    assert_eq!(client.export(&[], framed(0, &spans(1, false))).await.grpc().0, 0);
    world.invoke().await.payload();
    assert_eq!(world.destination.wait_for_spans(1, SOON).await.unwrap().len(), 1, "no half of any other");
}

struct Channel(tokio::sync::mpsc::Receiver<Bytes>);

impl futures_core::Stream for Channel {
    type Item = Result<Frame<Bytes>, Infallible>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|next| next.map(|bytes| Ok(Frame::data(bytes))))
    }
}

#[tokio::test]
async fn a_ping_is_answered_and_bytes_that_are_no_http_2_end_their_own_connection_only() {
    let world = World::idle(|builder| builder).await;
    let to = world.grpc().await;
    let mut stream = TcpStream::connect(to).await.unwrap();
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    stream
        .write_all(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), &settings, &ping].concat())
        .await
        .unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(&[1, 2, 3, 4, 5, 6, 7, 8]) {
        assert_ne!(tokio::time::timeout(SOON, stream.read_buf(&mut heard)).await.unwrap().unwrap(), 0);
    }
    assert_eq!(heard[heard.len() - 14..][..2], [6, 1], "an acknowledgement");
    for bytes in
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff".as_slice(), b"PRIME", &[0; 99], b"\x16\x03\x01"]
    {
        let mut stream = TcpStream::connect(to).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        tokio::time::timeout(SOON, stream.read_to_end(&mut Vec::new())).await.unwrap().unwrap_or_default();
    }
    let client = Client::connect(to).await;
    assert_eq!(client.export(&[], framed(0, &spans(1, false))).await.grpc().0, 0);
}

#[tokio::test]
async fn who_confuses_the_two_ports_is_served_all_the_same() {
    let world = World::idle(|builder| builder).await;
    assert_eq!(post(world.grpc().await, "/v1/traces", PROTOBUF, &spans(1, false)).await.status, 200);
    let client = Client::connect(world.otlp().await).await;
    assert_eq!(client.export(&[], framed(0, &spans(1, false))).await.grpc().0, 0);
    world.invoke().await.payload();
    world.destination.wait_for_spans(2, SOON).await.unwrap();
}

#[tokio::test]
async fn what_is_being_read_is_bounded_and_who_finds_no_room_is_told() {
    let world = World::idle(|builder| builder.env("SPANLAYER_QUEUE_BYTES", "4MiB")).await;
    let client = Client::connect(world.grpc().await).await;
    // Ninety messages that unfold to nearly 4 MiB each, and wait for their last byte: 360 MiB.
    let mut message = gzip(&vec![0; (4 << 20) - 100]);
    message.pop();
    let mut body = framed(1, &message);
    body[1..5].copy_from_slice(&(message.len() as u32 + 1).to_be_bytes());
    let mut waiting = Vec::new();
    for _ in 0..90 {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
        sender.send(Bytes::from(body.clone())).await.unwrap();
        let stream = BodyExt::boxed(StreamBody::new(Channel(receiver)));
        let client = client.clone();
        let call = tokio::spawn(async move {
            let headers = [("content-type", "application/grpc"), ("grpc-encoding", "gzip")];
            client.send(Signal::Traces.grpc_path(), &headers, stream).await
        });
        waiting.push((sender, call));
    }
    // Those that found no room are read to their end all the same, and then told.
    let mut told = 0;
    for (sender, call) in waiting {
        drop(sender);
        let ended = tokio::time::timeout(2 * SOON, call).await.unwrap().unwrap();
        let (code, words) = ended.grpc();
        match code {
            3 => {}
            8 => {
                assert!(words.contains("at once"), "{words}");
                assert!(!ended.headers.contains_key("grpc-status-details-bin"), "an SDK would sleep");
                told += 1;
            }
            _ => panic!("{code} {words}"),
        }
    }
    assert!(told >= 80, "{told}");
    let memory = world.lambda.extension_memory("spanlayer").unwrap();
    assert!(memory.peak < 40 << 20, "{memory:?}");
    assert_eq!(client.export(&[], framed(0, &spans(1, false))).await.grpc().0, 0, "and room again");
}
