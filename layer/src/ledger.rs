//! The ledger of invocations: everything that anybody tells of them goes in, and what nobody else can tell comes out.
//!
//! A value without clock, chance or I/O of its own: time comes as Unix nanoseconds, chance as a function. What comes in
//! may come in any order, twice, or not at all; what comes out comes once.
//!
//! | In | Told by | What it is good for |
//! |---|---|---|
//! | [`hello`](Ledger::hello) | link | the function's resource |
//! | [`started`](Ledger::started) | link | the invocation's span, if the function does not live to end it |
//! | [`cut_off`](Ledger::cut_off) | a journal that was left | the same, of a function that went down with its extension |
//! | [`ended`](Ledger::ended) | link | it did: the span is, or will be, with the function's own |
//! | [`unfinished`](Ledger::unfinished) | link | what was open inside of it, if it never ends |
//! | [`saw`](Ledger::saw) | link, OTLP receivers | the spans of the function: which of them is the invocation's |
//! | [`invoked`](Ledger::invoked) | Extensions API | an invocation, its deadline and ARN |
//! | [`shutdown`](Ledger::shutdown) | Extensions API | what ran was cut off, by a timeout or a failure |
//! | [`platform`](Ledger::platform) | Telemetry API | init, restore, start, end, cost, lines of output |
//! | [`used`](Ledger::used) | whoever reads `/proc` | processor time and bytes of an invocation |
//!
//! | Out | When |
//! |---|---|
//! | the invocation's span, status ERROR | *started* without *ended*, and the platform says that it failed |
//! | what was open inside of it | with that span |
//! | the invocation's span | the function makes none ([`Settings::complete`]), and the platform says that it is over |
//! | `init` or `restore` | once, under the first invocation's span |
//! | `platform.report` | once an invocation, under its span, when the report comes: late, and amending nothing |
//! | Lambda's own segment | it is the parent of the invocation's span ([`Settings::fill_segments`]) |
//! | log records | every line, with trace and span id once these are known |
//! | metrics | [`take_metrics`](Ledger::take_metrics) |
//!
//! # When a missing span is missed
//!
//! The platform's word may overtake the function's: they come over different sockets. So the platform's evidence counts
//! only once everything that had been sent before it was read: when the driver says so ([`settle`](Ledger::settle)), or
//! [`GRACE`] later. A function that is known to make spans of its own gets until the next invocation is over, since
//! SDKs send late. With Managed Instances nothing kills what times out: there, a wrapped function's span is given up
//! only when the environment ends.
//!
//! A success without *ended* means that the function's word was lost, as when its link broke. Once the next invocation
//! is over too, its span is made like any other, so that its children have their parent.
//!
//! A span made here carries `spanlayer.origin` = `platform`. Its `error.type` is Lambda's own word where it gives one
//! (`Runtime.ExitError`, `Runtime.OutOfMemory`, `Sandbox.Timedout`, …), else `timeout`, `failure` or `error`.
//!
//! # Bounds
//!
//! At most [`Settings::remember`] invocations; the oldest goes, after a last judgement. What is ready to be taken and
//! what waits is bounded in bytes; what finds no room is counted in [`Stats`], and a waiting log line goes out without
//! ids before it is dropped.

mod book;
mod desk;
mod environment;
mod intake;
mod invocation;
mod logs;
mod mention;
mod metrics;
pub mod platform;
mod resource;
mod span;
mod time;
mod xray;

#[cfg(test)]
mod tests;

pub use intake::Invoked;
pub use logs::level::Severity;
pub use mention::{Mention, each_mention, mentions_invocation};
pub use metrics::{Temporality, table as metrics_table};
pub use resource::{resource, service};
pub use xray::Header;

use crate::config::View;
use book::{Book, Turn};
use bytes::Bytes;
use desk::Desk;
use invocation::Context;
use logs::{Logs, Owner};
use spanlayer_otlp::Signal;
use std::fmt;

/// Gives random bytes: ids are made of them.
pub type Random = Box<dyn FnMut() -> [u8; 16] + Send>;

/// What the ledger does, and for whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The fingerprint of the pipeline file that counts; empty if none does.
    pub config: String,
    /// Many invocations at once (Managed Instances): everything is told apart by request id alone.
    pub managed: bool,
    /// Names the spans of functions that make none.
    pub function: String,
    /// The resource of functions that do not tell theirs, as an encoded `Resource` message; see
    /// [`Ledger::describe`].
    pub resource: Bytes,
    /// Whether a function that makes no invocation spans gets them. Those of wrapped functions are always completed.
    pub complete: bool,
    /// Whether a span is made for Lambda's own segment where it is the parent of the invocation's span. Right for any
    /// backend but X-Ray, which has it.
    pub fill_segments: bool,
    /// Lines below this level are left out; `None` leaves out all lines.
    pub logs: Option<Severity>,
    /// What metrics cover; `None` for no metrics.
    pub metrics: Option<Temporality>,
    /// How many invocations are remembered. One at a time, a few are enough: the last one's report is late. At once,
    /// it has to be more than ever run at once.
    pub remember: usize,
}

impl Settings {
    /// Does as it is told.
    pub(crate) fn follow(&mut self, view: &View, config: &str) {
        config.clone_into(&mut self.config);
        (self.complete, self.fill_segments) = (view.complete, view.fill_segments);
        (self.logs, self.metrics) = (view.logs, view.metrics);
    }

    /// The defaults, of a function on demand or of Managed Instances.
    pub fn new(managed: bool) -> Self {
        Self {
            config: String::new(),
            managed,
            function: "function".to_owned(),
            resource: Bytes::new(),
            complete: true,
            fill_segments: false,
            logs: Some(Severity::UNSPECIFIED),
            metrics: Some(Temporality::Delta),
            remember: if managed { 1024 } else { 64 },
        }
    }
}

/// What was measured of an invocation from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Processor time, in seconds.
    pub cpu_seconds: Option<f64>,
    /// Bytes received and sent.
    pub network_bytes: Option<u64>,
}

/// Something to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Which signal's.
    pub signal: Signal,
    /// An encoded `Export…ServiceRequest`.
    pub request: Bytes,
}

/// What the ledger did, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Invocation spans made here.
    pub invocation_spans: u64,
    /// Invocations forgotten before everything was told of them.
    pub forgotten: u64,
    /// The function's own word of an invocation came after its span was made here.
    pub contradicted: u64,
    /// Spans that there was no room for.
    pub spans_dropped: u64,
    /// Log records that there was no room for.
    pub logs_dropped: u64,
    /// Log records that the platform says it dropped before they reached us.
    pub logs_lost_by_platform: u64,
}

/// See the [module](self).
pub struct Ledger {
    book: Book,
    desk: Desk,
    logs: Option<Logs>,
    /// The first invocation of this environment.
    first: Option<Turn>,
    /// The last one that began.
    latest: Option<Turn>,
    /// The one that the platform's stream of events is in.
    current: Option<Turn>,
    /// A failure ends the environment.
    failed: bool,
    closed: bool,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger")
            .field("latest", &self.latest)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// An empty ledger.
    pub fn new(settings: Settings, random: Random) -> Self {
        Self {
            book: Book::new(settings.remember),
            logs: settings.logs.map(Logs::new),
            desk: Desk::new(settings, random),
            first: None,
            latest: None,
            current: None,
            failed: false,
            closed: false,
        }
    }

    /// What is wanted from here on: less than before, if anything.
    pub(crate) fn follow(&mut self, view: &View, config: &str) {
        self.desk.follow(view, config);
        if view.logs.is_none() {
            self.logs = None;
        }
    }

    /// Says what describes a function that does not tell its own resource. It must name this environment
    /// (`service.instance.id`), or metrics of different environments collide; [`resource()`] makes one. Nothing is
    /// taken before: what is restored from a snapshot must not be named when the snapshot is made.
    pub fn describe(&mut self, resource: Bytes) {
        self.desk.settings.resource = resource;
    }

    /// Everything that had reached this machine was read: the platform's evidence counts. (The receivers were read dry,
    /// in this order: first noted that an invocation is over, then read.)
    pub fn settle(&mut self, now: u64) {
        self.review(now, now);
    }

    /// Nothing more comes: what is not known by now stays unknown. Everything that waits is ready after it.
    pub fn close(&mut self, now: u64) {
        self.closed = true;
        self.review(now, now);
        self.prepare();
        self.desk.failed_init();
        self.release_lines();
    }

    /// What is ready, spans and log records; asked for before each flush. Metrics are asked for by themselves.
    pub fn take(&mut self, now: u64) -> Vec<Ready> {
        self.review(now, now.saturating_sub(GRACE));
        if let Some(logs) = self.logs.as_mut().filter(|logs| logs.is_waiting()) {
            let given_up = now.saturating_sub(NAMED);
            logs.release(|owner, since| {
                (matches!(owner, Owner::Named(_)) && since <= given_up).then_some(None)
            });
        }
        let spans = self.desk.take_spans();
        let logs = self.logs.as_mut().and_then(|logs| logs.take(self.desk.resource()));
        let ready = |signal, request: Option<Vec<u8>>| {
            request.map(|request| Ready { signal, request: request.into() })
        };
        let interrupted = std::mem::take(&mut self.desk.interrupted).into_iter();
        let interrupted = interrupted.map(|request| Ready { signal: Signal::Traces, request });
        let made = [ready(Signal::Traces, spans), ready(Signal::Logs, logs)];
        made.into_iter().flatten().chain(interrupted).collect()
    }

    /// What was counted and measured since the last time (or ever, if cumulative), as a request. `None` when nothing
    /// was.
    pub fn take_metrics(&mut self, now: u64) -> Option<Ready> {
        self.review(now, now.saturating_sub(GRACE));
        let request = self.desk.take_metrics(now)?.into();
        Some(Ready { signal: Signal::Metrics, request })
    }

    /// The resource of what the extension tells of itself: the function's.
    pub(crate) fn own_resource(&self) -> Bytes {
        self.desk.wrapped_resource.as_ref().unwrap_or(&self.desk.settings.resource).clone()
    }

    /// How many bytes are ready to be taken.
    pub fn ready_bytes(&self) -> usize {
        self.desk.spans_ready() + self.logs.as_ref().map_or(0, Logs::ready_bytes)
    }

    /// Whether something may still come of what was told: an invocation that is not concluded, a line that waits.
    pub fn is_waiting(&self) -> bool {
        !self.desk.open.is_empty() || self.logs.as_ref().is_some_and(Logs::is_waiting)
    }

    /// Whether the platform, if it tells of invocations, has yet to say what the last one cost: its word comes after
    /// the environment was frozen, at the next thaw. Where a failure ends the environment before there was any, that is
    /// the init's, and the platform says so no earlier.
    pub fn awaits_report(&self) -> bool {
        match self.latest.and_then(|turn| self.book.get(turn)) {
            Some(latest) => latest.report.is_none(),
            None => self.failed && !self.desk.environment.init.is_complete(),
        }
    }

    /// What the ledger did so far.
    pub fn stats(&self) -> Stats {
        Stats { logs_dropped: self.logs.as_ref().map_or(0, |logs| logs.dropped), ..self.desk.stats }
    }

    /// Judges every invocation that was known to be over at `cutoff`; all of them, at the end.
    fn review(&mut self, now: u64, cutoff: u64) {
        let open: Vec<Turn> = self.desk.open.iter().copied().collect();
        if open.is_empty() {
            return;
        }
        let known = |since: Option<u64>| since.is_some_and(|since| since <= cutoff);
        let latest_over = self.book.iter().rev().find(|(_, one)| known(one.over_since)).map(|(turn, _)| turn);
        for turn in open {
            let Some(invocation) = self.book.get_mut(turn) else {
                self.desk.open.remove(&turn);
                continue;
            };
            if !known(invocation.over_since)
                && !self.closed
                && latest_over.is_none_or(|latest| latest <= turn)
            {
                continue;
            }
            let superseded = match self.desk.settings.managed {
                true => invocation.over_since.is_some_and(|since| since.saturating_add(LATE) <= now),
                false => latest_over.is_some_and(|latest| turn < latest),
            };
            let is_first = self.first == Some(turn);
            if self.desk.review(invocation, is_first, superseded, self.closed) {
                self.desk.open.remove(&turn);
            }
        }
        self.prepare();
        self.release_lines();
    }

    /// Tells of init and restore once the first invocation's trace is known.
    fn prepare(&mut self) {
        let first = self.first.and_then(|turn| self.book.get(turn));
        if let Some(first) = first {
            self.desk.prepare(first, self.closed);
        }
    }

    /// Lets go of the lines whose trace is known by now.
    fn release_lines(&mut self) {
        let Some(logs) = self.logs.as_mut().filter(|logs| logs.is_waiting()) else { return };
        let (book, closed) = (&self.book, self.closed);
        let init = self.desk.init_context();
        logs.release(|owner, _| {
            let context = match owner {
                Owner::Init => init,
                Owner::Turn(turn) => book.get(*turn).map_or(Context::None, |one| one.context),
                Owner::Named(id) => {
                    book.find(id).and_then(|turn| book.get(turn)).map_or(Context::Unknown, |one| one.context)
                }
                Owner::Nobody => Context::None,
            };
            match context {
                Context::Known(context) => Some(Some(context)),
                Context::None => Some(None),
                Context::Unknown => closed.then_some(None),
            }
        });
    }
}

/// How long after the platform's word the function's own may still be on its way, in nanoseconds. Longer than it takes
/// to read a socket, shorter than anybody waits.
pub const GRACE: u64 = 100_000_000;

/// With Managed Instances: how long after an invocation an SDK may still send its span, in nanoseconds.
const LATE: u64 = 10_000_000_000;

/// How long a line waits for an invocation that only the line speaks of, in nanoseconds.
const NAMED: u64 = 10_000_000_000;
