//! An HTTP/2 server that answers calls as told.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::{Body, Frame};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::Notify;
use tokio_rustls::rustls::ServerConfig;

use super::listen::{Connection, Listening};

/// What the server does with one call.
#[derive(Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// `None`: the stream ends without any.
    pub(crate) trailers: Option<Vec<(&'static str, String)>>,
    pub(crate) then: Then,
}

/// What happens before the answer, or in its place.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Then {
    #[default]
    Answer,
    /// Never.
    Hang,
    /// Headers and body, then the stream is reset.
    BreakOff,
    /// The connection is closed without a word.
    Close,
}

/// An empty answer with this status in the trailers.
pub(crate) fn status(code: u32, fields: &[(&'static str, &str)]) -> Reply {
    let mut trailers = vec![("grpc-status", code.to_string())];
    trailers.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let (body, trailers) =
        if code == 0 { (vec![0; 5], Some(trailers)) } else { (Vec::new(), Some(trailers)) };
    Reply { status: 200, body, trailers, ..Reply::default() }
}

pub(crate) fn ok() -> Reply {
    status(0, &[])
}

pub(crate) fn instead(then: Then) -> Reply {
    Reply { then, ..ok() }
}

/// A call as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// Which connection it came over, from 0.
    pub(crate) connection: usize,
    pub(crate) method: http::Method,
    pub(crate) uri: http::Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
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
    calls: Mutex<Vec<Call>>,
}

impl Server {
    /// Answers in this order; any further call with an OK.
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        Self::run(script, None).await
    }

    /// The same behind TLS.
    pub(crate) async fn with_tls(config: ServerConfig) -> Self {
        Self::run([], Some(config)).await
    }

    async fn run(script: impl IntoIterator<Item = Reply>, tls: Option<ServerConfig>) -> Self {
        let script = Mutex::new(script.into_iter().collect());
        let state = Arc::new(State { script, calls: Mutex::default() });
        let serving = Arc::clone(&state);
        let listening =
            Listening::start(tls, move |connection, stream| Arc::clone(&serving).serve(connection, stream));
        let listening = listening.await;
        Self { address: listening.address, listening, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().unwrap().clone()
    }

    /// Waits until this many connections are gone.
    pub(crate) async fn closed(&self, connections: usize) {
        self.listening.closed(connections).await;
    }
}

impl State {
    async fn serve(self: Arc<Self>, connection: usize, stream: Box<dyn Connection>) {
        let close = Arc::new(Notify::new());
        let service = service_fn(|request| Arc::clone(&self).answer(connection, request, Arc::clone(&close)));
        let serving =
            http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            _ = serving => {} // however it ends, it ends
            () = close.notified() => {}
        }
    }

    async fn answer(
        self: Arc<Self>,
        connection: usize,
        request: Request<Incoming>,
        close: Arc<Notify>,
    ) -> Result<Response<Answer>, Infallible> {
        let (head, body) = request.into_parts();
        let call = Call {
            connection,
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body: all(body).await,
        };
        self.calls.lock().unwrap().push(call);
        let reply = self.script.lock().unwrap().pop_front().unwrap_or_else(ok);
        match reply.then {
            Then::Hang => std::future::pending().await,
            Then::Close => {
                close.notify_one();
                std::future::pending().await
            }
            Then::Answer | Then::BreakOff => {}
        }
        let mut response = Response::new(Answer {
            data: Some(reply.body.into()).filter(|data: &Bytes| !data.is_empty()),
            trailers: reply.trailers.as_deref().map(fields),
            breaks_off: reply.then == Then::BreakOff,
        });
        *response.status_mut() = reply.status.try_into().unwrap();
        *response.headers_mut() = fields(&reply.headers);
        Ok(response)
    }
}

fn fields(list: &[(&'static str, String)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, String)| {
        (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())
    };
    list.iter().map(field).collect()
}

async fn all(mut body: Incoming) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(frame) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => out.extend_from_slice(&data),
            Ok(Err(_)) => {}
            Err(_) => break, // the client gave up
        }
    }
    out
}

/// An answer's body and trailers.
struct Answer {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
    breaks_off: bool,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(data) = self.data.take() {
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if self.breaks_off {
            return Poll::Ready(Some(Err(io::ErrorKind::Other.into())));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }
}
