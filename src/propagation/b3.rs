//! B3, in its single header and in its several ones. Reading takes both forms, whichever is configured, as the
//! OpenTelemetry specification asks; only writing differs.

use super::{Upstream, carrier::Carrier, hex};
use opentelemetry::{
    propagation::Injector,
    trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState},
};

pub(super) const SINGLE: &str = "b3";
pub(super) const TRACE: &str = "x-b3-traceid";
pub(super) const SPAN: &str = "x-b3-spanid";
pub(super) const SAMPLED: &str = "x-b3-sampled";
pub(super) const FLAGS: &str = "x-b3-flags";

/// Reads the single header, else the several ones.
pub(super) fn extract(carrier: &dyn Carrier) -> Upstream {
    single(carrier).or_else(|| several(carrier)).unwrap_or_default()
}

/// Writes the single header.
pub(super) fn inject_single(span: &SpanContext, injector: &mut dyn Injector) {
    let sampled = u8::from(span.is_sampled());
    injector.set(SINGLE, format!("{}-{}-{sampled}", span.trace_id(), span.span_id()));
}

/// Writes the several headers.
pub(super) fn inject_several(span: &SpanContext, injector: &mut dyn Injector) {
    injector.set(TRACE, span.trace_id().to_string());
    injector.set(SPAN, span.span_id().to_string());
    injector.set(SAMPLED, u8::from(span.is_sampled()).to_string());
}

fn single(carrier: &dyn Carrier) -> Option<Upstream> {
    let header = carrier.get(SINGLE)?;
    let mut parts = header.trim().split('-');
    upstream(parts.next()?, parts.next()?, parts.next())
}

fn several(carrier: &dyn Carrier) -> Option<Upstream> {
    let debug = carrier.get(FLAGS).is_some_and(|flags| flags.trim() == "1");
    let sampled = if debug { Some("d".into()) } else { carrier.get(SAMPLED) };
    upstream(carrier.get(TRACE)?.trim(), carrier.get(SPAN)?.trim(), sampled.as_deref().map(str::trim))
}

fn upstream(trace: &str, span: &str, sampled: Option<&str>) -> Option<Upstream> {
    // Trace ids of 64 bits are filled up with zeros on the left.
    if !matches!(trace.len(), 16 | 32) || span.len() != 16 {
        return None;
    }
    let trace = TraceId::from(hex(trace.as_bytes())?);
    let span = SpanId::from(u64::try_from(hex(span.as_bytes())?).ok()?);
    let (flags, undecided) = match sampled {
        Some("1" | "d" | "true") => (TraceFlags::SAMPLED, false),
        Some("0" | "false") => (TraceFlags::NOT_SAMPLED, false),
        // No decision was made yet: it is ours.
        _ => (TraceFlags::SAMPLED, true),
    };
    let span = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    span.is_valid().then(|| Upstream { span: Some(span), undecided, ..Upstream::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn read(headers: &[(&str, &str)]) -> Upstream {
        let carrier: HashMap<String, String> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        extract(&carrier)
    }

    #[test]
    fn both_forms_are_read_in_any_case_and_with_short_trace_ids() {
        let single = read(&[("B3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90")]);
        assert_eq!(single.span.as_ref().unwrap().trace_id().to_string(), "80f198ee56343ba864fe8b2a57d3eff7");
        let several = read(&[
            ("X-B3-TraceId", "64fe8b2a57d3eff7"),
            ("X-B3-SpanId", "e457b5a2e4d86bd1"),
            ("X-B3-Flags", "1"),
        ]);
        let span = several.span.unwrap();
        assert_eq!(span.trace_id().to_string(), "000000000000000064fe8b2a57d3eff7");
        assert!(span.is_sampled() && !several.undecided);
    }

    #[test]
    fn a_missing_decision_is_ours_and_a_denial_counts() {
        assert!(read(&[("b3", "64fe8b2a57d3eff7-e457b5a2e4d86bd1")]).undecided);
        let denied = read(&[("b3", "64fe8b2a57d3eff7-e457b5a2e4d86bd1-0")]);
        assert!(!denied.undecided && !denied.span.unwrap().is_sampled());
    }

    #[test]
    fn what_names_no_span_is_no_parent() {
        for wrong in [
            "",
            "0",
            "1",
            "64fe8b2a57d3eff7",
            "64fe8b2a57d3eff7-",
            "0000000000000000-e457b5a2e4d86bd1-1",
            "x-y-1",
        ] {
            assert_eq!(read(&[("b3", wrong)]).span, None, "{wrong}");
        }
    }
}
