//! A flow that may not be known yet: what comes in until then is held in memory, bounded, with what must not be kept taken
//! out.

use std::sync::{Mutex, OnceLock, PoisonError};

use spanlayer_pipeline::{Admission, Payload, Pipeline, Signal};

use crate::{Flow, Source};

/// See the module's documentation.
#[derive(Debug)]
pub struct Course {
    flow: OnceLock<Flow>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    payloads: Vec<(Source, Payload)>,
    /// How much more there is room for.
    room: usize,
}

impl From<Flow> for Course {
    fn from(flow: Flow) -> Self {
        Self { flow: flow.into(), held: Mutex::default() }
    }
}

impl Course {
    /// One that is told later; so many bytes are held until then.
    pub fn later(room: usize) -> Self {
        Self { flow: OnceLock::new(), held: Mutex::new(Held { room, ..Held::default() }) }
    }

    /// The flow, if it is known.
    pub fn into_flow(self) -> Option<Flow> {
        self.flow.into_inner()
    }

    /// Whether it is known.
    pub fn is_known(&self) -> bool {
        self.flow.get().is_some()
    }

    /// This is the way. What was held goes it now.
    pub fn set(&self, flow: Flow, pipeline: &Pipeline) {
        let held = {
            // Whoever holds something at this moment has done so, or sees the flow.
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = self.flow.set(flow);
            std::mem::take(&mut held.payloads)
        };
        for (source, payload) in held {
            self.accept(pipeline, source, payload);
        }
    }

    /// Takes a payload to where it goes. Never waits.
    pub fn accept(&self, pipeline: &Pipeline, source: Source, payload: Payload) -> Admission {
        if let Some(flow) = self.flow.get() {
            return flow.accept(pipeline, source, payload);
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_known() {
            drop(held);
            return self.accept(pipeline, source, payload);
        }
        let payload = pipeline.clean(payload);
        let Some(room) = held.room.checked_sub(payload.bytes().len() + TRACKING) else {
            return pipeline.turn_away(&payload);
        };
        held.room = room;
        held.payloads.push((source, payload));
        Admission::Accepted
    }

    /// Whether anything of this source and signal goes anywhere, as far as that is known.
    pub fn takes(&self, pipeline: &Pipeline, source: Source, signal: Signal) -> bool {
        self.flow.get().is_none_or(|flow| pipeline.serves(signal) && flow.takes(source, signal))
    }

    /// An invocation is over ([`Flow::ended`]).
    pub fn ended(&self) {
        if let Some(flow) = self.flow.get() {
            flow.ended();
        }
    }

    /// Whether traces wait for a decision ([`Flow::is_undecided`]).
    pub fn is_undecided(&self) -> bool {
        self.flow.get().is_some_and(Flow::is_undecided)
    }

    /// What conventions do not know ([`Flow::strange_attributes`]).
    pub fn strange_attributes(&self) -> Vec<((String, bool), u64)> {
        self.flow.get().map(Flow::strange_attributes).unwrap_or_default()
    }

    /// Decides about traces ([`Flow::decide`]).
    pub fn decide(&self, pipeline: &Pipeline, now: u64, all: bool) {
        if let Some(flow) = self.flow.get() {
            flow.decide(pipeline, now, all);
        }
    }
}

/// What keeping a payload costs beside its bytes.
const TRACKING: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;
    use spanlayer_pipeline::{Destination, Memory, Redactor, Settings, process::redact::Rules};
    use std::sync::Arc;

    fn payload(body: &str) -> Payload {
        let json = format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{{"stringValue":"{body}"}}}}]}}]}}]}}"#
        );
        let bytes = spanlayer_otlp::json::to_protobuf(Signal::Logs, json.as_bytes()).unwrap();
        Payload::scan(Signal::Logs, bytes.into()).unwrap()
    }

    #[tokio::test]
    async fn what_comes_before_the_way_is_known_is_held_redacted_and_bounded_and_goes_it_then() {
        let redactor = Some(Arc::new(Redactor::new(Rules::default()).unwrap()));
        let mut settings = Settings::default();
        (settings.late, settings.redactor) = (true, redactor);
        let pipeline = Pipeline::new(settings);
        let course = Course::later(1000);
        let secret = "Authorization: Bearer 0123456789abcdef";
        assert!(!course.is_known() && course.takes(&pipeline, Source::Platform, Signal::Metrics));
        assert_eq!(course.accept(&pipeline, Source::Function, payload(secret)), Admission::Accepted);
        assert!(!format!("{course:?}").contains("0123456789abcdef"), "what is held is clean");
        let taken = (0..10)
            .filter(|_| course.accept(&pipeline, Source::Function, payload("other")) == Admission::Accepted);
        assert_eq!(taken.count(), 2, "there is room for so many");
        assert_eq!(pipeline.stats().signal(Signal::Logs).turned_away, 8);
        let memory = Memory::new();
        pipeline.attach(&[Destination::memory(memory.clone())], 1 << 20);
        course.set(Flow::straight(), &pipeline);
        assert_eq!(course.accept(&pipeline, Source::Function, payload("late")), Admission::Accepted);
        pipeline.flush(spanlayer_pipeline::Deadline::never()).await;
        let all: usize = memory.batches().iter().map(|batch| batch.items()).sum();
        assert_eq!((all, pipeline.stats().signal(Signal::Logs).accepted), (4, 4));
    }
}
