//! How an emulator is set up, and the builder that says it.

use crate::{Emulator, Error, Event, FunctionError, TraceHeader, output::Line};
use bytes::Bytes;
use std::{
    ffi::OsString,
    fmt,
    future::Future,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

type Answer = Pin<Box<dyn Future<Output = Result<Bytes, FunctionError>> + Send>>;

type Listener = Arc<dyn Fn(&Line) + Send + Sync>;

/// What runs as the function.
#[derive(Clone)]
pub(crate) enum Function {
    /// A program that speaks the Runtime API (a `bootstrap`).
    Program(PathBuf),
    /// A closure in the emulator's own process, which speaks the Runtime API like any other.
    InProcess(Arc<dyn Fn(Event) -> Answer + Send + Sync>),
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(path) => write!(f, "Program({})", path.display()),
            Self::InProcess(_) => f.write_str("InProcess"),
        }
    }
}

/// How `PUT /telemetry` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TelemetryApi {
    /// As on the service, after this time (25 ms were measured there).
    Available(Duration),
    /// As in AWS's local emulator: 202, `Telemetry.NotSupported`.
    NotSupported,
    /// With this status.
    Refused(u16),
}

/// What functions and extensions log in: decides whether JSON lines become objects in telemetry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Plain text: every line is a string.
    #[default]
    Text,
    /// JSON: a line that is an object is delivered as one (schema versions from `2022-12-13` on).
    Json,
}

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) function: Function,
    pub(crate) extensions: Vec<PathBuf>,
    pub(crate) launcher: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) function_env: Vec<(OsString, OsString)>,
    pub(crate) extension_env: Vec<(OsString, OsString)>,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) handler: String,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) memory_mb: u32,
    pub(crate) timeout: Duration,
    pub(crate) init_timeout: Duration,
    pub(crate) shutdown_window: Duration,
    pub(crate) initialization: String,
    pub(crate) concurrency: Option<usize>,
    pub(crate) trace: TraceHeader,
    pub(crate) telemetry: TelemetryApi,
    pub(crate) log_format: LogFormat,
    pub(crate) freeze: bool,
    pub(crate) hold_telemetry: bool,
    pub(crate) init_at_invoke: bool,
    pub(crate) api_scheme: bool,
    pub(crate) api_path: String,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) on_line: Option<Listener>,
}

impl Settings {
    pub(crate) fn managed(&self) -> bool {
        self.concurrency.is_some()
    }

    pub(crate) fn arn(&self) -> String {
        format!("arn:aws:lambda:{}:{}:function:{}", self.region, self.account, self.name)
    }
}

/// Sets up an [`Emulator`]. Everything has a default: without a function, one in this process echoes its event.
#[derive(Clone)]
#[must_use]
pub struct Builder {
    settings: Settings,
}

impl Default for Builder {
    fn default() -> Self {
        let echo: Arc<dyn Fn(Event) -> Answer + Send + Sync> =
            Arc::new(|event: Event| Box::pin(async move { Ok(event.payload) }));
        Self {
            settings: Settings {
                function: Function::InProcess(echo),
                extensions: Vec::new(),
                launcher: Vec::new(),
                env: Vec::new(),
                function_env: Vec::new(),
                extension_env: Vec::new(),
                name: "function".to_owned(),
                version: "$LATEST".to_owned(),
                handler: "bootstrap".to_owned(),
                region: "us-east-1".to_owned(),
                account: "123456789012".to_owned(),
                memory_mb: 512,
                timeout: Duration::from_secs(3),
                init_timeout: Duration::from_secs(10),
                shutdown_window: Duration::from_secs(2),
                initialization: "on-demand".to_owned(),
                concurrency: None,
                trace: TraceHeader::default(),
                telemetry: TelemetryApi::Available(Duration::ZERO),
                log_format: LogFormat::default(),
                freeze: false,
                hold_telemetry: false,
                init_at_invoke: false,
                api_scheme: false,
                api_path: String::new(),
                directory: None,
                on_line: None,
            },
        }
    }
}

impl Builder {
    /// The function: a program that speaks the Runtime API, such as one built with `lambda_runtime`.
    pub fn function(mut self, program: impl AsRef<Path>) -> Self {
        self.settings.function = Function::Program(program.as_ref().to_owned());
        self
    }

    /// The function as a closure in this process, for when only the extension is of interest. It polls the Runtime
    /// API over loopback like any other runtime.
    pub fn handler<F, A>(mut self, handler: F) -> Self
    where
        F: Fn(Event) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Bytes, FunctionError>> + Send + 'static,
    {
        self.settings.function = Function::InProcess(Arc::new(move |event| Box::pin(handler(event))));
        self
    }

    /// One more extension: an executable, known by its file name as on Lambda.
    pub fn extension(mut self, program: impl AsRef<Path>) -> Self {
        self.settings.extensions.push(program.as_ref().to_owned());
        self
    }

    /// A command that every program is started with, and which must `exec` its arguments in the end: `taskset -c 0`,
    /// or a shell that enters a cgroup. Times from exec then include it.
    pub fn launch_with<I, S>(mut self, command: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<OsString>,
    {
        self.settings.launcher = command.into_iter().map(Into::into).collect();
        self
    }

    /// A variable of the function's configuration: function and extensions both get it.
    pub fn env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.env.push((key.into(), value.into()));
        self
    }

    /// A variable that only the function gets. (Lambda has no such thing; tests that set two programs apart do.)
    pub fn function_env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.function_env.push((key.into(), value.into()));
        self
    }

    /// A variable that only the extensions get.
    pub fn extension_env(mut self, key: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.extension_env.push((key.into(), value.into()));
        self
    }

    /// The function's name. Default `function`.
    pub fn function_name(mut self, name: impl Into<String>) -> Self {
        self.settings.name = name.into();
        self
    }

    /// The function's version. Default `$LATEST`.
    pub fn function_version(mut self, version: impl Into<String>) -> Self {
        self.settings.version = version.into();
        self
    }

    /// The function's handler, `_HANDLER`. Default `bootstrap`.
    pub fn handler_name(mut self, handler: impl Into<String>) -> Self {
        self.settings.handler = handler.into();
        self
    }

    /// The region. Default `us-east-1`.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.settings.region = region.into();
        self
    }

    /// The account. Default `123456789012`.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.settings.account = account.into();
        self
    }

    /// The function's memory in MB: what variables and reports say. Not enforced. Default 512.
    pub fn memory_mb(mut self, megabytes: u32) -> Self {
        self.settings.memory_mb = megabytes;
        self
    }

    /// The function's timeout. Default 3 s, as on Lambda.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// The limit of the init phase. Default 10 s, as on Lambda.
    pub fn init_timeout(mut self, timeout: Duration) -> Self {
        self.settings.init_timeout = timeout;
        self
    }

    /// The whole time for a shutdown with external extensions. Default 2 s, as on Lambda.
    pub fn shutdown_window(mut self, window: Duration) -> Self {
        self.settings.shutdown_window = window;
        self
    }

    /// `AWS_LAMBDA_INITIALIZATION_TYPE`: `on-demand` (default), `provisioned-concurrency`, `snap-start`.
    pub fn initialization_type(mut self, name: impl Into<String>) -> Self {
        self.settings.initialization = name.into();
        self
    }

    /// Lambda Managed Instances: up to this many invocations at once, extensions get no `INVOKE` and may not ask for
    /// it, telemetry has schema `2025-01-29` only and no `platform.runtimeDone`, logs are JSON, nothing is frozen.
    pub fn managed_instances(mut self, concurrency: usize) -> Self {
        self.settings.concurrency = Some(concurrency.max(1));
        "lambda-managed-instances".clone_into(&mut self.settings.initialization);
        self.settings.log_format = LogFormat::Json;
        self
    }

    /// The trace header of every event that brings none of its own.
    pub fn trace_header(mut self, header: TraceHeader) -> Self {
        self.settings.trace = header;
        self
    }

    /// How `PUT /telemetry` answers. Default: as on the service, but at once.
    pub fn telemetry_api(mut self, telemetry: TelemetryApi) -> Self {
        self.settings.telemetry = telemetry;
        self
    }

    /// The function's log format. Default text.
    pub fn log_format(mut self, format: LogFormat) -> Self {
        self.settings.log_format = format;
        self
    }

    /// Freeze all processes (SIGSTOP) and telemetry between invocations, as Lambda does. Default `false`.
    pub fn freeze_between(mut self, freeze: bool) -> Self {
        self.settings.freeze = freeze;
        self
    }

    /// Hold telemetry back between invocations, as if frozen, but leave the processes running. Default `false`.
    pub fn hold_telemetry_between(mut self, hold: bool) -> Self {
        self.settings.hold_telemetry = hold;
        self
    }

    /// Skip the init phase: the environment comes up with the first invocation (a *suppressed init*).
    pub fn init_at_invoke(mut self, skip: bool) -> Self {
        self.settings.init_at_invoke = skip;
        self
    }

    /// Put `http://` before the address in `AWS_LAMBDA_RUNTIME_API`, which Lambda does not, but some tools do.
    pub fn api_scheme(mut self, scheme: bool) -> Self {
        self.settings.api_scheme = scheme;
        self
    }

    /// Serve the APIs under this path, as `cargo lambda watch` does (`/.rt`).
    pub fn api_path(mut self, path: impl Into<String>) -> Self {
        self.settings.api_path = path.into();
        self
    }

    /// Use this directory for `/tmp` and state instead of a temporary one, and leave it behind, so that another
    /// emulator can go on with it.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.directory = Some(path.into());
        self
    }

    /// Called with each line that a process writes, as it comes.
    pub fn on_line(mut self, listener: impl Fn(&Line) + Send + Sync + 'static) -> Self {
        self.settings.on_line = Some(Arc::new(listener));
        self
    }

    #[cfg(test)]
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Starts the environment: extensions first, then the runtime, and waits until all have asked for `/next`.
    ///
    /// # Errors
    ///
    /// When a program cannot be started, dies, reports an init error, or is not ready within the init limit; with
    /// what the programs wrote.
    pub async fn start(self) -> Result<Emulator, Error> {
        Emulator::start(self.settings).await
    }
}
