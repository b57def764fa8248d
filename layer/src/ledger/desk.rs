//! Where conclusions are drawn: spans written, things counted, each once.

mod count;
mod prepare;

use super::{
    Random, Settings, Stats,
    book::Turn,
    environment::Environment,
    invocation::{Concluded, Context, Invocation, SpanContext, Surroundings, Verdict},
    metrics::Metrics,
    platform::{Outcome, Status},
    span::{self, About},
};
use bytes::Bytes;
use spanlayer_pipeline::message;
use std::collections::BTreeSet;

/// See the [module](self).
pub(super) struct Desk {
    pub(super) settings: Settings,
    /// The function's resource in its own words.
    pub(super) wrapped_resource: Option<Bytes>,
    /// The function makes spans.
    pub(super) instrumented: bool,
    /// The platform tells of invocations.
    pub(super) informed: bool,
    pub(super) environment: Environment,
    /// The invocations that something is still to be concluded of.
    pub(super) open: BTreeSet<Turn>,
    pub(super) stats: Stats,
    /// Encoded spans, as fields of a `ScopeSpans`.
    spans: Vec<u8>,
    /// What was open in invocations that never ended, each a request as the function wrote it.
    pub(super) interrupted: Vec<Bytes>,
    metrics: Option<Metrics>,
    /// What lines of the init belong to.
    init: Context,
    random: Random,
}

impl Desk {
    pub(super) fn new(settings: Settings, random: Random) -> Self {
        Self {
            metrics: settings.metrics.map(Metrics::new),
            settings,
            wrapped_resource: None,
            instrumented: false,
            informed: false,
            environment: Environment::default(),
            open: BTreeSet::new(),
            stats: Stats::default(),
            spans: Vec::new(),
            interrupted: Vec::new(),
            init: Context::Unknown,
            random,
        }
    }

    pub(super) fn follow(&mut self, view: &super::View, config: &str) {
        self.settings.follow(view, config);
        match (view.metrics, &mut self.metrics) {
            (Some(temporality), Some(metrics)) => metrics.temporality = temporality,
            (None, metrics) => *metrics = None,
            (Some(_), None) => {}
        }
    }

    /// Something was heard, for the first time perhaps.
    pub(super) fn begin(&mut self, now: u64) {
        if let Some(metrics) = &mut self.metrics {
            metrics.begin(now);
        }
    }

    pub(super) fn resource(&self) -> &[u8] {
        self.wrapped_resource.as_ref().unwrap_or(&self.settings.resource)
    }

    pub(super) fn spans_ready(&self) -> usize {
        self.spans.len() + self.interrupted.iter().map(Bytes::len).sum::<usize>()
    }

    pub(super) fn take_spans(&mut self) -> Option<Vec<u8>> {
        let spans = std::mem::take(&mut self.spans);
        message::request(self.resource(), &[("spanlayer", &spans)])
    }

    pub(super) fn take_metrics(&mut self, now: u64) -> Option<Vec<u8>> {
        let resource = self.wrapped_resource.as_ref().unwrap_or(&self.settings.resource);
        self.metrics.as_mut()?.take(resource, now)
    }

    /// Concludes what can be; says whether that is everything.
    pub(super) fn review(
        &mut self,
        invocation: &mut Invocation,
        is_first: bool,
        superseded: bool,
        closing: bool,
    ) -> bool {
        let last_word = superseded || closing;
        if !invocation.concluded.span {
            let around = Surroundings {
                managed: self.settings.managed,
                complete: self.settings.complete,
                instrumented: self.instrumented,
                superseded,
                closing,
            };
            match invocation.judge(around) {
                Verdict::Wait => {}
                Verdict::Leave => {
                    invocation.concluded.span = true;
                    if !invocation.has_own_span() && invocation.context == Context::Unknown {
                        invocation.context = Context::None;
                    }
                }
                Verdict::Make(outcome) => self.make(invocation, &outcome, is_first),
            }
        }
        if !invocation.concluded.outcome && (invocation.has_begun() || last_word) {
            self.count(invocation, last_word);
        }
        // The function has a span of it, and never said which.
        if invocation.concluded.span && last_word && invocation.context == Context::Unknown {
            invocation.context = Context::None;
        }
        self.children(invocation, is_first);
        let Concluded { span, outcome, .. } = invocation.concluded;
        span && outcome && invocation.context != Context::Unknown
    }

    /// The last judgement of an invocation that is no longer remembered.
    pub(super) fn forget(&mut self, turn: Turn, invocation: &mut Invocation, is_first: bool) {
        if self.open.remove(&turn) {
            self.stats.forgotten += 1;
            self.review(invocation, is_first, true, true);
        }
    }

    /// Makes the span of an invocation that has none.
    fn make(&mut self, invocation: &mut Invocation, outcome: &Outcome, is_first: bool) {
        invocation.concluded.span = true;
        let context = match invocation.context {
            Context::Known(context) => context,
            Context::Unknown | Context::None => {
                let header = invocation.tracing.header;
                let context = SpanContext {
                    trace_id: header.map_or_else(|| self.draw(), |header| header.trace_id),
                    // Whoever continues Lambda's trace names this segment as the parent.
                    span_id: invocation.tracing.segment.unwrap_or_else(|| self.draw_span()),
                    // What X-Ray does not sample may be wanted elsewhere.
                    flags: 1,
                };
                invocation.context = Context::Known(context);
                context
            }
        };
        if !context.sampled() {
            return;
        }
        let coldstart = self.coldstart(invocation, is_first);
        let mut written = Vec::with_capacity(512);
        let about = About { function: &self.settings.function, coldstart };
        span::invocation(&mut written, invocation, context, outcome, about);
        if self.put(&written) {
            self.stats.invocation_spans += 1;
        }
        // Of an invocation that went well, what was open has ended since, and was sent.
        let open = invocation.unfinished.take().filter(|_| outcome.status != Status::Success);
        if let Some(open) = open {
            if self.spans_ready() + open.len() <= READY {
                self.interrupted.push(open);
            } else {
                self.stats.spans_dropped += 1;
            }
        }
    }

    /// Makes what belongs under an invocation's span, once that is known.
    pub(super) fn children(&mut self, invocation: &mut Invocation, is_first: bool) {
        if let Context::Known(context) = invocation.context {
            if let (Some((at, report)), false) = (&invocation.report, invocation.concluded.report) {
                if context.sampled() {
                    let (span_id, mut written) = (self.draw_span(), Vec::with_capacity(512));
                    span::report(&mut written, invocation, context, span_id, *at, report);
                    self.put(&written);
                }
                invocation.concluded.report = true;
            }
            self.segment(invocation, context, is_first);
        }
        self.count_cost(invocation);
    }

    /// The span of Lambda's own segment, where the invocation's span names it as its parent.
    fn segment(&mut self, invocation: &mut Invocation, context: SpanContext, is_first: bool) {
        let of_this_trace =
            invocation.tracing.header.is_some_and(|header| header.trace_id == context.trace_id);
        let Some(segment) = invocation.tracing.segment.filter(|id| Some(*id) == invocation.parent()) else {
            return;
        };
        let wanted = self.settings.fill_segments && of_this_trace && context.sampled();
        if !wanted || invocation.done.is_none() || invocation.concluded.segment {
            return;
        }
        invocation.concluded.segment = true;
        let coldstart = self.coldstart(invocation, is_first);
        let mut written = Vec::with_capacity(256);
        let about = About { function: &self.settings.function, coldstart };
        span::segment(&mut written, invocation, SpanContext { span_id: segment, ..context }, about);
        self.put(&written);
    }

    fn coldstart(&self, invocation: &Invocation, is_first: bool) -> Option<bool> {
        if is_first { self.environment.init.awaited_by(invocation.began()) } else { Some(false) }
    }

    /// What lines that were written during the init belong to.
    pub(super) fn init_context(&self) -> Context {
        self.init
    }

    fn put(&mut self, span: &[u8]) -> bool {
        let fits = self.spans_ready() + span.len() <= READY;
        if fits {
            self.spans.extend_from_slice(span);
        } else {
            self.stats.spans_dropped += 1;
        }
        fits
    }

    fn draw(&mut self) -> [u8; 16] {
        // All zeros stands for no id.
        Some((self.random)()).filter(|id| *id != [0; 16]).unwrap_or([1; 16])
    }

    fn draw_span(&mut self) -> [u8; 8] {
        let [id @ .., _, _, _, _, _, _, _, _] = (self.random)();
        Some(id).filter(|id| *id != [0; 8]).unwrap_or([1; 8])
    }
}

/// The most that lies ready, in bytes. Whoever drives the ledger takes what is ready long before.
const READY: usize = 4 << 20;
