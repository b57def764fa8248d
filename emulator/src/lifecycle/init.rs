//! Init: extensions start, all register, the runtime starts, and everyone asks for the first event.

use crate::{
    environment::Environment,
    in_process,
    outcome::{Error, ExtensionInit, Init, Reason},
    output::Source,
    process::{Launch, Process},
    settings::Function,
    state::{Extension, Phase, State},
    telemetry::{
        Category,
        events::{self, InitPhase, Status},
    },
    variables,
};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::time::Instant;

impl Environment {
    /// Brings the environment up. The caller holds the turn.
    ///
    /// # Errors
    ///
    /// What failed, after everything was taken down again.
    pub(crate) async fn init(self: &Arc<Self>, phase: InitPhase) -> Result<Init, Error> {
        let begun = Instant::now();
        self.lock().begin_init();
        self.hub.reset();
        let start = events::init_start(&self.settings, &self.instance, phase);
        self.hub.emit(Category::Platform, "platform.initStart", start);
        let outcome = self.bring_up(begun, phase).await;
        self.lock().subscriptions_open = false;
        let status = match &outcome {
            Ok(_) => Status::success(),
            Err(_) => {
                let fatal = self.lock().fatal.clone();
                fatal.map_or_else(Status::timeout, |fatal| Status::error(&fatal.error_type))
            }
        };
        let report = events::init_report(&self.settings, phase, &status, begun.elapsed());
        self.hub.emit(Category::Platform, "platform.initReport", report);
        self.hub.close();
        match outcome {
            Ok(init) => {
                self.lock().phase = Phase::Up;
                *self.last_init() = (init.clone(), phase == InitPhase::Init);
                if self.settings.freeze && phase == InitPhase::Init {
                    self.freeze();
                }
                Ok(init)
            }
            Err(error) => {
                self.take_down(Reason::Failure).await;
                Err(error)
            }
        }
    }

    async fn bring_up(self: &Arc<Self>, begun: Instant, phase: InitPhase) -> Result<Init, Error> {
        let by = begun + self.settings.init_timeout;
        self.start_extensions()?;
        self.reach(by, "every extension registered", |state| state.all_registered()).await?;
        let runtime = self.start_runtime()?;
        self.reach(by, "the runtime asked for its first event", State::runtime_initialised).await?;
        self.lock().registration_open = false;
        let done = events::init_done(&self.settings, phase, &Status::success());
        self.hub.emit(Category::Platform, "platform.initRuntimeDone", done);
        self.reach(by, "every extension asked for its first event", |state| state.all_ready(None)).await?;

        let state = self.lock();
        for extension in &state.extensions {
            let record = events::extension(&extension.name, extension.stage.name(), &extension.events);
            self.hub.emit(Category::Platform, "platform.extension", record);
        }
        let first_next = state.runtime.first_next.unwrap_or(begun);
        let last = state
            .extensions
            .iter()
            .filter_map(|extension| extension.first_next)
            .fold(first_next, Instant::max);
        Ok(Init {
            extensions: state.extensions.iter().map(Extension::report).collect::<Vec<ExtensionInit>>(),
            runtime_first_next: first_next.duration_since(runtime),
            duration: last.duration_since(begun),
        })
    }

    /// Waits for a step of the init, which a death, a reported error or the limit may end.
    pub(super) async fn reach(
        &self,
        by: Instant,
        what: &str,
        reached: impl Fn(&State) -> bool,
    ) -> Result<(), Error> {
        let step = self
            .until(by, |state| match &state.fatal {
                Some(fatal) => Some(Err(format!("{}: {}", fatal.error_type, fatal.what))),
                None => reached(state).then_some(Ok(())),
            })
            .await;
        match step {
            Some(Ok(())) => Ok(()),
            Some(Err(why)) => Err(self.error(why)),
            None => {
                let state = self.lock();
                let stages = state.extensions.iter().map(|e| format!("{}: {}", e.name, e.stage.name()));
                let stages = stages.collect::<Vec<_>>().join(", ");
                drop(state);
                let limit = self.settings.init_timeout;
                Err(self.error(format!("it took longer than {limit:?}, waiting until {what} ({stages})")))
            }
        }
    }

    fn start_extensions(self: &Arc<Self>) -> Result<(), Error> {
        let api = self.api();
        let env = variables::extension(&self.settings, &api, &self.scratch.state(), &self.scratch.tmp());
        // All are expected before the first runs, so that a fast one finds itself known.
        let names: Vec<_> = self.settings.extensions.iter().map(|program| name(program)).collect();
        let now = Instant::now();
        self.lock().extensions = names.iter().map(|name| Extension::new(name.clone(), false, now)).collect();
        for (at, program) in self.settings.extensions.iter().enumerate() {
            let source = Source::Extension(names[at].clone());
            let process = self.spawn(program, env.clone(), source).map_err(|error| {
                self.lock().fail("Extension.LaunchError", error.to_string());
                self.error(format!("Extension.LaunchError: {}: {error}", program.display()))
            })?;
            let mut state = self.lock();
            state.extensions[at].spawned = process.spawned;
            state.extensions[at].process = Some(process);
        }
        Ok(())
    }

    /// Starts the function, and says when.
    fn start_runtime(self: &Arc<Self>) -> Result<Instant, Error> {
        let process = match &self.settings.function {
            Function::Program(program) => {
                let (state, tmp) = (self.scratch.state(), self.scratch.tmp());
                let env = variables::function(&self.settings, &self.api(), &root(program), &state, &tmp);
                self.spawn(program, env, Source::Function).map_err(|error| {
                    self.lock().fail("Runtime.InvalidEntrypoint", error.to_string());
                    self.error(format!("Runtime.InvalidEntrypoint: {}: {error}", program.display()))
                })?
            }
            Function::InProcess(handler) => {
                let workers = self.settings.concurrency.unwrap_or(1);
                let task =
                    in_process::run(self.address, self.settings.api_path.clone(), handler.clone(), workers);
                let (environment, generation) = (Arc::downgrade(self), self.lock().generation);
                Arc::new(Process::task(task, move |exit| {
                    if let Some(environment) = environment.upgrade() {
                        environment.take_exit(generation, &Source::Function, exit);
                    }
                }))
            }
        };
        let spawned = process.spawned;
        self.lock().runtime.process = Some(process);
        Ok(spawned)
    }

    fn spawn(
        self: &Arc<Self>,
        program: &Path,
        env: Vec<(std::ffi::OsString, std::ffi::OsString)>,
        source: Source,
    ) -> io::Result<Arc<Process>> {
        let program = std::path::absolute(program)?;
        let launch = Launch {
            directory: root(&program),
            program,
            launcher: self.settings.launcher.clone(),
            env,
            source: source.clone(),
        };
        let generation = self.lock().generation;
        // Weak: a reader or a waiter must not keep alive what its end is to clean up.
        let (lines, exits) = (Arc::downgrade(self), Arc::downgrade(self));
        let on_line = move |line| {
            if let Some(environment) = lines.upgrade() {
                environment.take_line(line);
            }
        };
        let on_exit = move |exit| {
            if let Some(environment) = exits.upgrade() {
                environment.take_exit(generation, &source, exit);
            }
        };
        Process::spawn(&launch, self.guard.clone(), on_line, on_exit).map(Arc::new)
    }
}

/// The name an external extension goes by: its file's.
fn name(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn root(program: &Path) -> PathBuf {
    match program.parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    }
}
