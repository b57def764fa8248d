//! What the platform tells of an invocation: that the runtime is done, and the report.

use crate::{
    environment::Environment,
    outcome::{Ended, Invocation},
    state::{Handout, Running, State},
    telemetry::{
        Category,
        events::{self, Cost, Span, Status},
    },
};
use spanlayer_host::clock;
use std::time::Duration;
use tokio::time::Instant;

impl Environment {
    /// Tells that the runtime is done, after the lines it wrote.
    pub(super) async fn runtime_done(&self, handout: &Handout, begun: Instant) {
        if !self.hub.wanted() {
            return;
        }
        let process = self.lock().runtime.process.clone();
        if let Some(process) = process {
            process.settle().await;
        }
        let record = {
            let state = self.lock();
            let Some(running) = state.running.get(&handout.request_id) else { return };
            let times = Times::of(&state, running, begun);
            let duration = times.runtime_next.duration_since(times.start);
            let produced = Some(running.produced);
            events::runtime_done(handout, &status(running), duration, produced, &times.spans())
        };
        self.hub.emit(Category::Platform, "platform.runtimeDone", record);
    }

    pub(super) fn report(&self, handout: &Handout, begun: Instant, restore: Option<Duration>) {
        if !self.hub.wanted() {
            return;
        }
        let used_mb = self.used_mb();
        let init = self.init_to_report();
        let record = {
            let state = self.lock();
            let Some(running) = state.running.get(&handout.request_id) else { return };
            let times = Times::of(&state, running, begun);
            let cost = Cost {
                duration: times.last_next.duration_since(times.start),
                init,
                restore,
                memory_mb: self.settings.memory_mb,
                used_mb,
            };
            let overhead = times.last_next.saturating_duration_since(times.runtime_next);
            let parts =
                [Span { name: "extensionOverhead", start: unix(times.runtime_next), duration: overhead }];
            let parts = if state.extensions.is_empty() { &[][..] } else { &parts[..] };
            events::report(handout, &status(running), cost, false, parts)
        };
        self.hub.emit(Category::Platform, "platform.report", record);
    }

    /// What is told of an invocation that ends in a reset. The extensions read it before or while they shut down.
    pub(super) fn report_at_reset(
        &self,
        handout: &Handout,
        invocation: &Invocation,
        begun: Instant,
        told: bool,
    ) {
        let status = match &invocation.ended {
            Ended::Normally => Status::success(),
            Ended::TimedOut => Status::timeout(),
            Ended::Failed { error_type } => Status::error(error_type),
        };
        let duration = begun.elapsed();
        if !told {
            let record = events::runtime_done(handout, &status, duration, None, &[]);
            self.hub.emit(Category::Platform, "platform.runtimeDone", record);
        }
        let (init, used_mb) = (self.init_to_report(), self.used_mb());
        let restore = invocation.restore;
        let cost = Cost { duration, init, restore, memory_mb: self.settings.memory_mb, used_mb };
        let record = events::report(handout, &status, cost, false, &[]);
        self.hub.emit(Category::Platform, "platform.report", record);
    }

    /// The init's duration, for the first report after it.
    fn init_to_report(&self) -> Option<Duration> {
        let mut init = self.last_init();
        std::mem::take(&mut init.1).then_some(init.0.duration)
    }
}

/// The moments of an invocation.
pub(super) struct Times {
    pub(super) start: Instant,
    pub(super) response_started: Instant,
    pub(super) response_done: Instant,
    pub(super) runtime_next: Instant,
    pub(super) last_next: Instant,
}

impl Times {
    pub(super) fn of(state: &State, running: &Running, begun: Instant) -> Self {
        let start = running.handed_out.unwrap_or(begun);
        let response_started = running.response_started.unwrap_or(start);
        let response_done = running.response_done.unwrap_or(response_started);
        let after = |at: Option<Instant>| at.filter(|at| *at >= start);
        let runtime_next = after(state.runtime.last_next).unwrap_or(response_done);
        let extensions = state.extensions.iter().filter_map(|extension| after(extension.last_next));
        let last_next = extensions.fold(runtime_next, Instant::max);
        Self { start, response_started, response_done, runtime_next, last_next }
    }

    fn spans(&self) -> [Span; 3] {
        let span = |name, from: Instant, to: Instant| Span {
            name,
            start: unix(from),
            duration: to.saturating_duration_since(from),
        };
        [
            span("responseLatency", self.start, self.response_started),
            span("responseDuration", self.response_started, self.response_done),
            span("runtimeOverhead", self.response_done, self.runtime_next),
        ]
    }
}

pub(super) fn status(running: &Running) -> Status {
    match &running.result {
        Some(Err(error)) => Status::error(&error.error_type),
        _ => Status::success(),
    }
}

/// A moment as Unix time.
pub(super) fn unix(at: Instant) -> Duration {
    clock::unix().saturating_sub(at.elapsed())
}
