//! OTLP/gRPC: `Export` of each signal's service, one message a call (OTLP specification, *OTLP/gRPC*).
//!
//! Such a call is a POST whose body is one message behind a short prefix, and whose answer ends with its status
//! (`PROTOCOL-HTTP2.md` of gRPC). That little is written out here; everything behind is shared with OTLP/HTTP.

mod status;

use super::{
    super::{
        body::{ContentEncoding, Source},
        reply::Reply,
    },
    Otlp,
};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode, Version,
    header::{ALLOW, CONTENT_TYPE},
    request::Parts,
};
use hyper::body::Body;
use spanlayer_otlp::{
    Signal,
    status::{Encoding, PartialSuccess},
};
use status::{Code, Status};
use std::error::Error;

/// Whether a request is one of gRPC, whatever else may be wrong with it.
pub(super) fn is_meant(head: &Parts) -> bool {
    let content_type = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    head.version == Version::HTTP_2
        && content_type.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC.as_bytes()))
}

pub(super) async fn answer<B>(otlp: &Otlp, head: &Parts, body: Source<B>) -> Response<Reply>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    if head.method != Method::POST {
        let mut response = Response::new(Reply::default());
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return response;
    }
    let (bytes, status) = match take(otlp, head, body).await {
        Ok((signal, partial)) => {
            let message = partial.encode(signal, Encoding::Protobuf);
            let [a, b, c, d] = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
            ([&[0, a, b, c, d], &*message].concat(), Status::OK)
        }
        Err(status) => (Vec::new(), status),
    };
    let mut fields = HeaderMap::new();
    status.write(&mut fields);
    let mut response = Response::new(Reply::from(bytes));
    if status.code == Code::OK {
        response.body_mut().trailers = Some(fields);
    } else {
        // An answer without a message has its status in the headers, and nothing else.
        *response.headers_mut() = fields;
    }
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    headers.insert("grpc-accept-encoding", HeaderValue::from_static("identity,gzip,zstd"));
    response
}

async fn take<B>(otlp: &Otlp, head: &Parts, mut body: Source<B>) -> Result<(Signal, PartialSuccess), Status>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.grpc_path() == head.uri.path()) else {
        let known =
            "Export of the TraceService, MetricsService and LogsService of opentelemetry.proto.collector";
        return Err(Status::new(Code::UNIMPLEMENTED, format!("no such method, there is {known}")));
    };
    let encoding = head.headers.get("grpc-encoding").map(HeaderValue::as_bytes);
    let Some(encoding) = ContentEncoding::parse(encoding) else {
        return Err(Status::new(Code::UNIMPLEMENTED, "set grpc-encoding to gzip, zstd or identity"));
    };
    let request = message(otlp, encoding, &mut body).await?;
    Ok((signal, otlp.admit(signal, request)?))
}

/// Reads the one message of a call.
async fn message<B>(otlp: &Otlp, encoding: ContentEncoding, body: &mut Source<B>) -> Result<Bytes, Status>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    let mut prefix = Vec::with_capacity(PREFIX);
    while prefix.len() < PREFIX {
        match body.piece(PREFIX - prefix.len()).await.map_err(|why| otlp.fault(why))? {
            Some(piece) => prefix.extend_from_slice(&piece),
            None if prefix.is_empty() => return Err(Status::bad("a call has one message, there is none")),
            None => return Err(Status::bad("the message ends within its prefix")),
        }
    }
    let [flag, length @ ..] = *prefix.first_chunk::<PREFIX>().unwrap_or(&[0; PREFIX]);
    let encoding = match (flag, encoding) {
        (0, _) => ContentEncoding::Identity,
        (1, ContentEncoding::Identity) => {
            // The specification's own choice of code.
            let message = "the message is said to be compressed, but no grpc-encoding says how";
            return Err(Status::new(Code::INTERNAL, message));
        }
        (1, encoding) => encoding,
        _ => return Err(Status::bad("a message's first byte is 0, or 1 if it is compressed")),
    };
    let length = u32::from_be_bytes(length) as usize;
    if length > otlp.limit {
        return Err(otlp.too_large().into());
    }
    let mut share = otlp.room.share();
    let read = body.read(Some(length), encoding, otlp.limit, &mut share).await;
    let request = read.map_err(|why| otlp.fault(why))?;
    match body.piece(1).await {
        Ok(Some(_)) => Err(Status::bad("a call has one message, something follows it")),
        Ok(None) => Ok(request),
        Err(why) => Err(otlp.fault(why).into()),
    }
}

/// What every content type of gRPC begins with, and the one that we answer in.
const GRPC: &str = "application/grpc";

/// Bytes before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;
