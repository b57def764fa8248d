//! Frames that the socket did not take, within a bound.

use std::{collections::VecDeque, io::IoSlice};

/// What is given up last when there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Telemetry of what went well.
    Healthy,
    /// Telemetry that holds an error.
    Error,
    /// *started* and *ended*: small, and other frames make no sense without them.
    Control,
}

/// An encoded frame in waiting.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) bytes: Vec<u8>,
    pub(crate) priority: Priority,
    /// The losses that the frame itself reports: they are not reported if it is lost.
    pub(crate) reports: u64,
}

/// A queue bounded in bytes.
#[derive(Debug)]
pub(crate) struct Backlog {
    frames: VecDeque<Waiting>,
    bytes: usize,
    limit: usize,
}

impl Backlog {
    pub(crate) fn new(limit: usize) -> Self {
        Self { frames: VecDeque::new(), bytes: 0, limit }
    }

    pub(crate) fn push_back(&mut self, frame: Waiting) {
        self.bytes += frame.bytes.len();
        self.frames.push_back(frame);
    }

    pub(crate) fn push_front(&mut self, frame: Waiting) {
        self.bytes += frame.bytes.len();
        self.frames.push_front(frame);
    }

    /// The oldest frame.
    pub(crate) fn front(&self) -> Option<&Waiting> {
        self.frames.front()
    }

    /// The bytes of the oldest frames, for one write; of the first one less what is `written` already.
    pub(crate) fn slices(&self, written: usize) -> Vec<IoSlice<'_>> {
        let frames = self.frames.iter().take(AT_ONCE).enumerate();
        let rest = frames.map(|(at, frame)| frame.bytes.get(if at == 0 { written } else { 0 }..));
        rest.flatten().map(IoSlice::new).collect()
    }

    /// Removes the oldest frame.
    pub(crate) fn pop_front(&mut self) -> Option<Waiting> {
        self.remove(0)
    }

    /// Drops frames until the bound holds, the oldest of the lowest priority first, and hands them to `lost`. With
    /// `keep_front` the oldest frame stays and does not count: half of it is out already.
    pub(crate) fn trim(&mut self, keep_front: bool, mut lost: impl FnMut(Waiting)) {
        let first = usize::from(keep_front);
        let kept = if keep_front { self.front().map_or(0, |frame| frame.bytes.len()) } else { 0 };
        while self.bytes - kept > self.limit {
            // `min_by_key` takes the first of equals, which is the oldest.
            let lowest = self.frames.iter().enumerate().skip(first).min_by_key(|(_, frame)| frame.priority);
            let Some(frame) = lowest.map(|(at, _)| at).and_then(|at| self.remove(at)) else { return };
            lost(frame);
        }
    }

    fn remove(&mut self, at: usize) -> Option<Waiting> {
        let frame = self.frames.remove(at)?;
        self.bytes -= frame.bytes.len();
        Some(frame)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

/// As many frames go into one write: more than an invocation's end has.
const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(name: u8, length: usize, priority: Priority) -> Waiting {
        Waiting { bytes: vec![name; length], priority, reports: 0 }
    }

    fn names(backlog: &Backlog) -> Vec<u8> {
        backlog.frames.iter().map(|frame| frame.bytes[0]).collect()
    }

    #[test]
    fn the_oldest_of_the_lowest_priority_goes_first() {
        let mut backlog = Backlog::new(40);
        let mut lost = Vec::new();
        for (name, priority) in [
            (1, Priority::Error),
            (2, Priority::Healthy),
            (3, Priority::Control),
            (4, Priority::Healthy),
            (5, Priority::Error),
            (6, Priority::Control),
            (7, Priority::Control),
            (8, Priority::Healthy),
        ] {
            backlog.push_back(waiting(name, 10, priority));
            backlog.trim(false, |frame| lost.push(frame.bytes[0]));
        }
        assert_eq!(lost, [2, 4, 1, 8], "a healthy newcomer does not push out what matters more");
        assert_eq!(names(&backlog), [3, 5, 6, 7], "the rest keeps its order");
        assert_eq!(backlog.bytes(), 40);
    }

    #[test]
    fn a_frame_that_is_half_written_stays_and_does_not_count() {
        let mut backlog = Backlog::new(15);
        backlog.push_back(waiting(1, 100, Priority::Healthy));
        backlog.push_back(waiting(2, 10, Priority::Control));
        let mut lost = Vec::new();
        backlog.trim(true, |frame| lost.push(frame.bytes[0]));
        assert!(lost.is_empty());
        backlog.push_back(waiting(3, 10, Priority::Healthy));
        backlog.trim(true, |frame| lost.push(frame.bytes[0]));
        assert_eq!((lost, names(&backlog)), (vec![3], vec![1, 2]));
    }
}
