//! A runtime inside the emulator: polls the Runtime API over loopback as any runtime does, and calls a closure.

use crate::{Event, FunctionError, TraceHeader};
use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use std::{future::Future, io, net::SocketAddr, pin::Pin, sync::Arc};
use tokio::{net::TcpStream, task::JoinSet};

type Handler =
    Arc<dyn Fn(Event) -> Pin<Box<dyn Future<Output = Result<Bytes, FunctionError>> + Send>> + Send + Sync>;

/// Works until aborted, with as many workers as there may be invocations at once.
pub(crate) async fn run(api: SocketAddr, path: String, handler: Handler, workers: usize) {
    let mut all = JoinSet::new();
    for _ in 0..workers {
        let (path, handler) = (path.clone(), handler.clone());
        all.spawn(async move { work(api, &path, handler).await });
    }
    // A worker ends only when the API does; or its handler panicked, and that is a crash of the runtime.
    let _ = all.join_next().await;
}

async fn work(api: SocketAddr, path: &str, handler: Handler) -> io::Result<()> {
    let mut client = connect(api).await?;
    let base = format!("{path}/2018-06-01/runtime/invocation");
    loop {
        let next = Request::get(format!("{base}/next")).header("host", api.to_string());
        let reply = send(&mut client, next.body(Full::default())).await?;
        let (parts, body) = reply.into_parts();
        if parts.status != http::StatusCode::OK {
            return Err(io::Error::other("the environment is gone"));
        }
        let id = text(&parts.headers, "lambda-runtime-aws-request-id").unwrap_or_default();
        let answer = handler(event(&parts.headers, id.clone(), body)).await;
        let request = match answer {
            Ok(payload) => {
                let request = Request::post(format!("{base}/{id}/response")).header("host", api.to_string());
                request.header("content-type", "application/json").body(Full::new(payload))
            }
            Err(error) => {
                let request = Request::post(format!("{base}/{id}/error")).header("host", api.to_string());
                request
                    .header("lambda-runtime-function-error-type", &error.error_type)
                    .body(Full::new(error.payload))
            }
        };
        send(&mut client, request).await?;
    }
}

async fn connect(api: SocketAddr) -> io::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(api).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    Ok(client)
}

async fn send(
    client: &mut SendRequest<Full<Bytes>>,
    request: http::Result<Request<Full<Bytes>>>,
) -> io::Result<Response<Bytes>> {
    client.ready().await.map_err(io::Error::other)?;
    let reply = client.send_request(request.map_err(io::Error::other)?).await.map_err(io::Error::other)?;
    let (parts, body) = reply.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}

fn event(headers: &HeaderMap, id: String, payload: Bytes) -> Event {
    let mut event = Event::new(payload).request_id(id);
    event.trace = text(headers, "lambda-runtime-trace-id").map(TraceHeader::Value);
    event.client_context = text(headers, "lambda-runtime-client-context");
    event.tenant = text(headers, "lambda-runtime-aws-tenant-id");
    event.arn = text(headers, "lambda-runtime-invoked-function-arn");
    event
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
