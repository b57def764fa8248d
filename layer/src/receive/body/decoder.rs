//! What a body is encoded in, and undoing it piece by piece, with a bound on what comes out.

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use std::io::{self, Write};
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation, OutBuffer};

/// `Content-Encoding`, and in gRPC `grpc-encoding`.
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

/// Decodes into a buffer. It never grows beyond what it was [allowed](Self::allow): when it would have to, writing
/// fails with [`io::ErrorKind::WouldBlock`] and can be repeated once more is allowed.
pub(super) enum Decoder {
    Identity(Output),
    Gzip(Box<MultiGzDecoder<Output>>),
    Zstd { decoder: Box<ZstdDecoder<'static>>, out: Output, whole: bool },
}

impl Decoder {
    /// A decoder for at most `limit` bytes.
    pub(super) fn new(encoding: ContentEncoding, limit: usize) -> io::Result<Self> {
        let out = Output { bytes: Vec::new(), allowed: FIRST.min(limit), limit, full: false };
        Ok(match encoding {
            ContentEncoding::Identity => Self::Identity(out),
            ContentEncoding::Gzip => Self::Gzip(Box::new(MultiGzDecoder::new(out))),
            ContentEncoding::Zstd => {
                let mut decoder = ZstdDecoder::new()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
                Self::Zstd { decoder: Box::new(decoder), out, whole: true }
            }
        })
    }

    /// Decodes the beginning of `input`; how much of it.
    pub(super) fn write(&mut self, input: &[u8]) -> io::Result<usize> {
        match self {
            Self::Identity(out) => out.write(input),
            Self::Gzip(decoder) => decoder.write(input),
            Self::Zstd { decoder, out, whole } => unfold(decoder, input, out, whole),
        }
    }

    /// Notes that nothing follows. Repeated like [`write`](Self::write).
    pub(super) fn end(&mut self) -> io::Result<()> {
        match self {
            Self::Identity(_) | Self::Zstd { whole: true, .. } => Ok(()),
            Self::Gzip(decoder) => decoder.try_finish(),
            Self::Zstd { .. } => Err(io::Error::other("the zstd frame is cut off")),
        }
    }

    /// What was decoded.
    pub(super) fn into_bytes(mut self) -> Bytes {
        let mut bytes = std::mem::take(&mut self.out_mut().bytes);
        // It is kept for as long as the queue holds it, and the queue counts what is in it.
        if bytes.capacity() - bytes.len() > bytes.len() / 8 {
            bytes.shrink_to_fit();
        }
        bytes.into()
    }

    /// Whether more than the limit came out.
    pub(super) fn is_full(&self) -> bool {
        self.out().full
    }

    /// What this decoder takes at most with its present allowance, in bytes.
    pub(super) fn cost(&self) -> usize {
        self.cost_with(self.out().allowed)
    }

    /// What it would take with the next allowance.
    pub(super) fn next_cost(&self) -> usize {
        self.cost_with(self.out().next())
    }

    /// Allows the next step of growth.
    pub(super) fn allow(&mut self) {
        let out = self.out_mut();
        out.allowed = out.next();
    }

    fn cost_with(&self, out: usize) -> usize {
        match self {
            Self::Identity(_) => out,
            Self::Gzip(_) => GZIP_STATE + out,
            // It keeps what came out a second time, to refer back to, up to a window of it.
            Self::Zstd { .. } => ZSTD_STATE + out + out.min(1 << ZSTD_WINDOW_LOG),
        }
    }

    fn out(&self) -> &Output {
        match self {
            Self::Identity(out) | Self::Zstd { out, .. } => out,
            Self::Gzip(decoder) => decoder.get_ref(),
        }
    }

    fn out_mut(&mut self) -> &mut Output {
        match self {
            Self::Identity(out) | Self::Zstd { out, .. } => out,
            Self::Gzip(decoder) => decoder.get_mut(),
        }
    }
}

fn unfold(
    decoder: &mut ZstdDecoder<'_>,
    chunk: &[u8],
    out: &mut Output,
    whole: &mut bool,
) -> io::Result<usize> {
    let mut input = InBuffer::around(chunk);
    let mut piece = [0; 16 << 10];
    let mut more = !chunk.is_empty();
    while more {
        if !out.has_room(piece.len()) {
            // What was read so far is not to be read again.
            return if input.pos() > 0 { Ok(input.pos()) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let mut output = OutBuffer::around(&mut piece[..]);
        let hint = decoder.run(&mut input, &mut output)?;
        let written = output.pos();
        out.write_all(&piece[..written])?;
        // Zero at the end of a frame, after which another may follow.
        *whole = hint == 0;
        more = input.pos() < chunk.len() || (written == piece.len() && !*whole);
    }
    Ok(input.pos())
}

/// Grows up to what it is allowed, and refuses what is beyond its limit.
#[derive(Debug)]
pub(super) struct Output {
    bytes: Vec<u8>,
    allowed: usize,
    limit: usize,
    full: bool,
}

impl Output {
    /// Whether so many bytes more may be written, or are too many for ever.
    fn has_room(&self, more: usize) -> bool {
        self.allowed == self.limit || self.bytes.len() + more <= self.allowed
    }

    fn next(&self) -> usize {
        self.allowed.saturating_mul(2).min(self.limit)
    }
}

impl Write for Output {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let needed = self.bytes.len() + piece.len();
        if needed > self.limit {
            self.full = true;
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        if needed > self.allowed {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if needed > self.bytes.capacity() {
            // As a vector grows, but not beyond what is allowed.
            let capacity = (self.bytes.capacity() * 2).clamp(needed, self.allowed);
            self.bytes.reserve_exact(capacity - self.bytes.len());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The first allowance: what most requests need.
const FIRST: usize = 64 << 10;

/// A window of 32 KiB, as much between the decoder and the output, and tables.
const GZIP_STATE: usize = 96 << 10;

/// Tables, a block coming in and one going out.
const ZSTD_STATE: usize = 384 << 10;

/// 8 MiB, what every zstd decoder must support (RFC 8878, section 3.1.1.1.2); larger windows are a way to make a
/// receiver allocate.
const ZSTD_WINDOW_LOG: u32 = 23;
