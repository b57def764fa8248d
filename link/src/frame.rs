//! Frames, and writing them.

use crate::records::{Ended, Hello, Started, Unfinished};
use bytes::Bytes;
use spanlayer_otlp::Signal;

/// The longest frame: what OTLP recommends as the limit of a request, and the kind.
pub const MAX_LENGTH: usize = (64 << 20) + 1;

/// Bytes of a frame's length.
pub(crate) const PREFIX: usize = 4;

pub(crate) const HELLO: u8 = 1;
pub(crate) const STARTED: u8 = 2;
pub(crate) const ENDED: u8 = 3;
pub(crate) const TRACES: u8 = 4;
pub(crate) const METRICS: u8 = 5;
pub(crate) const LOGS: u8 = 6;
pub(crate) const UNFINISHED: u8 = 7;
pub(crate) const SAID: u8 = 8;

/// One thing said over the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// Who is speaking: the first frame of a connection.
    Hello(Hello),
    /// An invocation has begun.
    Started(Started),
    /// An invocation was answered.
    Ended(Ended),
    /// An encoded `Export…ServiceRequest`. At most 64 MiB: a longer one is refused by the other end.
    Telemetry(Signal, Bytes),
    /// What is open in an invocation that still runs.
    Unfinished(Unfinished),
    /// Everything that the [`Journal`](crate::Journal) held up to this [mark](crate::Journal::mark) was said before.
    Said(u64),
}

impl Frame {
    /// Appends the frame's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; PREFIX]);
        match self {
            Self::Hello(hello) => {
                out.push(HELLO);
                hello.encode(out);
            }
            Self::Started(started) => {
                out.push(STARTED);
                started.encode(out);
            }
            Self::Ended(ended) => {
                out.push(ENDED);
                ended.encode(out);
            }
            Self::Telemetry(signal, request) => {
                out.push(match signal {
                    Signal::Traces => TRACES,
                    Signal::Metrics => METRICS,
                    Signal::Logs => LOGS,
                });
                out.extend_from_slice(request);
            }
            Self::Unfinished(unfinished) => {
                out.push(UNFINISHED);
                unfinished.encode(out);
            }
            Self::Said(mark) => {
                out.push(SAID);
                out.extend_from_slice(&mark.to_le_bytes());
            }
        }
        // What exceeds 32 bits also exceeds what the decoder takes; it must not look like something short.
        let length = u32::try_from(out.len() - start - PREFIX).unwrap_or(u32::MAX);
        out[start..start + PREFIX].copy_from_slice(&length.to_le_bytes());
    }
}
