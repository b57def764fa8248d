//! What was not sent yet, kept where it outlives the process: in the link's [`Journal`], which nobody is woken by. If the
//! function is aborted, killed or runs out of memory, the extension reads there what began, what had ended, and what was
//! open.
//!
//! Written are beginnings of invocations, and spans and log records as they end; after many, several at a time, so that
//! this costs little beside making them. What is open is written with them, and whenever the handler waits.

use bytes::Bytes;
#[cfg(feature = "logs")]
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::trace::SpanData;
use spanlayer_link::{Frame, Journal, Started, Unfinished};
use spanlayer_otlp::{Signal, sdk::TraceBuffer};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Keep {
    /// `None` where nothing can be kept.
    journal: Option<Journal>,
    spans: TraceBuffer,
    logs: TraceBuffer,
    /// How many spans and records were taken since it was last cleared.
    taken: usize,
    /// A span has begun since the last time.
    opened: bool,
}

impl Keep {
    /// Keeps nothing, until it has [somewhere to](Self::write_to).
    pub(crate) fn new() -> Self {
        let buffer = || TraceBuffer::new(Bytes::new());
        Self { journal: None, spans: buffer(), logs: buffer(), taken: 0, opened: false }
    }

    /// Keeps what comes from now on in a journal, or nowhere.
    pub(crate) fn write_to(&mut self, journal: Option<Journal>) {
        self.drop_buffered();
        self.journal = journal;
    }

    /// Keeps the beginning of an invocation. `false` when it has to be sent instead.
    pub(crate) fn started(&mut self, started: &Started) -> bool {
        self.write([&Frame::Started(started.clone())])
    }

    /// Takes note that a span has begun.
    pub(crate) fn opened(&mut self) {
        self.opened = self.journal.is_some();
    }

    /// Takes a span that has ended. Whether it is time to [keep](Self::all) it.
    pub(crate) fn span(&mut self, span: &SpanData) -> bool {
        if self.journal.is_none() {
            return false;
        }
        self.spans.push(span);
        self.took()
    }

    /// Takes a log record, encoded. Whether it is time to [keep](Self::all) it.
    #[cfg(feature = "logs")]
    pub(crate) fn log(&mut self, scope: &InstrumentationScope, record: &[u8]) -> bool {
        if self.journal.is_none() {
            return false;
        }
        self.logs.push_encoded(scope, record);
        self.took()
    }

    /// Whether there is anything to keep.
    pub(crate) fn has_news(&self) -> bool {
        self.opened || !self.spans.is_empty() || !self.logs.is_empty()
    }

    /// Keeps everything that was taken, and what is open. `false` when it has to be sent instead.
    pub(crate) fn all(&mut self, resource: &Bytes, open: impl Iterator<Item = Unfinished>) -> bool {
        self.opened = false;
        let mut frames = Vec::new();
        for (signal, buffer) in [(Signal::Logs, &mut self.logs), (Signal::Traces, &mut self.spans)] {
            if !buffer.is_empty() {
                buffer.set_resource(resource.clone());
                frames.push(Frame::Telemetry(signal, buffer.take_request().into()));
            }
        }
        frames.extend(open.map(Frame::Unfinished));
        frames.is_empty() || self.write(&frames)
    }

    /// Whether it holds so much that it is better sent. That comes first, unless what is open is large.
    pub(crate) fn is_full(&self) -> bool {
        self.journal.as_ref().is_some_and(|journal| journal.len() > LARGE)
    }

    /// Names what is kept now, for the extension: see [`Frame::Said`].
    pub(crate) fn mark(&self) -> Option<u64> {
        self.journal.as_ref().and_then(Journal::mark)
    }

    /// Everything was sent: there is nothing to keep any more.
    pub(crate) fn clear(&mut self) {
        if let Some(journal) = &mut self.journal
            && journal.clear().is_err()
        {
            self.journal = None;
        }
    }

    fn took(&mut self) -> bool {
        self.taken += 1;
        self.taken <= SINGLY || self.spans.items() + self.logs.items() >= TOGETHER
    }

    /// What was taken is on its way by other means.
    pub(crate) fn drop_buffered(&mut self) {
        (self.taken, self.opened) = (0, false);
        for buffer in [&mut self.logs, &mut self.spans] {
            if !buffer.is_empty() {
                drop(buffer.take_request());
            }
        }
    }

    fn write<'a>(&mut self, frames: impl IntoIterator<Item = &'a Frame>) -> bool {
        let written = self.journal.as_mut().is_some_and(|journal| journal.write(frames).is_ok());
        if !written {
            // A file that takes nothing is not asked twice.
            self.journal = None;
        }
        written
    }
}

/// As many are kept one at a time, each by one write,
const SINGLY: usize = 64;

/// and then so many at a time: a handler that makes spans by the thousand is not to be slowed by it.
const TOGETHER: usize = 16;

/// The most that a journal takes of the disk, in bytes, but for its last entry.
const LARGE: u64 = 512 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_journal_everything_has_to_be_sent() {
        let mut keep = Keep::new();
        assert!(!keep.started(&Started::default()));
        keep.opened();
        assert!(!keep.has_news() && !keep.is_full(), "and nothing is gathered for it");
    }
}
