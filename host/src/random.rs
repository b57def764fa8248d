//! Randomness from the operating system, asked for each time: a snapshot of a process that is restored twice must
//! not produce the same ids twice, so nothing is seeded and kept.

/// Fills an array with random bytes. Where the operating system has none to give (no entropy source at all), the
/// wall clock is mixed in instead, so that ids still differ: telemetry must not stop a program.
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    if getrandom::fill(&mut out).is_err() {
        let mut state = crate::clock::unix_nanos() ^ (u64::from(std::process::id()) << 32);
        for byte in &mut out {
            // SplitMix64, one step a byte (Steele, Lea, Flood 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            *byte = (mixed ^ (mixed >> 31)).to_le_bytes()[0];
        }
    }
    out
}

/// A number drawn evenly from `0.0..1.0`.
pub fn unit() -> f64 {
    // 53 bits are what a double holds exactly.
    (u64::from_le_bytes(bytes()) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<16>(), bytes::<16>());
    }

    #[test]
    fn unit_stays_inside_its_interval() {
        assert!((0..1000).map(|_| unit()).all(|draw| (0.0..1.0).contains(&draw)));
    }
}
