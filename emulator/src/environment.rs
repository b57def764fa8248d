//! One execution environment: its state behind one lock, and everyone who works on it.

use crate::{
    guard::Guard,
    outcome::{Error, Exit, Init},
    output::{Line, Output, Source},
    process::Process,
    scratch::Scratch,
    settings::{LogFormat, Settings},
    state::{Phase, State},
    telemetry::{Category, Hub},
};
use rustix::process::Signal;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

pub(crate) struct Environment {
    pub(crate) settings: Settings,
    pub(crate) address: SocketAddr,
    /// One name for the environment's whole life, as reports have it.
    pub(crate) instance: String,
    state: Mutex<State>,
    changed: Notify,
    pub(crate) hub: Arc<Hub>,
    pub(crate) output: Output,
    pub(crate) guard: Arc<Guard>,
    pub(crate) scratch: Scratch,
    /// Whoever holds it has the environment to itself: an invocation, a reset, a shutdown.
    pub(crate) turn: tokio::sync::Mutex<()>,
    /// The last init, and whether an invocation has yet to be told of it.
    pub(crate) init: Mutex<(Init, bool)>,
}

impl Environment {
    pub(crate) fn new(settings: Settings, address: SocketAddr) -> Result<Arc<Self>, Error> {
        let io = |error: std::io::Error| Error::new(format!("cannot prepare the environment: {error}"));
        let scratch = match &settings.directory {
            Some(path) => Scratch::given(path.clone()),
            None => Scratch::new(),
        };
        Ok(Arc::new(Self {
            hub: Hub::new(settings.log_format == LogFormat::Json),
            settings,
            address,
            instance: crate::ids::uuid(),
            state: Mutex::new(State::new()),
            changed: Notify::new(),
            output: Output::default(),
            guard: Arc::new(Guard::start().map_err(io)?),
            scratch: scratch.map_err(io)?,
            turn: tokio::sync::Mutex::new(()),
            init: Mutex::default(),
        }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait in [`until`](Self::until) to look again.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// Waits until `look` finds what it looks for, at most until `by`.
    pub(crate) async fn until<T>(
        &self,
        by: Instant,
        mut look: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Enlisted before looking, so that no change slips between the look and the wait.
            changed.as_mut().enable();
            if let Some(found) = look(&mut self.lock()) {
                return Some(found);
            }
            timeout_at(by, changed).await.ok()?;
        }
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn api(&self) -> String {
        let scheme = if self.settings.api_scheme { "http://" } else { "" };
        format!("{scheme}{}{}", self.address, self.settings.api_path)
    }

    /// Takes a line that a process wrote.
    pub(crate) fn take_line(&self, line: Line) {
        if let Some(listener) = &self.settings.on_line {
            listener(&line);
        }
        let category = match line.source {
            Source::Function => Category::Function,
            Source::Extension(_) => Category::Extension,
        };
        self.hub.emit_at(line.at, category, category.name(), line.text.clone().into());
        self.output.push(line);
    }

    /// Takes note that a process ended: a failure, unless it was to end.
    pub(crate) fn take_exit(&self, generation: u64, source: &Source, exit: Exit) {
        let mut state = self.lock();
        if state.generation == generation {
            let expected = matches!(state.phase, Phase::Shutdown | Phase::Down);
            match source {
                Source::Function if !expected => {
                    let blame = state.blame.take();
                    let what = match exit {
                        Exit::Code(0) => "Runtime exited without providing a reason".to_owned(),
                        exit => format!("Runtime exited with error: {exit}"),
                    };
                    state.fail(blame.unwrap_or("Runtime.ExitError"), what);
                }
                Source::Extension(name) => {
                    if !expected {
                        state.fail("Extension.Crash", exit.to_string().replace("status", "code"));
                    }
                    if let Some(extension) =
                        state.extensions.iter_mut().find(|e| !e.internal && e.name == *name)
                    {
                        extension.exit = Some(exit);
                    }
                }
                Source::Function => {}
            }
        }
        drop(state);
        self.wake();
    }

    /// Every process of the environment.
    pub(crate) fn processes(&self) -> Vec<Arc<Process>> {
        let state = self.lock();
        let extensions = state.extensions.iter().filter_map(|extension| extension.process.clone());
        extensions.chain(state.runtime.process.clone()).collect()
    }

    /// Stops every process and all telemetry, as between invocations on Lambda.
    pub(crate) fn freeze(&self) {
        self.hub.hold(true);
        self.lock().frozen = true;
        for process in self.processes() {
            process.signal(Signal::STOP);
        }
    }

    /// Undoes [`freeze`](Self::freeze).
    pub(crate) fn thaw(&self) {
        let frozen = std::mem::take(&mut self.lock().frozen);
        if frozen {
            for process in self.processes() {
                process.signal(Signal::CONT);
            }
        }
        self.hub.hold(false);
    }

    /// An error with the output that explains it.
    pub(crate) fn error(&self, what: impl Into<String>) -> Error {
        Error { what: what.into(), output: self.output.tail() }
    }

    /// The last init.
    pub(crate) fn last_init(&self) -> MutexGuard<'_, (Init, bool)> {
        self.init.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The highest memory use so far of all processes together, in MB.
    pub(crate) fn used_mb(&self) -> u64 {
        let peak: u64 = self.processes().iter().map(|process| process.memory().peak).sum();
        peak.div_ceil(1 << 20)
    }
}

/// The Unix time in milliseconds at which `within` will have passed: how deadlines are told.
pub(crate) fn deadline_ms(within: Duration) -> u64 {
    spanlayer_host::clock::unix_millis() + u64::try_from(within.as_millis()).unwrap_or(0)
}
