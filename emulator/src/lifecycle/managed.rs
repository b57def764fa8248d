//! Managed Instances: many invocations at once, extensions are not told, nothing is frozen or killed for a timeout.

use super::{
    invoke::blank,
    tell::{status, unix},
};
use crate::{
    environment::Environment,
    outcome::{Ended, FunctionError, Invocation, Reason},
    state::{Handout, Running},
    telemetry::{
        Category,
        events::{self, Cost, Span},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

impl Environment {
    pub(crate) async fn invoke_managed(self: &Arc<Self>, handout: Handout) -> Invocation {
        {
            let _turn = self.turn.lock().await;
            if let Err(invocation) = self.ready_for(&handout).await {
                return *invocation;
            }
        }
        let record = events::start(&handout, &self.settings.version);
        self.hub.emit(Category::Platform, "platform.start", record);
        let begun = Instant::now();
        {
            let mut state = self.lock();
            state.running.insert(handout.request_id.clone(), Running::default());
            state.pending.push_back(handout.clone());
            state.dispatch();
        }
        self.wake();
        let id = handout.request_id.as_str();
        let generation = self.lock().generation;
        let end = self.until(begun + self.settings.timeout, |state| {
            if state.running.get(id).is_some_and(|running| running.response_done.is_some()) {
                return state.running.remove(id).map(Ok);
            }
            let lost = state.generation != generation || !state.running.contains_key(id);
            let failed = state.fatal.clone().map(|fatal| (fatal.error_type, fatal.what));
            failed
                .or(lost.then(|| ("Sandbox.Failure".to_owned(), "the environment was replaced".to_owned())))
                .map(Err)
        });
        match end.await {
            Some(Ok(running)) => self.answered(&handout, running, begun),
            Some(Err((error_type, what))) => self.crashed(&handout, &error_type, &what).await,
            None => {
                if let Some(running) = self.lock().running.get_mut(id) {
                    running.abandoned = true;
                }
                let what = format!("Task timed out after {:.2} seconds", self.settings.timeout.as_secs_f64());
                let error = FunctionError::platform(id, "Sandbox.Timedout", &what);
                let late = begun.elapsed();
                Invocation {
                    response_time: late,
                    cycle_time: late,
                    ..blank(&handout, Err(error), Ended::TimedOut)
                }
            }
        }
    }

    fn answered(&self, handout: &Handout, mut running: Running, begun: Instant) -> Invocation {
        let start = running.handed_out.unwrap_or(begun);
        let done = running.response_done.unwrap_or(start);
        let first = running.response_started.unwrap_or(done);
        let took = done.saturating_duration_since(start);
        let parts = [
            Span {
                name: "responseLatency",
                start: unix(start),
                duration: first.saturating_duration_since(start),
            },
            Span {
                name: "responseDuration",
                start: unix(first),
                duration: done.saturating_duration_since(first),
            },
        ];
        let cost = Cost { duration: took, init: None, restore: None, memory_mb: 0, used_mb: 0 };
        let record = events::report(handout, &status(&running), cost, true, &parts);
        self.hub.emit(Category::Platform, "platform.report", record);
        let response = running.result.take().unwrap_or_else(|| Ok(bytes::Bytes::new()));
        Invocation {
            response_time: took,
            first_byte: first.saturating_duration_since(start),
            cycle_time: took,
            tail: Duration::ZERO,
            streamed: running.streamed,
            content_type: running.content_type,
            ..blank(handout, response, Ended::Normally)
        }
    }

    /// The first of those that a crash hit replaces the environment.
    async fn crashed(self: &Arc<Self>, handout: &Handout, error_type: &str, what: &str) -> Invocation {
        let error = FunctionError::platform(&handout.request_id, error_type, what);
        let ended = Ended::Failed { error_type: error_type.to_owned() };
        let mut invocation = blank(handout, Err(error), ended);
        let _turn = self.turn.lock().await;
        if self.lock().fatal.is_some() {
            invocation.reset = Some(self.take_down(Reason::Failure).await);
        }
        invocation
    }
}
