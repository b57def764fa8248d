//! OTLP/gRPC (OTLP specification 1.11.0, *OTLP/gRPC*): one unary call per attempt.
//!
//! Such a call is an HTTP/2 POST whose body is one message behind a short prefix, and whose answer ends with trailers
//! (`PROTOCOL-HTTP2.md` of gRPC). That little is written out here; a gRPC framework would cost more than it brings.

mod message;
mod status;
mod verdict;

use std::{future::poll_fn, pin::Pin, time::Duration};

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, TE},
};
use http_body::Body as _;
use reqwest::Body;

use super::{
    Context,
    http::{Answer, Exchange, MAX_ANSWER, MAX_QUOTED, describe},
    otlp::{body, headers, headers_for, wire},
    wire::Wire,
};
use crate::{Batch, Deadline, Export, Outcome, settings::Otlp};
use message::{PREFIX, Request};
use verdict::{End, Reply};

/// A receiver of OTLP/gRPC.
#[derive(Debug)]
pub(crate) struct OtlpGrpcExport {
    settings: Otlp,
    headers: HeaderMap,
    wire: Wire,
}

impl OtlpGrpcExport {
    pub(crate) fn new(settings: Otlp, context: &Context) -> Self {
        let own = [
            (CONTENT_TYPE.as_str(), Some("application/grpc")),
            // Some proxies drop the trailers, and with them the status, of whoever does not say this.
            (TE.as_str(), Some("trailers")),
            ("grpc-encoding", settings.compression.content_encoding()),
            ("grpc-accept-encoding", Some("identity,gzip,zstd")),
        ];
        Self { headers: headers(&settings, own), wire: wire(&settings, context), settings }
    }

    async fn attempt(&self, batch: &Batch, by: Deadline) -> Result<Outcome, Outcome> {
        let message = body(&self.settings, batch).await?;
        let compressed = self.settings.compression.content_encoding().is_some();
        let mut headers = headers_for(batch, &self.headers);
        if let Some(limit) = timeout(by.remaining()).and_then(|text| HeaderValue::try_from(text).ok()) {
            headers.insert("grpc-timeout", limit);
        }
        // A lane only gets signals that have an address; an empty one makes an error, not a panic.
        let url = self.settings.url(batch.signal()).map(|url| url.reveal()).unwrap_or_default();
        let request = || Body::wrap(Request::new(compressed, message.clone()));
        let once = async || {
            let exchange = self.wire.exchange(url, headers.clone(), request, batch).await;
            let reply = read(exchange.map_err(Outcome::retry)?).await;
            batch.answered(reply.code());
            batch.told_the_time(&reply.answer);
            Ok::<_, Outcome>(reply)
        };
        let mut reply = once().await?;
        if reply.turned_away() && self.wire.renew().await.map_err(Outcome::retry)? {
            reply = once().await?;
        }
        let secrets = self.wire.secrets();
        Ok(reply.verdict(batch.signal(), secrets.iter().map(String::as_str)))
    }
}

impl Export for OtlpGrpcExport {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        self.attempt(&batch, by).await.unwrap_or_else(|outcome| outcome)
    }
}

/// Reads an answer as far as it is of use.
async fn read(exchange: Exchange<'_>) -> Reply {
    let (response, at, in_flight) = exchange.into_parts();
    let (head, mut frames) = http::Response::<Body>::from(response).into_parts();
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    let limit = if head.status.is_success() { PREFIX + MAX_ANSWER } else { MAX_QUOTED };
    let end = loop {
        match poll_fn(|cx| Pin::new(&mut frames).poll_frame(cx)).await {
            None => break End::Whole,
            Some(Err(error)) => break End::BrokenOff(describe(&error)),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
            },
        }
        if body.len() > limit {
            break End::TooLarge;
        }
    };
    if !matches!(end, End::BrokenOff(_)) {
        in_flight.landed();
    }
    let complete = matches!(end, End::Whole);
    Reply { answer: Answer { status: head.status, headers: head.headers, body, complete, at }, trailers, end }
}

/// The value of `grpc-timeout`: at most eight digits and a unit. `None` if there is no limit.
fn timeout(limit: Duration) -> Option<String> {
    let (millis, seconds) = (limit.as_nanos().div_ceil(1_000_000), limit.as_secs());
    match limit {
        Duration::MAX => None,
        _ if millis < EIGHT_DIGITS => Some(format!("{millis}m")),
        _ if u128::from(seconds) < EIGHT_DIGITS => Some(format!("{seconds}S")),
        _ => Some(format!("{}H", u128::from(seconds / 3600).min(EIGHT_DIGITS - 1))),
    }
}

const EIGHT_DIGITS: u128 = 100_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_told_in_eight_digits_rounded_so_that_the_server_never_gives_up_first() {
        let told = |limit| timeout(limit).unwrap();
        assert_eq!(told(Duration::from_micros(1)), "1m");
        assert_eq!(told(Duration::from_millis(9_999)), "9999m");
        assert_eq!(told(Duration::from_secs(100_000)), "100000S");
        assert_eq!(told(Duration::from_secs(360_000_000)), "100000H");
        assert_eq!(told(Duration::from_secs(u64::MAX)), "99999999H");
        assert_eq!(timeout(Duration::MAX), None);
    }
}
