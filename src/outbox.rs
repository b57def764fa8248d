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
use spanlayer_link::{Ended, Frame, Hello, Journal, Priority, Sender, Started};
use spanlayer_otlp::{
    Signal,
    sdk::{self, TraceBuffer},
};

use crate::{
    courier::{Courier, Posted, TICK},
    keep::Keep,
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
    /// What was not sent yet, where it outlives us.
    keep: Keep,
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
                keep: Keep::new(),
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

    /// Takes an ended span. Sends when there are many. What comes `last`, at the end of its invocation, need not be
    /// kept until it is sent.
    pub(crate) fn push(&self, span: &SpanData, last: bool) {
        let mut state = self.lock();
        state.running.closed(span.span_context.span_id());
        if state.is_full(Signal::Traces) {
            return;
        }
        state.spans.buffer.push(span);
        if state.spans.came_in(matches!(span.status, Status::Error { .. })) {
            self.ship(&mut state);
            state.tell(clock::monotonic(), true);
        } else if !last && state.keep.span(span) {
            self.keep(&mut state);
        }
    }

    /// Takes note of a span that begins; `span` is asked for only when it matters.
    pub(crate) fn opened(&self, report: &Arc<Report>, span: impl FnOnce() -> Option<SpanData>) {
        let mut state = self.lock();
        state.running.opened(report, span);
        state.keep.opened();
    }

    /// A handler waits: there is time to keep what was recorded.
    pub(crate) fn pause(&self) {
        self.keep(&mut self.lock());
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
        } else if state.keep.log(scope, record) {
            self.keep(&mut state);
        }
    }

    /// Takes what was encoded elsewhere, to be sent ahead of everything that waits, with the end of the invocation.
    #[cfg(feature = "metrics")]
    pub(crate) fn send(&self, signal: Signal, request: Bytes) -> Option<Posted> {
        let mut state = self.lock();
        state.announce();
        self.dispatch(&mut state, signal, request, Priority::Healthy)
    }

    /// An invocation begins: connects where there is no connection, and says so.
    pub(crate) fn begin(self: &Arc<Self>, report: &Arc<Report>, started: Started) {
        self.ticking.get_or_init(|| self.courier.run(Arc::downgrade(self)));
        let mut state = self.lock();
        state.held = false;
        if state.link(&self.socket).is_none() {
            // Who else would do anything with it?
            return;
        }
        // Sent later, with what else there is, unless it would be lost with the process.
        let is_kept = state.is_up_to_date() && state.keep.started(&started);
        state.running.begin(report, started);
        if !is_kept {
            state.announce();
            state.send_queued();
        }
    }

    /// An invocation was answered: sends everything that waits. Returns a handle to wait by when it goes by HTTP: the
    /// environment may be frozen once the next event is asked for, and the post with it.
    pub(crate) fn end(&self, report: &Arc<Report>, mut ended: Ended) -> Option<Posted> {
        let mut state = self.lock();
        let posted = self.queue(&mut state);
        state.running.end(report);
        if !state.running.is_empty() {
            // Others run beside it, and what they had finished was sent with this.
            state.tell(clock::monotonic(), false);
        }
        ended.dropped_spans += std::mem::take(&mut state.dropped);
        if let Some(link) = &mut state.link {
            link.queue(&Frame::Ended(ended), Priority::Control);
        }
        state.sent_everything();
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
            if state.running.any_seen() {
                state.announce();
            }
            state.tell(now, false);
            state.send_queued();
        }
        state.running.see();
        let due = state.running.next_due().map(|due| due.saturating_duration_since(now));
        due.unwrap_or(TICK).min(TICK)
    }

    /// Sends everything that waits. Returns the handle of the last post: they go one after another.
    fn ship(&self, state: &mut State) -> Option<Posted> {
        let posted = self.queue(state);
        state.sent_everything();
        posted
    }

    /// The same, but for the sending: what goes over the socket goes with what follows.
    fn queue(&self, state: &mut State) -> Option<Posted> {
        if state.held {
            return None;
        }
        state.announce();
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
                link.queue(&Frame::Telemetry(signal, request), priority);
                None
            }
            None => self.courier.post(signal, request),
        }
    }

    /// Keeps what was recorded since the last time; sends it where that cannot be.
    fn keep(&self, state: &mut State) {
        if !state.keep.has_news() {
            return;
        }
        let resource = state.encoded();
        let State { running, keep, .. } = state;
        if running.may_be_kept() && (keep.is_full() || !keep.all(&resource, running.open(&resource))) {
            self.ship(state);
            state.tell(clock::monotonic(), true);
            if state.keep.is_full() {
                // Nobody reads what is sent: they will not read this either.
                state.keep.write_to(None);
            }
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
        let told: Vec<_> = self.running.tell(now, &resource, all).collect();
        if !told.is_empty() {
            self.announce();
        }
        if let Some(link) = &mut self.link {
            told.into_iter().for_each(|open| link.queue(&Frame::Unfinished(open), Priority::Healthy));
            link.send_queued();
        }
    }

    /// Tells of the invocations whose beginning was only kept so far.
    fn announce(&mut self) {
        let Some(link) = &mut self.link else { return };
        for started in self.running.unannounced() {
            link.queue(&Frame::Started(started), Priority::Control);
        }
    }

    fn send_queued(&mut self) {
        if let Some(link) = &mut self.link {
            link.send_queued();
        }
    }

    /// Everything was queued: sends it, and keeps nothing of what was taken.
    fn sent_everything(&mut self) {
        // Should we die before it is taken back, it does not count twice.
        if let (Some(link), Some(mark)) = (&mut self.link, self.keep.mark()) {
            link.queue(&Frame::Said(mark), Priority::Control);
        }
        self.send_queued();
        self.keep.drop_buffered();
        if self.is_up_to_date() {
            self.keep.clear();
            self.running.forget_kept();
        }
    }

    /// Whether there is a connection, and it took whatever was to be sent.
    fn is_up_to_date(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.is_broken() && link.pending() == 0)
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
            let mut hello = Hello {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                resource: self.encoded(),
                journal: String::new(),
            };
            let known = self.link.is_some();
            let mut link = self.link.take().unwrap_or_else(Sender::disconnected);
            let keep = &mut self.keep;
            let connected = link.reconnect_with(socket, || {
                // The one before belongs to the connection before.
                let directory = socket.parent().unwrap_or(Path::new("."));
                keep.write_to(Journal::create(directory, &mut hello).ok());
                hello
            });
            self.link = (connected.is_ok() || known).then_some(link);
            // What runs was kept in the one before.
            self.announce();
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
