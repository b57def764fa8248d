//! What is written into segments, and reading it back: records with a length and a checksum each.
//!
//! ```text
//! length u32 │ crc32 u32 │ kind u8 │ body       little-endian; the length is that of kind and body
//! ```
//!
//! The checksum is that of the segment's number, kind and body: what another segment left in a file that is used again
//! is never taken for a record. A length of none is the end.

use bytes::Bytes;
use flate2::Crc;
use spanlayer_otlp::{Signal, Summary};

/// Names a batch: the digits of its `Idempotency-Key`.
pub(crate) type Key = [u8; 32];

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    /// The first of every segment: who wrote it, and what its lane numbers stand for.
    Head { version: String, lanes: Vec<String> },
    /// A payload came in, or was moved here; these lanes still need it whole.
    Payload { id: u64, signal: Signal, summary: Summary, received_millis: u64, lanes: u64, bytes: Bytes },
    /// A batch was formed for these lanes. One that is to take the place of another stands by until that is `Done`.
    Batch { key: Key, signal: Signal, lanes: u64, stands_by: bool, members: Vec<Member> },
    /// One more lane takes a batch as it is.
    Joined { key: Key, lane: u8 },
    /// A lane is done with a batch; if it could not be sent as it was, these take its place.
    Done { key: Key, lane: u8, replaced_by: Vec<Key> },
    /// A payload was given up.
    Gone { id: u64 },
    /// Something that somebody else wants to find again.
    Note { id: u64, bytes: Bytes },
    /// All notes up to this one are of no use any more.
    Forgotten { up_to: u64 },
}

/// What a batch has of one payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Member {
    /// All of it.
    Whole(u64),
    /// A piece, since the whole had to be split.
    Piece { of: u64, summary: Summary, bytes: Bytes },
}

impl Record {
    /// Writes kind and body but for the payload's bytes, which need not be copied: they come last.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Head { version, lanes } => {
                out.push(HEAD);
                blob(out, version.as_bytes());
                lanes.iter().for_each(|lane| blob(out, lane.as_bytes()));
            }
            Self::Payload { id, signal, summary, received_millis, lanes, .. } => {
                out.push(PAYLOAD);
                number(out, *id);
                out.push(*signal as u8);
                counts(out, *summary);
                number(out, *received_millis);
                number(out, *lanes);
            }
            Self::Batch { key, signal, lanes, stands_by, members } => {
                out.push(BATCH);
                out.extend_from_slice(key);
                out.push(*signal as u8);
                number(out, *lanes);
                out.push((*stands_by).into());
                for member in members {
                    match member {
                        Member::Whole(id) => {
                            out.push(0);
                            number(out, *id);
                        }
                        Member::Piece { of, summary, bytes } => {
                            out.push(1);
                            number(out, *of);
                            counts(out, *summary);
                            blob(out, bytes);
                        }
                    }
                }
            }
            Self::Joined { key, lane } => {
                out.push(JOINED);
                out.extend_from_slice(key);
                out.push(*lane);
            }
            Self::Done { key, lane, replaced_by } => {
                out.push(DONE);
                out.extend_from_slice(key);
                out.push(*lane);
                replaced_by.iter().for_each(|key| out.extend_from_slice(key));
            }
            Self::Note { id, .. } => {
                out.push(NOTE);
                number(out, *id);
            }
            Self::Forgotten { up_to } => {
                out.push(FORGOTTEN);
                number(out, *up_to);
            }
            Self::Gone { id } => {
                out.push(GONE);
                number(out, *id);
            }
        }
    }

    /// What follows what [`write`](Self::write) wrote.
    pub(super) fn tail(&self) -> &[u8] {
        match self {
            Self::Payload { bytes, .. } | Self::Note { bytes, .. } => bytes,
            _ => &[],
        }
    }

    /// Reads kind and body. `None` for what no version of ours writes.
    fn read(body: &[u8]) -> Option<Self> {
        let mut rest = Rest(body);
        Some(match rest.byte()? {
            HEAD => {
                let version = rest.text()?;
                let mut lanes = Vec::new();
                while !rest.0.is_empty() {
                    lanes.push(rest.text()?);
                }
                Self::Head { version, lanes }
            }
            PAYLOAD => Self::Payload {
                id: rest.number()?,
                signal: rest.signal()?,
                summary: rest.counts()?,
                received_millis: rest.number()?,
                lanes: rest.number()?,
                bytes: Bytes::copy_from_slice(rest.0),
            },
            BATCH => {
                let (key, signal, lanes) = (rest.key()?, rest.signal()?, rest.number()?);
                let stands_by = rest.byte()? != 0;
                let mut members = Vec::new();
                while let Some(kind) = rest.byte() {
                    members.push(match kind {
                        0 => Member::Whole(rest.number()?),
                        _ => Member::Piece {
                            of: rest.number()?,
                            summary: rest.counts()?,
                            bytes: Bytes::copy_from_slice(rest.blob()?),
                        },
                    });
                }
                Self::Batch { key, signal, lanes, stands_by, members }
            }
            JOINED => Self::Joined { key: rest.key()?, lane: rest.byte()? },
            DONE => Self::Done {
                key: rest.key()?,
                lane: rest.byte()?,
                replaced_by: std::iter::from_fn(|| rest.key()).collect(),
            },
            NOTE => Self::Note { id: rest.number()?, bytes: Bytes::copy_from_slice(rest.0) },
            FORGOTTEN => Self::Forgotten { up_to: rest.number()? },
            GONE => Self::Gone { id: rest.number()? },
            _ => return None,
        })
    }
}

/// Length and checksum of what was [written](Record::write) and its tail.
pub(super) fn frame(segment: u64, body: &[u8], tail: &[u8]) -> [u8; FRAME] {
    let mut crc = Crc::new();
    crc.update(&segment.to_le_bytes());
    crc.update(body);
    crc.update(tail);
    let length = u32::try_from(body.len() + tail.len()).unwrap_or(u32::MAX);
    let mut frame = [0; FRAME];
    frame[..4].copy_from_slice(&length.to_le_bytes());
    frame[4..].copy_from_slice(&crc.sum().to_le_bytes());
    frame
}

/// The records of a segment with the bytes that each takes, and whether all of the segment could be read.
pub(super) struct Records<'a> {
    segment: u64,
    rest: &'a [u8],
    /// Something was not what was written: a record that was being written when the end came, or a damaged one.
    pub(super) damaged: bool,
}

impl<'a> Records<'a> {
    pub(super) const fn of(segment: u64, bytes: &'a [u8]) -> Self {
        Self { segment, rest: bytes, damaged: false }
    }
}

impl Iterator for Records<'_> {
    type Item = (Record, usize);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            let (frame, rest) = self.rest.split_first_chunk::<FRAME>().or_else(|| self.stop())?;
            let length = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
            if length == 0 {
                return None;
            }
            if length > rest.len() {
                return self.stop();
            }
            let (body, rest) = rest.split_at(length);
            self.rest = rest;
            let intact = super::record::frame(self.segment, body, &[]) == *frame;
            match Record::read(body).filter(|_| intact) {
                Some(record) => return Some((record, FRAME + length)),
                // If its length is right, the next one can still be found.
                None => self.damaged = true,
            }
        }
        None
    }
}

impl Records<'_> {
    fn stop<T>(&mut self) -> Option<T> {
        self.damaged = true;
        self.rest = &[];
        None
    }
}

fn number(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn small(out: &mut Vec<u8>, value: usize) {
    out.extend_from_slice(&u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes());
}

fn blob(out: &mut Vec<u8>, bytes: &[u8]) {
    small(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn counts(out: &mut Vec<u8>, summary: Summary) {
    small(out, summary.items);
    small(out, summary.errors);
}

/// What is still to be read of a body.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn small(&mut self) -> Option<usize> {
        self.array().map(|bytes| u32::from_le_bytes(bytes) as usize)
    }

    fn key(&mut self) -> Option<Key> {
        self.array()
    }

    fn signal(&mut self) -> Option<Signal> {
        Signal::ALL.get(usize::from(self.byte()?)).copied()
    }

    fn counts(&mut self) -> Option<Summary> {
        Some(Summary { items: self.small()?, errors: self.small()? })
    }

    fn blob(&mut self) -> Option<&'a [u8]> {
        let length = self.small()?;
        let (blob, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(blob)
    }

    fn text(&mut self) -> Option<String> {
        self.blob().and_then(|bytes| std::str::from_utf8(bytes).ok()).map(str::to_owned)
    }
}

/// Bytes before each record's kind.
pub(super) const FRAME: usize = 8;

const HEAD: u8 = 1;
const PAYLOAD: u8 = 2;
const BATCH: u8 = 3;
const JOINED: u8 = 4;
const DONE: u8 = 5;
const GONE: u8 = 6;
const NOTE: u8 = 7;
const FORGOTTEN: u8 = 8;
