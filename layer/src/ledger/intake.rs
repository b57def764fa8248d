//! What is told of invocations, noted where it belongs.

use super::{
    Ledger, Usage,
    book::Turn,
    invocation::{Context, Ended, Invocation, Opening, Seen, SpanContext},
    logs::Owner,
    mention::{Mention, each_mention},
    platform::{Done, Event, Line, Outcome, Report, Start, Status, Told, Tracing},
    span,
};
use bytes::Bytes;
use spanlayer_link as link;

/// An INVOKE event of the Extensions API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Invoked<'a> {
    /// The invocation.
    pub request_id: &'a str,
    /// Until when it may run, in Unix milliseconds; zero when Lambda did not say.
    pub deadline_millis: u64,
    /// The ARN that was invoked; empty when Lambda did not say.
    pub arn: &'a str,
    /// The value of `tracing`, Lambda's trace header; empty when there is none.
    pub trace_header: &'a str,
}

impl Ledger {
    /// A wrapped function is there: its resource is everything's from now on.
    pub fn hello(&mut self, hello: &link::Hello) {
        self.desk.instrumented = true;
        if !hello.resource.is_empty() {
            self.desk.wrapped_resource = Some(hello.resource.clone());
        }
    }

    /// An invocation has begun.
    pub fn started(&mut self, started: &link::Started, now: u64) {
        if let Some(turn) = self.begin(&started.request_id, now) {
            self.opened(turn, started);
        }
    }

    /// An invocation had begun in an environment that was reset at `at`: nobody else will say that it failed.
    pub fn cut_off(&mut self, started: &link::Started, at: u64, now: u64) {
        let Some(turn) = self.note(&started.request_id, now, |_| ()) else { return };
        self.opened(turn, started);
        if let Some(invocation) = self.book.get_mut(turn) {
            invocation.reset.get_or_insert((at, Status::Failure));
            invocation.over(now);
        }
    }

    fn opened(&mut self, turn: Turn, started: &link::Started) {
        self.desk.instrumented = true;
        let Some(invocation) = self.book.get_mut(turn) else { return };
        if invocation.opening.is_some() {
            return;
        }
        if invocation.concluded.span
            && matches!(invocation.context, Context::Known(_))
            && invocation.seen.is_none()
        {
            // A span was made without knowing of this one; what hangs on it stays.
            self.desk.stats.contradicted += 1;
            return;
        }
        // A frame may be large; what a span has for attributes is not.
        let attributes =
            if started.attributes.len() <= LARGEST { started.attributes.clone() } else { Bytes::new() };
        if let Some(trigger) = span::trigger(&attributes) {
            invocation.trigger = Some(trigger.into());
        }
        invocation.context = Context::Known(SpanContext {
            trace_id: started.trace_id,
            span_id: started.span_id,
            flags: started.flags,
        });
        if !invocation.concluded.span {
            invocation.opening = Some(Box::new(Opening {
                parent: started.parent_span_id,
                trace_state: started.trace_state.clone(),
                name: started.name.clone(),
                kind: started.kind,
                start: started.start_unix_nano,
                deadline: started.deadline_unix_millis.saturating_mul(1_000_000),
                attributes,
            }));
        }
        self.noted(turn);
    }

    /// An invocation was answered.
    pub fn ended(&mut self, ended: &link::Ended, now: u64) {
        self.desk.instrumented = true;
        self.note(&ended.request_id, now, |invocation| {
            invocation.unfinished = None;
            invocation.ended.get_or_insert(Ended { at: ended.end_unix_nano, error: ended.error });
            invocation.over(now);
        });
    }

    /// What is open in an invocation, and what its span would be by now. The last word counts.
    pub fn unfinished(&mut self, unfinished: &link::Unfinished, now: u64) {
        let Some(turn) = self.note(&unfinished.request_id, now, |_| ()) else { return };
        let Some(invocation) = self.book.get_mut(turn) else { return };
        if invocation.ended.is_some() || invocation.concluded.span {
            return;
        }
        let spans = &unfinished.spans;
        invocation.unfinished = (!spans.is_empty() && spans.len() <= LARGEST).then(|| spans.clone());
        let Some(opening) = &mut invocation.opening else { return };
        if !unfinished.name.is_empty() {
            opening.name.clone_from(&unfinished.name);
        }
        if !unfinished.attributes.is_empty() && unfinished.attributes.len() <= LARGEST {
            opening.attributes = unfinished.attributes.clone();
            if let Some(trigger) = span::trigger(&opening.attributes) {
                invocation.trigger = Some(trigger.into());
            }
        }
    }

    /// Spans of the function came in, over the link or from an SDK: an encoded `ExportTraceServiceRequest`.
    pub fn saw(&mut self, payload: &[u8], now: u64) {
        self.desk.instrumented = true;
        each_mention(payload, |mention| self.mentioned(&mention, now));
    }

    fn mentioned(&mut self, mention: &Mention<'_>, now: u64) {
        let Some(turn) = self.note(mention.request_id, now, |_| ()) else { return };
        let Some(invocation) = self.book.get_mut(turn) else { return };
        let better = match invocation.seen {
            None => true,
            Some(seen) => {
                let announced = invocation.opening.is_some().then_some(invocation.context);
                let own = |id| matches!(announced, Some(Context::Known(context)) if context.span_id == id);
                !own(seen.span_id) && (own(mention.span_id) || (mention.outermost && !seen.outermost))
            }
        };
        if !better {
            return;
        }
        let Mention { trace_id, span_id, parent, outermost, .. } = *mention;
        let made = invocation.concluded.span && invocation.seen.is_none() && invocation.ended.is_none();
        if made && matches!(invocation.context, Context::Known(_)) {
            self.desk.stats.contradicted += 1;
            return;
        }
        invocation.seen = Some(Seen { trace_id, span_id, parent, outermost });
        if invocation.opening.is_none() {
            // It was exported, so it was sampled.
            invocation.context = Context::Known(SpanContext { trace_id, span_id, flags: 1 });
        }
        if let (None, Some(trigger)) = (&invocation.trigger, mention.trigger) {
            invocation.trigger = Some(trigger.into());
        }
        self.noted(turn);
    }

    /// Lambda announced an invocation.
    pub fn invoked(&mut self, invoked: Invoked<'_>, now: u64) {
        let Some(turn) = self.begin(invoked.request_id, now) else { return };
        if let Some(invocation) = self.book.get_mut(turn) {
            invocation.announced.get_or_insert((now, invoked.deadline_millis.saturating_mul(1_000_000)));
            if !invoked.arn.is_empty() {
                invocation.arn.get_or_insert_with(|| invoked.arn.into());
            }
            let header = super::Header::parse(invoked.trace_header);
            invocation.tracing.header = invocation.tracing.header.or(header);
        }
        self.noted(turn);
    }

    /// The environment ends. What ran is cut off when the reason, in any case, is `timeout` or `failure`. Late word
    /// is still taken until [`close`](Self::close).
    pub fn shutdown(&mut self, reason: &str, now: u64) {
        let status = match reason.to_ascii_lowercase().as_str() {
            "timeout" => Status::Timeout,
            "failure" => Status::Failure,
            _ => return,
        };
        self.failed = true;
        let latest = self.latest;
        let (managed, running) = (self.desk.settings.managed, self.desk.open.iter().copied());
        for turn in running.filter(|turn| managed || Some(*turn) == latest) {
            if let Some(invocation) = self.book.get_mut(turn)
                && invocation.over_since.is_none()
            {
                invocation.reset = Some((now, status));
                invocation.over(now);
            }
        }
    }

    /// An event of the Telemetry API.
    pub fn platform(&mut self, told: &Told<'_>, now: u64) {
        self.desk.begin(now);
        self.desk.informed |=
            matches!(told.event, Event::Start(_) | Event::RuntimeDone(_) | Event::Report(_));
        let at = told.at;
        let environment = &mut self.desk.environment;
        match &told.event {
            Event::InitStart(init) => {
                environment.init.started(at);
                environment.init.about(init);
            }
            Event::InitDone(init) => {
                environment.init.about(init);
                environment.init.done(at, &init.outcome);
            }
            Event::InitReport(init) => {
                environment.init.about(init);
                environment.init.reported(at, &init.outcome);
            }
            Event::RestoreStart => environment.restore.started(at),
            Event::RestoreDone(outcome) => environment.restore.done(at, outcome),
            Event::RestoreReport(outcome) => environment.restore.reported(at, outcome),
            Event::Start(start) => return self.start(at, start, now),
            Event::RuntimeDone(done) => return self.done(at, done, now),
            Event::Report(report) => return self.report(at, report, now),
            Event::Line(line) => return self.line(line, at, now),
            Event::LogsDropped(dropped) => {
                self.desk.stats.logs_lost_by_platform += dropped.records;
                if let Some(logs) = &mut self.logs {
                    logs.lost(dropped, at, now);
                }
                return;
            }
        }
        self.prepare();
        self.release_lines();
    }

    /// What an invocation used, as measured from outside.
    pub fn used(&mut self, request_id: &str, usage: Usage) {
        let invocation = self.book.find(request_id).and_then(|turn| self.book.get(turn));
        self.desk.used(invocation, usage);
    }

    fn start(&mut self, at: u64, start: &Start, now: u64) {
        let Some(turn) = self.begin(&start.request_id, now) else { return };
        self.current = Some(turn);
        if let Some(invocation) = self.book.get_mut(turn) {
            invocation.traced(start.tracing);
            invocation.start.get_or_insert_with(|| (at, start.clone()));
        }
        self.noted(turn);
    }

    fn done(&mut self, at: u64, done: &Done, now: u64) {
        self.note(&done.request_id, now, |invocation| {
            invocation.traced(done.tracing);
            invocation.done.get_or_insert_with(|| (at, done.clone()));
            invocation.over(now);
        });
    }

    fn report(&mut self, at: u64, report: &Report, now: u64) {
        self.note(&report.request_id, now, |invocation| {
            invocation.traced(report.tracing);
            invocation.report.get_or_insert_with(|| (at, report.clone()));
            invocation.over(now);
        });
    }

    fn line(&mut self, line: &Line<'_>, at: u64, now: u64) {
        let Some(logs) = &mut self.logs else { return };
        let Some(line) = logs.read(line.by, line.record, at, now) else { return };
        let owner = match line.request_id() {
            Some(id) => self.book.find(id).map_or_else(|| Owner::Named(id.to_owned()), Owner::Turn),
            None => match self.current {
                None => Owner::Init,
                // Written while several ran, by any of them.
                Some(_) if self.desk.settings.managed => Owner::Nobody,
                Some(turn) => Owner::Turn(turn),
            },
        };
        let invocation = match owner {
            Owner::Turn(turn) => self.book.get(turn),
            _ => None,
        };
        let request_id = invocation.map(|one| one.request_id.as_str());
        let context = match (&owner, invocation) {
            (Owner::Nobody, _) => Context::None,
            (Owner::Init, _) => self.desk.init_context(),
            (_, one) => one.map_or(Context::Unknown, |one| one.context),
        };
        match context {
            Context::Known(context) => logs.push(line, request_id, Some(context)),
            Context::None => logs.push(line, request_id, None),
            Context::Unknown if line.has_trace() || self.closed => logs.push(line, request_id, None),
            Context::Unknown => logs.park(line, request_id, owner, now),
        }
    }

    /// An invocation that is heard to begin.
    fn begin(&mut self, request_id: &str, now: u64) -> Option<Turn> {
        let turn = self.note(request_id, now, |_| ())?;
        self.first.get_or_insert(turn);
        self.latest = self.latest.max(Some(turn));
        Some(turn)
    }

    /// Notes something about an invocation.
    fn note(&mut self, request_id: &str, now: u64, what: impl FnOnce(&mut Invocation)) -> Option<Turn> {
        self.desk.begin(now);
        let known = self.book.find(request_id);
        let (turn, evicted) = self.book.open(request_id)?;
        if let Some((old, mut invocation)) = evicted {
            self.desk.forget(old, &mut invocation, self.first == Some(old));
            if self.first == Some(old) {
                self.desk.prepare(&invocation, true);
            }
            let (context, logs) = (invocation.context, self.logs.as_mut());
            if let Some(logs) = logs {
                let of = match context {
                    Context::Known(context) => Some(context),
                    Context::Unknown | Context::None => None,
                };
                logs.release(|owner, _| (*owner == Owner::Turn(old)).then_some(of));
            }
        }
        if known.is_none() {
            self.desk.open.insert(turn);
        }
        if let Some(invocation) = self.book.get_mut(turn) {
            what(invocation);
        }
        self.noted(turn);
        Some(turn)
    }

    /// Draws what conclusions need no waiting.
    fn noted(&mut self, turn: Turn) {
        let Some(invocation) = self.book.get_mut(turn) else { return };
        self.desk.children(invocation, self.first == Some(turn));
        if self.first == Some(turn) {
            self.prepare();
        }
        self.release_lines();
    }
}

impl Invocation {
    /// Takes what an event says of Lambda's trace; the first word counts.
    fn traced(&mut self, tracing: Tracing) {
        self.tracing.header = self.tracing.header.or(tracing.header);
        self.tracing.segment = self.tracing.segment.or(tracing.segment);
    }

    /// From *started* to *ended*, in nanoseconds.
    pub(super) fn answered_in(&self) -> Option<u64> {
        let ended = self.ended?;
        ended.at.checked_sub(self.began()?)
    }

    /// How it ended by the function's own word.
    pub(super) fn answer(&self) -> Option<Outcome> {
        let status = if self.ended?.error { Status::Error } else { Status::Success };
        Some(Outcome { status, error_type: None, duration: self.answered_in() })
    }
}

/// The most that attributes of a span take, in bytes.
const LARGEST: usize = 256 << 10;
