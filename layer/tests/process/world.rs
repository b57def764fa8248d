//! What the stories are told with.

use bytes::Bytes;
use spanlayer_emulator::{Builder, Destination, Emulator, Event, FunctionError, Invocation, Mode};
use spanlayer_link::{Ended, Frame, Hello, Priority, SOCKET, Sender, Started};
use spanlayer_otlp::{
    Signal,
    wire::{bytes_field, fixed64_field, message_field, varint_field},
};
use std::{
    future::Future,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// The program under test.
pub(crate) const EXTENSION: &str = env!("CARGO_BIN_EXE_spanlayer");

/// The longest that anything is waited for that has to happen. A failing test takes this long, a passing one does not.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// An emulated Lambda with our extension, and a destination it is pointed at.
pub(crate) struct World {
    pub(crate) lambda: Emulator,
    pub(crate) destination: Destination,
}

impl World {
    /// A function that does nothing.
    pub(crate) async fn idle(set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::with(Mode::Healthy, |builder, _| set(builder)).await
    }

    /// `set` gets a builder that is prepared, and the function's end of the link.
    pub(crate) async fn with(mode: Mode, set: impl FnOnce(Builder, Function) -> Builder) -> Self {
        let destination = Destination::start(mode).await.unwrap();
        let builder = Emulator::builder()
            .extension(EXTENSION)
            .env("SPANLAYER_EXPORTER_OTLP_ENDPOINT", destination.url())
            .env("SPANLAYER_LOG", "debug")
            .env("SPANLAYER_OTLP_HTTP", "127.0.0.1:0")
            .env("SPANLAYER_OTLP_GRPC", "127.0.0.1:0")
            .env("SPANLAYER_TELEMETRY_API", "127.0.0.1:0");
        let function = Function::default();
        let lambda = set(builder, function.clone()).start().await.unwrap();
        function.0.lock().unwrap().socket = lambda.state_dir().join(SOCKET);
        Self { lambda, destination }
    }

    /// A wrapped function whose every invocation emits one span, takes `time`, and says when it has ended.
    pub(crate) async fn wrapped(mode: Mode, time: Duration, set: impl FnOnce(Builder) -> Builder) -> Self {
        Self::with(mode, |builder, function| {
            set(builder).handler(move |event| {
                let function = function.clone();
                async move {
                    function.started(&event);
                    tokio::time::sleep(time).await;
                    function.spans(1, false);
                    function.ended_soon(&event);
                    Ok(Bytes::from_static(b"{}"))
                }
            })
        })
        .await
    }

    pub(crate) async fn invoke(&self) -> Invocation {
        self.lambda.invoke("{}").await
    }

    /// Invokes so many times, and returns the sum of what was billed beyond the responses.
    pub(crate) async fn invoke_times(&self, times: usize) -> Duration {
        let mut tails = Duration::ZERO;
        for _ in 0..times {
            let outcome = self.invoke().await;
            outcome.payload();
            assert_eq!(outcome.ended, spanlayer_emulator::Ended::Normally);
            tails += outcome.tail;
        }
        tails
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.lambda.extension_output("spanlayer")
    }

    /// Waits for a line of the extension's log that contains this.
    pub(crate) async fn says(&self, text: &str) -> String {
        let by = Instant::now() + SOON;
        loop {
            if let Some(line) = self.log().into_iter().find(|line| line.contains(text)) {
                return line;
            }
            assert!(Instant::now() < by, "never said {text:?}, but:\n{}", self.log().join("\n"));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Where OTLP/HTTP is received.
    pub(crate) async fn otlp(&self) -> SocketAddr {
        listening(&self.says("\"variable\":\"SPANLAYER_OTLP_HTTP\"").await)
    }

    /// The same, once an extension has been started for the `nth` time.
    pub(crate) async fn otlp_of(&self, nth: usize) -> SocketAddr {
        let by = Instant::now() + SOON;
        loop {
            let log = self.log();
            let mut lines = log.iter().filter(|line| line.contains("\"variable\":\"SPANLAYER_OTLP_HTTP\""));
            if let Some(line) = lines.nth(nth - 1) {
                return listening(line);
            }
            assert!(Instant::now() < by, "not started for the {nth}. time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Where OTLP/gRPC is received.
    pub(crate) async fn grpc(&self) -> SocketAddr {
        listening(&self.says("\"variable\":\"SPANLAYER_OTLP_GRPC\"").await)
    }

    /// Where the Telemetry API's events are received.
    pub(crate) async fn platform(&self) -> SocketAddr {
        listening(&self.says("\"variable\":\"SPANLAYER_TELEMETRY_API\"").await)
    }
}

/// Nothing is delivered but what the function sends, so that it can be counted.
pub(crate) fn nothing_of_its_own(builder: Builder) -> Builder {
    ["SPANLAYER_INVOCATION_SPANS", "SPANLAYER_LOGS", "SPANLAYER_METRICS"]
        .into_iter()
        .fold(builder, |builder, variable| builder.env(variable, "off"))
}

fn listening(line: &str) -> SocketAddr {
    let (_, rest) = line.split_once("\"address\":\"").unwrap();
    rest.split('"').next().unwrap().parse().unwrap()
}

/// What the wrapper does, by hand.
#[derive(Clone, Default)]
pub(crate) struct Function(Arc<Mutex<Wrapper>>);

#[derive(Default)]
struct Wrapper {
    socket: PathBuf,
    sender: Option<Sender>,
}

impl Function {
    fn send(&self, frame: &Frame) {
        let mut wrapper = self.0.lock().unwrap();
        let socket = wrapper.socket.clone();
        let sender = wrapper.sender.get_or_insert_with(|| {
            let mut sender = Sender::connect(&socket).unwrap();
            sender.send(&Frame::Hello(Hello::default()), Priority::Control);
            sender
        });
        if sender.is_broken() {
            sender.reconnect(&socket, &Hello::default()).unwrap();
        }
        sender.send(frame, Priority::Control);
        assert_eq!(sender.pending(), 0, "the socket takes everything");
    }

    pub(crate) fn started(&self, event: &Event) {
        let request_id = event.id().unwrap().to_owned();
        let (trace_id, span_id) = ([7; 16], [7; 8]);
        self.send(&Frame::Started(Started { request_id, trace_id, span_id, ..Started::default() }));
    }

    pub(crate) fn spans(&self, count: usize, error: bool) {
        self.send(&Frame::Telemetry(Signal::Traces, spans(count, error).into()));
    }

    pub(crate) fn logs(&self, count: usize) {
        let mut out = Vec::new();
        message_field(&mut out, 1, |resource_logs| {
            message_field(resource_logs, 2, |scope_logs| {
                for _ in 0..count {
                    message_field(scope_logs, 2, |record| {
                        fixed64_field(record, 1, 1_767_000_000_000_000_000)
                    });
                }
            });
        });
        self.send(&Frame::Telemetry(Signal::Logs, out.into()));
    }

    pub(crate) fn ended(&self, event: &Event) {
        let request_id = event.id().unwrap().to_owned();
        let end_unix_nano = spanlayer_host::clock::unix_nanos();
        self.send(&Frame::Ended(Ended { request_id, end_unix_nano, ..Ended::default() }));
    }

    /// Says *ended* when the handler has returned, as the wrapper does.
    pub(crate) fn ended_soon(&self, event: &Event) {
        let (function, event) = (self.clone(), event.clone());
        tokio::spawn(async move { function.ended(&event) });
    }
}

/// A handler that does nothing but answer.
pub(crate) fn answer() -> impl Future<Output = Result<Bytes, FunctionError>> {
    std::future::ready(Ok(Bytes::from_static(b"{}")))
}

/// A request of so many spans with ids of their own.
pub(crate) fn spans(count: usize, error: bool) -> Vec<u8> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut out = Vec::new();
    message_field(&mut out, 1, |resource_spans| {
        message_field(resource_spans, 2, |scope_spans| {
            for _ in 0..count {
                let id = NEXT.fetch_add(1, Ordering::Relaxed);
                message_field(scope_spans, 2, |span| {
                    bytes_field(span, 1, &u128::from(id).to_be_bytes());
                    bytes_field(span, 2, &id.to_be_bytes());
                    bytes_field(span, 5, b"work");
                    fixed64_field(span, 7, 1_767_000_000_000_000_000);
                    fixed64_field(span, 8, 1_767_000_000_100_000_000);
                    if error {
                        message_field(span, 15, |status| varint_field(status, 3, 2));
                    }
                });
            }
        });
    });
    out
}

/// Posts to somebody who may be killed meanwhile: the status, if there was an answer.
pub(crate) async fn exchange_or_nothing(
    to: SocketAddr,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Option<u16> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(to).ok()?;
        stream.set_read_timeout(Some(SOON)).ok()?;
        stream.write_all(&request).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        String::from_utf8_lossy(&answer).split(' ').nth(1)?.parse().ok()
    });
    answer.await.ok().flatten()
}

/// What an HTTP server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends bytes, reads the answer until the server closes the connection. What is not answered is `None`.
pub(crate) async fn exchange(to: SocketAddr, bytes: impl Into<Vec<u8>>) -> Option<Reply> {
    let bytes = bytes.into();
    tokio::task::spawn_blocking(move || {
        let mut stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        // A server that has heard enough may close before everything is written.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some(Reply { status, head, body: answer[end + 4..].to_vec() })
    })
    .await
    .unwrap()
}

/// Posts a body, with headers as lines.
pub(crate) async fn post(to: SocketAddr, path: &str, headers: &str, body: &[u8]) -> Reply {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    exchange(to, request).await.unwrap()
}

pub(crate) const PROTOBUF: &str = "Content-Type: application/x-protobuf\r\n";
pub(crate) const JSON: &str = "Content-Type: application/json\r\n";
