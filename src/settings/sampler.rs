//! Sampling, as `OTEL_TRACES_SAMPLER` and its argument say.

use opentelemetry_sdk::trace::Sampler;

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
    pub(super) fn with(self, ratio: Option<f64>) -> Sampler {
        let ratio = Sampler::TraceIdRatioBased(ratio.unwrap_or(1.0));
        match self {
            Self::AlwaysOn => Sampler::AlwaysOn,
            Self::AlwaysOff => Sampler::AlwaysOff,
            Self::Ratio => ratio,
            Self::ParentBasedAlwaysOn => Sampler::ParentBased(Box::new(Sampler::AlwaysOn)),
            Self::ParentBasedAlwaysOff => Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
            Self::ParentBasedRatio => Sampler::ParentBased(Box::new(ratio)),
        }
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
