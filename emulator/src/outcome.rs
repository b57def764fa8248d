//! What the emulator reports: how an init, an invocation and a shutdown went, and how long everything took.

use bytes::Bytes;
use std::{fmt, time::Duration};

/// How the environment came up. All times are monotonic.
#[derive(Clone, Debug, Default)]
pub struct Init {
    /// The extensions, in the order they were given, then internal ones in the order they registered.
    pub extensions: Vec<ExtensionInit>,
    /// From just before the runtime was executed to its first `/next`.
    pub runtime_first_next: Duration,
    /// From just before the first process was executed until the runtime and all extensions had asked for `/next`.
    pub duration: Duration,
}

impl Init {
    /// The extension of this name.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn extension(&self, name: &str) -> &ExtensionInit {
        let Some(found) = self.extensions.iter().find(|extension| extension.name == name) else {
            panic!("no extension {name} registered, only {:?}", self.extensions);
        };
        found
    }
}

/// How one extension came up.
#[derive(Clone, Debug, Default)]
pub struct ExtensionInit {
    /// The name it registered with.
    pub name: String,
    /// Whether it lives inside the runtime's process.
    pub internal: bool,
    /// What it registered for: any of `INVOKE`, `SHUTDOWN`.
    pub events: Vec<String>,
    /// From just before exec to the arrival of `/register`; for internal extensions, since the runtime's exec.
    pub register: Duration,
    /// From just before exec to the arrival of the first `/next`.
    pub first_next: Duration,
    /// The body of its accepted telemetry subscription.
    pub subscription: Option<serde_json::Value>,
}

/// One invocation, from its event to the moment everything could have been frozen.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id.
    pub request_id: String,
    /// What the caller got.
    pub response: Result<Bytes, FunctionError>,
    /// How it ended for the platform, which may differ from what the caller got: an extension that works on until the
    /// function's timeout makes an invocation that timed out after a good response.
    pub ended: Ended,
    /// The init that ran as part of this invocation, after a reset (a *suppressed init*).
    pub init: Option<Init>,
    /// How long the restore of the snapshot took that ran before this invocation (SnapStart).
    pub restore: Option<Duration>,
    /// Event handed out → last byte of the response received.
    pub response_time: Duration,
    /// Event handed out → first byte of the response.
    pub first_byte: Duration,
    /// Event handed out → the runtime and all extensions asked for `/next`: what is billed.
    pub cycle_time: Duration,
    /// What is billed after the response: `cycle_time − response_time`.
    pub tail: Duration,
    /// From the runtime's `/next` to the last extension's; zero when the runtime was last.
    pub extension_tail: Duration,
    /// Whether the response was streamed.
    pub streamed: bool,
    /// The response's `Content-Type`.
    pub content_type: Option<String>,
    /// The reset that ended it, if one did.
    pub reset: Option<Shutdown>,
}

impl Invocation {
    /// The response's payload.
    ///
    /// # Panics
    ///
    /// When the invocation failed, with the error.
    pub fn payload(&self) -> &Bytes {
        match &self.response {
            Ok(payload) => payload,
            Err(error) => panic!("invocation {} failed: {error}", self.request_id),
        }
    }

    /// The error the caller got.
    ///
    /// # Panics
    ///
    /// When the invocation succeeded, with the response.
    pub fn error(&self) -> &FunctionError {
        match &self.response {
            Err(error) => error,
            Ok(payload) => {
                panic!("invocation {} succeeded: {}", self.request_id, String::from_utf8_lossy(payload))
            }
        }
    }
}

/// How an invocation ended for the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The runtime and all extensions asked for the next event. The function may have answered with an error.
    Normally,
    /// The function's timeout passed before all were done. The environment was reset.
    TimedOut,
    /// The runtime or an extension died. The environment was reset.
    Failed {
        /// The platform's error type, such as `Runtime.ExitError` or `Extension.Crash`.
        error_type: String,
    },
}

/// What the caller of a failed invocation gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    /// The platform's error type: from the runtime's `Lambda-Runtime-Function-Error-Type`, or the platform's own
    /// (`Sandbox.Timedout`, `Runtime.ExitError`, …).
    pub error_type: String,
    /// The payload: what the runtime posted, or the platform's JSON.
    pub payload: Bytes,
}

impl FunctionError {
    pub(crate) fn platform(request_id: &str, error_type: &str, what: &str) -> Self {
        let payload = serde_json::json!({
            "errorType": error_type,
            "errorMessage": format!("RequestId: {request_id} Error: {what}"),
        });
        Self { error_type: error_type.to_owned(), payload: payload.to_string().into() }
    }

    /// A field of the payload, when that is a JSON object: `errorType`, `errorMessage`.
    pub fn field(&self, name: &str) -> Option<String> {
        let payload: serde_json::Value = serde_json::from_slice(&self.payload).ok()?;
        Some(payload.get(name)?.as_str()?.to_owned())
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.error_type, String::from_utf8_lossy(&self.payload))
    }
}

impl std::error::Error for FunctionError {}

/// Why an environment is shut down: what the SHUTDOWN event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Lambda does not need the environment any more.
    Spindown,
    /// An invocation ran into its timeout.
    Timeout,
    /// The runtime or an extension failed.
    Failure,
}

impl Reason {
    /// As the event has it: lower case, as captured from the service.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
        }
    }
}

/// How a shutdown or reset went.
#[derive(Clone, Debug)]
pub struct Shutdown {
    /// What the extensions were told.
    pub reason: Reason,
    /// From its begin until every process was gone.
    pub took: Duration,
    /// How the runtime ended; `None` when there was no process.
    pub runtime: Option<Exit>,
    /// How each external extension ended.
    pub extensions: Vec<ExtensionExit>,
}

impl Shutdown {
    /// The extension of this name.
    ///
    /// # Panics
    ///
    /// When there was none.
    pub fn extension(&self, name: &str) -> &ExtensionExit {
        let Some(found) = self.extensions.iter().find(|extension| extension.name == name) else {
            panic!("there was no extension {name}, only {:?}", self.extensions);
        };
        found
    }
}

/// How one extension ended.
#[derive(Clone, Debug)]
pub struct ExtensionExit {
    /// Its name.
    pub name: String,
    /// Its exit status.
    pub exit: Exit,
    /// From the SHUTDOWN event's release until it was gone.
    pub took: Duration,
    /// Whether the emulator had to kill it (or it had not registered for SHUTDOWN, so that it just was).
    pub killed: bool,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(9) => f.write_str("signal: killed"),
            Self::Signal(6) => f.write_str("signal: aborted"),
            Self::Signal(11) => f.write_str("signal: segmentation fault"),
            Self::Signal(15) => f.write_str("signal: terminated"),
            Self::Signal(signal) => write!(f, "signal: {signal}"),
        }
    }
}

/// The emulator could not do what was asked; with what the processes wrote, because that usually says why.
#[derive(Clone)]
pub struct Error {
    pub(crate) what: String,
    pub(crate) output: String,
}

impl Error {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), output: String::new() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.output.is_empty() {
            write!(f, "\n--- output ---\n{}", self.output)?;
        }
        Ok(())
    }
}

// `unwrap` in a test prints this: the same text, with its lines kept.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
