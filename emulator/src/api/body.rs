//! What a runtime posts as its response: read to the end, judged by size and trailers.

use super::{Reply, reply};
use crate::outcome::FunctionError;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

pub(super) enum Taken {
    Whole(Bytes, HeaderMap),
    TooLarge,
    Truncated(usize),
}

/// Reads a body to its end, keeping no more than `limit` bytes of it.
pub(super) async fn take(mut body: Incoming, limit: usize) -> Taken {
    let mut kept = BytesMut::new();
    let mut single = Bytes::new();
    let mut trailers = HeaderMap::new();
    let mut too_large = false;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Taken::Truncated(kept.len().max(single.len())) };
        match frame.into_data() {
            Ok(data) => {
                too_large = too_large || single.len() + kept.len() + data.len() > limit;
                if too_large {
                    (kept, single) = (BytesMut::new(), Bytes::new());
                } else if kept.is_empty() && single.is_empty() {
                    // The usual response is one frame, and needs no copy.
                    single = data;
                } else {
                    kept.extend_from_slice(&std::mem::take(&mut single));
                    kept.extend_from_slice(&data);
                }
            }
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    if too_large {
        return Taken::TooLarge;
    }
    Taken::Whole(if kept.is_empty() { single } else { kept.freeze() }, trailers)
}

pub(super) type Judged = (Result<Bytes, FunctionError>, usize);

/// What the caller gets and what the runtime is told.
pub(super) fn judge(id: &str, taken: Taken) -> (Judged, Reply) {
    match taken {
        Taken::Whole(body, trailers) => {
            let produced = body.len();
            // A stream that broke says so behind its end.
            let result = match trailers.get("lambda-runtime-function-error-type") {
                None => Ok(body),
                Some(named) => Err(FunctionError {
                    error_type: String::from_utf8_lossy(named.as_bytes()).into_owned(),
                    payload: trailers
                        .get("lambda-runtime-function-error-body")
                        .and_then(|encoded| base64(encoded.as_bytes()))
                        .unwrap_or_default()
                        .into(),
                }),
            };
            ((result, produced), reply::accepted())
        }
        Taken::TooLarge => {
            let what = format!(
                "Response payload size exceeded maximum allowed payload size ({MOST_BUFFERED} bytes)."
            );
            let payload = json!({ "errorType": "Function.ResponseSizeTooLarge", "errorMessage": what });
            let error = FunctionError {
                error_type: "Function.ResponseSizeTooLarge".to_owned(),
                payload: payload.to_string().into(),
            };
            let message = format!("Exceeded maximum allowed payload size ({MOST_BUFFERED} bytes).");
            let error_body = reply::error("RequestEntityTooLarge", &message);
            ((Err(error), 0), reply::json(StatusCode::PAYLOAD_TOO_LARGE, &error_body))
        }
        Taken::Truncated(produced) => {
            let error = FunctionError::platform(
                id,
                "Runtime.TruncatedResponse",
                "HTTP request detected as truncated",
            );
            let error_body = reply::error("TruncatedHTTPRequest", "HTTP request detected as truncated");
            ((Err(error), produced), reply::json(StatusCode::BAD_REQUEST, &error_body))
        }
    }
}

/// Decodes standard base64, as the error body behind a stream is.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.iter().take_while(|byte| **byte != b'=') {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(digit)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held & 0xff) as u8);
        }
    }
    Some(out)
}

/// What Lambda takes of a buffered response: 6 MiB and 100 bytes.
pub(super) const MOST_BUFFERED: usize = 6 * 1024 * 1024 + 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_bodies_behind_a_stream_are_decoded() {
        assert_eq!(base64(b"eyJhIjoxfQ==").unwrap(), br#"{"a":1}"#);
        assert_eq!(base64(b"").unwrap(), b"");
        assert_eq!(base64(b"!"), None);
    }
}
