//! SnapStart: after the init a snapshot is taken, and the first invocation restores it.
//!
//! The snapshot itself is not emulated: the processes just go on. Two restores of one snapshot, with all that then
//! exists twice, are out of reach here.

use crate::{
    environment::Environment,
    outcome::Error,
    state::Turn,
    telemetry::{
        Category,
        events::{self, Status},
    },
};
use std::time::Duration;
use tokio::time::Instant;

impl Environment {
    /// Restores what waits for it, before the first event is handed out; says how long that took.
    pub(super) async fn restore(&self) -> Result<Option<Duration>, Error> {
        let restoring = {
            let mut state = self.lock();
            if self.settings.initialization != SNAP_START || std::mem::replace(&mut state.restored, true) {
                return Ok(None);
            }
            if state.runtime.turn == Turn::Snapshot {
                state.runtime.turn = Turn::Started;
            }
            state.runtime.restoring.take()
        };
        let begun = Instant::now();
        let start = events::restore_start(&self.settings, &self.instance);
        self.hub.emit(Category::Platform, "platform.restoreStart", start);
        if let Some(waiting) = restoring {
            let _ = waiting.send(());
        }
        let asked = |state: &crate::state::State| state.runtime.first_next.is_some();
        let outcome =
            self.reach(begun + LIMIT, "the restored runtime asked for its first event", asked).await;
        let status = match &outcome {
            Ok(()) => Status::success(),
            Err(_) => {
                let fatal = self.lock().fatal.clone();
                fatal.map_or_else(Status::timeout, |fatal| Status::error(&fatal.error_type))
            }
        };
        let done = events::restore_done(&status);
        self.hub.emit(Category::Platform, "platform.restoreRuntimeDone", done);
        let took = begun.elapsed();
        let report = events::restore_report(&status, took);
        self.hub.emit(Category::Platform, "platform.restoreReport", report);
        outcome.map(|()| Some(took))
    }
}

/// The initialization type of a function with SnapStart.
pub(crate) const SNAP_START: &str = "snap-start";

/// What a restore may take.
const LIMIT: Duration = Duration::from_secs(10);
