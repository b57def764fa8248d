//! How the handler tells the invocation around it what went wrong: by a value in the OpenTelemetry context, which is
//! current while the handler is polled. Nothing is shared between invocations, so any number may run at once.

use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::Context;

/// What is known of one invocation while it runs.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) request_id: String,
    failure: Mutex<Option<Failed>>,
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
        Arc::new(Self { request_id: request_id.to_owned(), failure: Mutex::new(None) })
    }

    /// The invocation that is being polled, if there is one.
    pub(crate) fn current() -> Option<Arc<Self>> {
        Context::map_current(|context| context.get::<Arc<Self>>().cloned())
    }

    /// Notes a failure. The first one is the cause of any other.
    pub(crate) fn fail(&self, kind: impl Into<String>, message: impl Into<String>) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert_with(|| Failed { kind: kind.into(), message: message.into() });
    }

    /// Takes what was noted.
    pub(crate) fn take(&self) -> Option<Failed> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
