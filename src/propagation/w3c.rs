//! W3C Trace Context (level 2): `traceparent` and `tracestate`. Baggage is left to the SDK's own propagator.

use super::{
    Upstream,
    carrier::{Carrier, Only},
    hex,
};
use opentelemetry::{
    Context,
    propagation::{Injector, TextMapPropagator},
    trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::propagation::BaggagePropagator;
use std::str::FromStr;

pub(super) const PARENT: &str = "traceparent";
pub(super) const STATE: &str = "tracestate";
pub(super) const BAGGAGE: &str = "baggage";

/// Reads `traceparent`, and `tracestate` if the former is right.
pub(super) fn extract(carrier: &dyn Carrier) -> Upstream {
    let Some((trace, span, flags)) = carrier.get(PARENT).and_then(|header| parse(header.trim())) else {
        return Upstream::default();
    };
    // A wrong state is dropped by itself; the parent still counts (section 3.4 of the specification).
    let state = carrier.get(STATE).and_then(|header| TraceState::from_str(&header).ok()).unwrap_or_default();
    Upstream { span: Some(SpanContext::new(trace, span, flags, true, state)), ..Upstream::default() }
}

/// Writes `traceparent` and, if there is one, `tracestate`.
pub(super) fn inject(span: &SpanContext, injector: &mut dyn Injector) {
    let flags = span.trace_flags() & TraceFlags::SAMPLED;
    injector.set(PARENT, format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), flags));
    let state = span.trace_state().header();
    if !state.is_empty() {
        injector.set(STATE, state);
    }
}

/// Adds the content of a `baggage` header to a context.
pub(super) fn with_baggage(context: &Context, header: &str) -> Context {
    BaggagePropagator::new().extract_with_context(context, &Only(BAGGAGE, header))
}

/// Writes `baggage`.
pub(super) fn inject_baggage(context: &Context, injector: &mut dyn Injector) {
    BaggagePropagator::new().inject_context(context, injector);
}

fn parse(header: &str) -> Option<(TraceId, SpanId, TraceFlags)> {
    let bytes = header.as_bytes();
    let dashes = bytes.get(2) == Some(&b'-') && bytes.get(35) == Some(&b'-') && bytes.get(52) == Some(&b'-');
    if !dashes {
        return None;
    }
    // Upper case is wrong here, unlike everywhere else (section 3.2.2.3).
    let lower = |part: &[u8]| !part.iter().fold(false, |upper, byte| upper | byte.is_ascii_uppercase());
    let version = u8::try_from(hex(bytes.get(..2)?)?).ok()?;
    let known_length = match version {
        0 => bytes.len() == 55,
        0xff => false,
        // A later version may go on after another dash.
        _ => bytes.len() == 55 || bytes.get(55) == Some(&b'-'),
    };
    if !known_length || !lower(bytes.get(..55)?) {
        return None;
    }
    let trace = TraceId::from(hex(&bytes[3..35])?);
    let span = SpanId::from(u64::try_from(hex(&bytes[36..52])?).ok()?);
    let flags = TraceFlags::new(u8::try_from(hex(&bytes[53..55])?).ok()?) & TraceFlags::SAMPLED;
    (trace != TraceId::INVALID && span != SpanId::INVALID).then_some((trace, span, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_right_header_is_read_in_full() {
        let (trace, span, flags) = parse(RIGHT).unwrap();
        assert_eq!(trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span.to_string(), "b7ad6b7169203331");
        assert!(flags.is_sampled());
        assert!(!parse(&RIGHT.replace("-01", "-00")).unwrap().2.is_sampled());
    }

    #[test]
    fn a_later_version_may_be_longer_but_version_zero_may_not() {
        assert!(parse(&format!("{}-more", RIGHT.replacen("00", "cc", 1))).is_some());
        assert!(parse(&format!("{RIGHT}-more")).is_none());
        assert!(parse(&format!("{}more", RIGHT.replacen("00", "cc", 1))).is_none());
    }

    #[test]
    fn anything_else_is_refused() {
        for wrong in [
            "",
            "00",
            &RIGHT.replacen("00", "ff", 1),
            &RIGHT.to_uppercase(),
            &RIGHT.replace("b7ad6b7169203331", "0000000000000000"),
            &RIGHT.replace("0af7651916cd43dd8448eb211c80319c", &"0".repeat(32)),
            &RIGHT.replace('-', "_"),
            &RIGHT.replace("0af", "+af"),
            &format!("{RIGHT},{RIGHT}"),
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333é-1",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_state_does_not_cost_the_parent() {
        let carrier = std::collections::HashMap::from([
            (PARENT.to_owned(), RIGHT.to_owned()),
            (STATE.to_owned(), "no equals sign".to_owned()),
        ]);
        let span = extract(&carrier).span.unwrap();
        assert_eq!(span.trace_state(), &TraceState::NONE);
    }
}
