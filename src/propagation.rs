//! Trace context from callers and to callees, in the formats that `OTEL_PROPAGATORS` lists.
//!
//! The wrapper installs what is configured as OpenTelemetry's global propagator, so every instrumentation that asks
//! for that one works. For clients without any, [`outgoing`] gives the pairs to attach by hand:
//!
//! ```
//! # use std::collections::BTreeMap;
//! # let mut headers = BTreeMap::new();
//! for (name, value) in spanlayer::propagation::outgoing() {
//!     headers.insert(name, value); // a `reqwest` request's `.header(name, value)`, an SQS message attribute …
//! }
//! ```

pub(crate) mod carrier;

mod b3;
mod config;
mod w3c;
mod xray;

pub(crate) use self::{config::PROPAGATORS, xray::HEADER as XRAY_HEADER};

use self::{
    carrier::{Carrier, Extracted},
    xray::{Decision, Lineage},
};
use opentelemetry::{
    Context,
    propagation::{Injector, TextMapPropagator, text_map_propagator::FieldIter},
    trace::{SpanContext, TraceContextExt, TraceId},
};
use std::{borrow::Cow, fmt};

/// The current trace context as name and value, in every configured format: headers for an HTTP request, attributes
/// for a message. Empty outside a span.
pub fn outgoing() -> Vec<(String, String)> {
    let mut pairs = Pairs::default();
    opentelemetry::global::get_text_map_propagator(|propagator| propagator.inject(&mut pairs));
    pairs.0
}

/// A way of writing trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// `traceparent`, `tracestate`
    TraceContext,
    /// `baggage`
    Baggage,
    /// `x-amzn-trace-id` of the event only; what X-Ray decided about sampling is advice.
    XRay,
    /// Also the header that Lambda itself hands over, which then wins over the event's; X-Ray's decision binds.
    XRayLambda,
    /// `b3`
    B3,
    /// `x-b3-…`
    B3Multi,
}

/// What an event says about where it comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// The span to be the parent's; always valid and remote.
    pub(crate) span: Option<SpanContext>,
    /// The trace to join. Without `span` there is no parent, only a name for the trace: an X-Ray `Root` by itself.
    pub(crate) trace_id: Option<TraceId>,
    /// Nobody decided about sampling that we would have to follow: the span's flag is set only so that samplers which
    /// follow the parent do not take silence for a no.
    pub(crate) undecided: bool,
    /// Handed on in X-Ray headers.
    pub(crate) lineage: Option<Lineage>,
    /// The `baggage` header as it came; read when a context is made of this.
    pub(crate) baggage: Option<String>,
}

/// A note in the context that the remote parent has not decided about sampling; its flag says yes for those who cannot
/// read the note.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Undecided;

impl Upstream {
    /// A context with this parent, baggage and lineage, for a span to be started in.
    pub(crate) fn into_context(self, base: &Context) -> Context {
        let mut context = base.clone();
        if let Some(span) = self.span {
            context = context.with_remote_span_context(span);
            if self.undecided {
                context = context.with_value(Undecided);
            }
        }
        if let Some(baggage) = self.baggage {
            context = w3c::with_baggage(&context, &baggage);
        }
        if let Some(lineage) = self.lineage {
            context = context.with_value(lineage);
        }
        context
    }
}

/// The configured formats, in their order.
#[derive(Clone)]
pub(crate) struct Propagators {
    formats: Vec<Format>,
    fields: Vec<String>,
}

impl Propagators {
    /// These formats; none at all switches propagation off.
    pub(crate) fn new(formats: Vec<Format>) -> Self {
        let fields =
            formats.iter().flat_map(|format| format.fields()).map(|&field| field.to_owned()).collect();
        Self { formats, fields }
    }

    /// Whether nothing is to be read or written.
    pub(crate) fn off(&self) -> bool {
        self.formats.is_empty()
    }

    /// Whether the trace header of the invocation itself is looked at.
    pub(crate) fn reads_lambda(&self) -> bool {
        self.formats.contains(&Format::XRayLambda)
    }

    /// Reads what `carrier` says. The first format, as listed, that names a valid remote span wins; a trace without a
    /// span counts only when none does. `from_lambda` is the trace header of the invocation itself, which only
    /// [`Format::XRayLambda`] looks at: other destinations never see the segments that Lambda writes, so a parent from
    /// there would be missing.
    pub(crate) fn extract(&self, carrier: &dyn Carrier, from_lambda: Option<&str>) -> Upstream {
        let mut found = Upstream::default();
        for format in &self.formats {
            match format {
                Format::Baggage => found.baggage = carrier.get(w3c::BAGGAGE).map(Cow::into_owned),
                _ if found.span.is_some() => {}
                Format::TraceContext => found.improve(w3c::extract(carrier)),
                Format::XRay => found.improve(xray::extract(carrier, Decision::Advice)),
                Format::XRayLambda => {
                    if let Some(header) = from_lambda {
                        found.improve(xray::parse(header, Decision::Binding));
                    }
                    if found.span.is_none() {
                        found.improve(xray::extract(carrier, Decision::Binding));
                    }
                }
                Format::B3 | Format::B3Multi => found.improve(b3::extract(carrier)),
            }
        }
        found
    }
}

/// Reads an X-Ray header by itself, for links: there a parent is not needed to keep a trace whole, and sampling does
/// not matter.
pub(crate) fn xray_span(header: &str) -> Option<SpanContext> {
    xray::parse(header, Decision::Binding).span
}

impl Upstream {
    /// Takes over what `other` knows and this does not.
    fn improve(&mut self, other: Self) {
        let Self { span, trace_id, undecided, lineage, baggage: _ } = other;
        if span.is_some() || self.trace_id.is_none() {
            (self.trace_id, self.undecided) =
                (span.as_ref().map(SpanContext::trace_id).or(trace_id), undecided);
        }
        self.span = self.span.take().or(span);
        self.lineage = self.lineage.take().or(lineage);
    }
}

impl Format {
    fn fields(self) -> &'static [&'static str] {
        match self {
            Self::TraceContext => &[w3c::PARENT, w3c::STATE],
            Self::Baggage => &[w3c::BAGGAGE],
            Self::XRay | Self::XRayLambda => &[xray::HEADER],
            Self::B3 => &[b3::SINGLE],
            Self::B3Multi => &[b3::TRACE, b3::SPAN, b3::SAMPLED, b3::FLAGS],
        }
    }
}

/// Briefly: OpenTelemetry keeps this in every function.
impl fmt::Debug for Propagators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Propagators")
    }
}

impl TextMapPropagator for Propagators {
    fn inject_context(&self, context: &Context, injector: &mut dyn Injector) {
        let span = context.span();
        let span = Some(span.span_context()).filter(|span| span.is_valid());
        for format in &self.formats {
            match (format, span) {
                (Format::Baggage, _) => w3c::inject_baggage(context, injector),
                (_, None) => {}
                (Format::TraceContext, Some(span)) => w3c::inject(span, injector),
                (Format::XRay | Format::XRayLambda, Some(_)) => xray::inject(context, injector),
                (Format::B3, Some(span)) => b3::inject_single(span, injector),
                (Format::B3Multi, Some(span)) => b3::inject_several(span, injector),
            }
        }
    }

    fn extract_with_context(
        &self,
        context: &Context,
        extractor: &dyn opentelemetry::propagation::Extractor,
    ) -> Context {
        self.extract(&Extracted(extractor), None).into_context(context)
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

/// Collects what a propagator writes.
#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl Injector for Pairs {
    fn set(&mut self, key: &str, value: String) {
        self.0.retain(|(name, _)| name != key);
        self.0.push((key.to_owned(), value));
    }
}

/// Reads up to 32 hexadecimal digits of any case, and nothing else: no sign, no blank.
fn hex(digits: &[u8]) -> Option<u128> {
    if digits.is_empty() || digits.len() > 32 {
        return None;
    }
    let (high, low) = digits.split_at(digits.len().saturating_sub(16));
    Some(u128::from(hex_word(high)?) << 64 | u128::from(hex_word(low)?))
}

/// At most 16 of them.
fn hex_word(digits: &[u8]) -> Option<u64> {
    let (mut value, mut all) = (0_u64, 0_u8);
    for &digit in digits {
        let nibble = NIBBLES[usize::from(digit)];
        value = value << 4 | u64::from(nibble);
        all |= nibble;
    }
    (all < 16).then_some(value)
}

/// What a hexadecimal digit stands for; 16 and more for none.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [0xff; 256];
    let mut value = 0;
    while value < 16 {
        nibbles[b"0123456789abcdef"[value] as usize] = value as u8;
        nibbles[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    nibbles
};

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::baggage::BaggageExt;
    use std::collections::HashMap;

    const TRACEPARENT: (&str, &str) =
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    const XRAY: (&str, &str) =
        ("X-Amzn-Trace-Id", "Root=1-4efaaf4d-1e8720b39541901950019ee5;Parent=53995c3f42cd8ad8;Sampled=0");
    const FROM_LAMBDA: &str =
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=3995c3f42cd8ad85;Sampled=1;Lineage=1:a:0";

    fn headers(pairs: &[(&str, &str)]) -> HashMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn span_id(upstream: &Upstream) -> String {
        upstream.span.as_ref().map(|span| span.span_id().to_string()).unwrap_or_default()
    }

    #[test]
    fn the_first_format_that_names_a_span_wins() {
        let both = headers(&[TRACEPARENT, XRAY]);
        let w3c_first = Propagators::new(vec![Format::TraceContext, Format::XRay]);
        let xray_first = Propagators::new(vec![Format::XRay, Format::TraceContext]);
        assert_eq!(span_id(&w3c_first.extract(&both, None)), "b7ad6b7169203331");
        assert_eq!(span_id(&xray_first.extract(&both, None)), "53995c3f42cd8ad8");
    }

    #[test]
    fn a_parentless_x_ray_header_gives_way_to_any_span() {
        let carrier =
            headers(&[TRACEPARENT, ("x-amzn-trace-id", "Root=1-4efaaf4d-1e8720b39541901950019ee5")]);
        let upstream = Propagators::new(vec![Format::XRay, Format::TraceContext]).extract(&carrier, None);
        assert_eq!(span_id(&upstream), "b7ad6b7169203331");
        assert_eq!(upstream.trace_id, upstream.span.map(|span| span.trace_id()));
        assert!(!upstream.undecided);
    }

    #[test]
    fn only_xray_lambda_looks_at_the_header_from_lambda() {
        let none = headers(&[]);
        assert_eq!(
            Propagators::new(vec![Format::XRay]).extract(&none, Some(FROM_LAMBDA)),
            Upstream::default()
        );
        let lambda = Propagators::new(vec![Format::TraceContext, Format::XRayLambda]);
        assert_eq!(span_id(&lambda.extract(&none, Some(FROM_LAMBDA))), "3995c3f42cd8ad85");
        assert_eq!(span_id(&lambda.extract(&headers(&[XRAY]), Some(FROM_LAMBDA))), "3995c3f42cd8ad85");
        assert_eq!(span_id(&lambda.extract(&headers(&[XRAY]), None)), "53995c3f42cd8ad8");
        assert_eq!(span_id(&lambda.extract(&headers(&[XRAY]), Some("garbage"))), "53995c3f42cd8ad8");
        assert_eq!(span_id(&lambda.extract(&headers(&[TRACEPARENT]), Some(FROM_LAMBDA))), "b7ad6b7169203331");
    }

    #[test]
    fn a_sampled_out_x_ray_header_never_suppresses_a_trace_that_goes_elsewhere() {
        let upstream = Propagators::new(vec![Format::XRay]).extract(&headers(&[XRAY]), None);
        assert!(upstream.undecided && upstream.span.unwrap().is_sampled());
    }

    #[test]
    fn switched_off_means_off() {
        let off = Propagators::new(vec![]);
        assert!(off.off());
        assert_eq!(off.extract(&headers(&[TRACEPARENT, XRAY]), Some(FROM_LAMBDA)), Upstream::default());
    }

    #[test]
    fn what_is_written_in_every_format_reads_back_the_same() {
        let carrier = headers(&[TRACEPARENT, ("tracestate", "a=1,b=2"), ("baggage", "user=alice,tier=gold")]);
        let all =
            vec![Format::TraceContext, Format::Baggage, Format::XRayLambda, Format::B3, Format::B3Multi];
        let context = Propagators::new(all.clone()).extract(&carrier, None).into_context(&Context::new());
        let context = context.with_value(Lineage("1:a:0".to_owned()));
        for format in all {
            let only = Propagators::new(vec![format]);
            let mut written = HashMap::new();
            only.inject_context(&context, &mut written);
            assert!(written.keys().all(|name| only.fields().any(|field| field == name)), "{format:?}");
            let read = only.extract_with_context(&Context::new(), &written);
            if format == Format::Baggage {
                assert_eq!(read.baggage().get("tier").map(ToString::to_string).as_deref(), Some("gold"));
            } else {
                assert_eq!(
                    read.span().span_context().span_id(),
                    context.span().span_context().span_id(),
                    "{format:?}"
                );
                assert!(read.span().span_context().is_sampled(), "{format:?}");
            }
            if format == Format::XRayLambda {
                assert!(written["x-amzn-trace-id"].ends_with(";Sampled=1;Lineage=1:a:0"));
            }
            if format == Format::TraceContext {
                assert_eq!(written["tracestate"], "a=1,b=2");
            }
        }
    }

    #[test]
    fn nothing_is_written_outside_a_span() {
        let mut written = HashMap::new();
        Propagators::new(vec![
            Format::TraceContext,
            Format::XRay,
            Format::B3,
            Format::B3Multi,
            Format::Baggage,
        ])
        .inject_context(&Context::new(), &mut written);
        assert!(written.is_empty());
    }
}
