//! Compression of requests, in steps short enough that receivers sharing the thread are not kept waiting.

use std::{
    io::{self, Write},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use flate2::{Compress, FlushCompress, Status};
use tokio::task::yield_now;
use zstd::{
    stream::{raw::CParameter, write::Encoder as ZstdEncoder},
    zstd_safe::CCtx,
};

use super::Compression;

/// A request's body.
pub(crate) async fn encode(compression: Compression, request: Bytes) -> io::Result<Bytes> {
    match compression {
        Compression::None => Ok(request),
        _ => encode_pieces(compression, &[&request]).await,
    }
}

/// The body of a request that is in pieces. Compressors take them one by one: joined, they would be a copy of it all.
pub(crate) async fn encode_pieces<P: AsRef<[u8]>>(
    compression: Compression,
    pieces: &[P],
) -> io::Result<Bytes> {
    let size = pieces.iter().map(|piece| piece.as_ref().len()).sum();
    match compression {
        Compression::None => {
            let mut whole = Vec::with_capacity(size);
            pieces.iter().for_each(|piece| whole.extend_from_slice(piece.as_ref()));
            Ok(whole.into())
        }
        Compression::Gzip(level) => {
            let mut encoder = Gzip::new(level.min(9), room(size));
            feed(&mut encoder, pieces).await?;
            encoder.finish().map(Bytes::from)
        }
        Compression::Zstd(level) => {
            let mut context = ZSTD.take().unwrap_or_else(CCtx::create);
            let mut encoder = zstd_encoder(level, size, &mut context)?;
            feed(&mut encoder, pieces).await?;
            let body = encoder.finish()?;
            ZSTD.keep(context);
            Ok(body.into())
        }
    }
}

async fn feed<P: AsRef<[u8]>>(encoder: &mut impl Write, pieces: &[P]) -> io::Result<()> {
    let mut since = 0;
    for step in pieces.iter().flat_map(|piece| piece.as_ref().chunks(STEP)) {
        if since + step.len() > STEP {
            since = 0;
            yield_now().await;
        }
        since += step.len();
        encoder.write_all(step)?;
    }
    Ok(())
}

/// A compressor between two requests. Its tables are a third of a megabyte: made anew each time, they have to be cleared, and
/// an allocator that is asked for them in between other things finds no hole that is large enough, and takes more and
/// more memory (15 MiB after a hundred requests). One is enough: more are in use only where exports overlap.
struct Spare<T>(Mutex<Option<T>>);

impl<T> Spare<T> {
    fn take(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn keep(&self, one: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(one);
    }
}

/// With the level that its tables are for.
static GZIP: Spare<(u8, Compress)> = Spare(Mutex::new(None));
static ZSTD: Spare<CCtx<'static>> = Spare(Mutex::new(None));

/// Writes a gzip stream.
struct Gzip {
    level: u8,
    tables: Compress,
    body: Vec<u8>,
}

impl Gzip {
    fn new(level: u8, body: Vec<u8>) -> Self {
        let tables = match GZIP.take() {
            Some((of, mut tables)) if of == level => {
                tables.reset();
                tables
            }
            _ => Compress::new_gzip(flate2::Compression::new(level.into()), GZIP_WINDOW_BITS),
        };
        Self { level, tables, body }
    }

    /// Takes what it can, and says how much that was.
    fn deflate(&mut self, input: &[u8], flush: FlushCompress) -> io::Result<(usize, Status)> {
        // It writes to the room that there is, and makes none.
        self.body.reserve(1);
        let before = self.tables.total_in();
        let status = self.tables.compress_vec(input, &mut self.body, flush)?;
        let taken = usize::try_from(self.tables.total_in() - before).unwrap_or(input.len());
        Ok((taken, status))
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        while self.deflate(&[], FlushCompress::Finish)?.1 != Status::StreamEnd {}
        GZIP.keep((self.level, self.tables));
        Ok(self.body)
    }
}

impl Write for Gzip {
    fn write(&mut self, input: &[u8]) -> io::Result<usize> {
        loop {
            // Where there was only room for what it had taken before, nothing is taken.
            let (taken, _) = self.deflate(input, FlushCompress::None)?;
            if taken > 0 || input.is_empty() {
                return Ok(taken);
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn zstd_encoder<'a>(
    level: u8,
    size: usize,
    context: &'a mut CCtx<'static>,
) -> io::Result<ZstdEncoder<'a, Vec<u8>>> {
    let mut encoder = ZstdEncoder::with_context(room(size), context);
    encoder.set_parameter(CParameter::CompressionLevel(level.clamp(1, 19).into()))?;
    // Told the size, it makes its tables no larger than a small request deserves.
    encoder.set_pledged_src_size(Some(size as u64))?;
    encoder.window_log(WINDOW_LOG)?;
    Ok(encoder)
}

/// Spans shrink to a tenth or less; a guess that is too low costs one more copy of the small result.
fn room(size: usize) -> Vec<u8> {
    Vec::with_capacity(size / 8 + 64)
}

/// Compressed without a break: at some 200 MB/s, a third of a millisecond.
const STEP: usize = 64 * 1024;

/// The most that gzip has: 32 KiB.
const GZIP_WINDOW_BITS: u8 = 15;

/// 256 KiB: spans a thousand apart are no more alike than spans ten thousand apart, and what an encoder keeps stays small.
const WINDOW_LOG: u32 = 18;

/// Spans per CPU-second from the encoded request to the socket, and how much smaller they became, as
/// `examples/throughput.rs` printed on one core of a busy cloud machine (337 bytes a span, ids and addresses random):
///
/// ```text
/// level        1      2      3      4      5      6
/// spans  1200k   756k   606k   503k   436k   360k
/// ratio    3.8    4.1    4.2    4.3    4.4    4.5
/// ```
///
/// The budget is 600,000 with receiving them included, which costs another fifth of a microsecond each. Level 2 keeps it.
/// Bytes that leave a network cost far more than the time it takes to spare them, so not 1.
pub(super) const GZIP_LEVEL: u8 = 2;

/// The same for zstd, whose budget is 1,200,000:
///
/// ```text
/// level        1      2      3      4      6
/// spans  1515k  1372k   904k   561k   324k
/// ratio    4.1    4.1    4.4    4.4    4.6
/// ```
pub(super) const ZSTD_LEVEL: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::Future, io::Read, pin::pin, task::Context};

    const LEVELS: [Compression; 6] = [
        Compression::Gzip(2),
        Compression::Zstd(1),
        Compression::Gzip(9),
        Compression::Zstd(19),
        Compression::Gzip(1),
        Compression::Gzip(2),
    ];

    fn decoded(compression: Compression, body: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match compression {
            Compression::Gzip(_) => {
                flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
            }
            Compression::Zstd(_) => plain = zstd::decode_all(body).unwrap(),
            Compression::None => plain.extend_from_slice(body),
        }
        plain
    }

    /// What shrinks, and what does not and grows out of the room that is made for it.
    fn payloads() -> Vec<Vec<u8>> {
        let mut state = 1_u64;
        let mut noise = |length: usize| -> Vec<u8> {
            let byte = |_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            };
            (0..length).map(byte).collect()
        };
        vec![Vec::new(), b"span ".repeat(40_000), noise(1), noise(300_000), b"x".to_vec(), b"span ".repeat(9)]
    }

    #[tokio::test]
    async fn whatever_the_compressor_did_before_a_body_is_what_its_pieces_are() {
        for compression in LEVELS {
            for payload in payloads() {
                let pieces: Vec<&[u8]> = payload.chunks(50_001).collect();
                let body = encode_pieces(compression, &pieces).await.unwrap();
                assert!(decoded(compression, &body) == payload, "{compression:?}, {} bytes", payload.len());
            }
        }
    }

    #[tokio::test]
    async fn one_that_is_given_up_half_way_leaves_nothing_to_the_next() {
        let (given_up, kept) = (b"given up ".repeat(20_000), b"kept ".repeat(20_000));
        for compression in LEVELS {
            {
                let mut half = pin!(encode(compression, given_up.clone().into()));
                let waker = std::task::Waker::noop();
                assert!(half.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
                // Another one at the same time.
                let body = encode(compression, kept.clone().into()).await.unwrap();
                assert!(decoded(compression, &body) == kept, "{compression:?}");
            }
            let body = encode(compression, kept.clone().into()).await.unwrap();
            assert!(decoded(compression, &body) == kept, "{compression:?}");
        }
    }
}
