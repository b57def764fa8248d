//! What the link tells of invocations, noted for the next extension should this one be killed; and what the last one
//! noted, until it can be told what became of it.

use bytes::Bytes;
use spanlayer_link::{Decoder, Ended, Frame};
use spanlayer_pipeline::Pipeline;
use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The invocations that are under way, as far as the link tells, and those of an extension that was killed.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    running: HashSet<String>,
    /// The number of the last note.
    last: u64,
    /// What was found of another extension's, with the number of the last of it.
    left: Option<(Vec<Frame>, u64)>,
}

impl Notes {
    /// Notes a frame that says something of an invocation. Of those before, nothing is kept once none is under way.
    pub(super) fn take(&self, frame: &Frame, pipeline: &Pipeline) {
        let mut state = self.state();
        match frame {
            // Whoever spoke before is gone.
            Frame::Hello(_) => return state.running.clear(),
            Frame::Started(started) => {
                if state.running.is_empty() && state.left.is_none() {
                    pipeline.forget_notes(state.last);
                }
                state.running.insert(started.request_id.clone());
            }
            Frame::Ended(ended) => _ = state.running.remove(&ended.request_id),
            Frame::Unfinished(_) => {}
            Frame::Telemetry(..) | Frame::Said(_) => return,
        }
        let mut note = Vec::new();
        frame.encode(&mut note);
        state.last = pipeline.note(Bytes::from(note));
    }

    /// Keeps what another extension had noted.
    pub(super) fn leave(&self, notes: &[(u64, Bytes)]) {
        if let Some((last, _)) = notes.last() {
            self.state().left = Some((frames(notes), *last));
        }
    }

    /// What was left of invocations that did not end, once, and the number of the last note of it.
    pub(super) fn left(&self) -> Option<(Vec<Frame>, u64)> {
        self.state().left.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The frames in these notes, without those of invocations that ended.
fn frames(notes: &[(u64, Bytes)]) -> Vec<Frame> {
    let mut decoder = Decoder::new();
    notes.iter().for_each(|(_, note)| decoder.buffer().extend_from_slice(note));
    let frames: Vec<Frame> = std::iter::from_fn(|| decoder.next_frame().ok().flatten()).collect();
    let ended: HashSet<String> = frames.iter().filter_map(of_ended).collect();
    let is_open = |frame: &Frame| match frame {
        Frame::Started(started) => !ended.contains(&started.request_id),
        Frame::Unfinished(unfinished) => !ended.contains(&unfinished.request_id),
        Frame::Hello(_) | Frame::Ended(_) | Frame::Telemetry(..) | Frame::Said(_) => false,
    };
    frames.into_iter().filter(is_open).collect()
}

fn of_ended(frame: &Frame) -> Option<String> {
    match frame {
        Frame::Ended(Ended { request_id, .. }) => Some(request_id.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use spanlayer_link::Started;

    #[test]
    fn of_what_was_left_only_invocations_that_did_not_end_count() {
        let started = |id: &str| {
            Frame::Started(Started {
                request_id: id.to_owned(),
                trace_id: [1; 16],
                span_id: [1; 8],
                ..Started::default()
            })
        };
        let ended =
            Ended { request_id: "first".to_owned(), end_unix_nano: 5, error: false, dropped_spans: 0 };
        let told = [started("first"), Frame::Ended(ended), started("second")];
        let notes: Vec<(u64, Bytes)> = (1..)
            .zip(&told)
            .map(|(number, frame)| {
                let mut note = Vec::new();
                frame.encode(&mut note);
                (number, note.into())
            })
            .collect();
        let left = Notes::default();
        left.leave(&notes);
        assert_eq!(left.left(), Some((vec![started("second")], 3)));
        assert_eq!(left.left(), None, "it is told once");
    }
}
