//! A server that answers as told, byte for byte: what a destination may do to us.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_rustls::rustls::ServerConfig;

use super::listen::{Connection, Listening};

/// What the server does with one request.
pub(crate) enum Reply {
    /// Sends these bytes and keeps the connection.
    Bytes(Vec<u8>),
    /// Sends these bytes and closes the connection.
    Last(Vec<u8>),
    /// Closes the connection without a word.
    Close,
    /// Resets the connection without a word.
    Reset,
    /// Says nothing and keeps the connection.
    Hang,
    /// Sends these bytes, then nothing more, and keeps the connection.
    Stall(Vec<u8>),
}

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Which connection it came over, from 0.
    pub(crate) connection: usize,
    /// Request line and headers, names in lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    listening: Listening,
    state: Arc<State>,
}

struct State {
    script: Mutex<VecDeque<Reply>>,
    requests: Mutex<Vec<Request>>,
}

/// An answer with this status line, these headers and this body.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub(crate) fn ok() -> Reply {
    Reply::Bytes(answer("200 OK", &[], b""))
}

impl Server {
    /// Answers in this order; any further request with 200.
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::run(script, None).await
    }

    /// The same behind TLS.
    pub(crate) async fn with_tls(config: ServerConfig) -> Self {
        Self::run([], Some(config)).await
    }

    async fn run(script: impl IntoIterator<Item = Reply>, tls: Option<ServerConfig>) -> Self {
        let script = Mutex::new(script.into_iter().collect());
        let state = Arc::new(State { script, requests: Mutex::default() });
        let serving = Arc::clone(&state);
        let listening = Listening::start(tls, move |connection, stream| {
            let state = Arc::clone(&serving);
            async move { state.serve(connection, stream).await }
        });
        let listening = listening.await;
        Self { address: listening.address, listening, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Waits until this many connections are gone.
    pub(crate) async fn closed(&self, connections: usize) {
        self.listening.closed(connections).await;
    }
}

impl State {
    async fn serve(&self, connection: usize, mut stream: Box<dyn Connection>) {
        while let Some((head, body)) = read(&mut stream).await {
            self.requests.lock().unwrap().push(Request { connection, head, body });
            let reply = self.script.lock().unwrap().pop_front();
            match reply.unwrap_or_else(ok) {
                Reply::Bytes(bytes) => stream.write_all(&bytes).await.unwrap(),
                Reply::Last(bytes) => {
                    let _ = stream.write_all(&bytes).await; // the client may have heard enough
                    return;
                }
                Reply::Close => return,
                Reply::Reset => return stream.reset(),
                Reply::Hang => break,
                Reply::Stall(bytes) => {
                    stream.write_all(&bytes).await.unwrap();
                    break;
                }
            }
        }
        // Until the other end closes.
        while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {}
    }
}

async fn read<S: AsyncRead + Unpin>(stream: &mut S) -> Option<(String, Vec<u8>)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let names = head.lines().map(|line| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}\n", name.to_ascii_lowercase()),
        None => format!("{line}\n"),
    });
    let head: String = names.collect();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.ok()?;
    Some((head, body))
}
