//! The X-Ray trace header: `Root=1-<8 hex>-<24 hex>;Parent=<16 hex>;Sampled=<0|1|?>;Lineage=…`, in any order.

use super::{Upstream, carrier::Carrier, hex};
use opentelemetry::{
    Context,
    propagation::Injector,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

pub(crate) const HEADER: &str = "x-amzn-trace-id";

/// Lambda's own note against endless loops, which every hop hands on as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lineage(pub(super) String);

/// What a sampling decision of X-Ray means for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Spans go to X-Ray too, so they are recorded where it records.
    Binding,
    /// Spans go elsewhere: that X-Ray skips a trace is no reason to have none. (Lambda itself writes `Sampled=0` into
    /// the header of every request that brought none.)
    Advice,
}

/// Reads the header from a carrier.
pub(super) fn extract(carrier: &dyn Carrier, decision: Decision) -> Upstream {
    carrier.get(HEADER).map(|header| parse(&header, decision)).unwrap_or_default()
}

/// Reads the header's text.
pub(super) fn parse(header: &str, decision: Decision) -> Upstream {
    let (mut trace, mut parent, mut sampled, mut lineage) = (None, None, None, None);
    for (key, value) in header.split(';').filter_map(|part| part.split_once('=')) {
        let value = value.trim();
        match key.trim() {
            "Root" => trace = root(value),
            "Parent" => parent = span_id(value),
            "Sampled" => sampled = Some(value),
            "Lineage" => lineage = Some(Lineage(value.to_owned())),
            _ => {}
        }
    }
    let Some(trace) = trace else { return Upstream::default() };
    // Absent, `?` and anything unknown leave the decision to whoever comes next: us.
    let decided = sampled == Some("1") || (sampled == Some("0") && decision == Decision::Binding);
    let flags = if sampled == Some("0") && decided { TraceFlags::NOT_SAMPLED } else { TraceFlags::SAMPLED };
    Upstream {
        span: parent.map(|parent| SpanContext::new(trace, parent, flags, true, TraceState::NONE)),
        trace_id: Some(trace),
        undecided: !decided,
        lineage,
        baggage: None,
    }
}

/// Writes the header.
pub(super) fn inject(context: &Context, injector: &mut dyn Injector) {
    let span = context.span();
    let span = span.span_context();
    let trace = span.trace_id().to_string();
    let (time, rest) = trace.split_at(8);
    let sampled = u8::from(span.is_sampled());
    let mut header = format!("Root=1-{time}-{rest};Parent={};Sampled={sampled}", span.span_id());
    if let Some(Lineage(lineage)) = context.get::<Lineage>() {
        header.push_str(";Lineage=");
        header.push_str(lineage);
    }
    injector.set(HEADER, header);
}

fn root(value: &str) -> Option<TraceId> {
    let (time, rest) = value.strip_prefix("1-")?.split_once('-')?;
    if time.len() != 8 || rest.len() != 24 {
        return None;
    }
    let trace = TraceId::from((hex(time.as_bytes())? << 96) | hex(rest.as_bytes())?);
    (trace != TraceId::INVALID).then_some(trace)
}

fn span_id(value: &str) -> Option<SpanId> {
    if value.len() != 16 {
        return None;
    }
    let span = SpanId::from(u64::try_from(hex(value.as_bytes())?).ok()?);
    (span != SpanId::INVALID).then_some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-4efaaf4d-1e8720b39541901950019ee5";

    #[test]
    fn order_spaces_and_unknown_keys_do_not_matter() {
        let header = format!("Self=1-x; Sampled=1 ; Foo=bar;Parent=53995c3f42cd8ad8; {ROOT} ;;broken");
        let upstream = parse(&header, Decision::Advice);
        let span = upstream.span.unwrap();
        assert_eq!(span.trace_id().to_string(), "4efaaf4d1e8720b39541901950019ee5");
        assert_eq!(span.span_id().to_string(), "53995c3f42cd8ad8");
        assert!(span.is_sampled() && span.is_remote() && !upstream.undecided);
    }

    #[test]
    fn a_root_without_parent_names_a_trace_but_no_parent() {
        let upstream = parse(&format!("{ROOT};Lineage=1:73f724a8:0"), Decision::Binding);
        assert_eq!(upstream.span, None);
        assert_eq!(upstream.trace_id.unwrap().to_string(), "4efaaf4d1e8720b39541901950019ee5");
        assert_eq!(upstream.lineage, Some(Lineage("1:73f724a8:0".to_owned())));
    }

    #[test]
    fn sampled_out_binds_only_those_who_report_to_x_ray() {
        let header = format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=0");
        let binding = parse(&header, Decision::Binding);
        assert!(!binding.span.unwrap().is_sampled() && !binding.undecided);
        let advice = parse(&header, Decision::Advice);
        assert!(advice.span.unwrap().is_sampled() && advice.undecided);
    }

    #[test]
    fn no_decision_leaves_it_to_us() {
        for sampled in ["", ";Sampled=?", ";Sampled=maybe"] {
            let upstream = parse(&format!("{ROOT};Parent=53995c3f42cd8ad8{sampled}"), Decision::Binding);
            assert!(upstream.undecided && upstream.span.unwrap().is_sampled(), "{sampled}");
        }
    }

    #[test]
    fn a_wrong_root_invalidates_and_a_wrong_parent_is_no_parent() {
        for wrong in [
            "",
            "Root=",
            "Root=2-4efaaf4d-1e8720b39541901950019ee5",
            "Root=1-00000000-000000000000000000000000",
        ] {
            assert!(
                parse(&format!("{wrong};Parent=53995c3f42cd8ad8;Sampled=1"), Decision::Advice)
                    .trace_id
                    .is_none()
            );
        }
        for wrong in ["", "53995c3f", "0000000000000000", "+3995c3f42cd8ad8", "zz995c3f42cd8ad8"] {
            assert!(
                parse(&format!("{ROOT};Parent={wrong};Sampled=1"), Decision::Advice).span.is_none(),
                "{wrong}"
            );
        }
    }
}
