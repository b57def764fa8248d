//! One invocation at a time: handed out when everyone waits, over when everyone waits again.

use super::tell::Times;
use crate::{
    Event,
    environment::{Environment, deadline_ms},
    ids,
    outcome::{Ended, Error, FunctionError, Init, Invocation, Reason},
    state::{Fatal, Given, Handout, Phase, Running, State, Turn},
    telemetry::{
        Category,
        events::{self, InitPhase},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

impl Environment {
    /// Hands an event out and sees the invocation through, whatever becomes of it.
    pub(crate) async fn invoke(self: &Arc<Self>, event: Event) -> Invocation {
        let handout = self.prepare(event);
        if self.settings.managed() {
            return self.invoke_managed(handout).await;
        }
        let _turn = self.turn.lock().await;
        let (init, restore) = match self.ready_for(&handout).await {
            Ok(ready) => ready,
            Err(invocation) => return *invocation,
        };
        let handout = Handout { deadline_ms: deadline_ms(self.settings.timeout), ..handout };
        let started = events::start(&handout, &self.settings.version);
        self.hub.emit(Category::Platform, "platform.start", started);
        let begun = Instant::now();
        self.hand_out(&handout);
        let (end, told) = self.see_through(&handout, begun, restore).await;
        let mut invocation = self.account(&handout, begun, &end);
        (invocation.init, invocation.restore) = (init, restore);
        // Whoever asks what was written finds all of this invocation's.
        for process in self.processes() {
            process.settle().await;
        }
        if let End::Reset(reason, _) = end {
            self.report_at_reset(&handout, &invocation, begun, told);
            invocation.reset = Some(self.take_down(reason).await);
        } else if self.settings.freeze {
            self.freeze();
        } else if self.settings.hold_telemetry {
            self.hub.hold(true);
        }
        invocation
    }

    pub(crate) fn prepare(&self, event: Event) -> Handout {
        let trace = event.trace.as_ref().unwrap_or(&self.settings.trace).make();
        Handout {
            request_id: event.request_id.clone().unwrap_or_else(ids::uuid),
            deadline_ms: deadline_ms(self.settings.timeout),
            arn: event.arn.clone().unwrap_or_else(|| self.settings.arn()),
            trace,
            event,
        }
    }

    /// Sees to it that the environment is up, thawed and restored; brings it up again after a reset. The init and the
    /// restore that this took.
    pub(crate) async fn ready_for(
        self: &Arc<Self>,
        handout: &Handout,
    ) -> Result<(Option<Init>, Option<Duration>), Box<Invocation>> {
        let up = self.lock().phase == Phase::Up;
        let init = if up {
            None
        } else {
            let init = self.init(InitPhase::Invoke).await;
            Some(init.map_err(|error| unready(handout, "Runtime.InitError", &error))?)
        };
        self.thaw();
        match self.restore().await {
            Ok(restore) => Ok((init, restore)),
            Err(error) => {
                self.take_down(Reason::Failure).await;
                Err(unready(handout, "Runtime.RestoreError", &error))
            }
        }
    }

    fn hand_out(&self, handout: &Handout) {
        let mut state = self.lock();
        state.running.insert(handout.request_id.clone(), Running::default());
        if state.fatal.is_some() {
            // Somebody died since the last invocation: this one fails before anyone sees it.
            return;
        }
        let given = Arc::new(handout.clone());
        for extension in state.extensions.iter_mut().filter(|extension| extension.wants("INVOKE")) {
            extension.give(Given::Invoke(given.clone()));
        }
        state.pending.push_back(handout.clone());
        state.dispatch();
        drop(state);
        self.wake();
    }

    /// Waits until everyone is done, or it can no longer come to that. Also says whether `runtimeDone` was told.
    async fn see_through(&self, handout: &Handout, begun: Instant, restore: Option<Duration>) -> (End, bool) {
        let by = begun + self.settings.timeout;
        let look = |done: fn(&State) -> bool| {
            move |state: &mut State| match &state.fatal {
                Some(fatal) => Some(End::Reset(Reason::Failure, Some(fatal.clone()))),
                None => done(state).then_some(End::Normal),
            }
        };
        let timed_out = || End::Reset(Reason::Timeout, None);
        let responded =
            |state: &State| state.runtime.turn == Turn::Ready && state.running.values().all(answered);
        match self.until(by, look(responded)).await {
            Some(End::Normal) => {}
            other => return (other.unwrap_or_else(timed_out), false),
        }
        self.runtime_done(handout, begun).await;
        match self.until(by, look(|state| state.all_ready(Some("INVOKE")))).await {
            Some(End::Normal) => {}
            other => return (other.unwrap_or_else(timed_out), true),
        }
        self.report(handout, begun, restore);
        (End::Normal, true)
    }

    /// The invocation as its caller sees it, and what it cost.
    fn account(&self, handout: &Handout, begun: Instant, end: &End) -> Invocation {
        let mut state = self.lock();
        let Some(mut running) = state.running.remove(&handout.request_id) else {
            let error =
                FunctionError::platform(&handout.request_id, "Sandbox.Failure", "the invocation was lost");
            return blank(handout, Err(error), Ended::Normally);
        };
        let now = Instant::now();
        let times = Times::of(&state, &running, begun);
        let over = if matches!(end, End::Normal) { times.last_next } else { now };
        let (ended, error) = match end {
            End::Normal => (Ended::Normally, None),
            End::Reset(Reason::Timeout, _) => {
                let what = format!("Task timed out after {:.2} seconds", self.settings.timeout.as_secs_f64());
                (Ended::TimedOut, Some(("Sandbox.Timedout".to_owned(), what)))
            }
            End::Reset(_, fatal) => {
                let fatal = fatal.clone().unwrap_or(Fatal {
                    error_type: "Sandbox.Failure".to_owned(),
                    what: "the environment failed".to_owned(),
                });
                (Ended::Failed { error_type: fatal.error_type.clone() }, Some((fatal.error_type, fatal.what)))
            }
        };
        // What the caller has been given stays given.
        let response = running.result.take().unwrap_or_else(|| {
            let (error_type, what) = error.unwrap_or_default();
            Err(FunctionError::platform(&handout.request_id, &error_type, &what))
        });
        let responded = running.response_done.unwrap_or(over);
        Invocation {
            request_id: handout.request_id.clone(),
            response,
            ended,
            init: None,
            restore: None,
            response_time: responded.saturating_duration_since(times.start),
            first_byte: running.response_started.unwrap_or(responded).saturating_duration_since(times.start),
            cycle_time: over.saturating_duration_since(times.start),
            tail: over.saturating_duration_since(responded),
            extension_tail: over.saturating_duration_since(times.runtime_next.min(over)),
            streamed: running.streamed,
            content_type: running.content_type,
            reset: None,
        }
    }
}

enum End {
    Normal,
    Reset(Reason, Option<Fatal>),
}

fn answered(running: &Running) -> bool {
    running.response_done.is_some()
}

/// An invocation whose environment did not come up.
fn unready(handout: &Handout, error_type: &str, error: &Error) -> Box<Invocation> {
    let error = FunctionError::platform(&handout.request_id, error_type, &error.to_string());
    let ended = Ended::Failed { error_type: error_type.to_owned() };
    Box::new(blank(handout, Err(error), ended))
}

/// An invocation that never ran.
pub(super) fn blank(
    handout: &Handout,
    response: Result<bytes::Bytes, FunctionError>,
    ended: Ended,
) -> Invocation {
    Invocation {
        request_id: handout.request_id.clone(),
        response,
        ended,
        init: None,
        restore: None,
        response_time: Duration::ZERO,
        first_byte: Duration::ZERO,
        cycle_time: Duration::ZERO,
        tail: Duration::ZERO,
        extension_tail: Duration::ZERO,
        streamed: false,
        content_type: None,
        reset: None,
    }
}
