//! The handle that tests, benches and the command line hold.

use crate::{
    Builder, Error, Event, Init, Invocation, Memory, Reason, Shutdown, api,
    environment::Environment,
    output::{Line, Source},
    process::Process,
    settings::Settings,
    state::Phase,
    telemetry::events::InitPhase,
};
use rustix::process::Signal;
use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpListener, runtime::Runtime};

/// A Lambda execution environment on loopback.
///
/// ```no_run
/// # async fn story() -> Result<(), spanlayer_emulator::Error> {
/// use spanlayer_emulator::{Emulator, Reason, binary};
///
/// let lambda = Emulator::builder().function(binary("hello")).extension(binary("spanlayer")).start().await?;
/// let invocation = lambda.invoke(r#"{"name":"Ada"}"#).await;
/// println!("{:?} after {:?}", invocation.response, invocation.response_time);
/// let shutdown = lambda.shutdown(Reason::Spindown).await;
/// assert!(!shutdown.extension("spanlayer").killed);
/// # Ok(())
/// # }
/// ```
///
/// It serves on a thread of its own, so a busy caller does not bend its measurements. Dropped, it kills what it
/// started.
#[derive(Debug)]
pub struct Emulator {
    environment: Arc<Environment>,
    /// `Some` until dropped.
    runtime: Option<Runtime>,
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Environment").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Emulator {
    /// Everything has a default; see [`Builder`].
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn start(settings: Settings) -> Result<Self, Error> {
        // One worker: handlers and the life cycle never run at the same moment, as on a small function's share of a
        // core, and a wake-up between them crosses no thread.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("emulator")
            .enable_all()
            .build()
            .map_err(|error| Error::new(format!("cannot start a runtime: {error}")))?;
        let prepared = runtime.spawn(async move {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await;
            let listener = listener.map_err(|error| Error::new(format!("cannot listen: {error}")))?;
            let address = listener.local_addr().map_err(|error| Error::new(error.to_string()))?;
            let environment = Environment::new(settings, address)?;
            tokio::spawn(api::serve(listener, environment.clone()));
            Ok(environment)
        });
        let environment = prepared.await.map_err(|error| Error::new(error.to_string()))?;
        let environment = match environment {
            Ok(environment) => environment,
            Err(error) => {
                runtime.shutdown_background();
                return Err(error);
            }
        };
        let emulator = Self { environment, runtime: Some(runtime) };
        if !emulator.environment.settings.init_at_invoke {
            emulator
                .run(|environment| async move {
                    let _turn = environment.turn.lock().await;
                    environment.init(InitPhase::Init).await
                })
                .await?;
        }
        Ok(emulator)
    }

    /// Hands an event out and waits until the invocation is over: the runtime and all extensions asked for the next
    /// event, or the environment was reset. Brings the environment up first if it is down.
    ///
    /// Several at once queue up, except under Managed Instances. Bounded by the function's timeout, the init limit
    /// and the shutdown window.
    pub async fn invoke(&self, event: impl Into<Event>) -> Invocation {
        let event = event.into();
        self.run(|environment| async move { environment.invoke(event).await }).await
    }

    /// How the environment last came up.
    pub fn init(&self) -> Init {
        self.environment.last_init().0.clone()
    }

    /// Stops every process (SIGSTOP) and all telemetry, as Lambda does between invocations.
    pub fn freeze(&self) {
        self.environment.freeze();
    }

    /// Lets everything run on (SIGCONT). An invocation does so by itself.
    pub fn thaw(&self) {
        self.environment.thaw();
    }

    /// Kills an extension outright (SIGKILL), at whatever it is doing, and returns when it is dead. The invocation in progress, or else the next
    /// one, fails with `Extension.Crash`, and the environment is reset.
    ///
    /// # Panics
    ///
    /// When no extension of this name is running.
    pub fn kill_extension(&self, name: &str) {
        let state = self.environment.lock();
        let extension = state.extensions.iter().find(|extension| extension.name == name);
        let Some(process) = extension.and_then(|extension| extension.process.clone()) else {
            panic!("no extension {name} is running");
        };
        drop(state);
        kill(&process);
    }

    /// Kills the runtime outright (SIGKILL), at whatever it is doing, and returns when it is dead. The invocation in progress, or else the next
    /// one, fails with `Runtime.ExitError`, and the environment is reset.
    pub fn kill_runtime(&self) {
        let process = self.environment.lock().runtime.process.clone();
        if let Some(process) = process {
            kill(&process);
        }
    }

    /// Kills the runtime as the kernel does when memory runs out: the failure is called `Runtime.OutOfMemory`.
    pub fn kill_runtime_out_of_memory(&self) {
        self.environment.lock().blame = Some("Runtime.OutOfMemory");
        self.kill_runtime();
    }

    /// Shuts the environment down. `/tmp` and state stay, and a later invocation brings it up again. Waits for an
    /// invocation in progress.
    pub async fn shutdown(&self, reason: Reason) -> Shutdown {
        self.run(move |environment| async move {
            let _turn = environment.turn.lock().await;
            environment.take_down(reason).await
        })
        .await
    }

    /// Resets the environment: a shutdown for a failure, then a fresh init with `/tmp` kept.
    ///
    /// # Errors
    ///
    /// When the init fails.
    pub async fn reset(&self) -> Result<(Shutdown, Init), Error> {
        self.run(|environment| async move {
            let _turn = environment.turn.lock().await;
            let shutdown = environment.take_down(Reason::Failure).await;
            let init = environment.init(InitPhase::Init).await?;
            Ok((shutdown, init))
        })
        .await
    }

    /// Whether the environment's processes are up.
    pub fn is_up(&self) -> bool {
        self.environment.lock().phase == Phase::Up
    }

    /// Where the APIs are served.
    pub fn address(&self) -> SocketAddr {
        self.environment.address
    }

    /// What the programs find in `SPANLAYER_STATE_DIR`.
    pub fn state_dir(&self) -> PathBuf {
        self.environment.scratch.state()
    }

    /// What the programs find in `TMPDIR`.
    pub fn tmp_dir(&self) -> PathBuf {
        self.environment.scratch.tmp()
    }

    /// What the processes have written so far, across resets (the last 20,000 lines).
    pub fn output(&self) -> Vec<Line> {
        self.environment.output.lines()
    }

    /// What the function has written so far.
    pub fn function_output(&self) -> Vec<String> {
        let lines = self.output().into_iter().filter(|line| line.source == Source::Function);
        lines.map(|line| line.text).collect()
    }

    /// What the extension of this name has written so far.
    pub fn extension_output(&self, name: &str) -> Vec<String> {
        let ours = |line: &Line| matches!(&line.source, Source::Extension(source) if source == name);
        self.output().into_iter().filter(ours).map(|line| line.text).collect()
    }

    /// The process id of an extension, while it runs.
    pub fn extension_pid(&self, name: &str) -> Option<u32> {
        let state = self.environment.lock();
        state.extensions.iter().find(|extension| extension.name == name)?.process.as_ref()?.id()
    }

    /// The process id of the function, while it runs.
    pub fn runtime_pid(&self) -> Option<u32> {
        self.environment.lock().runtime.process.as_ref()?.id()
    }

    /// The memory of an extension, while it runs.
    pub fn extension_memory(&self, name: &str) -> Option<Memory> {
        let state = self.environment.lock();
        Some(state.extensions.iter().find(|extension| extension.name == name)?.process.as_ref()?.memory())
    }

    /// The memory of the function, while it runs.
    pub fn runtime_memory(&self) -> Option<Memory> {
        Some(self.environment.lock().runtime.process.as_ref()?.memory())
    }

    /// Runs on the emulator's own thread.
    async fn run<F, T>(&self, work: impl FnOnce(Arc<Environment>) -> F) -> T
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let Some(runtime) = &self.runtime else { unreachable!("only taken when dropped") };
        match runtime.spawn(work(self.environment.clone())).await {
            Ok(result) => result,
            Err(error) => panic!("the emulator failed: {error}\n{}", self.environment.output.tail()),
        }
    }
}

/// Blocks the caller until the process is dead, which takes the kernel and the emulator's thread some microseconds:
/// whoever kills wants to see what comes next, not to race with it.
fn kill(process: &Process) {
    process.signal(Signal::KILL);
    for _ in 0..10_000 {
        if process.exit().is_some() {
            break;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        for process in self.environment.processes() {
            process.signal(Signal::KILL);
        }
        if let Some(runtime) = self.runtime.take() {
            // Dropping a runtime blocks, which asynchronous callers must not.
            runtime.shutdown_background();
        }
    }
}
