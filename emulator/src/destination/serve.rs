//! The serving end of a destination.

use super::{
    Mode,
    received::{Content, Record, Request},
};
use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use socket2::{Domain, SockRef, Socket, Type};
use std::{
    collections::VecDeque,
    io::{self, Read},
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    time::{Instant, sleep},
};

#[derive(Debug)]
pub(super) struct Core {
    pub(super) address: SocketAddr,
    pub(super) changed: Notify,
    /// Keeps the port while nobody listens on it: it is bound, but was never told to listen.
    _holder: Socket,
    mode: Mutex<(Mode, VecDeque<Mode>)>,
    /// Whether the door is open, and who is to be told once it is as it should be.
    door: watch::Sender<(bool, Option<mpsc::Sender<()>>)>,
    record: Mutex<Record>,
    keep: bool,
}

impl Core {
    pub(super) fn start(mode: Mode, keep: bool) -> io::Result<Arc<Self>> {
        let holder = socket(0)?;
        let port = holder.local_addr()?.as_socket().map_or(0, |address| address.port());
        let open = mode != Mode::Refusing;
        let (door, watched) = watch::channel((open, None));
        let core = Arc::new(Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            changed: Notify::new(),
            _holder: holder,
            mode: Mutex::new((mode, VecDeque::new())),
            door,
            record: Mutex::default(),
            keep,
        });
        let first = if open { Some(listen(port)?) } else { None };
        tokio::spawn(mind_the_door(core.clone(), first, watched));
        Ok(core)
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        let open = mode != Mode::Refusing;
        *self.mode() = (mode, VecDeque::new());
        if self.door.borrow().0 != open {
            let (tell, told) = mpsc::channel();
            self.door.send_replace((open, Some(tell)));
            // The other thread closes or opens the door in microseconds; the caller may rely on it being done.
            let _ = told.recv_timeout(Duration::from_secs(2));
        }
    }

    pub(super) fn queue(&self, modes: impl IntoIterator<Item = Mode>) {
        self.mode().1.extend(modes);
    }

    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn mode(&self) -> MutexGuard<'_, (Mode, VecDeque<Mode>)> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The behaviour that the next request meets.
    fn next_mode(&self) -> Mode {
        let mut mode = self.mode();
        let queued = mode.1.pop_front();
        queued.unwrap_or_else(|| mode.0.clone())
    }

    /// Whether a connection is to be reset before it says anything.
    fn resets(&self) -> bool {
        let mode = self.mode();
        mode.1.is_empty() && mode.0 == Mode::Resetting
    }
}

/// Accepts while the door is open. Closing it ends the connections there are.
async fn mind_the_door(
    core: Arc<Core>,
    mut listener: Option<TcpListener>,
    mut door: watch::Receiver<(bool, Option<mpsc::Sender<()>>)>,
) {
    loop {
        let accepted = tokio::select! {
            changed = door.changed() => {
                if changed.is_err() { return }
                None
            }
            accepted = accept(listener.as_ref()) => Some(accepted),
        };
        match accepted {
            Some(Ok((stream, _))) => {
                let connection = {
                    let mut record = core.record();
                    record.counts.connections += 1;
                    record.counts.connections
                };
                tokio::spawn(serve(core.clone(), stream, connection, door.clone()));
            }
            Some(Err(_)) => sleep(Duration::from_millis(10)).await,
            None => {
                let (open, tell) = door.borrow_and_update().clone();
                listener = if open { listen(core.address.port()).ok() } else { None };
                if let Some(tell) = tell {
                    let _ = tell.send(());
                }
            }
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

async fn serve(
    core: Arc<Core>,
    stream: TcpStream,
    connection: usize,
    mut door: watch::Receiver<(bool, Option<mpsc::Sender<()>>)>,
) {
    let _ = stream.set_nodelay(true);
    if core.resets() {
        let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        return;
    }
    // A second handle on the socket: whoever holds the last one decides how the connection ends.
    let Ok(handle) = stream.as_fd().try_clone_to_owned().map(Socket::from) else { return };
    let handle = Arc::new(handle);
    let service = service_fn(move |request| {
        let (core, handle) = (core.clone(), handle.clone());
        async move { take(&core, &handle, request, connection).await }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        _ = connection => {}
        _ = door.wait_for(|(open, _)| !open) => {}
    }
}

/// The answer, or the wish to hang up instead.
async fn take(
    core: &Core,
    handle: &Socket,
    request: http::Request<Incoming>,
    connection: usize,
) -> io::Result<Response<Full<Bytes>>> {
    let mode = core.next_mode();
    if mode == Mode::Resetting {
        handle.set_linger(Some(Duration::ZERO))?;
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let (parts, body) = request.into_parts();
    let wire = body.collect().await.map_err(io::Error::other)?.to_bytes();
    if parts.method != Method::POST {
        return Ok(answer(StatusCode::METHOD_NOT_ALLOWED, Bytes::new()));
    }
    let encoding = parts.headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok());
    let decoded = if core.keep { decompress(encoding, &wire) } else { Ok(Bytes::new()) };
    let content = match &decoded {
        Ok(body) if core.keep => Content::decode(parts.uri.path(), body).map(Some),
        Ok(_) => Ok(None),
        Err(error) => Err(format!("cannot decompress: {error}")),
    };
    let body = decoded.unwrap_or_default();
    let accepted = mode.accepts() && content.is_ok();
    {
        let mut record = core.record();
        record.counts.requests += 1;
        record.counts.accepted += usize::from(accepted);
        record.counts.wire_bytes += wire.len() as u64;
        record.counts.body_bytes += body.len() as u64;
        if core.keep {
            record.requests.push(Request {
                path: parts.uri.path().to_owned(),
                headers: parts.headers,
                wire_bytes: wire.len(),
                body,
                at: Instant::now(),
                unix: spanlayer_host::clock::unix(),
                connection,
                accepted,
                malformed: content.as_ref().err().cloned(),
            });
        }
        if accepted && let Ok(Some(content)) = content {
            record.add(content);
        } else if let Err(why) = content {
            drop(record);
            core.changed.notify_waiters();
            return Ok(answer(StatusCode::BAD_REQUEST, status(&why)));
        }
    }
    core.changed.notify_waiters();
    respond(mode).await
}

async fn respond(mode: Mode) -> io::Result<Response<Full<Bytes>>> {
    match mode {
        Mode::Healthy => Ok(answer(StatusCode::OK, Bytes::new())),
        Mode::Slow(delay) => {
            sleep(delay).await;
            Ok(answer(StatusCode::OK, Bytes::new()))
        }
        Mode::Hanging => std::future::pending().await,
        Mode::Refusing | Mode::Resetting | Mode::AnswerLost => Err(io::ErrorKind::ConnectionAborted.into()),
        Mode::Status { code, retry_after } => {
            let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut reply = answer(code, status("as asked for"));
            if let Some(value) = retry_after.and_then(|value| value.parse().ok()) {
                reply.headers_mut().insert(header::RETRY_AFTER, value);
            }
            Ok(reply)
        }
        Mode::Partial { rejected } => {
            // The three signals' answers have the same fields by number.
            let body = ExportTraceServiceResponse {
                partial_success: Some(ExportTracePartialSuccess {
                    rejected_spans: rejected.cast_signed(),
                    error_message: "rejected as asked for".to_owned(),
                }),
            };
            Ok(answer(StatusCode::OK, body.encode_to_vec().into()))
        }
    }
}

fn answer(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let protobuf = header::HeaderValue::from_static("application/x-protobuf");
    reply.headers_mut().insert(header::CONTENT_TYPE, protobuf);
    reply
}

/// A `google.rpc.Status` with this message, which is its field 2.
fn status(message: &str) -> Bytes {
    #[derive(Clone, PartialEq, Message)]
    struct Status {
        #[prost(string, tag = "2")]
        message: String,
    }
    Status { message: message.to_owned() }.encode_to_vec().into()
}

fn decompress(encoding: Option<&str>, wire: &Bytes) -> io::Result<Bytes> {
    match encoding {
        None | Some("" | "identity") => Ok(wire.clone()),
        Some("gzip") => {
            let mut body = Vec::new();
            flate2::read::MultiGzDecoder::new(wire.as_ref()).read_to_end(&mut body)?;
            Ok(body.into())
        }
        Some("zstd") => zstd::decode_all(wire.as_ref()).map(Bytes::from),
        Some(other) => Err(io::Error::other(format!("unknown encoding {other}"))),
    }
}

/// A socket on this port of the loopback, which several may share.
fn socket(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let socket = socket(port)?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
}
