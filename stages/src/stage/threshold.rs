//! Consistent probability sampling (OpenTelemetry specification, *TraceState: Probability Sampling*): a trace has 56 random
//! bits, the same for everybody who samples it, and is kept by those whose threshold they reach. The threshold is written
//! into the trace state (`ot=th:…`), so that whoever counts can tell how many traces one stands for.

/// The threshold of everything that is never reached: 2^56, for a probability of zero.
pub const NEVER: u64 = 1 << 56;

/// The threshold of a probability: the part of [`NEVER`] that is left out, in `digits` significant hexadecimal digits
/// (1 to 14), so that it is short.
pub fn of(probability: f64, digits: u32) -> u64 {
    let probability = probability.clamp(0.0, 1.0);
    // Exact: both are multiples of 2^-53 of it.
    let threshold = NEVER - (probability * NEVER as f64) as u64;
    if threshold == NEVER {
        return NEVER;
    }
    // Leading `f`s tell how small it is, and do not count.
    let small = (!(threshold << 8)).leading_zeros() / 4;
    let shift = 4 * 14_u32.saturating_sub(small + digits.clamp(1, 14));
    let half = if shift > 0 { 1 << (shift - 1) } else { 0 };
    (((threshold + half) >> shift) << shift).min(NEVER - 1)
}

/// The probability of a threshold.
pub fn probability(threshold: u64) -> f64 {
    (NEVER - threshold.min(NEVER)) as f64 / NEVER as f64
}

/// The threshold of keeping a share of what a threshold lets through.
pub fn share(of_what: u64, probability: f64) -> u64 {
    if probability >= 1.0 { of_what } else { of(self::probability(of_what) * probability, 4) }
}

/// The random bits of a trace id: the last 56 (W3C Trace Context, level 2).
pub fn randomness(trace_id: &[u8]) -> Option<u64> {
    let last: &[u8; 8] = trace_id.last_chunk()?;
    Some(u64::from_be_bytes(*last) & (NEVER - 1))
}

/// What a trace state says of sampling.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// `th`: what was kept so far reaches this.
    pub threshold: Option<u64>,
    /// `rv`: the random bits, where they are not those of the trace id.
    pub randomness: Option<u64>,
    /// What else stands under `ot`.
    rest: Vec<String>,
    /// What others wrote.
    others: Vec<String>,
}

impl State {
    /// Reads a trace state.
    pub fn parse(text: &str) -> Self {
        let mut state = Self::default();
        for member in text.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            let Some(own) = member.strip_prefix("ot=") else {
                state.others.push(member.to_owned());
                continue;
            };
            for part in own.split(';').filter(|part| !part.is_empty()) {
                match part.split_once(':') {
                    Some(("th", digits)) => state.threshold = threshold(digits),
                    Some(("rv", digits)) => state.randomness = bits(digits).filter(|_| digits.len() == 14),
                    _ => state.rest.push(part.to_owned()),
                }
            }
        }
        state
    }

    /// The trace state, with our member first.
    pub fn to_text(&self) -> String {
        let mut own = Vec::new();
        if let Some(threshold) = self.threshold.filter(|threshold| *threshold < NEVER) {
            own.push(format!("th:{}", digits(threshold)));
        }
        if let Some(randomness) = self.randomness {
            own.push(format!("rv:{randomness:014x}"));
        }
        own.extend(self.rest.iter().cloned());
        let own = (!own.is_empty()).then(|| format!("ot={}", own.join(";")));
        own.iter().chain(&self.others).map(String::as_str).collect::<Vec<_>>().join(",")
    }

    /// The random bits of this trace.
    pub fn randomness(&self, trace_id: &[u8]) -> Option<u64> {
        self.randomness.or_else(|| randomness(trace_id))
    }

    /// The threshold that was applied so far, if it can be true.
    pub fn so_far(&self, randomness: u64) -> u64 {
        self.threshold.filter(|threshold| randomness >= *threshold).unwrap_or_default()
    }
}

/// A threshold as it is written: without zeros at the end.
pub fn digits(threshold: u64) -> String {
    let text = format!("{threshold:014x}");
    let short = text.trim_end_matches('0');
    if short.is_empty() { "0".to_owned() } else { short.to_owned() }
}

fn threshold(digits: &str) -> Option<u64> {
    Some(bits(digits)? << (4 * (14 - digits.len() as u32)))
}

fn bits(digits: &str) -> Option<u64> {
    let right = (1..=14).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    right.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_written_as_the_specification_has_them() {
        for (probability, text) in [
            (1.0, "0"),
            (0.5, "8"),
            (0.25, "c"),
            (0.75, "4"),
            (0.1, "e666"),
            (0.01, "fd70a"),
            (0.001, "ffbe77"),
            (1.0 / 3.0, "aaab"),
        ] {
            assert_eq!(digits(of(probability, 4)), text, "{probability}");
        }
        assert_eq!((of(0.0, 4), probability(NEVER), probability(0)), (NEVER, 0.0, 1.0));
        assert!((probability(of(0.1, 4)) - 0.1).abs() < 1e-5);
    }

    #[test]
    fn a_trace_state_keeps_what_others_wrote() {
        let text = "rojo=1,ot=x:1;th:c;rv:00000000000001,congo=2";
        let mut state = State::parse(text);
        assert_eq!((state.threshold, state.randomness), (Some(0xc << 52), Some(1)));
        assert_eq!(state.so_far(1), 0, "what did not reach it was not kept by it");
        state.threshold = Some(of(0.5, 4));
        assert_eq!(state.to_text(), "ot=th:8;rv:00000000000001;x:1,rojo=1,congo=2");
        assert_eq!(State::parse("").to_text(), "");
        for wrong in ["ot=th:", "ot=th:xyz", "ot=th:123456789012345", "ot=rv:1"] {
            let state = State::parse(wrong);
            assert_eq!((state.threshold, state.randomness), (None, None), "{wrong}");
        }
    }

    #[test]
    fn shares_of_shares_multiply() {
        assert_eq!(digits(share(of(0.5, 4), 0.5)), "c");
        assert_eq!(share(of(0.5, 4), 1.0), of(0.5, 4));
    }
}
