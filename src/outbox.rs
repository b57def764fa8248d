//! Where ended spans and log records wait, encoded, until they are sent: over the extension's socket when it is there,
//! else as OTLP/HTTP by the [`courier`](crate::courier).
//!
//! Nothing in here waits for another process. The lock is held for a few microseconds: an encoding, a write to a local
//! socket that takes what fits.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError},
    time::{Duration, Instant},
};

use bytes::Bytes;
#[cfg(feature = "logs")]
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::Status;
use opentelemetry_sdk::{Resource, trace::SpanData};
use spanlayer_host::clock;
use spanlayer_link::{Ended, Frame, Hello, Priority, Sender, Started};
use spanlayer_otlp::{
    Signal,
    sdk::{self, TraceBuffer},
};

use crate::{
    courier::{Courier, Posted, TICK},
    report::Report,
    resource,
    settings::Settings,
    unfinished::Running,
};

/// What the process has recorded, and the ways out.
#[derive(Debug)]
pub(crate) struct Outbox {
    socket: PathBuf,
    courier: Courier,
    state: Mutex<State>,
    ticking: OnceLock<()>,
}

#[derive(Debug)]
struct State {
    /// What everything has in common.
    resource: Resource,
    /// The same with an id of this environment, encoded. Made with what is first sent: not during the function's start.
    encoded: Option<Bytes>,
    spans: Waiting,
    logs: Waiting,
    /// The extension's socket, while connected.
    link: Option<Sender>,
    running: Running,
    /// Nothing is sent yet, nor is anything made that has to be different in every environment.
    held: bool,
    /// Items that found no room while that was so.
    dropped: u64,
}

/// What is recorded and not sent yet, of one signal.
#[derive(Debug)]
struct Waiting {
    buffer: TraceBuffer,
    /// When the oldest came in.
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
            state: Mutex::new(State {
                resource: settings.resource.clone(),
                encoded: None,
                spans: Waiting::new(),
                logs: Waiting::new(),
                link: None,
                running: Running::default(),
                held: settings.function.is_snapshot,
                dropped: 0,
            }),
            ticking: OnceLock::new(),
        })
    }

    /// Completes the resource by that of a tracer provider which the user made. No effect once anything was sent.
    pub(crate) fn use_resource(&self, theirs: &Resource) {
        let mut state = self.lock();
        state.resource = resource::complete(theirs, &state.resource);
    }

    /// What everything that is sent has in common.
    #[cfg(feature = "metrics")]
    pub(crate) fn resource(&self) -> Resource {
        let mut state = self.lock();
        state.encoded();
        state.resource.clone()
    }

    /// Takes an ended span. Sends when there are many.
    pub(crate) fn push(&self, span: &SpanData) {
        let mut state = self.lock();
        state.running.closed(span.span_context.span_id());
        if state.is_full(Signal::Traces) {
            return;
        }
        state.spans.buffer.push(span);
        if state.spans.came_in(matches!(span.status, Status::Error { .. })) {
            self.ship(&mut state);
            state.tell(clock::monotonic(), true);
        }
    }

    /// Takes note of a span that begins; `span` is asked for only when it matters.
    pub(crate) fn opened(&self, report: &Arc<Report>, span: impl FnOnce() -> Option<SpanData>) {
        self.lock().running.opened(report, span);
    }

    /// Takes a log record, encoded. Sends when there are many.
    #[cfg(feature = "logs")]
    pub(crate) fn push_log(&self, scope: &InstrumentationScope, record: &[u8], is_error: bool) {
        let mut state = self.lock();
        if state.is_full(Signal::Logs) {
            return;
        }
        state.logs.buffer.push_encoded(scope, record);
        if state.logs.came_in(is_error) {
            self.ship(&mut state);
        }
    }

    /// Sends what was encoded elsewhere, ahead of everything that waits.
    #[cfg(feature = "metrics")]
    pub(crate) fn send(&self, signal: Signal, request: Bytes) -> Option<Posted> {
        self.dispatch(&mut self.lock(), signal, request, Priority::Healthy)
    }

    /// An invocation begins: connects where there is no connection, and says so.
    pub(crate) fn begin(self: &Arc<Self>, report: &Arc<Report>, started: Started) {
        self.ticking.get_or_init(|| self.courier.run(Arc::downgrade(self)));
        let mut state = self.lock();
        state.held = false;
        if state.link(&self.socket).is_some() {
            // Who else would do anything with it?
            state.running.begin(report, &started);
        }
        if let Some(link) = &mut state.link {
            link.send(&Frame::Started(started), Priority::Control);
        }
    }

    /// An invocation was answered: sends everything that waits. Returns a handle to wait by when it goes by HTTP: the
    /// environment may be frozen once the next event is asked for, and the post with it.
    pub(crate) fn end(&self, report: &Arc<Report>, mut ended: Ended) -> Option<Posted> {
        let mut state = self.lock();
        state.running.end(report);
        let posted = self.ship(&mut state);
        if !state.running.is_empty() {
            // Others run beside it, and what they had finished was sent with this.
            state.tell(clock::monotonic(), false);
        }
        ended.dropped_spans += std::mem::take(&mut state.dropped);
        if let Some(link) = &mut state.link {
            link.send(&Frame::Ended(ended), Priority::Control);
        }
        posted
    }

    /// Sends everything that waits.
    pub(crate) fn flush(&self) {
        self.ship(&mut self.lock());
    }

    /// Sends what has waited for long, and what is open by now: the function may die before its invocation ends.
    /// Returns how long to wait before the next time.
    pub(crate) fn tick(&self) -> Duration {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Whoever holds it is about to send.
            Err(TryLockError::WouldBlock) => return SOON,
        };
        let now = clock::monotonic();
        let since = state.spans.since.into_iter().chain(state.logs.since).min();
        if since.is_some_and(|since| now.duration_since(since) >= OLD) || state.running.is_due(now) {
            self.ship(&mut state);
            state.tell(now, true);
        } else {
            state.tell(now, false);
            if let Some(link) = &mut state.link {
                link.pump();
            }
        }
        state.running.see();
        let due = state.running.next_due().map(|due| due.saturating_duration_since(now));
        due.unwrap_or(TICK).min(TICK)
    }

    /// Returns the handle of the last post: they go one after another.
    fn ship(&self, state: &mut State) -> Option<Posted> {
        if state.held {
            return None;
        }
        let mut posted = None;
        for signal in [Signal::Logs, Signal::Traces] {
            if let Some((request, priority)) = state.take(signal) {
                posted = self.dispatch(state, signal, request, priority).or(posted);
            }
        }
        posted
    }

    fn dispatch(
        &self,
        state: &mut State,
        signal: Signal,
        request: Bytes,
        priority: Priority,
    ) -> Option<Posted> {
        match state.link(&self.socket) {
            Some(link) => {
                link.send(&Frame::Telemetry(signal, request), priority);
                None
            }
            None => self.courier.post(signal, request),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Whatever panicked while it held the lock left spans, and spans are worth sending.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether there is no more room, and nothing can be sent to make some; counts what is given up for it.
    fn is_full(&mut self, signal: Signal) -> bool {
        let full = self.held && self.waiting(signal).buffer.len_bytes() >= MOST_HELD;
        self.dropped += u64::from(full);
        full
    }

    /// Tells what is open.
    fn tell(&mut self, now: Instant, all: bool) {
        if self.running.is_empty() {
            return;
        }
        let resource = self.encoded();
        for unfinished in self.running.tell(now, &resource, all) {
            if let Some(link) = &mut self.link {
                link.send(&Frame::Unfinished(unfinished), Priority::Healthy);
            }
        }
    }

    fn waiting(&mut self, signal: Signal) -> &mut Waiting {
        if signal == Signal::Logs { &mut self.logs } else { &mut self.spans }
    }

    /// Takes what waits of a signal, as a request.
    fn take(&mut self, signal: Signal) -> Option<(Bytes, Priority)> {
        if self.waiting(signal).buffer.is_empty() {
            return None;
        }
        let resource = self.encoded();
        let waiting = self.waiting(signal);
        waiting.since = None;
        waiting.buffer.set_resource(resource);
        let request = waiting.buffer.take_request();
        Some((request.into(), std::mem::replace(&mut waiting.priority, Priority::Healthy)))
    }

    /// The resource, encoded.
    fn encoded(&mut self) -> Bytes {
        let encode = || {
            self.resource = resource::with_instance(&self.resource);
            Bytes::from(sdk::resource(&self.resource))
        };
        self.encoded.get_or_insert_with(encode).clone()
    }

    /// The connection, made where there is none; that costs a few microseconds when nobody listens. `None` until the
    /// first success: after it, what is sent waits for the extension to come back, bounded.
    fn link(&mut self, socket: &Path) -> Option<&mut Sender> {
        if self.link.as_ref().is_none_or(Sender::is_broken) {
            let hello = Hello { version: env!("CARGO_PKG_VERSION").to_owned(), resource: self.encoded() };
            let known = self.link.is_some();
            let mut link = self.link.take().unwrap_or_else(Sender::disconnected);
            let connected = link.reconnect(socket, &hello).is_ok();
            self.link = (connected || known).then_some(link);
        }
        self.link.as_mut()
    }
}

impl Waiting {
    fn new() -> Self {
        Self { buffer: TraceBuffer::new(Bytes::new()), since: None, priority: Priority::Healthy }
    }

    /// Notes that something came in. Whether that makes it time to send.
    fn came_in(&mut self, is_error: bool) -> bool {
        self.since.get_or_insert_with(clock::monotonic);
        if is_error {
            self.priority = Priority::Error;
        }
        self.buffer.len_bytes() >= LARGE
    }
}

/// What waits is sent when it is this many bytes: far below what the socket takes at once.
const LARGE: usize = 64 * 1024;

/// What waits is sent when the oldest has waited for this long.
const OLD: Duration = Duration::from_secs(1);

/// How soon it is looked at again where somebody was in the way.
const SOON: Duration = Duration::from_millis(5);

/// As much is kept before the first invocation of an environment that is being made for a snapshot.
const MOST_HELD: usize = 1024 * 1024;
