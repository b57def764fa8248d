//! Compression of requests, in steps short enough that receivers sharing the thread are not kept waiting.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;
use tokio::task::yield_now;
use zstd::stream::write::Encoder as ZstdEncoder;

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
            let level = flate2::Compression::new(level.min(9).into());
            let mut encoder = GzEncoder::new(room(size), level);
            feed(&mut encoder, pieces).await?;
            encoder.finish().map(Bytes::from)
        }
        Compression::Zstd(level) => {
            let mut encoder = zstd_encoder(level, size)?;
            feed(&mut encoder, pieces).await?;
            encoder.finish().map(Bytes::from)
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

fn zstd_encoder(level: u8, size: usize) -> io::Result<ZstdEncoder<'static, Vec<u8>>> {
    let mut encoder = ZstdEncoder::new(room(size), level.clamp(1, 19).into())?;
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
