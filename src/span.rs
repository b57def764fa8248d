//! The invocation's span. Where the program's `tracing` subscriber exports to OpenTelemetry it is a `tracing` span, so
//! that `Span::current()` and `.in_current_span()` know it; where it does not, or filters it away, it is a span of the
//! OpenTelemetry API. Either way it is recorded, and is the parent of what begins inside.

use opentelemetry::{
    Context, KeyValue,
    global::BoxedTracer,
    trace::{Link, SpanKind, TraceContextExt as _, Tracer as _},
};
use tracing::span::Entered;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

/// What a span is before it begins.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(crate) name: String,
    pub(crate) kind: SpanKind,
    pub(crate) attributes: Vec<KeyValue>,
    pub(crate) links: Vec<Link>,
    /// Holds the remote parent, and values that everything inside is to see.
    pub(crate) parent: Context,
}

/// A running span. Ends when told to, not when dropped: a task that outlives the invocation may hold it.
#[derive(Debug)]
pub(crate) struct InvocationSpan {
    context: Context,
    tracing: tracing::Span,
}

impl InvocationSpan {
    /// Begins a span. `sampled_by_attributes` when a sampler may want to see them, which costs a look-up for each: the
    /// specification's own samplers do not look.
    pub(crate) fn begin(tracer: &BoxedTracer, opening: Opening, sampled_by_attributes: bool) -> Self {
        // At the highest level, since it must pass whatever the filter lets pass at all.
        let span = tracing::error_span!(
            target: TARGET,
            parent: None,
            "invocation",
            otel.name = opening.name,
            otel.kind = kind_name(&opening.kind),
        );
        if span.set_parent(opening.parent.clone()).is_ok() {
            if sampled_by_attributes {
                for KeyValue { key, value, .. } in &opening.attributes {
                    span.set_attribute(key.clone(), value.clone());
                }
            }
            for link in &opening.links {
                span.add_link_with_attributes(link.span_context.clone(), link.attributes.clone());
            }
            let context = span.context();
            // A subscriber that filters by layer accepts the parent of a span that its exporting layer never sees.
            if context.span().span_context().is_valid() {
                if !sampled_by_attributes {
                    context.span().set_attributes(opening.attributes);
                }
                return Self { context, tracing: span };
            }
        }
        let span = tracer
            .span_builder(opening.name)
            .with_kind(opening.kind)
            .with_attributes(opening.attributes)
            .with_links(opening.links)
            .start_with_context(tracer, &opening.parent);
        Self { context: opening.parent.with_span(span), tracing: tracing::Span::none() }
    }

    /// The span's OpenTelemetry context.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Makes it current on this thread, until the guard is dropped.
    pub(crate) fn enter(&self) -> impl Drop + use<'_> {
        let context = self.context.clone().attach();
        Inside { _span: self.tracing.enter(), _context: context }
    }
}

/// Fields are dropped in this order: the span leaves before the context that was there first.
struct Inside<'a> {
    _span: Entered<'a>,
    _context: opentelemetry::ContextGuard,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {}
}

fn kind_name(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}

/// The target of the invocation's `tracing` span; our own filter always lets it pass.
pub(crate) const TARGET: &str = "spanlayer::invocation";
