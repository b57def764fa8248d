//! Compression of requests, in steps short enough that receivers sharing the thread are not kept waiting.

use std::io::{self, Write as _};

use bytes::Bytes;
use flate2::{Compression as Level, write::GzEncoder};
use tokio::task::yield_now;

/// How a request's body is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip at a level from 1 (fast) to 9 (small); 0 stores.
    Gzip(u8),
}

impl Compression {
    /// gzip at the level that fits the throughput budget.
    pub const GZIP: Self = Self::Gzip(DEFAULT_LEVEL);

    /// The value of the `Content-Encoding` header, if there is to be one.
    pub const fn content_encoding(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Gzip(_) => Some("gzip"),
        }
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::GZIP
    }
}

/// A request's body.
pub(crate) async fn encode(compression: Compression, request: Bytes) -> io::Result<Bytes> {
    match compression {
        Compression::None => Ok(request),
        Compression::Gzip(level) => gzip(Level::new(level.min(9).into()), &request).await,
    }
}

async fn gzip(level: Level, request: &[u8]) -> io::Result<Bytes> {
    // Spans shrink to a tenth or less; a guess that is too low costs one more copy of the small result.
    let mut encoder = GzEncoder::new(Vec::with_capacity(request.len() / 8 + 64), level);
    let mut steps = request.chunks(STEP).peekable();
    while let Some(step) = steps.next() {
        encoder.write_all(step)?;
        if steps.peek().is_some() {
            yield_now().await;
        }
    }
    encoder.finish().map(Bytes::from)
}

/// Compressed without a break: at some 200 MB/s, a third of a millisecond.
const STEP: usize = 64 * 1024;

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
const DEFAULT_LEVEL: u8 = 1;
