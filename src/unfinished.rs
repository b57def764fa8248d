//! What is open while an invocation runs: told to the extension from time to time, and shortly before the deadline, so
//! that the trace of an invocation that is cut off shows where the time went.
//!
//! An open span cannot be sent as it is: should it end after all, there would be two of it. So the extension keeps what
//! it is told, forgets it when the invocation has *ended*, and delivers it when the platform says that it never will.
//! Spans that are sent before the end of their invocation are followed by this: their parents are among what is open.
//!
//! The same is kept in the link's journal (see [`keep`](crate::keep)) for a function that dies before anything is told.
//!
//! A span counts here from its start to its end, with the attributes that it started with.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use opentelemetry::{KeyValue, trace::SpanId};
use opentelemetry_sdk::trace::SpanData;
use spanlayer_host::clock;
use spanlayer_link::{Started, Unfinished};
use spanlayer_otlp::{
    sdk::{self, TraceBuffer},
    wire::{Fields, bytes_field},
};

use crate::{invocation::SPAN_ATTRIBUTES, overrides::Overrides, report::Report};

/// The invocations that run.
#[derive(Debug, Default)]
pub(crate) struct Running {
    invocations: Vec<Invocation>,
    /// When it was last kept what is open.
    kept: Option<Instant>,
}

#[derive(Debug)]
struct Invocation {
    report: Arc<Report>,
    /// What *started* said.
    attributes: Bytes,
    /// The open spans; `ids` beside them, since they are looked for by those at each end of a span.
    ids: Vec<SpanId>,
    spans: Vec<SpanData>,
    /// When it is told for the last time; `None` once it was.
    due: Option<Instant>,
    /// It has run for long enough to be told of.
    seen: bool,
    /// *started*, until it is sent.
    unannounced: Option<Started>,
    told: Told,
    /// The spans that were open when that was last kept; `None` when it was not.
    kept: Option<Vec<SpanId>>,
}

/// What the extension was told last.
#[derive(Debug, Default)]
struct Told {
    something: bool,
    /// The open spans are the same as then.
    still_true: bool,
    overrides: Overrides,
}

impl Running {
    /// An invocation has begun.
    pub(crate) fn begin(&mut self, report: &Arc<Report>, started: Started) {
        let left = Duration::from_millis(started.deadline_unix_millis.saturating_sub(clock::unix_millis()));
        // Outside Lambda nobody says until when.
        let due =
            clock::monotonic().checked_add(left - margin(left)).filter(|_| started.deadline_unix_millis > 0);
        self.invocations.push(Invocation {
            report: Arc::clone(report),
            attributes: started.attributes.clone(),
            ids: Vec::new(),
            spans: Vec::new(),
            due,
            seen: false,
            unannounced: Some(started),
            kept: None,
            told: Told { still_true: true, ..Told::default() },
        });
    }

    /// An invocation was answered.
    pub(crate) fn end(&mut self, report: &Arc<Report>) {
        self.invocations.retain(|one| !Arc::ptr_eq(&one.report, report));
    }

    /// Whether none does.
    pub(crate) fn is_empty(&self) -> bool {
        self.invocations.is_empty()
    }

    /// A span has begun; `span` is asked only if it is one of an invocation that runs.
    pub(crate) fn opened(&mut self, report: &Arc<Report>, span: impl FnOnce() -> Option<SpanData>) {
        let Some(one) = self.invocations.iter_mut().find(|one| Arc::ptr_eq(&one.report, report)) else {
            return;
        };
        if one.ids.len() < MOST_SPANS
            && let Some(mut span) = span()
        {
            // No status: whether what it stands for failed, nobody knows. The invocation's span says what happened.
            span.attributes.push(KeyValue::new(INTERRUPTED, true));
            one.ids.push(span.span_context.span_id());
            one.spans.push(span);
            one.told.still_true = false;
        }
    }

    /// A span has ended.
    pub(crate) fn closed(&mut self, id: SpanId) {
        for one in &mut self.invocations {
            // The last to begin are the first to end.
            if let Some(at) = one.ids.iter().rposition(|open| *open == id) {
                one.ids.remove(at);
                one.spans.remove(at);
                one.told.still_true = false;
                return;
            }
        }
    }

    /// Whether one of them is about to be cut off.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.next_due().is_some_and(|due| due <= now)
    }

    /// When the next one is.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.invocations.iter().filter_map(|one| one.due).min()
    }

    /// Takes what is to be sent of the beginnings of invocations.
    pub(crate) fn unannounced(&mut self) -> impl Iterator<Item = Started> {
        self.invocations.iter_mut().filter_map(|one| one.unannounced.take())
    }

    /// Whether one of them runs for a while.
    pub(crate) fn any_seen(&self) -> bool {
        self.invocations.iter().any(|one| one.seen)
    }

    /// Whether keeping what is open costs little beside what went on since the last time.
    pub(crate) fn may_be_kept(&mut self) -> bool {
        let open: usize = self.invocations.iter().map(|one| one.ids.len()).sum();
        if open <= FEW {
            return true;
        }
        let (now, pause) = (clock::monotonic(), EACH * u32::try_from(open).unwrap_or(u32::MAX));
        let enough = self.kept.is_none_or(|last| now.duration_since(last) >= pause);
        if enough {
            self.kept = Some(now);
        }
        enough
    }

    /// What is open, of each invocation for which that is not what was last kept.
    pub(crate) fn open(&mut self, resource: &Bytes) -> impl Iterator<Item = Unfinished> {
        self.invocations.iter_mut().filter_map(move |one| one.open(resource))
    }

    /// What was kept is kept no more.
    pub(crate) fn forget_kept(&mut self) {
        self.invocations.iter_mut().for_each(|one| one.kept = None);
    }

    /// Notes the passing of time: what it sees twice has run for a while.
    pub(crate) fn see(&mut self) {
        self.invocations.iter_mut().for_each(|one| one.seen = true);
    }

    /// What there is to tell: of whatever runs for a while and has changed, of what is due in any case. With `all` of
    /// everything that has changed.
    pub(crate) fn tell(
        &mut self,
        now: Instant,
        resource: &Bytes,
        all: bool,
    ) -> impl Iterator<Item = Unfinished> {
        self.invocations.iter_mut().filter_map(move |one| one.tell(now, resource, all))
    }
}

impl Invocation {
    fn tell(&mut self, now: Instant, resource: &Bytes, all: bool) -> Option<Unfinished> {
        let is_due = self.due.is_some_and(|due| due <= now);
        if !(is_due || self.seen || all || self.told.something) {
            return None;
        }
        let overrides = self.report.overrides();
        let changed = !self.told.still_true || overrides != self.told.overrides;
        if !(is_due || changed) {
            return None;
        }
        if is_due {
            self.due = None;
        }
        let unfinished = self.unfinished(resource, &overrides);
        self.told = Told { something: true, still_true: true, overrides };
        Some(unfinished)
    }

    fn open(&mut self, resource: &Bytes) -> Option<Unfinished> {
        let known = match &self.kept {
            Some(kept) => *kept == self.ids,
            None => self.ids.is_empty() && !self.told.something,
        };
        if known {
            return None;
        }
        self.kept = Some(self.ids.clone());
        let overrides = self.report.overrides();
        Some(self.unfinished(resource, &overrides))
    }

    fn unfinished(&mut self, resource: &Bytes, overrides: &Overrides) -> Unfinished {
        Unfinished {
            request_id: self.report.request_id.clone(),
            spans: self.interrupted(resource),
            name: overrides.name_of(self.report.method()).unwrap_or_default().into_owned(),
            attributes: overruled(&self.attributes, overrides),
        }
    }

    /// The open spans as they would be if they ended now.
    fn interrupted(&mut self, resource: &Bytes) -> Bytes {
        let now = SystemTime::UNIX_EPOCH + Duration::from_nanos(clock::unix_nanos());
        let mut buffer = TraceBuffer::new(resource.clone());
        for span in &mut self.spans {
            span.end_time = now.max(span.start_time);
            buffer.push(span);
        }
        buffer.take_request().into()
    }
}

/// The encoded attributes of an invocation's span with what the handler said of it; empty when that is nothing.
fn overruled(attributes: &Bytes, overrides: &Overrides) -> Bytes {
    if overrides.attributes().is_empty() {
        return Bytes::new();
    }
    let mut out = Vec::with_capacity(attributes.len() + 256);
    for attribute in Fields::new(attributes).flatten().filter_map(|field| field.bytes()) {
        let key = Fields::new(attribute).flatten().find(|field| field.number == 1);
        let key = key.and_then(|field| field.bytes()).unwrap_or_default();
        if !overrides.attributes().iter().any(|said| said.key.as_str().as_bytes() == key) {
            bytes_field(&mut out, SPAN_ATTRIBUTES, attribute);
        }
    }
    let said = overrides.attributes().iter().map(|pair| (&pair.key, &pair.value));
    sdk::attributes(&mut out, SPAN_ATTRIBUTES, said);
    out.into()
}

/// How long before its deadline an invocation is told of for the last time: what happens after it is not seen, and what
/// is told after the deadline is not told. A throttled CPU may keep a thread waiting for a good part of 100 ms.
fn margin(left: Duration) -> Duration {
    (left / 10).min(Duration::from_millis(150))
}

/// Marks a span that was cut off.
const INTERRUPTED: &str = "spanlayer.interrupted";

/// As many open spans of an invocation are told of, the first to begin. Nobody looks at more, and they are copied.
const MOST_SPANS: usize = 1000;

/// So many open spans are kept whenever there is something to keep,
const FEW: usize = 16;

/// and more of them once so much time has passed for each: twenty times of what it costs.
const EACH: Duration = Duration::from_micros(5);
