//! Reading frames from a stream of bytes, however it is cut.

use crate::{
    frame::{ENDED, Frame, HELLO, LOGS, MAX_LENGTH, METRICS, PREFIX, SAID, STARTED, TRACES, UNFINISHED},
    records::{Ended, Hello, Started, Unfinished},
};
use bytes::{Buf, Bytes, BytesMut};
use spanlayer_otlp::Signal;
use std::fmt;

/// Something that is not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadFrame {
    /// A length that no frame has: the stream cannot be followed any further.
    Length(u32),
    /// A known kind whose record does not parse. It was skipped; what follows is read as usual.
    Record {
        /// Which record: `hello`, `started`, `ended` or `unfinished`.
        kind: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl BadFrame {
    /// Whether the connection has to be closed.
    pub const fn is_fatal(&self) -> bool {
        matches!(self, Self::Length(_))
    }
}

impl fmt::Display for BadFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(length) => {
                write!(f, "a frame cannot be {length} bytes long (1 to {MAX_LENGTH} are possible)")
            }
            Self::Record { kind, why } => write!(f, "bad `{kind}` frame: {why}"),
        }
    }
}

impl std::error::Error for BadFrame {}

/// Turns bytes into frames.
///
/// Memory is bounded by what was pushed and not yet taken: a length alone reserves nothing. Whoever reads a connection
/// takes all frames after each push, so at most one unfinished frame ([`MAX_LENGTH`]) is held.
#[derive(Debug, Default)]
pub struct Decoder {
    bytes: BytesMut,
    /// The most that was ever in `bytes`: its allocation, which `capacity` does not tell once something was split off.
    peak: usize,
    /// What is still to come of a frame that was given up.
    skip: usize,
}

/// Payloads from here on are handed out without a copy. Smaller ones are copied, so that what is kept of them does
/// not keep the whole read buffer alive.
const SHARE_FROM: usize = 64 * 1024;

/// Room for one read.
const READ: usize = 16 * 1024;

/// A buffer that grew beyond this for one long frame is given back when it is empty.
const KEEP: usize = 256 * 1024;

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The buffer itself, with room for a sensible read, to read into its end without a copy
    /// (`AsyncReadExt::read_buf`). What it already holds must stay.
    pub fn buffer(&mut self) -> &mut BytesMut {
        self.bytes.reserve(READ);
        &mut self.bytes
    }

    /// How many bytes wait for the rest of their frame (or to be taken).
    pub fn pending(&self) -> usize {
        self.bytes.len()
    }

    /// Gives up the frame that is half there: lets go of its beginning, and passes over the rest when it comes. For whoever
    /// has no room for it. How long the frame is, in bytes; `None` if there is none, or its length has not come yet.
    pub fn skip_frame(&mut self) -> Option<usize> {
        let prefix = self.bytes.first_chunk::<PREFIX>()?;
        let length = PREFIX + usize::try_from(u32::from_le_bytes(*prefix)).ok()?;
        let skip = length.checked_sub(self.bytes.len())?;
        *self = Self { skip, ..Self::new() };
        Some(length)
    }

    /// The next whole frame; `None` when more bytes are needed. Frames of unknown kinds are passed over.
    ///
    /// # Errors
    ///
    /// A bad frame; when [fatal](BadFrame::is_fatal), every later call says the same.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, BadFrame> {
        while let Some((kind, payload)) = self.next_raw()? {
            if let Some(frame) = parse(kind, payload)? {
                return Ok(Some(frame));
            }
        }
        Ok(None)
    }

    fn next_raw(&mut self) -> Result<Option<(u8, Bytes)>, BadFrame> {
        self.peak = self.peak.max(self.bytes.len());
        let skipped = self.skip.min(self.bytes.len());
        self.bytes.advance(skipped);
        self.skip -= skipped;
        let Some(prefix) = self.bytes.first_chunk::<PREFIX>() else {
            self.give_back();
            return Ok(None);
        };
        let claimed = u32::from_le_bytes(*prefix);
        let length = usize::try_from(claimed).unwrap_or(usize::MAX);
        if length == 0 || length > MAX_LENGTH {
            return Err(BadFrame::Length(claimed));
        }
        if self.bytes.len() < PREFIX + length {
            return Ok(None);
        }
        self.bytes.advance(PREFIX);
        let mut frame = self.bytes.split_to(length);
        let kind = frame.get_u8();
        let payload = if frame.len() < SHARE_FROM { Bytes::copy_from_slice(&frame) } else { frame.freeze() };
        Ok(Some((kind, payload)))
    }

    fn give_back(&mut self) {
        if self.bytes.is_empty() && self.peak > KEEP {
            *self = Self { skip: self.skip, ..Self::new() };
        }
    }
}

fn parse(kind: u8, payload: Bytes) -> Result<Option<Frame>, BadFrame> {
    let bad = |kind| move |why| BadFrame::Record { kind, why };
    Ok(Some(match kind {
        HELLO => Frame::Hello(Hello::decode(&payload).map_err(bad("hello"))?),
        STARTED => Frame::Started(Started::decode(&payload).map_err(bad("started"))?),
        ENDED => Frame::Ended(Ended::decode(&payload).map_err(bad("ended"))?),
        TRACES => Frame::Telemetry(Signal::Traces, payload),
        METRICS => Frame::Telemetry(Signal::Metrics, payload),
        LOGS => Frame::Telemetry(Signal::Logs, payload),
        UNFINISHED => Frame::Unfinished(Unfinished::decode(&payload).map_err(bad("unfinished"))?),
        SAID => {
            let mark = payload.first_chunk().ok_or("a mark of 8 bytes is missing").map_err(bad("said"))?;
            Frame::Said(u64::from_le_bytes(*mark))
        }
        _ => return Ok(None),
    }))
}
