//! How the handler tells the invocation around it what went wrong: by a value in the OpenTelemetry context, which is
//! current while the handler is polled. Nothing is shared between invocations, so any number may run at once.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use opentelemetry::{Context, KeyValue, Value};

use crate::{
    overrides::Overrides,
    stream::Progress,
    trigger::response::{Answer, Told},
};

/// What is known of one invocation while it runs.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) request_id: String,
    /// The request's method, as it stands in names: with a route that becomes known later it makes one.
    method: OnceLock<Value>,
    /// What there is to read in the answer.
    answer: OnceLock<Answer>,
    failure: Mutex<Option<Failed>>,
    told: Mutex<Told>,
    /// What the handler said of its invocation.
    overrides: Mutex<Overrides>,
    /// The answer's stream, if it has one.
    pub(crate) stream: Progress,
}

/// Why an invocation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// What kind of failure: of few values (`error.type`).
    pub(crate) kind: String,
    /// What happened, in words.
    pub(crate) message: String,
}

impl Report {
    pub(crate) fn new(request_id: &str) -> Arc<Self> {
        Arc::new(Self {
            request_id: request_id.to_owned(),
            method: OnceLock::new(),
            answer: OnceLock::new(),
            failure: Mutex::default(),
            told: Mutex::default(),
            overrides: Mutex::default(),
            stream: Progress::new(),
        })
    }

    /// Notes what is worth knowing of the event's attributes.
    pub(crate) fn asked_by(&self, attributes: &[KeyValue]) {
        if let Some(method) = attributes.iter().find(|pair| pair.key.as_str() == "http.request.method") {
            self.method.get_or_init(|| method.value.clone());
        }
    }

    /// The request's method as it stands in names, if this is a request.
    pub(crate) fn method(&self) -> Option<&str> {
        match self.method.get()? {
            // The conventions' value for what nobody knows.
            Value::String(method) if method.as_str() == "_OTHER" => Some("HTTP"),
            Value::String(method) => Some(method.as_str()),
            _ => None,
        }
    }

    /// Says what there is to read in the answer; the first word counts.
    pub(crate) fn expect(&self, answer: Answer) {
        self.answer.get_or_init(|| answer);
    }

    /// Reads the answer, as JSON.
    pub(crate) fn answered(&self, json: &[u8]) {
        if let Some(answer) = self.answer.get() {
            *lock(&self.told) = answer.read(json);
        }
    }

    /// Notes the status that a streamed answer begins with.
    pub(crate) fn streams(&self, status: u16) {
        if matches!(self.answer.get(), Some(Answer::Http { .. })) {
            lock(&self.told).status = Some(status);
        }
    }

    /// Takes what the answer told.
    pub(crate) fn take_told(&self) -> Told {
        std::mem::take(&mut *lock(&self.told))
    }

    /// The invocation that is being polled, if there is one.
    pub(crate) fn current() -> Option<Arc<Self>> {
        Context::map_current(|context| context.get::<Arc<Self>>().cloned())
    }

    /// Notes a failure. The first one is the cause of any other.
    pub(crate) fn fail(&self, kind: impl Into<String>, message: impl Into<String>) {
        lock(&self.failure).get_or_insert_with(|| Failed { kind: kind.into(), message: message.into() });
    }

    /// Lets the handler say something of its invocation.
    pub(crate) fn overrule(&self, what: impl FnOnce(&mut Overrides)) {
        what(&mut lock(&self.overrides));
    }

    /// What the handler said so far.
    pub(crate) fn overrides(&self) -> Overrides {
        lock(&self.overrides).clone()
    }

    /// Takes the failure that was noted.
    pub(crate) fn take_failure(&self) -> Option<Failed> {
        lock(&self.failure).take()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
