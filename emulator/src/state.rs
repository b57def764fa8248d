//! What the emulator knows of its environment, and the transitions that API calls make. No I/O happens here.
//!
//! ```text
//! extension   Started ─register─▶ Registered ─next─▶ Ready ⇄ Running ─exit─▶ Exited
//! runtime     Started ─next─▶ Ready ─event─▶ Running ─response─▶ Responding ─sent─▶ Responded ─next─▶ Ready
//! ```
//!
//! States, transitions and the refusal of all others follow AWS's Runtime Interface Emulator.

use crate::{
    event::Trace,
    ids,
    outcome::{Exit, ExtensionInit, FunctionError, Reason},
    process::Process,
};
use bytes::Bytes;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::oneshot, time::Instant};

/// Where the environment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No processes: before the first init, and after a reset.
    Down,
    Init,
    /// Between invocations, and during them.
    Up,
    Shutdown,
}

pub(crate) struct State {
    pub(crate) phase: Phase,
    /// Tells the processes of one init from those of the one before, whose exits come late.
    pub(crate) generation: u64,
    pub(crate) registration_open: bool,
    pub(crate) subscriptions_open: bool,
    pub(crate) extensions: Vec<Extension>,
    pub(crate) runtime: Runtime,
    pub(crate) running: HashMap<String, Running>,
    /// Events that no runtime worker has asked for yet.
    pub(crate) pending: VecDeque<Handout>,
    /// The last event handed out: a runtime that asks again without having answered gets it again.
    pub(crate) current: Option<Handout>,
    /// The first thing that went irreparably wrong.
    pub(crate) fatal: Option<Fatal>,
    /// Once there is one, every extension that asks for an event gets it.
    pub(crate) farewell: Option<Farewell>,
    /// What the next failure of the runtime will be called, when the emulator itself caused it.
    pub(crate) blame: Option<&'static str>,
    pub(crate) frozen: bool,
    /// Whether the snapshot was restored (SnapStart).
    pub(crate) restored: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Fatal {
    pub(crate) error_type: String,
    pub(crate) what: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Farewell {
    pub(crate) reason: Reason,
    pub(crate) deadline_ms: u64,
}

/// What an extension is given by `/next`.
#[derive(Clone, Debug)]
pub(crate) enum Given {
    Invoke(Arc<Handout>),
    Shutdown(Farewell),
}

/// What a runtime is given by `/next`.
#[derive(Clone, Debug)]
pub(crate) struct Handout {
    pub(crate) request_id: String,
    pub(crate) deadline_ms: u64,
    pub(crate) arn: String,
    pub(crate) trace: Trace,
    pub(crate) event: crate::Event,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Started,
    Registered,
    Ready,
    Running,
    InitError,
    ExitError,
}

impl Stage {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Registered => "Registered",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InitError => "InitError",
            Self::ExitError => "ExitError",
        }
    }
}

pub(crate) struct Extension {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) internal: bool,
    pub(crate) stage: Stage,
    pub(crate) events: Vec<String>,
    pub(crate) process: Option<Arc<Process>>,
    /// Just before exec (of the runtime, for an internal one).
    pub(crate) spawned: Instant,
    pub(crate) registered: Option<Instant>,
    pub(crate) first_next: Option<Instant>,
    pub(crate) last_next: Option<Instant>,
    pub(crate) waiting: Option<oneshot::Sender<Given>>,
    pub(crate) subscription: Option<serde_json::Value>,
    pub(crate) exit: Option<Exit>,
}

impl Extension {
    pub(crate) fn new(name: String, internal: bool, spawned: Instant) -> Self {
        Self {
            name,
            id: ids::uuid(),
            internal,
            stage: Stage::Started,
            events: Vec::new(),
            process: None,
            spawned,
            registered: None,
            first_next: None,
            last_next: None,
            waiting: None,
            subscription: None,
            exit: None,
        }
    }

    pub(crate) fn wants(&self, event: &str) -> bool {
        self.events.iter().any(|wanted| wanted == event)
    }

    /// Whether it is done with its last event.
    pub(crate) fn ready(&self) -> bool {
        self.stage == Stage::Ready
    }

    /// Registers, at `now`.
    pub(crate) fn register(&mut self, events: Vec<String>, now: Instant) -> Result<(), Refusal> {
        if self.stage != Stage::Started {
            return Err(self.refuse("Registered"));
        }
        self.stage = Stage::Registered;
        self.events = events;
        self.registered = Some(now);
        Ok(())
    }

    /// Asks for an event, at `now`.
    pub(crate) fn ask(&mut self, now: Instant) -> Result<oneshot::Receiver<Given>, Refusal> {
        if !matches!(self.stage, Stage::Registered | Stage::Running) {
            return Err(self.refuse("Ready"));
        }
        let (sender, receiver) = oneshot::channel();
        self.stage = Stage::Ready;
        self.first_next.get_or_insert(now);
        self.last_next = Some(now);
        self.waiting = Some(sender);
        Ok(receiver)
    }

    /// Hands it an event, if it is asking.
    pub(crate) fn give(&mut self, given: Given) {
        if let Some(waiting) = self.waiting.take() {
            self.stage = Stage::Running;
            // A connection that broke while waiting takes its event with it, as on the service.
            let _ = waiting.send(given);
        }
    }

    /// Reports that it failed while starting.
    pub(crate) fn init_error(&mut self) -> Result<(), Refusal> {
        if !matches!(self.stage, Stage::Registered | Stage::InitError) {
            return Err(self.refuse("InitError"));
        }
        self.stage = Stage::InitError;
        Ok(())
    }

    /// Reports that it is about to exit.
    pub(crate) fn exit_error(&mut self) -> Result<(), Refusal> {
        if matches!(self.stage, Stage::Started | Stage::InitError) {
            return Err(self.refuse("Exited"));
        }
        self.stage = Stage::ExitError;
        Ok(())
    }

    fn refuse(&self, to: &str) -> Refusal {
        Refusal::transition(self.stage.name(), to, &format!("extension {}", self.name))
    }

    pub(crate) fn report(&self) -> ExtensionInit {
        let since = |at: Option<Instant>| at.map_or(Duration::ZERO, |at| at.duration_since(self.spawned));
        ExtensionInit {
            name: self.name.clone(),
            internal: self.internal,
            events: self.events.clone(),
            register: since(self.registered),
            first_next: since(self.first_next),
            subscription: self.subscription.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Started,
    /// Ready for a snapshot: asked for the restore to be over.
    Snapshot,
    InitError,
    Ready,
    Running,
    Responding,
    Responded,
}

impl Turn {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Snapshot => "RestoreReady",
            Self::InitError => "InitError",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::Responding => "InvocationResponse",
            Self::Responded => "ResponseSent",
        }
    }
}

pub(crate) struct Runtime {
    pub(crate) turn: Turn,
    pub(crate) process: Option<Arc<Process>>,
    pub(crate) first_next: Option<Instant>,
    pub(crate) last_next: Option<Instant>,
    /// Who asked for the restore to be over (SnapStart).
    pub(crate) restoring: Option<oneshot::Sender<()>>,
    /// Those who asked for an event: one, or as many as there are workers under Managed Instances.
    pub(crate) waiting: VecDeque<oneshot::Sender<Handout>>,
}

impl Runtime {
    pub(crate) const fn new() -> Self {
        Self {
            turn: Turn::Started,
            process: None,
            first_next: None,
            last_next: None,
            restoring: None,
            waiting: VecDeque::new(),
        }
    }
}

/// An invocation that has not ended.
#[derive(Debug, Default)]
pub(crate) struct Running {
    pub(crate) handed_out: Option<Instant>,
    pub(crate) response_started: Option<Instant>,
    pub(crate) response_done: Option<Instant>,
    pub(crate) result: Option<Result<Bytes, FunctionError>>,
    pub(crate) streamed: bool,
    pub(crate) content_type: Option<String>,
    pub(crate) produced: usize,
    /// Its caller was told that it timed out, but its code runs on (Managed Instances).
    pub(crate) abandoned: bool,
}

/// A call that is answered with an error.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) error_type: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn forbidden(error_type: &'static str, message: impl Into<String>) -> Self {
        Self { status: 403, error_type, message: message.into() }
    }

    pub(crate) fn invalid_request_id() -> Self {
        Self { status: 400, error_type: "InvalidRequestID", message: "Invalid request ID".to_owned() }
    }

    fn transition(from: &str, to: &str, whose: &str) -> Self {
        let message = format!(
            "State transition from {from} to {to} failed for {whose}. Error: State transition is not allowed"
        );
        Self::forbidden("Extension.InvalidExtensionState", message)
    }

    pub(crate) fn runtime(from: Turn, to: &str) -> Self {
        Self { error_type: "InvalidStateTransition", ..Self::transition(from.name(), to, "runtime") }
    }
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            phase: Phase::Down,
            generation: 0,
            registration_open: false,
            subscriptions_open: false,
            extensions: Vec::new(),
            runtime: Runtime::new(),
            running: HashMap::new(),
            pending: VecDeque::new(),
            current: None,
            fatal: None,
            farewell: None,
            blame: None,
            frozen: false,
            restored: false,
        }
    }

    /// Forgets the processes of the last init and opens the next.
    pub(crate) fn begin_init(&mut self) {
        let generation = self.generation + 1;
        *self = Self { generation, phase: Phase::Init, ..Self::new() };
        self.registration_open = true;
        self.subscriptions_open = true;
    }

    /// The extension that calls itself by this identifier.
    pub(crate) fn extension(&mut self, id: &str) -> Result<&mut Extension, Refusal> {
        self.extensions
            .iter_mut()
            .find(|extension| extension.id == id && extension.stage != Stage::Started)
            .ok_or_else(|| {
                Refusal::forbidden("Extension.UnknownExtensionIdentifier", format!("Unknown extension {id}"))
            })
    }

    /// Whether the runtime's part of the init is over.
    pub(crate) fn runtime_initialised(&self) -> bool {
        self.runtime.first_next.is_some() || self.runtime.turn == Turn::Snapshot
    }

    pub(crate) fn all_registered(&self) -> bool {
        self.extensions.iter().all(|extension| extension.registered.is_some())
    }

    /// Whether every extension that `event` went to is done with it (all of them, for the end of init).
    pub(crate) fn all_ready(&self, event: Option<&str>) -> bool {
        let concerned = |extension: &&Extension| event.is_none_or(|event| extension.wants(event));
        self.extensions.iter().filter(concerned).all(Extension::ready)
    }

    pub(crate) fn fail(&mut self, error_type: &str, what: String) {
        if self.fatal.is_none() {
            self.fatal = Some(Fatal { error_type: error_type.to_owned(), what });
        }
    }

    /// Matches waiting workers with pending events. A worker that hung up takes no event with it.
    pub(crate) fn dispatch(&mut self) {
        while let Some(event) = self.pending.pop_front() {
            let Some(waiting) = self.runtime.waiting.pop_front() else {
                self.pending.push_front(event);
                return;
            };
            match waiting.send(event.clone()) {
                Ok(()) => {
                    self.runtime.turn = Turn::Running;
                    self.current = Some(event);
                }
                Err(event) => self.pending.push_front(event),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_extension_moves_through_its_states_and_no_other_way() {
        let now = Instant::now();
        let mut extension = Extension::new("probe".to_owned(), false, now);
        assert!(extension.ask(now).is_err(), "not before it registered");
        assert!(extension.exit_error().is_err(), "nothing to exit from");
        extension.register(vec!["INVOKE".to_owned()], now).unwrap();
        let twice = extension.register(Vec::new(), now).unwrap_err();
        assert_eq!((twice.status, twice.error_type), (403, "Extension.InvalidExtensionState"));
        let _first = extension.ask(now).unwrap();
        assert!(extension.ask(now).is_err(), "it is waiting already");
        assert!(extension.init_error().is_err(), "init is over");
        extension.give(Given::Shutdown(Farewell { reason: Reason::Spindown, deadline_ms: 0 }));
        assert!(!extension.ready());
        extension.ask(now).unwrap();
    }
}
