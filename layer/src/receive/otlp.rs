//! OTLP/HTTP, for SDKs in any language: `POST /v1/traces`, `/v1/metrics`, `/v1/logs`, in protobuf or JSON.

use super::{
    Bound, Intake,
    answer::{Answer, Refusal},
    body::{self, ContentEncoding, Unreadable},
    http::serve,
};
use bytes::Bytes;
use http::{
    Method, Request, Response, StatusCode,
    header::{self, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE},
    request::Parts,
};
use http_body_util::Full;
use hyper::body::Body;
use spanlayer_otlp::{
    Signal, json,
    status::{Encoding, PartialSuccess},
};
use spanlayer_pipeline::{Admission, Payload};

/// Answers requests for as long as the process lives. `limit` is the most that a body may hold, in bytes.
pub(crate) async fn serve_otlp(bound: Bound, intake: Intake, limit: usize) {
    serve(bound, move |request| {
        let intake = intake.clone();
        async move { answer(request, &intake, limit).await }
    })
    .await;
}

async fn answer<B>(request: Request<B>, intake: &Intake, limit: usize) -> Response<Full<Bytes>>
where
    B: Body<Data = Bytes> + Unpin,
{
    let _reading = intake.begin();
    let (head, body) = request.into_parts();
    let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let encoding = content_type.and_then(Encoding::of_content_type);
    let answer = match take(&head, body, encoding, intake, limit).await {
        Ok(answer) => answer,
        Err(refusal) => Answer::Refused(refusal),
    };
    answer.write(encoding)
}

async fn take<B>(
    head: &Parts,
    body: B,
    encoding: Option<Encoding>,
    intake: &Intake,
    limit: usize,
) -> Result<Answer, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
{
    let signal = match head.uri.path() {
        "/v1/traces" => Signal::Traces,
        "/v1/metrics" => Signal::Metrics,
        "/v1/logs" => Signal::Logs,
        _ => {
            let message = "OTLP is taken at /v1/traces, /v1/metrics and /v1/logs";
            return Err(Refusal::new(StatusCode::NOT_FOUND, message));
        }
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
    if announced(head).is_some_and(|length| length > limit.saturating_mul(2)) {
        return Err(too_large(limit));
    }
    let bytes = body::read(body, content_encoding, limit).await.map_err(|why| match why {
        Unreadable::TooLarge => too_large(limit),
        Unreadable::Malformed(why) => bad(format!("the body is not what its Content-Encoding says: {why}")),
        Unreadable::CutOff => Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body stopped coming"),
    })?;
    let bytes = match encoding {
        Encoding::Protobuf => bytes,
        Encoding::Json => json::to_protobuf(signal, &bytes).map_err(|error| bad(error.to_string()))?.into(),
    };
    let payload = Payload::scan(signal, bytes).map_err(|error| bad(error.to_string()))?;
    if payload.items() == 0 {
        // Nothing to deliver, and nothing wrong with it.
        return Ok(Answer::Taken(signal, PartialSuccess::default()));
    }
    match intake.accept(payload) {
        Admission::Accepted => Ok(Answer::Taken(signal, PartialSuccess::default())),
        Admission::Partial { rejected, why } => {
            Ok(Answer::Taken(signal, PartialSuccess { rejected: rejected as u64, message: why }))
        }
        Admission::TooLarge { limit } => Err(too_large(limit)),
        Admission::Busy { retry_after } => Err(Refusal::busy(retry_after)),
        Admission::Closed => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "shutting down")),
    }
}

fn announced(head: &Parts) -> Option<usize> {
    head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn bad(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, message)
}

fn too_large(limit: usize) -> Refusal {
    let message = format!("a request may hold {limit} bytes, send smaller ones");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}
