//! The function's end: writes that never wait.

use crate::{
    backlog::{Backlog, Priority, Waiting},
    frame::{Frame, HELLO, LOGS, METRICS, PREFIX, TRACES},
    records::Hello,
};
use socket2::{Domain, SockAddr, Socket, Type};
use spanlayer_otlp::{Signal, scan};
use std::{borrow::Cow, io, path::Path};

/// How much waits at most for a socket that is full: 1 MiB.
pub const BACKLOG: usize = 1 << 20;

/// MSG_NOSIGNAL: a vanished peer is an error code, not a signal. Rust programs ignore SIGPIPE unless told otherwise, but
/// the program is the user's.
#[cfg(target_os = "linux")]
const NO_SIGNAL: i32 = 0x4000;
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: i32 = 0;

/// Writes frames without ever blocking, not even to a peer that is stopped.
///
/// What the socket does not take waits in a bounded backlog; beyond the bound the oldest healthy frames are dropped,
/// then those with errors, and the items they held are counted into the next *ended*. Frames leave in the order of
/// sending, and one that is partly written is finished before anything else. After a failure everything waits for
/// [`reconnect`](Self::reconnect).
#[derive(Debug)]
pub struct Sender {
    /// `None` after a failure.
    socket: Option<Socket>,
    backlog: Backlog,
    /// How much of the backlog's first frame is out.
    written: usize,
    /// Items lost and not yet reported.
    dropped: u64,
}

impl Sender {
    /// Connects, without waiting: a peer that is too busy to accept is an error ([`io::ErrorKind::WouldBlock`]).
    ///
    /// # Errors
    ///
    /// Nobody listens there, or the path is too long for a socket.
    pub fn connect(path: &Path) -> io::Result<Self> {
        Ok(Self { socket: Some(dial(path)?), ..Self::disconnected() })
    }

    /// A sender without a connection: frames wait, bounded, for [`reconnect`](Self::reconnect).
    pub fn disconnected() -> Self {
        Self { socket: None, backlog: Backlog::new(BACKLOG), written: 0, dropped: 0 }
    }

    /// Changes the bound of the backlog, in bytes (default [`BACKLOG`]). To be set before anything is sent.
    #[must_use]
    pub fn with_backlog(mut self, limit: usize) -> Self {
        self.backlog = Backlog::new(limit);
        self
    }

    /// Connects anew and introduces itself with `hello`; then what waits is sent. A frame that the old connection took
    /// half of is sent again from its start: the other end never had it whole.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); what waits keeps waiting.
    pub fn reconnect(&mut self, path: &Path, hello: &Hello) -> io::Result<()> {
        self.reconnect_with(path, || hello.clone())
    }

    /// The same with a *hello* that is made once somebody is there.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect); what waits keeps waiting.
    pub fn reconnect_with(&mut self, path: &Path, hello: impl FnOnce() -> Hello) -> io::Result<()> {
        self.socket = Some(dial(path)?);
        self.written = 0;
        if self.backlog.front().is_some_and(|frame| frame.bytes.get(PREFIX) == Some(&HELLO)) {
            self.backlog.pop_front();
        }
        let mut bytes = Vec::new();
        Frame::Hello(hello()).encode(&mut bytes);
        self.backlog.push_front(Waiting { bytes, priority: Priority::Control, reports: 0 });
        self.pump();
        Ok(())
    }

    /// Sends a frame, or keeps it. Returns at once in any case.
    pub fn send(&mut self, frame: &Frame, priority: Priority) {
        self.queue(frame, priority);
        self.send_queued();
    }

    /// Sends what was [queued](Self::queue), or keeps it.
    pub fn send_queued(&mut self) {
        self.pump();
        // Only now: what the socket took did not need the room.
        let dropped = &mut self.dropped;
        self.backlog.trim(self.written > 0, |lost| *dropped = dropped.saturating_add(losses(&lost)));
    }

    /// Takes a frame for the next [`send_queued`](Self::send_queued): frames that leave together wake the other end once.
    pub fn queue(&mut self, frame: &Frame, priority: Priority) {
        let mut frame = Cow::Borrowed(frame);
        let mut reports = 0;
        if let Frame::Ended(ended) = &*frame {
            let mut ended = ended.clone();
            ended.dropped_spans = ended.dropped_spans.saturating_add(std::mem::take(&mut self.dropped));
            reports = ended.dropped_spans;
            frame = Cow::Owned(Frame::Ended(ended));
        }
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        self.backlog.push_back(Waiting { bytes, priority, reports });
    }

    /// Tries again to send what waits.
    pub fn pump(&mut self) {
        while let (Some(socket), false) = (&self.socket, self.backlog.is_empty()) {
            match socket.send_vectored_with_flags(&self.backlog.slices(self.written), NO_SIGNAL) {
                Ok(taken) => self.took(taken),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.socket = None;
                    self.written = 0;
                }
            }
        }
    }

    /// The socket took so many bytes of what waits.
    fn took(&mut self, taken: usize) {
        self.written += taken;
        while let Some(frame) = self.backlog.front().filter(|frame| frame.bytes.len() <= self.written) {
            self.written -= frame.bytes.len();
            self.backlog.pop_front();
        }
    }

    /// Whether there is no connection (any more).
    pub fn is_broken(&self) -> bool {
        self.socket.is_none()
    }

    /// How many bytes wait.
    pub fn pending(&self) -> usize {
        self.backlog.bytes() - self.written
    }

    /// Items lost and not yet told to the other end.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

fn dial(path: &Path) -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Before connecting: a listener that is stopped, with its queue full, would hold us up for ever.
    socket.set_nonblocking(true)?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(socket)
}

/// How many items are lost with a frame. Telemetry is counted only now: frames are rarely lost.
fn losses(frame: &Waiting) -> u64 {
    let signal = match frame.bytes.get(PREFIX) {
        Some(&TRACES) => Signal::Traces,
        Some(&METRICS) => Signal::Metrics,
        Some(&LOGS) => Signal::Logs,
        _ => return frame.reports,
    };
    let request = frame.bytes.get(PREFIX + 1..).unwrap_or_default();
    scan(signal, request).map_or(0, |summary| summary.items as u64)
}
