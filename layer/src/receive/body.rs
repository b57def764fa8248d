//! Reads a request's body: plain, gzip or zstd, decoded as it streams in, so that a few bytes that unfold into
//! gigabytes are stopped at the limit and not after it, and never more is held than there is [room](super::room) for.

mod decoder;

pub(crate) use decoder::ContentEncoding;

use super::room::{Crowded, Share};
use bytes::{Buf, Bytes};
use decoder::Decoder;
use http_body_util::BodyExt;
use hyper::body::Body;
use std::{error::Error, io, time::Duration};
use tokio::time::timeout;

/// Why a body could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// More than the limit, before or after decoding.
    TooLarge,
    /// It is not what its encoding says.
    Malformed(String),
    /// It is not what its transfer says: it ends too early, or its pieces are none.
    Broken(String),
    /// It stopped coming.
    Stalled,
    /// There is no room to read it now.
    Crowded,
}

impl From<Crowded> for Unreadable {
    fn from(_: Crowded) -> Self {
        Self::Crowded
    }
}

/// A body as it comes in.
#[derive(Debug)]
pub(crate) struct Source<B> {
    body: B,
    /// What came with the last piece and belongs to what follows.
    rest: Bytes,
}

impl<B> Source<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Error + 'static,
{
    pub(crate) fn new(body: B) -> Self {
        Self { body, rest: Bytes::new() }
    }

    /// The next piece, of at most `most` bytes and never empty; `None` at the end.
    pub(crate) async fn piece(&mut self, most: usize) -> Result<Option<Bytes>, Unreadable> {
        while self.rest.is_empty() {
            match timeout(STALL, self.body.frame()).await {
                Err(_) => return Err(Unreadable::Stalled),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => return Err(Unreadable::Broken(cause(&error))),
                Ok(Some(Ok(frame))) => self.rest = frame.into_data().unwrap_or_default(), // or trailers
            }
        }
        Ok(Some(self.rest.split_to(most.min(self.rest.len()))))
    }

    /// Reads and decodes what follows, `length` bytes or, if that is `None`, all there is; at most `limit` before and
    /// after decoding.
    pub(crate) async fn read(
        &mut self,
        length: Option<usize>,
        encoding: ContentEncoding,
        limit: usize,
        share: &mut Share,
    ) -> Result<Bytes, Unreadable> {
        let mut decoder = start(encoding, limit, share).await;
        let mut seen = 0;
        while length != Some(seen) {
            let piece = match self.piece(length.map_or(usize::MAX, |length| length - seen)).await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                // What was wrong first is what the sender has to know.
                Err(why) => return Err(decoder.err().unwrap_or(why)),
            };
            seen += piece.len();
            if let Ok(decoding) = &mut decoder {
                let decoded = match seen > limit {
                    true => Err(Unreadable::TooLarge),
                    false => decode(decoding, piece, share).await,
                };
                if let Err(why) = decoded {
                    decoder = Err(why);
                    share.shrink(0);
                }
            }
            // An answer to a sender that is still sending would be lost with the connection, so what is refused is
            // read all the same, up to a point.
            if decoder.is_err() && seen > limit.saturating_add(PATIENCE) {
                break;
            }
        }
        let mut decoder = decoder?;
        if length.is_some_and(|length| seen < length) {
            return Err(Unreadable::Broken("it ends too early".to_owned()));
        }
        while let Err(error) = decoder.end() {
            go_on(error, &mut decoder, share).await?;
        }
        Ok(decoder.into_bytes())
    }
}

async fn start(encoding: ContentEncoding, limit: usize, share: &mut Share) -> Result<Decoder, Unreadable> {
    let decoder = Decoder::new(encoding, limit).map_err(|error| malformed(&error))?;
    share.grow(decoder.cost()).await?;
    Ok(decoder)
}

async fn decode(decoder: &mut Decoder, mut piece: Bytes, share: &mut Share) -> Result<(), Unreadable> {
    while !piece.is_empty() {
        match decoder.write(&piece) {
            Ok(0) => return Err(Unreadable::Malformed("something follows its end".to_owned())),
            Ok(read) => piece.advance(read),
            Err(error) => go_on(error, decoder, share).await?,
        }
    }
    Ok(())
}

/// Waits for more room, if that is what a decoder asks for.
async fn go_on(error: io::Error, decoder: &mut Decoder, share: &mut Share) -> Result<(), Unreadable> {
    match error.kind() {
        io::ErrorKind::WouldBlock => {
            share.grow(decoder.next_cost()).await?;
            decoder.allow();
            Ok(())
        }
        _ if decoder.is_full() => Err(Unreadable::TooLarge),
        _ => Err(malformed(&error)),
    }
}

/// What is behind an error: those around it only say where it happened.
fn cause(mut error: &(dyn Error + 'static)) -> String {
    while let Some(deeper) = error.source() {
        error = deeper;
    }
    error.to_string()
}

fn malformed(error: &io::Error) -> Unreadable {
    Unreadable::Malformed(error.to_string())
}

/// The longest that a sender may pause in the midst of a body.
const STALL: Duration = Duration::from_secs(10);

/// How much of a refused body is read beyond the limit.
const PATIENCE: usize = 64 << 20;

#[cfg(test)]
mod tests {
    use super::{super::room::Room, *};
    use flate2::{Compression, write::GzEncoder};
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;
    use std::io::Write;

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
        let room = Room::new(4 * LIMIT);
        let body =
            Source::new(Full::new(Bytes::from(body))).read(None, encoding, LIMIT, &mut room.share()).await;
        assert_eq!(room.taken(), 0, "everything is given back");
        body
    }

    /// The body in pieces of one byte.
    async fn trickled(encoding: ContentEncoding, body: &[u8]) -> Result<Bytes, Unreadable> {
        let pieces: Vec<_> = body
            .iter()
            .map(|byte| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::copy_from_slice(&[*byte]))))
            .collect();
        let mut body = Source::new(StreamBody::new(Pieces(pieces.into_iter())));
        body.read(None, encoding, LIMIT, &mut Room::new(4 * LIMIT).share()).await
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

    #[tokio::test(start_paused = true)]
    async fn bodies_that_stay_open_take_no_more_than_there_is_room_for() {
        const ROOM: usize = 3 * LIMIT;
        let room = Room::new(ROOM);
        let zeros = vec![0; LIMIT - 1];
        for (encoding, body) in [
            (ContentEncoding::Identity, zeros.clone()),
            (ContentEncoding::Gzip, gzip(&zeros)),
            (ContentEncoding::Zstd, zstandard(&zeros)),
        ] {
            let readers: Vec<_> = (0..100)
                .map(|_| {
                    // All but the last byte, and then nothing.
                    let (room, body) = (room.clone(), Bytes::from(body[..body.len() - 1].to_vec()));
                    tokio::spawn(async move {
                        let mut share = room.share();
                        let body = Full::new(body).with_trailers(std::future::pending());
                        let read = Source::new(Box::pin(body)).read(None, encoding, LIMIT, &mut share).await;
                        assert!(room.taken() <= ROOM);
                        read
                    })
                })
                .collect();
            let mut outcomes = Vec::new();
            for reader in readers {
                outcomes.push(reader.await.unwrap());
            }
            // Whoever got its turn is waited for; whoever did not is told. None hangs.
            let count = |why: Unreadable| outcomes.iter().filter(|one| **one == Err(why.clone())).count();
            let (stalled, crowded) = (count(Unreadable::Stalled), count(Unreadable::Crowded));
            assert!(stalled > 0 && crowded > 90 && stalled + crowded == 100, "{encoding:?}: {outcomes:?}");
            assert_eq!(room.taken(), 0, "{encoding:?}");
        }
    }
}
