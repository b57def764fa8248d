//! What is under way, and whether anything more may be.

use std::{
    future::Future,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    runtime::Handle,
    task::{AbortHandle, JoinSet},
};

/// Lets exports through until it is closed, and knows when none is under way.
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<State>,
    idle: Condvar,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    under_way: usize,
    tasks: JoinSet<()>,
}

impl Gate {
    /// Starts an export, unless the gate is closed. It is under way until it has ended, or was aborted.
    pub(super) fn start(
        self: &Arc<Self>,
        on: &Handle,
        export: impl Future<Output = ()> + Send + 'static,
    ) -> Option<AbortHandle> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.under_way += 1;
        let pass = Pass(Arc::clone(self));
        while state.tasks.try_join_next().is_some() {}
        Some(state.tasks.spawn_on(
            async move {
                let _pass = pass;
                export.await;
            },
            on,
        ))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Lets nothing more through; says whether it did until now.
    pub(super) fn close(&self) -> bool {
        !std::mem::replace(&mut self.lock().closed, true)
    }

    /// Waits until nothing is under way, but not longer than this; says whether nothing is.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let waited = self.idle.wait_timeout_while(self.lock(), limit, |state| state.under_way > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.under_way == 0
    }

    /// Stops what is under way.
    pub(super) fn abort(&self) {
        self.lock().tasks.abort_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Held by an export while it is under way.
struct Pass(Arc<Gate>);

impl Drop for Pass {
    fn drop(&mut self) {
        self.0.lock().under_way -= 1;
        self.0.idle.notify_all();
    }
}
