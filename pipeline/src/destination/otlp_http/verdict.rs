//! What an answer means (OTLP specification, *OTLP/HTTP Response*).

use std::time::{Duration, UNIX_EPOCH};

use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER},
};
use spanlayer_otlp::{
    Signal,
    status::{Encoding, PartialSuccess, Status},
};

use crate::Outcome;

/// An answer as far as it was read.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    /// Whether the body ended as announced, or was cut off by us.
    pub(super) complete: bool,
}

impl Answer<'_> {
    /// What becomes of the batch. `now` is Unix time; `secrets` must not be repeated, whatever the server echoes.
    pub(super) fn verdict<'s>(
        &self,
        signal: Signal,
        now: Duration,
        secrets: impl Iterator<Item = &'s str>,
    ) -> Outcome {
        if self.status.is_success() {
            return self.success(signal);
        }
        let why = hide(self.why(), secrets);
        match self.status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                let after = self.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                Outcome::Retry { after: after.and_then(|text| retry_after(text, now)), why }
            }
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => {
                Outcome::Refused { why, divisible: true }
            }
            // "All other 4xx or 5xx response status codes MUST NOT be retried."
            _ => Outcome::Refused { why, divisible: false },
        }
    }

    fn success(&self, signal: Signal) -> Outcome {
        if self.body.len() > MAX_ANSWER {
            return Outcome::refused(format!("{}, with an answer larger than 4 MiB", self.status));
        }
        if !self.complete {
            // The status says that the batch was taken; to send it again would double it.
            let message = "the answer broke off, so it is unknown whether items were rejected".to_owned();
            return Outcome::Delivered { rejected: 0, message };
        }
        let PartialSuccess { rejected, message } =
            PartialSuccess::decode(self.body, signal, self.encoding().unwrap_or(Encoding::Protobuf));
        Outcome::Delivered { rejected, message: shorten(&message) }
    }

    /// The status, and what the server says about it.
    fn why(&self) -> String {
        let status = self.encoding().and_then(|encoding| Status::decode(self.body, encoding));
        // Proxies and frameworks answer in HTML or plain text whatever was asked.
        let words = match &status {
            Some(status) => shorten(&status.message),
            None => shorten(&String::from_utf8_lossy(self.body)),
        };
        if words.is_empty() { self.status.to_string() } else { format!("{}: {words}", self.status) }
    }

    fn encoding(&self) -> Option<Encoding> {
        Encoding::of_content_type(self.headers.get(CONTENT_TYPE)?.to_str().ok()?)
    }
}

/// How long the server asks to be left alone: seconds, or a date (RFC 9110, 10.2.3). `None` for anything else.
fn retry_after(text: &str, now: Duration) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than fit is still "not for a long time".
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(now))
}

/// The first 200 characters on one line.
fn shorten(words: &str) -> String {
    let printable = words.split_whitespace().collect::<Vec<_>>().join(" ");
    printable.chars().filter(|c| !c.is_control()).take(MAX_WORDS).collect()
}

fn hide<'s>(mut words: String, secrets: impl Iterator<Item = &'s str>) -> String {
    // `Bearer abc` may come back as `abc`. What is shorter is no secret, and would tear holes into every message.
    for secret in secrets.flat_map(|value| [value, value.rsplit(' ').next().unwrap_or_default()]) {
        if secret.len() >= 6 {
            words = words.replace(secret, "***");
        }
    }
    words
}

/// Limit of an answer (OTLP specification, *OTLP/HTTP Response*).
pub(super) const MAX_ANSWER: usize = 4 << 20;

const MAX_WORDS: usize = 200;

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Outcome {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers: &headers, body, complete: true };
        answer.verdict(Signal::Traces, NOW, ["Bearer s3cr3t-token"].into_iter())
    }

    const NOW: Duration = Duration::from_secs(1_767_000_000);
    const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

    #[test]
    fn every_status_gives_the_verdict_of_the_specification_whatever_the_body() {
        let status_body = Status::new("no").encode(Encoding::Protobuf);
        for code in 200..=599 {
            for body in [&b""[..], &status_body, b"<html><body>oops</body></html>"] {
                let retried = matches!(answer(code, &[PROTOBUF], body), Outcome::Retry { .. });
                assert_eq!(retried, [429, 502, 503, 504].contains(&code), "{code}");
                if code >= 300 && !retried {
                    let Outcome::Refused { divisible, .. } = answer(code, &[PROTOBUF], body) else {
                        panic!("{code} must be refused")
                    };
                    assert_eq!(divisible, [400, 413].contains(&code), "{code}");
                }
            }
        }
        for code in 200..=299 {
            assert_eq!(answer(code, &[PROTOBUF], b""), Outcome::DELIVERED, "{code}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_nonsense_is_ignored() {
        let after = |text: &str| match answer(503, &[("retry-after", text)], b"") {
            Outcome::Retry { after, .. } => after.map(|wait| wait.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(after("7"), Some(7));
        assert_eq!(after(&httpdate::fmt_http_date(UNIX_EPOCH + NOW + Duration::from_secs(90))), Some(90));
        assert_eq!(after("Mon, 01 Jan 2024 00:00:00 GMT"), Some(0), "a date in the past");
        assert_eq!(after("99999999999999999999999999"), Some(u64::MAX));
        for nonsense in ["", "-5", "soon", "1.5", "+3"] {
            assert_eq!(after(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn partial_success_counts_what_was_rejected_and_is_no_failure() {
        let partial = PartialSuccess { rejected: 3, message: "too old".to_owned() };
        for (encoding, content_type) in [
            (Encoding::Protobuf, "application/x-protobuf"),
            (Encoding::Json, "application/json; charset=utf-8"),
        ] {
            let body = partial.encode(Signal::Traces, encoding);
            let outcome = answer(200, &[("content-type", content_type)], &body);
            assert_eq!(outcome, Outcome::Delivered { rejected: 3, message: "too old".to_owned() });
        }
        let warning = PartialSuccess { rejected: 0, message: "slow down".to_owned() };
        let outcome = answer(200, &[PROTOBUF], &warning.encode(Signal::Traces, Encoding::Protobuf));
        assert_eq!(outcome, Outcome::Delivered { rejected: 0, message: "slow down".to_owned() });
    }

    #[test]
    fn the_servers_words_are_quoted_short_and_on_one_line() {
        let why = |headers: &[(&'static str, &str)], body: &[u8]| match answer(400, headers, body) {
            Outcome::Refused { why, .. } => why,
            other => panic!("{other:?}"),
        };
        let status = Status::new("bad span 7").encode(Encoding::Protobuf);
        assert_eq!(why(&[PROTOBUF], &status), "400 Bad Request: bad span 7");
        assert_eq!(why(&[("content-type", "text/html")], b"<p>\n\tno\r\n"), "400 Bad Request: <p> no");
        assert_eq!(why(&[], b""), "400 Bad Request");
        let long = why(&[], "ä".repeat(1000).as_bytes());
        assert_eq!(long.chars().count(), "400 Bad Request: ".len() + 200);
    }

    #[test]
    fn a_secret_that_the_server_echoes_is_not_repeated() {
        let Outcome::Refused { why, .. } =
            answer(401, &[], b"unknown token s3cr3t-token in Bearer s3cr3t-token")
        else {
            panic!("401 is final")
        };
        assert!(!why.contains("s3cr3t") && why.contains("unknown token ***"), "{why}");
    }
}
