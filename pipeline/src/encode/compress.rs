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
        Compression::Gzip(level) => {
            let level = flate2::Compression::new(level.min(9).into());
            let mut encoder = GzEncoder::new(room(&request), level);
            feed(&mut encoder, &request).await?;
            encoder.finish().map(Bytes::from)
        }
        Compression::Zstd(level) => {
            let mut encoder = zstd_encoder(level, &request)?;
            feed(&mut encoder, &request).await?;
            encoder.finish().map(Bytes::from)
        }
    }
}

async fn feed(encoder: &mut impl Write, request: &[u8]) -> io::Result<()> {
    let mut steps = request.chunks(STEP).peekable();
    while let Some(step) = steps.next() {
        encoder.write_all(step)?;
        if steps.peek().is_some() {
            yield_now().await;
        }
    }
    Ok(())
}

fn zstd_encoder(level: u8, request: &[u8]) -> io::Result<ZstdEncoder<'static, Vec<u8>>> {
    let mut encoder = ZstdEncoder::new(room(request), level.clamp(1, 19).into())?;
    // Told the size, it makes its tables no larger than a small request deserves.
    encoder.set_pledged_src_size(Some(request.len() as u64))?;
    encoder.window_log(WINDOW_LOG)?;
    Ok(encoder)
}

/// Spans shrink to a tenth or less; a guess that is too low costs one more copy of the small result.
fn room(request: &[u8]) -> Vec<u8> {
    Vec::with_capacity(request.len() / 8 + 64)
}

/// Compressed without a break: at some 200 MB/s, a third of a millisecond.
const STEP: usize = 64 * 1024;

/// 512 KiB: spans a thousand apart are no more alike than spans ten thousand apart, and what an encoder keeps stays small.
const WINDOW_LOG: u32 = 19;

/// Spans per CPU-second from the encoded request to the socket, and how much smaller they became, as
/// `examples/throughput.rs` printed on one core of a busy cloud machine (337 bytes a span, ids and addresses random):
///
/// ```text
/// level        1      2      3      4      5      6
/// spans   977k   687k   528k   460k   421k   346k
/// ratio    3.8    4.1    4.2    4.3    4.4    4.5
/// ```
///
/// The budget is 600,000 with receiving them included, so 1; a sixth of the bytes is what it costs against 6.
pub(super) const GZIP_LEVEL: u8 = 1;

/// The same for zstd, whose budget is 1,200,000:
///
/// ```text
/// level        1      2      3      4      6
/// spans  1450k  1090k   900k   560k   270k
/// ratio    4.1    4.1    4.4    4.4    4.7
/// ```
pub(super) const ZSTD_LEVEL: u8 = 1;
