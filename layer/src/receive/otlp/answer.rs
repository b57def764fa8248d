//! Answers of the OTLP/HTTP receiver, in the encoding of the request (OTLP specification, *OTLP/HTTP Response*).

use super::{super::reply::Reply, Fault};
use http::{
    HeaderName, HeaderValue, Response, StatusCode,
    header::{self, CONTENT_TYPE},
};
use spanlayer_otlp::{
    Signal,
    status::{Encoding, PartialSuccess, Status},
};
use std::time::Duration;

/// What a request is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The request was understood; what was not taken of it must not be sent again.
    Taken(Signal, PartialSuccess),
    /// Nothing was taken.
    Refused(Refusal),
}

/// Why nothing was taken, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), header: None }
    }

    /// Adds a header that says what would be right.
    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, HeaderValue::from_static(value)));
        self
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let status = match fault {
            Fault::Bad(_) => StatusCode::BAD_REQUEST,
            Fault::Stalled => StatusCode::REQUEST_TIMEOUT,
            // What is answered 429 or 503 is sent again, and many a sender sleeps until then.
            Fault::TooLarge { .. } | Fault::Crowded { retry_after: None } => StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Crowded { .. } | Fault::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            Fault::Closed => StatusCode::SERVICE_UNAVAILABLE,
        };
        // Whole seconds are all that `Retry-After` has.
        let seconds = |wait: Duration| wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let header = fault.retry_after().map(|wait| (header::RETRY_AFTER, seconds(wait).max(1).into()));
        Self { status, message: fault.to_string(), header }
    }
}

impl Answer {
    /// Writes the answer down. A request whose encoding is not known is answered in JSON, which people can read.
    pub(crate) fn write(self, encoding: Option<Encoding>) -> Response<Reply> {
        let encoding = encoding.unwrap_or(Encoding::Json);
        let (status, body, extra) = match self {
            Self::Taken(signal, partial) => (StatusCode::OK, partial.encode(signal, encoding), None),
            Self::Refused(refusal) => {
                (refusal.status, Status::new(refusal.message).encode(encoding), refusal.header)
            }
        };
        let mut response = Response::new(Reply::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(encoding.content_type()));
        headers.extend(extra);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use http_body_util::BodyExt;

    async fn body(response: Response<Reply>) -> Bytes {
        response.into_body().collect().await.unwrap().to_bytes()
    }

    #[tokio::test]
    async fn full_success_is_an_empty_message() {
        let taken = Answer::Taken(Signal::Traces, PartialSuccess::default());
        assert!(body(taken.clone().write(Some(Encoding::Protobuf))).await.is_empty());
        assert_eq!(body(taken.write(Some(Encoding::Json))).await, "{}");
    }

    #[tokio::test]
    async fn a_refusal_says_what_would_be_right_in_the_requests_own_encoding() {
        let refused = Answer::Refused(
            Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "by POST").with(header::ALLOW, "POST"),
        );
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            let response = refused.clone().write(Some(encoding));
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(response.headers()[header::ALLOW], "POST");
            assert_eq!(response.headers()[CONTENT_TYPE], encoding.content_type());
            let status = Status::decode(&body(response).await, encoding).unwrap();
            assert_eq!(status.message, "by POST");
        }
    }

    #[test]
    fn busy_names_whole_seconds_and_never_none() {
        for (wait, seconds) in [(0, "1"), (300, "1"), (1000, "1"), (1001, "2")] {
            let busy = Fault::Busy { retry_after: Duration::from_millis(wait) };
            let response = Answer::Refused(busy.into()).write(None);
            assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
            assert_eq!(response.headers()[header::RETRY_AFTER], seconds);
        }
    }
}
