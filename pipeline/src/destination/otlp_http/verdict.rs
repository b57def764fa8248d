//! What an answer means (OTLP specification, *OTLP/HTTP Response*).

use http::StatusCode;
use spanlayer_otlp::{
    Signal,
    status::{Encoding, PartialSuccess, Status},
};

use super::super::http::{Answer, MAX_ANSWER, quote};
use crate::Outcome;

/// What becomes of the batch. `asked` is what the request was written in; `secrets` must not be repeated, whatever the
/// server echoes.
pub(super) fn verdict<'s>(
    answer: &Answer,
    signal: Signal,
    asked: Encoding,
    secrets: impl Iterator<Item = &'s str>,
) -> Outcome {
    if answer.status.is_success() {
        return success(answer, signal, asked, secrets);
    }
    let status = encoding(answer).and_then(|encoding| Status::decode(&answer.body, encoding));
    let why = answer.why(status.as_ref().map(|status| &*status.message), secrets);
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Outcome::Retry { after: answer.retry_after(), why },
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Outcome::Refused { why, divisible: true },
        // "All other 4xx or 5xx response status codes MUST NOT be retried."
        _ => Outcome::Refused { why, divisible: false },
    }
}

fn success<'s>(
    answer: &Answer,
    signal: Signal,
    asked: Encoding,
    secrets: impl Iterator<Item = &'s str>,
) -> Outcome {
    if answer.body.len() > MAX_ANSWER {
        return Outcome::refused(format!("{}, with an answer larger than 4 MiB", answer.status));
    }
    if !answer.complete {
        // The status says that the batch was taken; to send it again would double it.
        let message = "the answer broke off, so it is unknown whether items were rejected".to_owned();
        return Outcome::Delivered { rejected: 0, message };
    }
    if answer.content_type().is_some_and(|kind| kind.starts_with("text/html")) {
        let message = format!(
            "{} with a web page for an answer: is this the address of an OTLP receiver?",
            answer.status
        );
        return Outcome::Delivered { rejected: 0, message };
    }
    let PartialSuccess { rejected, message } =
        PartialSuccess::decode(&answer.body, signal, encoding(answer).unwrap_or(asked));
    Outcome::Delivered { rejected, message: quote(&message, secrets) }
}

fn encoding(answer: &Answer) -> Option<Encoding> {
    Encoding::of_content_type(answer.content_type()?)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &[u8]) -> Outcome {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer { status, headers, body: body.to_vec(), complete: true, at: NOW };
        verdict(&answer, Signal::Traces, Encoding::Protobuf, ["Bearer s3cr3t-token"].into_iter())
    }

    const NOW: Duration = Duration::from_secs(1_767_000_000);
    const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
    const JSON: (&str, &str) = ("content-type", "application/json");
    const HTML: (&str, &str) = ("content-type", "text/html");

    #[test]
    fn every_status_gives_the_verdict_of_the_specification_whatever_the_body() {
        let [protobuf, json] =
            [Encoding::Protobuf, Encoding::Json].map(|encoding| Status::new("no").encode(encoding));
        let page = b"<html><body>oops</body></html>";
        for code in 100..=599 {
            for (content_type, body, words) in [
                (PROTOBUF, &b""[..], ""),
                (PROTOBUF, &protobuf, ": no"),
                (JSON, &json, ": no"),
                (HTML, page, ": <html><body>oops</body></html>"),
                // What a server calls it need not be what it is.
                (PROTOBUF, page, ": <html><body>oops</body></html>"),
            ] {
                let outcome = answer(code, &[content_type, ("retry-after", "7")], body);
                let said = format!("{}{words}", StatusCode::from_u16(code).unwrap());
                let divisible = || code == 400 || code == 413;
                let expected = match code {
                    200..=299 => {
                        // Taken is taken: what is no answer of OTLP says nothing about items.
                        assert!(matches!(outcome, Outcome::Delivered { rejected: 0, .. }), "{outcome:?}");
                        assert!(!body.is_empty() || outcome == Outcome::DELIVERED, "{outcome:?}");
                        continue;
                    }
                    429 | 502 | 503 | 504 => {
                        Outcome::Retry { after: Some(Duration::from_secs(7)), why: said }
                    }
                    _ => Outcome::Refused { divisible: divisible(), why: said },
                };
                assert_eq!(outcome, expected, "{code} {content_type:?}");
            }
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
    fn a_web_page_is_a_success_by_its_status_and_told_as_what_it_is() {
        let Outcome::Delivered { rejected: 0, message } = answer(200, &[HTML], b"<html>Sign in</html>")
        else {
            panic!("the status counts")
        };
        assert!(message.starts_with("200 OK with a web page"), "{message}");
    }

    #[test]
    fn partial_success_counts_what_was_rejected_and_is_no_failure() {
        for (encoding, content_type) in [
            (Encoding::Protobuf, "application/x-protobuf"),
            (Encoding::Json, "application/json; charset=utf-8"),
        ] {
            for (rejected, message) in [(3, "too old"), (3, ""), (0, "slow down")] {
                let partial = PartialSuccess { rejected, message: message.to_owned() };
                let body = partial.encode(Signal::Traces, encoding);
                let outcome = answer(200, &[("content-type", content_type)], &body);
                assert_eq!(outcome, Outcome::Delivered { rejected, message: message.to_owned() });
            }
        }
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
        // Nor is its beginning, where the quotation ends in its middle.
        let Outcome::Refused { why, .. } =
            answer(401, &[], format!("{} s3cr3t-token", "x".repeat(195)).as_bytes())
        else {
            panic!("401 is final")
        };
        assert!(!why.contains("s3c"), "{why}");
    }
}
