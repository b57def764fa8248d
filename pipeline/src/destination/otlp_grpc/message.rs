//! One message behind its prefix: a byte that says whether it is compressed, and four for its length.

use std::{
    borrow::Cow,
    convert::Infallible,
    io::{self, Read},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use flate2::read::GzDecoder;
use http_body::{Body, Frame, SizeHint};
use zstd::stream::read::Decoder as ZstdDecoder;

use super::super::http::MAX_ANSWER;

/// Bytes before a message.
pub(super) const PREFIX: usize = 5;

/// A request's body. Prefix and message go out one after the other, so that the message is not copied.
pub(super) struct Request {
    prefix: Bytes,
    message: Bytes,
}

impl Request {
    pub(super) fn new(compressed: bool, message: Bytes) -> Self {
        // A batch is at most 64 MiB; what claims another length is refused by every receiver.
        let [a, b, c, d] = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        Self { prefix: Bytes::copy_from_slice(&[compressed.into(), a, b, c, d]), message }
    }
}

impl Body for Request {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = if self.prefix.is_empty() { &mut self.message } else { &mut self.prefix };
        let next = std::mem::take(next);
        Poll::Ready((!next.is_empty()).then_some(Ok(Frame::data(next))))
    }

    fn is_end_stream(&self) -> bool {
        self.prefix.is_empty() && self.message.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact((self.prefix.len() + self.message.len()) as u64)
    }
}

/// The message of an answer; no body is an empty one. `encoding` is the value of `grpc-encoding`.
///
/// # Errors
///
/// What is wrong with it, in words.
pub(super) fn open<'b>(body: &'b [u8], encoding: Option<&str>) -> Result<Cow<'b, [u8]>, String> {
    let Some((prefix, rest)) = body.split_first_chunk::<PREFIX>() else {
        return if body.is_empty() { Ok(Cow::Borrowed(body)) } else { Err("is cut off".to_owned()) };
    };
    let [flag, length @ ..] = *prefix;
    let message = rest.get(..u32::from_be_bytes(length) as usize).ok_or("is cut off")?;
    let opened = match (flag, encoding.unwrap_or("identity")) {
        (0, _) => return Ok(Cow::Borrowed(message)),
        // Some servers answer in the request's compression, whatever the client says it can read.
        (1, "gzip") => bounded(GzDecoder::new(message)),
        (1, "zstd") => ZstdDecoder::new(message).and_then(|mut decoder| {
            decoder.window_log_max(WINDOW_LOG_MAX)?;
            bounded(decoder)
        }),
        _ => return Err("is compressed in a way that was not asked for".to_owned()),
    };
    opened.map(Cow::Owned).map_err(|error| format!("cannot be read: {error}"))
}

/// A few bytes may unfold into many; more than the limit of an answer is not read.
fn bounded(decoder: impl Read) -> io::Result<Vec<u8>> {
    let mut out = Vec::new();
    decoder.take(MAX_ANSWER as u64 + 1).read_to_end(&mut out)?;
    if out.len() > MAX_ANSWER { Err(io::Error::other("it is larger than 4 MiB")) } else { Ok(out) }
}

/// 8 MiB, what every decoder must support (RFC 8878, section 3.1.1.1.2); larger windows are a way to make a reader
/// allocate.
const WINDOW_LOG_MAX: u32 = 23;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compression, encode::encode};

    fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
        [&[flag][..], &(message.len() as u32).to_be_bytes(), message].concat()
    }

    #[tokio::test]
    async fn answers_are_read_in_every_compression_that_requests_have() {
        let message = b"partial success".repeat(10);
        for compression in [Compression::None, Compression::GZIP, Compression::ZSTD] {
            let encoding = compression.content_encoding();
            let packed = encode(compression, message.clone().into()).await.unwrap();
            let body = framed(encoding.is_some().into(), &packed);
            assert_eq!(open(&body, encoding).unwrap(), message, "{compression:?}");
        }
        assert_eq!(open(b"", Some("gzip")).unwrap().as_ref(), b"");
        let plain = framed(0, b"plain");
        assert_eq!(open(&plain, Some("gzip")).unwrap().as_ref(), b"plain", "each message says for itself");
    }

    #[tokio::test]
    async fn an_answer_that_cannot_be_read_is_said_to_be_so() {
        let bomb = encode(Compression::GZIP, vec![0; MAX_ANSWER + 1].into()).await.unwrap();
        for (body, encoding, says) in [
            (framed(1, b"?"), "snappy", "not asked for"),
            (framed(1, b"no gzip"), "gzip", "cannot be read"),
            (framed(1, b"no zstd"), "zstd", "cannot be read"),
            (framed(1, &bomb), "gzip", "larger than 4 MiB"),
            (framed(0, b"message")[..9].to_vec(), "identity", "cut off"),
            (b"\0\0".to_vec(), "identity", "cut off"),
        ] {
            let told = open(&body, Some(encoding)).unwrap_err();
            assert!(told.contains(says), "{told}");
        }
    }

    #[test]
    fn a_request_is_the_prefix_and_the_message_itself() {
        let message = Bytes::from_static(b"message");
        let mut request = Request::new(true, message.clone());
        assert_eq!(request.size_hint().exact(), Some(12));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut next = || match Pin::new(&mut request).poll_frame(&mut cx) {
            Poll::Ready(frame) => frame.map(|frame| frame.unwrap().into_data().unwrap()),
            Poll::Pending => panic!("there is nothing to wait for"),
        };
        assert_eq!(next().unwrap(), [1, 0, 0, 0, 7][..]);
        assert_eq!(next().unwrap().as_ptr(), message.as_ptr(), "not a copy");
        assert_eq!(next(), None);
        assert!(request.is_end_stream());
    }
}
