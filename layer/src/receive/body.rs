//! Reads a request's body: plain, gzip or zstd, decoded as it streams in, so that a few bytes that unfold into
//! gigabytes are stopped at the limit and not after it.

use bytes::{Buf, Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use http_body_util::BodyExt;
use hyper::body::Body;
use std::{
    io::{self, Write},
    time::Duration,
};
use tokio::time::timeout;
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

/// `Content-Encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentEncoding {
    Identity,
    Gzip,
    Zstd,
}

impl ContentEncoding {
    /// Reads the header's value; `None` for what this receiver cannot decode, combinations among it.
    pub(crate) fn parse(value: Option<&[u8]>) -> Option<Self> {
        let Some(value) = value else { return Some(Self::Identity) };
        match value.trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Some(Self::Identity),
            b"gzip" | b"x-gzip" => Some(Self::Gzip),
            b"zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Why a body could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// More than the limit, before or after decoding.
    TooLarge,
    /// It is not what its encoding says.
    Malformed(String),
    /// It stopped coming.
    CutOff,
}

/// Reads and decodes a body of at most `limit` bytes, before and after decoding.
pub(crate) async fn read<B>(mut body: B, encoding: ContentEncoding, limit: usize) -> Result<Bytes, Unreadable>
where
    B: Body<Data = Bytes> + Unpin,
{
    let mut decoder = Decoder::new(encoding, limit)?;
    let mut seen = 0;
    let mut verdict = Ok(());
    while let Some(chunk) = chunk(&mut body).await? {
        seen += chunk.len();
        if verdict.is_ok() {
            verdict = if seen > limit { Err(Unreadable::TooLarge) } else { decoder.decode(&chunk) };
        }
        // An answer to a sender that is still sending would be lost with the connection, so what is refused is read
        // all the same, up to a point.
        if verdict.is_err() && seen > limit.saturating_add(PATIENCE) {
            break;
        }
    }
    verdict?;
    decoder.finish()
}

/// The next piece of a body; `None` at its end.
async fn chunk<B: Body<Data = Bytes> + Unpin>(body: &mut B) -> Result<Option<Bytes>, Unreadable> {
    loop {
        return match timeout(STALL, body.frame()).await {
            Err(_) | Ok(Some(Err(_))) => Err(Unreadable::CutOff),
            Ok(None) => Ok(None),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(mut data) => Ok(Some(data.copy_to_bytes(data.remaining()))),
                Err(_) => continue, // trailers
            },
        };
    }
}

enum Decoder {
    Identity(BoundedBuffer),
    Gzip(Box<MultiGzDecoder<BoundedBuffer>>),
    Zstd { decoder: Box<ZstdDecoder<'static>>, out: BoundedBuffer, whole: bool },
}

impl Decoder {
    fn new(encoding: ContentEncoding, limit: usize) -> Result<Self, Unreadable> {
        let out = BoundedBuffer { bytes: BytesMut::new(), limit, full: false };
        Ok(match encoding {
            ContentEncoding::Identity => Self::Identity(out),
            ContentEncoding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(out))),
            ContentEncoding::Zstd => {
                let made = ZstdDecoder::new().and_then(|mut decoder| {
                    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                    Ok(decoder)
                });
                let decoder = made.map_err(|error| Unreadable::Malformed(error.to_string()))?;
                Self::Zstd { decoder: Box::new(decoder), out, whole: true }
            }
        })
    }

    fn decode(&mut self, chunk: &[u8]) -> Result<(), Unreadable> {
        let (outcome, full) = match self {
            Self::Identity(out) => (out.write_all(chunk), out.full),
            Self::Gzip(decoder) => (decoder.write_all(chunk), decoder.get_ref().full),
            Self::Zstd { decoder, out, whole } => (unfold(decoder, chunk, out, whole), out.full),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(_) if full => Err(Unreadable::TooLarge),
            Err(error) => Err(Unreadable::Malformed(error.to_string())),
        }
    }

    fn finish(self) -> Result<Bytes, Unreadable> {
        match self {
            Self::Identity(out) => Ok(out.bytes.freeze()),
            Self::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => Ok(std::mem::take(&mut decoder.get_mut().bytes).freeze()),
                Err(_) if decoder.get_ref().full => Err(Unreadable::TooLarge),
                Err(error) => Err(Unreadable::Malformed(error.to_string())),
            },
            Self::Zstd { whole: false, .. } => {
                Err(Unreadable::Malformed("the zstd frame is cut off".to_owned()))
            }
            Self::Zstd { out, .. } => Ok(out.bytes.freeze()),
        }
    }
}

fn unfold(
    decoder: &mut ZstdDecoder<'_>,
    chunk: &[u8],
    out: &mut BoundedBuffer,
    whole: &mut bool,
) -> io::Result<()> {
    let mut input = InBuffer::around(chunk);
    let mut piece = [0; 16 << 10];
    let mut more = !chunk.is_empty();
    while more {
        let mut output = OutBuffer::around(&mut piece[..]);
        let hint = decoder.run(&mut input, &mut output)?;
        let written = output.pos();
        out.write_all(&piece[..written])?;
        // Zero at the end of a frame, after which another may follow.
        *whole = hint == 0;
        more = input.pos() < chunk.len() || (written == piece.len() && !*whole);
    }
    Ok(())
}

/// Grows up to its limit, and refuses what does not fit.
#[derive(Debug)]
struct BoundedBuffer {
    bytes: BytesMut,
    limit: usize,
    full: bool,
}

impl Write for BoundedBuffer {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + piece.len() > self.limit {
            self.full = true;
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The longest that a sender may pause in the midst of a body.
const STALL: Duration = Duration::from_secs(10);

/// How much of a refused body is read beyond the limit.
const PATIENCE: usize = 64 << 20;

/// 8 MiB, what every zstd decoder must support (RFC 8878, section 3.1.1.1.2); larger windows are a way to make a
/// receiver allocate.
const ZSTD_WINDOW_LOG: u32 = 23;

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    const LIMIT: usize = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn zstandard(bytes: &[u8]) -> Vec<u8> {
        zstd::bulk::compress(bytes, 1).unwrap()
    }

    async fn decoded(encoding: ContentEncoding, body: Vec<u8>) -> Result<Bytes, Unreadable> {
        read(Full::new(Bytes::from(body)), encoding, LIMIT).await
    }

    /// The body in pieces of one byte.
    async fn trickled(encoding: ContentEncoding, body: &[u8]) -> Result<Bytes, Unreadable> {
        let pieces: Vec<_> = body
            .iter()
            .map(|byte| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::copy_from_slice(&[*byte]))))
            .collect();
        read(StreamBody::new(Pieces(pieces.into_iter())), encoding, LIMIT).await
    }

    struct Pieces<I>(I);

    impl<I: Iterator + Unpin> futures_core::Stream for Pieces<I> {
        type Item = I::Item;
        fn poll_next(
            mut self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<I::Item>> {
            std::task::Poll::Ready(self.0.next())
        }
    }

    #[tokio::test]
    async fn every_encoding_gives_back_the_body_in_one_piece_or_many() {
        let text = b"spans and more spans and more spans".repeat(50);
        for (encoding, body) in [
            (ContentEncoding::Identity, text.clone()),
            (ContentEncoding::Gzip, gzip(&text)),
            (ContentEncoding::Gzip, [gzip(&text[..700]), gzip(&text[700..])].concat()),
            (ContentEncoding::Zstd, zstandard(&text)),
            (ContentEncoding::Zstd, [zstandard(&text[..700]), zstandard(&text[700..])].concat()),
        ] {
            assert_eq!(decoded(encoding, body.clone()).await.unwrap(), text, "{encoding:?}");
            assert_eq!(trickled(encoding, &body).await.unwrap(), text, "{encoding:?} in pieces");
        }
    }

    #[tokio::test]
    async fn a_body_may_fill_the_limit_and_not_a_byte_more() {
        for encode in [|b: &[u8]| b.to_vec(), gzip, zstandard] {
            let encoding = match encode(b"x")[..] {
                [b'x'] => ContentEncoding::Identity,
                [0x1f, ..] => ContentEncoding::Gzip,
                _ => ContentEncoding::Zstd,
            };
            assert_eq!(decoded(encoding, encode(&vec![7; LIMIT])).await.unwrap().len(), LIMIT);
            assert_eq!(decoded(encoding, encode(&vec![7; LIMIT + 1])).await, Err(Unreadable::TooLarge));
        }
    }

    #[tokio::test]
    async fn a_bomb_is_stopped_at_the_limit() {
        let zeros = vec![0; LIMIT];
        let gigabyte = |part: Vec<u8>| part.repeat(1024);
        assert_eq!(decoded(ContentEncoding::Gzip, gigabyte(gzip(&zeros))).await, Err(Unreadable::TooLarge));
        assert_eq!(
            decoded(ContentEncoding::Zstd, gigabyte(zstandard(&zeros))).await,
            Err(Unreadable::TooLarge)
        );
    }

    #[tokio::test]
    async fn garbage_and_cut_off_bodies_are_malformed() {
        let text = b"spans and more spans".repeat(50);
        let mut cut = gzip(&text);
        cut.truncate(cut.len() - 9);
        let mut wrong_sum = gzip(&text);
        let last = wrong_sum.len() - 6;
        wrong_sum[last] ^= 1;
        let mut half = zstandard(&text);
        half.truncate(half.len() / 2);
        for (encoding, body) in [
            (ContentEncoding::Gzip, b"not gzip at all".to_vec()),
            (ContentEncoding::Gzip, cut),
            (ContentEncoding::Gzip, wrong_sum),
            (ContentEncoding::Zstd, b"not zstd at all".to_vec()),
            (ContentEncoding::Zstd, half),
        ] {
            let outcome = decoded(encoding, body).await;
            assert!(matches!(outcome, Err(Unreadable::Malformed(_))), "{encoding:?}: {outcome:?}");
        }
    }

    #[tokio::test]
    async fn an_empty_body_is_empty_in_every_encoding() {
        assert!(decoded(ContentEncoding::Identity, Vec::new()).await.unwrap().is_empty());
        assert!(decoded(ContentEncoding::Gzip, gzip(b"")).await.unwrap().is_empty());
        assert!(decoded(ContentEncoding::Zstd, zstandard(b"")).await.unwrap().is_empty());
    }

    #[test]
    fn encodings_are_known_in_any_case_and_others_are_not_guessed() {
        assert_eq!(ContentEncoding::parse(None), Some(ContentEncoding::Identity));
        assert_eq!(ContentEncoding::parse(Some(b" GZIP ")), Some(ContentEncoding::Gzip));
        assert_eq!(ContentEncoding::parse(Some(b"br")), None);
        assert_eq!(ContentEncoding::parse(Some(b"gzip, gzip")), None);
    }
}
