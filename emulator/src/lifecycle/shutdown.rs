//! Shutdown and reset: the runtime first, then the extensions, each with its share of the window, then SIGKILL.

use crate::{
    environment::{Environment, deadline_ms},
    outcome::{Exit, ExtensionExit, Reason, Shutdown},
    process::Process,
    state::{Farewell, Given, Phase, State},
};
use rustix::process::Signal;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

impl Environment {
    /// Takes everything down. `/tmp` stays. The caller holds the turn.
    pub(crate) async fn take_down(self: &Arc<Self>, reason: Reason) -> Shutdown {
        let begun = Instant::now();
        self.lock().phase = Phase::Shutdown;
        self.thaw();
        let (external, internal) = {
            let state = self.lock();
            let internal = state.extensions.iter().filter(|extension| extension.internal).count();
            (state.extensions.len() - internal, internal)
        };
        // No time for anybody without extensions, half a second for internal ones.
        let window = match (external, internal) {
            (0, 0) => Duration::ZERO,
            (0, _) => INTERNAL_WINDOW.min(self.settings.shutdown_window),
            _ => self.settings.shutdown_window,
        };
        let runtime = self.end_runtime(if external > 0 { RUNTIME_SHARE.min(window) } else { window }).await;
        let flushed = self.hub.flush();
        if self.settings.managed() {
            // Managed Instances deliver telemetry before they say goodbye.
            let all = async {
                for one in flushed {
                    let _ = one.await;
                }
            };
            let _ = timeout(FLUSH_LIMIT.min(window), all).await;
        }
        let extensions = self.end_extensions(reason, begun + window).await;
        self.forget();
        Shutdown { reason, took: begun.elapsed(), runtime, extensions }
    }

    /// SIGTERM, and SIGKILL when its share of the window is over (at once when there is none).
    async fn end_runtime(&self, share: Duration) -> Option<Exit> {
        let process = self.lock().runtime.process.clone()?;
        if process.exit().is_none() && !share.is_zero() {
            process.signal(Signal::TERM);
            if let Ok(exit) = timeout(share, process.gone()).await {
                return Some(exit);
            }
        }
        process.signal(Signal::KILL);
        Some(reaped(&process).await)
    }

    async fn end_extensions(&self, reason: Reason, by: Instant) -> Vec<ExtensionExit> {
        let released = Instant::now();
        let farewell = Farewell { reason, deadline_ms: deadline_ms(by.saturating_duration_since(released)) };
        let leaving: Vec<_> = {
            let mut state = self.lock();
            state.farewell = Some(farewell);
            let leaving = state.extensions.iter_mut().filter_map(|extension| {
                let process = extension.process.clone()?;
                let told = extension.wants("SHUTDOWN");
                if told {
                    extension.give(Given::Shutdown(farewell));
                }
                Some((extension.name.clone(), process, told))
            });
            leaving.collect()
        };
        self.wake();
        let mut waits = tokio::task::JoinSet::new();
        for (at, (name, process, told)) in leaving.into_iter().enumerate() {
            waits.spawn(async move {
                let left = told && timeout_at(by, process.gone()).await.is_ok();
                let killed = !left && process.exit().is_none();
                process.signal(Signal::KILL);
                let exit = reaped(&process).await;
                (at, ExtensionExit { name, exit, took: released.elapsed(), killed })
            });
        }
        let mut exits = waits.join_all().await;
        exits.sort_by_key(|(at, _)| *at);
        exits.into_iter().map(|(_, exit)| exit).collect()
    }

    /// Nothing of the processes is left but what they wrote to `/tmp`.
    fn forget(&self) {
        self.hub.reset();
        self.hub.close();
        let mut state = self.lock();
        // The generation stays, so that late exits find theirs over.
        *state = State { generation: state.generation, ..State::new() };
        drop(state);
        self.wake();
    }
}

/// The end of a process that was sent SIGKILL. Bounded: the kernel may keep one in an uninterruptible call.
async fn reaped(process: &Process) -> Exit {
    timeout(Duration::from_secs(5), process.gone()).await.unwrap_or(Exit::Signal(Signal::KILL.as_raw()))
}

/// What of the window the runtime may use before the extensions are told.
const RUNTIME_SHARE: Duration = Duration::from_millis(300);

/// The window when only internal extensions are registered.
const INTERNAL_WINDOW: Duration = Duration::from_millis(500);

/// How long telemetry may take between the end of the runtime and SHUTDOWN.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);
