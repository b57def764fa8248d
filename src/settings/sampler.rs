//! Sampling, as `OTEL_TRACES_SAMPLER` and its argument say.

use std::fmt;

use opentelemetry::{
    Context, KeyValue,
    trace::{Link, SpanKind, TraceContextExt as _, TraceId},
};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};

use crate::propagation::Undecided;

/// A sampler of the specification, before its argument is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SamplerKind {
    AlwaysOn,
    AlwaysOff,
    Ratio,
    ParentBasedAlwaysOn,
    ParentBasedAlwaysOff,
    ParentBasedRatio,
}

impl SamplerKind {
    /// The sampler; the share defaults to everything.
    pub(super) fn with(self, ratio: Option<f64>) -> InvocationSampler {
        let ratio = Sampler::TraceIdRatioBased(ratio.unwrap_or(1.0));
        let (root, follows) = match self {
            Self::AlwaysOn => (Sampler::AlwaysOn, false),
            Self::AlwaysOff => (Sampler::AlwaysOff, false),
            Self::Ratio => (ratio, false),
            Self::ParentBasedAlwaysOn => (Sampler::AlwaysOn, true),
            Self::ParentBasedAlwaysOff => (Sampler::AlwaysOff, true),
            Self::ParentBasedRatio => (ratio, true),
        };
        let followed = follows.then(|| Sampler::ParentBased(Box::new(root.clone())));
        InvocationSampler { root, followed }
    }
}

/// The specification's sampler, which also knows of callers that left the decision to us (`Sampled=?` in an X-Ray
/// header, `b3` without a flag): those do not bind what follows its parent, so the sampler of roots decides.
#[derive(Clone)]
pub(crate) struct InvocationSampler {
    root: Sampler,
    /// Follows the parent where it decided; `None` for samplers that never look.
    followed: Option<Sampler>,
}

/// Briefly: the SDK keeps this in every function.
impl fmt::Debug for InvocationSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InvocationSampler")
    }
}

impl ShouldSample for InvocationSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        // The note in the context is inherited by everything inside; the invocation's own parent alone is remote.
        let undecided = parent.is_some_and(|parent| {
            parent.get::<Undecided>().is_some() && parent.span().span_context().is_remote()
        });
        let sampler = self.followed.as_ref().filter(|_| !undecided).unwrap_or(&self.root);
        sampler.should_sample(parent, trace, name, kind, attributes, links)
    }
}

pub(super) fn kind(text: &str) -> Result<SamplerKind, String> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "always_on" => SamplerKind::AlwaysOn,
        "always_off" => SamplerKind::AlwaysOff,
        "traceidratio" => SamplerKind::Ratio,
        "parentbased_always_on" => SamplerKind::ParentBasedAlwaysOn,
        "parentbased_always_off" => SamplerKind::ParentBasedAlwaysOff,
        "parentbased_traceidratio" => SamplerKind::ParentBasedRatio,
        "jaeger_remote" | "parentbased_jaeger_remote" | "xray" => {
            return Err(format!("{text} is not supported by this version; {EXPECTED}"));
        }
        _ => return Err(EXPECTED.to_owned()),
    })
}

pub(super) fn ratio(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .ok_or_else(|| "expected a share from 0 to 1, such as 0.1".to_owned())
}

const EXPECTED: &str = "expected always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off or \
                        parentbased_traceidratio";

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceState};
    use opentelemetry_sdk::trace::SamplingDecision;

    /// Whether a span is recorded whose parent has the flag.
    fn records(kind: SamplerKind, flags: TraceFlags, undecided: bool, remote: bool) -> bool {
        let span = SpanContext::new(TraceId::from(1), SpanId::from(1), flags, remote, TraceState::NONE);
        let mut parent = Context::new().with_remote_span_context(span);
        if undecided {
            parent = parent.with_value(Undecided);
        }
        let sampler = kind.with(None);
        let result = sampler.should_sample(Some(&parent), TraceId::from(1), "", &SpanKind::Server, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn a_caller_that_left_the_decision_to_us_leaves_it_to_the_sampler_of_roots() {
        use SamplerKind::{ParentBasedAlwaysOff, ParentBasedAlwaysOn};
        let (yes, no) = (TraceFlags::SAMPLED, TraceFlags::NOT_SAMPLED);
        assert!(records(ParentBasedAlwaysOff, yes, false, true), "what was decided binds");
        assert!(!records(ParentBasedAlwaysOff, yes, true, true));
        assert!(records(ParentBasedAlwaysOn, no, true, true));
        assert!(records(ParentBasedAlwaysOff, yes, true, false), "children follow their invocation");
    }

    #[test]
    fn names_are_taken_in_any_case() {
        assert_eq!(kind("ParentBased_TraceIdRatio"), Ok(SamplerKind::ParentBasedRatio));
    }

    #[test]
    fn a_share_outside_its_interval_is_refused() {
        for wrong in ["-0.1", "1.5", "NaN", "half"] {
            assert!(ratio(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ratio("0.25"), Ok(0.25));
    }
}
