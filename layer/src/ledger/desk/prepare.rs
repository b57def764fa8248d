//! Init and restore: their spans, and their durations.

use super::{
    super::{
        environment::Preparing,
        invocation::{Context, Invocation, SpanContext},
        metrics::{Metric, OTHER},
        span::{self, Frame, Preparation},
    },
    Desk,
};

impl Desk {
    /// Makes the spans of init and restore, and counts them, as far as the first invocation is known. `late`: nothing
    /// more comes of it.
    pub(in crate::ledger) fn prepare(&mut self, first: &Invocation, late: bool) {
        let mut environment = std::mem::take(&mut self.environment);
        let init = self.one_preparation("init", &mut environment.init, first, late);
        self.one_preparation("restore", &mut environment.restore, first, late);
        self.environment = environment;
        if self.init == Context::Unknown {
            self.init = match init {
                Context::Unknown if late || first.concluded.outcome => first.context,
                known => known,
            };
        }
    }

    /// What lines that were written meanwhile belong to.
    fn one_preparation(&mut self, name: &str, it: &mut Preparing, first: &Invocation, late: bool) -> Context {
        let enough = it.is_complete() || (late && it.span().is_some());
        if !enough {
            return Context::Unknown;
        }
        if it.was_elsewhere() {
            (it.told, it.counted) = (true, true);
            return first.context;
        }
        let is_init = name == "init";
        let awaited = is_init && it.awaited_by(first.began()) == Some(true);
        let mut context = first.context;
        if let (Context::Known(of), false, Some((start, end))) = (first.context, it.told, it.span()) {
            it.told = true;
            if of.sampled() {
                let frame = Frame::inside(of, self.draw_span(), name, start, end);
                self.put_preparation(frame, it, awaited);
                context = Context::Known(frame.context);
            }
        }
        if !it.counted
            && first.concluded.outcome
            && let (Some(metrics), Some((start, end))) = (&mut self.metrics, it.span())
        {
            it.counted = true;
            let trigger = first.trigger.as_deref().unwrap_or(OTHER);
            let metric = if is_init { Metric::InitDuration } else { Metric::RestoreDuration };
            metrics.duration(metric, trigger, Some(end - start));
            if awaited {
                metrics.count(Metric::ColdStarts, trigger);
            }
        }
        context
    }

    /// An init that failed before anybody was served gets a trace of its own: there is no other sign of it.
    pub(in crate::ledger) fn failed_init(&mut self) {
        let mut init = std::mem::take(&mut self.environment.init);
        if !init.told
            && init.failed()
            && let Some((start, end)) = init.span()
        {
            let context = SpanContext { trace_id: self.draw(), span_id: self.draw_span(), flags: 1 };
            let frame = Frame { parent: None, ..Frame::inside(context, context.span_id, "init", start, end) };
            self.put_preparation(frame, &init, false);
        }
        init.told = true;
        self.environment.init = init;
    }

    fn put_preparation(&mut self, frame: Frame<'_>, it: &Preparing, awaited: bool) {
        let mut written = Vec::with_capacity(256);
        let about = Preparation {
            kind: it.kind(),
            phase: it.phase(),
            outcome: &it.outcome(),
            awaited,
            config: &self.settings.config,
        };
        span::preparation(&mut written, frame, &about);
        self.put(&written);
    }
}
