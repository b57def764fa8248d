//! What the end of a call means (OTLP specification, *OTLP/gRPC Response*, "Failures").

use http::{HeaderMap, StatusCode};
use spanlayer_otlp::{
    Signal,
    status::{Encoding, PartialSuccess},
};

use super::{
    super::http::{Answer, quote},
    message::open,
    status::{Code, Status},
};
use crate::{Outcome, ending};

/// An answer as far as it was read.
pub(super) struct Reply {
    pub(super) answer: Answer,
    pub(super) trailers: HeaderMap,
    pub(super) end: End,
}

/// How reading it ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// As it should.
    Whole,
    /// The stream or the connection failed.
    BrokenOff(String),
    /// Nobody wants to read more of it.
    TooLarge,
}

impl Reply {
    /// Whether the server does not know us, or thinks little of us.
    pub(super) fn turned_away(&self) -> bool {
        match Status::of(&self.trailers).or_else(|| Status::of(&self.answer.headers)) {
            Some(Status { code, .. }) => [Code::UNAUTHENTICATED, Code::PERMISSION_DENIED].contains(&code),
            None => matches!(self.answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
        }
    }

    /// How the call ended, as far as the server says so: by gRPC, or a proxy by plain HTTP.
    pub(super) fn code(&self) -> ending::Code {
        match Status::of(&self.trailers).or_else(|| Status::of(&self.answer.headers)) {
            Some(status) => ending::Code::Rpc(status.code.0),
            None => ending::Code::Http(self.answer.status.as_u16()),
        }
    }

    /// What becomes of the batch. `secrets` must not be repeated, whatever the server echoes.
    pub(super) fn verdict<'s>(&self, signal: Signal, secrets: impl Iterator<Item = &'s str>) -> Outcome {
        // An answer without a message may have its status in the headers.
        match Status::of(&self.trailers).or_else(|| Status::of(&self.answer.headers)) {
            Some(Status { code: Code::OK, .. }) => self.success(signal, secrets),
            Some(status) => failure(&status, secrets),
            None if self.answer.status != StatusCode::OK => self.plain_http(secrets),
            None => match &self.end {
                // Whether the batch was taken is unknown; sent again under its key, the server can tell.
                End::BrokenOff(why) => Outcome::retry(why),
                End::TooLarge => Outcome::refused(format!("{TOO_LARGE} and no end to be seen")),
                End::Whole => Outcome::refused(format!(
                    "no gRPC status, so nobody who speaks gRPC: {}",
                    self.answer.why(None, secrets)
                )),
            },
        }
    }

    fn success<'s>(&self, signal: Signal, secrets: impl Iterator<Item = &'s str>) -> Outcome {
        if self.end == End::TooLarge {
            return Outcome::refused(TOO_LARGE);
        }
        let encoding = self.answer.headers.get("grpc-encoding").and_then(|value| value.to_str().ok());
        match open(&self.answer.body, encoding) {
            Ok(response) => {
                let PartialSuccess { rejected, message } =
                    PartialSuccess::decode(&response, signal, Encoding::Protobuf);
                Outcome::Delivered { rejected, message: quote(&message, secrets) }
            }
            // The status says that the batch was taken; to send it again would double it.
            Err(fault) => Outcome::Delivered {
                rejected: 0,
                message: format!("the answer {fault}, so it is unknown whether items were rejected"),
            },
        }
    }

    /// A proxy's answer, or that of a server which does not speak gRPC.
    fn plain_http<'s>(&self, secrets: impl Iterator<Item = &'s str>) -> Outcome {
        let why = self.answer.why(None, secrets);
        if is_retryable(Code::of_http(self.answer.status)) {
            return Outcome::Retry { after: self.answer.retry_after(), why };
        }
        // gRPC has no word for what a proxy says of a request that is too large for it.
        Outcome::Refused { why, divisible: self.answer.status == StatusCode::PAYLOAD_TOO_LARGE }
    }
}

fn failure<'s>(status: &Status, secrets: impl Iterator<Item = &'s str>) -> Outcome {
    let words = quote(&status.message, secrets);
    let code = status.code;
    let why = if words.is_empty() { code.to_string() } else { format!("{code}: {words}") };
    // "The client SHOULD interpret RESOURCE_EXHAUSTED as retryable only if the server signals that recovery is possible."
    if is_retryable(code) || code == Code::RESOURCE_EXHAUSTED && status.retry_info.is_some() {
        return Outcome::Retry { after: status.retry_info.flatten(), why };
    }
    // The one is bad data, the other also what a server says of a message that is too large.
    let divisible = matches!(code, Code::INVALID_ARGUMENT | Code::RESOURCE_EXHAUSTED);
    Outcome::Refused { why, divisible }
}

const fn is_retryable(code: Code) -> bool {
    matches!(
        code,
        Code::CANCELLED
            | Code::DEADLINE_EXCEEDED
            | Code::ABORTED
            | Code::OUT_OF_RANGE
            | Code::UNAVAILABLE
            | Code::DATA_LOSS
    )
}

const TOO_LARGE: &str = "an answer larger than 4 MiB";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::status::tests::details, *};

    fn fields(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn reply(
        status: u16,
        headers: &[(&'static str, &str)],
        body: &[u8],
        trailers: &[(&'static str, &str)],
    ) -> Reply {
        let status = StatusCode::from_u16(status).unwrap();
        let answer = Answer {
            status,
            headers: fields(headers),
            body: body.to_vec(),
            complete: true,
            at: Duration::ZERO,
        };
        Reply { answer, trailers: fields(trailers), end: End::Whole }
    }

    fn verdict(reply: &Reply) -> Outcome {
        reply.verdict(Signal::Logs, ["Bearer s3cr3t-token"].into_iter())
    }

    const HTML: &[u8] = b"<html><body>oops</body></html>";

    #[test]
    fn every_code_gives_the_verdict_of_the_specification_whatever_the_body_and_wherever_it_stands() {
        let retryable = [1, 4, 10, 11, 14, 15];
        let details = details(Some((7, 0)));
        for code in 1..=20 {
            let text = code.to_string();
            for body in [&b""[..], b"\0\0\0\0\0", HTML] {
                for with_details in [false, true] {
                    let mut status = vec![("grpc-status", &*text), ("grpc-message", "no")];
                    status.extend(with_details.then_some(("grpc-status-details-bin", &*details)));
                    for reply in [reply(200, &status, body, &[]), reply(200, &[], body, &status)] {
                        let outcome = verdict(&reply);
                        let expected = retryable.contains(&code) || code == 8 && with_details;
                        match outcome {
                            Outcome::Retry { after, why } if expected => {
                                assert_eq!(after, with_details.then_some(Duration::from_secs(7)), "{code}");
                                assert!(why.ends_with(": no"), "{why}");
                            }
                            Outcome::Refused { divisible, .. } if !expected => {
                                assert_eq!(divisible, code == 3 || code == 8, "{code}");
                            }
                            other => panic!("{code}: {other:?}"),
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_http_status_without_one_of_grpc_gives_the_verdict_of_its_mapping() {
        for status in 100..=599 {
            for body in [&b""[..], b"\x08\x0e", HTML] {
                let outcome = verdict(&reply(status, &[("retry-after", "9")], body, &[]));
                match outcome {
                    Outcome::Retry { after, .. } => {
                        assert!([429, 502, 503, 504].contains(&status), "{status}");
                        assert_eq!(after, Some(Duration::from_secs(9)));
                    }
                    Outcome::Refused { divisible, .. } => {
                        assert!(![429, 502, 503, 504].contains(&status), "{status}");
                        assert_eq!(divisible, status == 413, "{status}");
                    }
                    Outcome::Delivered { .. } => panic!("{status} says nothing about the batch"),
                }
            }
        }
    }

    #[test]
    fn a_status_of_grpc_beats_that_of_http() {
        let outcome = verdict(&reply(503, &[("grpc-status", "3")], b"", &[]));
        assert_eq!(outcome, Outcome::Refused { why: "INVALID_ARGUMENT".to_owned(), divisible: true });
        assert_eq!(
            verdict(&reply(200, &[("grpc-status", "14")], b"", &[("grpc-status", "0")])),
            Outcome::DELIVERED
        );
    }

    #[test]
    fn success_counts_what_was_rejected() {
        let ok = [("grpc-status", "0")];
        assert_eq!(verdict(&reply(200, &ok, b"", &[])), Outcome::DELIVERED);
        assert_eq!(verdict(&reply(200, &[], b"\0\0\0\0\0", &ok)), Outcome::DELIVERED);
        for (rejected, message) in [(3, "too old"), (3, ""), (0, "slow down")] {
            let partial = PartialSuccess { rejected, message: message.to_owned() };
            let bytes = partial.encode(Signal::Logs, Encoding::Protobuf);
            let body = [&[0, 0, 0, 0, bytes.len() as u8], &bytes[..]].concat();
            let expected = Outcome::Delivered { rejected, message: message.to_owned() };
            assert_eq!(verdict(&reply(200, &[], &body, &ok)), expected);
        }
        let Outcome::Delivered { rejected: 0, message } = verdict(&reply(200, &[], HTML, &ok)) else {
            panic!("the status counts")
        };
        assert!(message.contains("unknown whether items were rejected"), "{message}");
    }

    #[test]
    fn an_answer_that_breaks_off_before_its_status_is_as_good_as_none() {
        let broken = |headers: &[(&'static str, &str)], end| Reply { end, ..reply(200, headers, b"", &[]) };
        let reset = || End::BrokenOff("no answer: reset".to_owned());
        assert_eq!(verdict(&broken(&[], reset())), Outcome::retry("no answer: reset"));
        assert_eq!(verdict(&broken(&[("grpc-status", "0")], reset())), Outcome::DELIVERED);
        assert!(matches!(verdict(&broken(&[], End::TooLarge)), Outcome::Refused { divisible: false, .. }));
        let large = verdict(&broken(&[("grpc-status", "0")], End::TooLarge));
        assert_eq!(large, Outcome::refused("an answer larger than 4 MiB"));
    }

    #[test]
    fn a_secret_that_the_server_echoes_is_not_repeated() {
        let Outcome::Refused { why, .. } = verdict(&reply(
            200,
            &[("grpc-status", "16"), ("grpc-message", "bad s3cr3t-token%0A!")],
            b"",
            &[],
        )) else {
            panic!("UNAUTHENTICATED is final")
        };
        assert_eq!(why, "UNAUTHENTICATED: bad *** !");
    }
}
