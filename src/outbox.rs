//! Where ended spans wait, encoded, until they are sent: over the extension's socket when it is there, else as
//! OTLP/HTTP by the [`courier`](crate::courier).
//!
//! Nothing in here waits for another process. The lock is held for a few microseconds: an encoding, a write to a local
//! socket that takes what fits.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use opentelemetry::trace::Status;
use opentelemetry_sdk::{Resource, trace::SpanData};
use spanlayer_host::clock;
use spanlayer_link::{Ended, Frame, Hello, Priority, Sender, Started};
use spanlayer_otlp::{
    Signal,
    sdk::{self, TraceBuffer},
};

use crate::{
    courier::{Courier, Posted},
    resource,
    settings::Settings,
};

/// The process's ended spans, and the ways out.
#[derive(Debug)]
pub(crate) struct Outbox {
    socket: PathBuf,
    courier: Courier,
    state: Mutex<State>,
    ticking: OnceLock<()>,
}

#[derive(Debug)]
struct State {
    /// What all spans have in common, before it is encoded.
    resource: Resource,
    /// Made with the first span, or the first invocation: not during the function's start.
    waiting: Option<Waiting>,
    /// The extension's socket, while connected.
    link: Option<Sender>,
}

/// Spans that ended and are not sent yet.
#[derive(Debug)]
struct Waiting {
    /// The encoded resource.
    resource: Bytes,
    buffer: TraceBuffer,
    /// When the oldest ended.
    since: Option<Instant>,
    /// What dropping them would cost.
    priority: Priority,
}

impl Outbox {
    /// An empty outbox; connects to nothing yet.
    pub(crate) fn new(settings: &Settings) -> Arc<Self> {
        Arc::new(Self {
            socket: settings.socket.clone(),
            courier: Courier::new(settings.fallback),
            state: Mutex::new(State { resource: settings.resource.clone(), waiting: None, link: None }),
            ticking: OnceLock::new(),
        })
    }

    /// Completes the resource by that of a tracer provider which the user made. No effect once spans were sent.
    pub(crate) fn use_resource(&self, theirs: &Resource) {
        let mut state = self.lock();
        state.resource = resource::complete(theirs, &state.resource);
    }

    /// Takes an ended span. Sends when there are many.
    pub(crate) fn push(&self, span: &SpanData) {
        let mut state = self.lock();
        let waiting = state.waiting();
        waiting.buffer.push(span);
        waiting.since.get_or_insert_with(clock::monotonic);
        if matches!(span.status, Status::Error { .. }) {
            waiting.priority = Priority::Error;
        }
        if waiting.buffer.len_bytes() >= LARGE {
            self.ship(&mut state);
        }
    }

    /// An invocation begins: connects where there is no connection, and says so.
    pub(crate) fn begin(self: &Arc<Self>, started: Started) {
        self.ticking.get_or_init(|| self.courier.run(Arc::downgrade(self)));
        let mut state = self.lock();
        if let Some(link) = state.link(&self.socket) {
            link.send(&Frame::Started(started), Priority::Control);
        }
    }

    /// An invocation was answered: sends everything that waits. Returns a handle to wait by when it goes by HTTP: the
    /// environment may be frozen once the next event is asked for, and the post with it.
    pub(crate) fn end(&self, ended: Ended) -> Option<Posted> {
        let mut state = self.lock();
        let posted = self.ship(&mut state);
        if let Some(link) = &mut state.link {
            link.send(&Frame::Ended(ended), Priority::Control);
        }
        posted
    }

    /// Sends everything that waits.
    pub(crate) fn flush(&self) {
        self.ship(&mut self.lock());
    }

    /// Sends what has waited for long: the function may die before its invocation ends.
    pub(crate) fn tick(&self) {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Whoever holds it is about to send.
            Err(TryLockError::WouldBlock) => return,
        };
        let since = state.waiting.as_ref().and_then(|waiting| waiting.since);
        if since.is_some_and(|since| clock::monotonic().duration_since(since) >= OLD) {
            self.ship(&mut state);
        } else if let Some(link) = &mut state.link {
            link.pump();
        }
    }

    fn ship(&self, state: &mut State) -> Option<Posted> {
        let waiting = state.waiting.as_mut().filter(|waiting| !waiting.buffer.is_empty())?;
        let spans = waiting.buffer.items();
        let request = Bytes::from(waiting.buffer.take_request());
        waiting.since = None;
        let priority = std::mem::replace(&mut waiting.priority, Priority::Healthy);
        match state.link(&self.socket) {
            Some(link) => {
                link.send(&Frame::Telemetry(Signal::Traces, request), priority);
                None
            }
            None => self.courier.post(request, spans),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whatever panicked while it held the lock left spans, and spans are worth sending.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn waiting(&mut self) -> &mut Waiting {
        self.waiting.get_or_insert_with(|| {
            let resource = Bytes::from(sdk::resource(&resource::with_instance(&self.resource)));
            Waiting {
                buffer: TraceBuffer::new(resource.clone()),
                resource,
                since: None,
                priority: Priority::Healthy,
            }
        })
    }

    /// The connection, made where there is none; that costs a few microseconds when nobody listens. `None` until the
    /// first success: after it, what is sent waits for the extension to come back, bounded.
    fn link(&mut self, socket: &Path) -> Option<&mut Sender> {
        if self.link.as_ref().is_none_or(Sender::is_broken) {
            let hello = Hello {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                resource: self.waiting().resource.clone(),
            };
            let known = self.link.is_some();
            let mut link = self.link.take().unwrap_or_else(Sender::disconnected);
            let connected = link.reconnect(socket, &hello).is_ok();
            self.link = (connected || known).then_some(link);
        }
        self.link.as_mut()
    }
}

/// Spans are sent when they are this many bytes: far below what the socket takes at once.
const LARGE: usize = 64 * 1024;

/// Spans are sent when the oldest has waited for this long.
const OLD: Duration = Duration::from_secs(1);
