//! OTLP/HTTP, for SDKs in any language: `POST /v1/traces`, `/v1/metrics`, `/v1/logs`, in protobuf or JSON.

use super::{
    super::{
        body::{ContentEncoding, Source},
        reply::Reply,
    },
    Fault, Otlp, announced,
    answer::{Answer, Refusal},
};
use bytes::Bytes;
use http::{
    Method, Response, StatusCode,
    header::{self, CONTENT_ENCODING, CONTENT_TYPE},
    request::Parts,
};
use hyper::body::Body;
use spanlayer_otlp::{
    Signal, json,
    status::{Encoding, PartialSuccess},
};
use std::error::Error;

pub(super) async fn answer<B>(otlp: &Otlp, head: &Parts, body: Source<B>) -> Response<Reply>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let encoding = content_type.and_then(Encoding::of_content_type);
    let answer = match take(otlp, head, body, encoding).await {
        Ok((signal, partial)) => Answer::Taken(signal, partial),
        Err(refusal) => Answer::Refused(refusal),
    };
    answer.write(encoding)
}

async fn take<B>(
    otlp: &Otlp,
    head: &Parts,
    mut body: Source<B>,
    encoding: Option<Encoding>,
) -> Result<(Signal, PartialSuccess), Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    let Some(signal) = Signal::ALL.into_iter().find(|signal| signal.path() == head.uri.path()) else {
        let message = "OTLP is taken at /v1/traces, /v1/metrics and /v1/logs";
        return Err(Refusal::new(StatusCode::NOT_FOUND, message));
    };
    if head.method != Method::POST {
        let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "OTLP is sent by POST");
        return Err(refusal.with(header::ALLOW, "POST"));
    }
    let Some(encoding) = encoding else {
        let message = "set Content-Type to application/x-protobuf or application/json";
        let refusal = Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        return Err(refusal.with(header::ACCEPT, "application/x-protobuf, application/json"));
    };
    let content_encoding = head.headers.get(CONTENT_ENCODING).map(|value| value.as_bytes());
    let Some(content_encoding) = ContentEncoding::parse(content_encoding) else {
        let message = "set Content-Encoding to gzip, zstd or identity";
        let refusal = Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
        return Err(refusal.with(header::ACCEPT_ENCODING, "gzip, zstd, identity"));
    };
    // Announced far beyond the limit: not worth reading.
    if announced(head).is_some_and(|length| length > otlp.limit.saturating_mul(2)) {
        return Err(otlp.too_large().into());
    }
    let mut share = otlp.room.share();
    let read = body.read(None, content_encoding, otlp.limit, &mut share).await;
    let bytes = read.map_err(|why| otlp.fault(why))?;
    let bytes = match encoding {
        Encoding::Protobuf => bytes,
        Encoding::Json => json::to_protobuf(signal, &bytes).map_err(Fault::bad)?.into(),
    };
    Ok((signal, otlp.admit(signal, bytes)?))
}
