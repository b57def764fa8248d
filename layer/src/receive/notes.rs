//! What is noted of invocations for the next extension, should this one be killed: frames as they came over the link.

use bytes::Bytes;
use spanlayer_link::Frame;
use spanlayer_pipeline::Pipeline;
use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

/// The invocations that are under way, as far as the link tells.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Who speaks: what every note begins with that has an invocation begin.
    hello: Vec<u8>,
    running: HashSet<String>,
    /// The number of the last note.
    last: u64,
}

impl Notes {
    /// Notes a frame that says something of an invocation. Of those before, nothing is kept once none is under way.
    pub(super) fn take(&self, frame: &Frame, pipeline: &Pipeline) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut note = Vec::new();
        match frame {
            Frame::Hello(_) => {
                state.hello.clear();
                frame.encode(&mut state.hello);
                // Whoever spoke before is gone.
                state.running.clear();
                return;
            }
            Frame::Started(started) => {
                if state.running.is_empty() {
                    pipeline.forget_notes(state.last);
                }
                state.running.insert(started.request_id.clone());
                note.extend_from_slice(&state.hello);
            }
            Frame::Ended(ended) => _ = state.running.remove(&ended.request_id),
            Frame::Unfinished(_) => {}
            Frame::Telemetry(..) => return,
        }
        frame.encode(&mut note);
        state.last = pipeline.note(Bytes::from(note));
    }
}
