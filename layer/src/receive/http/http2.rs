//! HTTP/2 without TLS, as gRPC speaks it: many requests at once over one connection that may stay for hours.

use super::{READ_AHEAD, Receiver, SILENCE};
use hyper::{server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    select,
    sync::Notify,
    time::{sleep, timeout},
};

/// Whether a connection begins as HTTP/2 does. Two bytes tell: no method of HTTP/1 starts with `PR` that we would take.
pub(super) async fn begins(stream: &TcpStream) -> bool {
    let mut start = [0; 2];
    loop {
        match timeout(SILENCE, stream.peek(&mut start)).await {
            Ok(Ok(1)) if start[0] == b'P' => sleep(Duration::from_millis(1)).await,
            Ok(Ok(2)) => return start == *b"PR",
            // Whatever is wrong with it, HTTP/1 finds out.
            _ => return false,
        }
    }
}

/// Serves one connection to its end, which a `crowd` brings about as soon as no request is under way.
pub(super) async fn converse(stream: TcpStream, crowd: &Notify, receiver: Receiver) -> hyper::Result<()> {
    let requests = Arc::new(Requests::default());
    let counted = Arc::clone(&requests);
    let service = service_fn(move |request| {
        let (receiver, under_way) = (receiver.clone(), UnderWay::new(&counted));
        async move {
            let _under_way = under_way;
            Ok::<_, Infallible>(receiver.answer(request).await)
        }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .auto_date_header(false)
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        // Callers that give up while the processor is busy elsewhere are no attack.
        .max_pending_accept_reset_streams(STREAMS as usize)
        // What a connection may send before a request is read, all its requests together.
        .initial_connection_window_size(READ_AHEAD as u32)
        .initial_stream_window_size(READ_AHEAD as u32)
        .max_header_list_size(HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let mut seen = 0;
    loop {
        let crowded = select! {
            outcome = served.as_mut() => return outcome,
            () = sleep(IDLE) => false,
            () = crowd.notified() => true,
        };
        // Connections that nobody uses must not keep others out. A client that is told so dials again when it has
        // something to say.
        if requests.under_way.load(Relaxed) == 0 && (crowded || requests.seen.load(Relaxed) == seen) {
            served.as_mut().graceful_shutdown();
            // One that does not go is not waited for.
            return timeout(SILENCE, served).await.unwrap_or(Ok(()));
        }
        seen = requests.seen.load(Relaxed);
    }
}

/// The requests of a connection.
#[derive(Debug, Default)]
struct Requests {
    seen: AtomicUsize,
    under_way: AtomicUsize,
}

/// A request, for as long as this lives.
struct UnderWay(Arc<Requests>);

impl UnderWay {
    fn new(requests: &Arc<Requests>) -> Self {
        requests.seen.fetch_add(1, Relaxed);
        requests.under_way.fetch_add(1, Relaxed);
        Self(Arc::clone(requests))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

/// Requests at once over one connection. SDKs have one for each signal.
const STREAMS: u32 = 100;

/// What a request's headers may hold, in bytes.
const HEADERS: u32 = 16 << 10;

/// A connection without a request for this long, and up to twice as long, is closed. Metrics come once a minute.
const IDLE: Duration = Duration::from_secs(150);
