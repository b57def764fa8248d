//! A thread with a small tokio runtime, for exports of programs that have none, or none that may be relied on.

use std::{io, sync::mpsc, thread, time::Duration};

use opentelemetry::Context;
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// The runtime, for as long as this lives. Its end stops what runs on it.
#[derive(Debug)]
pub(super) struct Runtime {
    pub(super) handle: Handle,
    /// Closed by being dropped.
    _stop: oneshot::Sender<()>,
}

impl Runtime {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// When the operating system has none to give.
    pub(super) fn start() -> io::Result<Self> {
        let (tell, hear) = mpsc::sync_channel(1);
        let (stop, stopped) = oneshot::channel::<()>();
        thread::Builder::new().name("spanlayer-export".to_owned()).spawn(move || {
            // What exporting records about itself must not be exported.
            let _quiet = Context::enter_telemetry_suppressed_scope();
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error))),
            };
            if tell.send(Ok(runtime.handle().clone())).is_ok() {
                let _ = runtime.block_on(stopped);
            }
            // A name that is being resolved, or a file that is being written, cannot be stopped.
            runtime.shutdown_timeout(LAST_WORK);
        })?;
        let handle = hear.recv().map_err(|_| io::Error::other("the export thread ended"))??;
        Ok(Self { handle, _stop: stop })
    }
}

const LAST_WORK: Duration = Duration::from_secs(1);
