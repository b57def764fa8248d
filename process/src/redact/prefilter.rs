//! Where in a payload's bytes a rule might apply: one pass that looks at every second place, and never misses.
//!
//! Every rule names short literals that its secrets cannot do without. Of each literal the four bytes from its first or
//! from its second byte lie at an even place; both are in a set of bits, and what the set has is compared in full.

use std::ops::Range;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct Prefilter {
    /// Hashes of four bytes, folded.
    bits: Box<[u64; WORDS]>,
    /// How literals begin: their first two bytes, folded. Ids and other noise are in the set of hashes often enough that
    /// comparing them with literals would be most of the work.
    pairs: Box<[u64; WORDS]>,
    /// The literals, folded, by their first byte.
    literals: Vec<Vec<Box<[u8]>>>,
    /// Rules need the sign of addresses.
    at: bool,
    /// Rules need long numbers.
    digits: bool,
    /// Rules that no literal announces.
    everything: bool,
}

impl Prefilter {
    /// Finds nothing until it is told what to look for.
    pub(super) fn new() -> Self {
        Self {
            bits: Box::new([0; WORDS]),
            pairs: Box::new([0; WORDS]),
            literals: Vec::new(),
            at: false,
            digits: false,
            everything: false,
        }
    }

    /// Looks for a literal in any case. Shorter ones than three bytes are no help: everything is looked at then.
    pub(super) fn literal(&mut self, literal: &str) {
        let folded: Box<[u8]> = literal.bytes().map(fold).collect();
        match *folded {
            [a, b, c, d, e, ..] => {
                self.set([a, b, c, d]);
                self.set([b, c, d, e]);
            }
            [a, b, c, d] => {
                self.set([a, b, c, d]);
                any_folded().for_each(|before| self.set([before, a, b, c]));
            }
            [a, b, c] => any_folded().for_each(|other| {
                self.set([a, b, c, other]);
                self.set([other, a, b, c]);
            }),
            _ => self.everything = true,
        }
        let Some(&[first, second]) = folded.first_chunk() else { return };
        let pair = pair(first, second);
        self.pairs[pair >> 6] |= 1 << (pair & 63);
        if self.literals.is_empty() {
            self.literals.resize(256, Vec::new());
        }
        let alike = &mut self.literals[usize::from(first)];
        if !alike.contains(&folded) {
            alike.push(folded);
        }
    }

    /// Looks for `@`.
    pub(super) const fn at_sign(&mut self) {
        self.at = true;
    }

    /// Looks for numbers of thirteen digits and more.
    pub(super) const fn long_numbers(&mut self) {
        self.digits = true;
    }

    /// Looks nowhere, and lets rules see everything.
    pub(super) const fn everything(&mut self) {
        self.everything = true;
    }

    fn set(&mut self, four: [u8; 4]) {
        let hash = hash(u32::from_le_bytes(four));
        self.bits[hash >> 6] |= 1 << (hash & 63);
    }

    /// The places in which a rule might apply.
    pub(super) fn places(&self, bytes: &[u8]) -> Places {
        if self.everything {
            return Places { everything: true, at: Vec::new() };
        }
        let mut at = Vec::new();
        if !self.literals.is_empty() {
            self.literals_in(bytes, &mut at);
        }
        if self.at {
            at.extend(memchr::memchr_iter(b'@', bytes));
        }
        if self.digits {
            long_numbers(bytes, &mut at);
        }
        at.sort_unstable();
        Places { everything: false, at }
    }

    fn literals_in(&self, bytes: &[u8], found: &mut Vec<usize>) {
        // Pairs of windows, so that the common case is one branch a four bytes.
        let mut at = 0;
        for six in bytes.windows(6).step_by(4) {
            let (Some(first), Some(second)) = (six.first_chunk(), six[2..].first_chunk()) else { break };
            let (first, second) = (self.has(first), self.has(second));
            if first | second {
                if first {
                    self.verify(bytes, at, found);
                }
                if second {
                    self.verify(bytes, at + 2, found);
                }
            }
            at += 4;
        }
        // The last windows reach beyond the end, where literals of three bytes may still begin.
        while at < bytes.len() {
            self.verify(bytes, at, found);
            at += 2;
        }
    }

    #[inline]
    fn has(&self, four: &[u8; 4]) -> bool {
        let hash = hash(u32::from_le_bytes(*four) | 0x2020_2020);
        self.bits[hash >> 6] >> (hash & 63) & 1 != 0
    }

    #[cold]
    fn verify(&self, bytes: &[u8], at: usize, found: &mut Vec<usize>) {
        // The four bytes may be a literal's second to fifth, or the one before a short literal and its first three.
        for at in [at.wrapping_sub(1), at, at + 1] {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(&[first, second]) = rest.first_chunk() else { continue };
            let pair = pair(fold(first), fold(second));
            if self.pairs[pair >> 6] >> (pair & 63) & 1 == 0 {
                continue;
            }
            let is_here = |literal: &[u8]| {
                rest.get(..literal.len())
                    .is_some_and(|text| text.iter().zip(literal).all(|(&a, &b)| fold(a) == b))
            };
            if self.literals[usize::from(fold(first))].iter().any(|literal| is_here(literal)) {
                found.push(at);
            }
        }
    }
}

/// Where rules might apply, as places in the payload.
#[derive(Debug)]
pub(super) struct Places {
    everything: bool,
    at: Vec<usize>,
}

impl Places {
    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        !self.everything && self.at.is_empty()
    }

    /// Whether there is one in a range.
    #[inline]
    pub(super) fn touch(&self, range: &Range<usize>) -> bool {
        if self.everything {
            return true;
        }
        let first = self.at.partition_point(|at| *at < range.start);
        self.at.get(first).is_some_and(|at| *at < range.end)
    }
}

/// A number of thirteen digits, single separators between them, has a digit at every second place, and so beside each
/// twelfth.
fn long_numbers(bytes: &[u8], found: &mut Vec<usize>) {
    let mut from = 0;
    while from + 1 < bytes.len() {
        if bytes[from].is_ascii_digit() || bytes[from + 1].is_ascii_digit() {
            let part = |byte: &&u8| byte.is_ascii_digit() || matches!(byte, b' ' | b'-');
            let before = bytes[..from].iter().rev().take_while(part).count();
            let after = bytes[from..].iter().take_while(part).count();
            let run = from - before..from + after;
            if bytes[run.clone()].iter().filter(|byte| byte.is_ascii_digit()).count() >= 13 {
                found.push(run.start.max(from.saturating_sub(1)).min(from));
                found.push(run.start);
                found.push(run.end.saturating_sub(1));
            }
            from = run.end.max(from);
        }
        from += 12;
    }
}

/// Letters of both cases are one. That some other bytes become one too costs nothing but a comparison.
const fn fold(byte: u8) -> u8 {
    byte | 0x20
}

fn any_folded() -> impl Iterator<Item = u8> {
    (0..=u8::MAX).filter(|byte| fold(*byte) == *byte)
}

#[inline]
fn pair(first: u8, second: u8) -> usize {
    usize::from(u16::from_le_bytes([first, second]))
}

/// Sixteen bits, multiplied as Fibonacci hashing has it (Knuth, volume 3, 6.4).
#[inline]
const fn hash(four: u32) -> usize {
    (four.wrapping_mul(0x9e37_79b1) >> 16) as usize
}

const WORDS: usize = (1 << 16) / 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_is_found_at_every_place_whatever_surrounds_it() {
        for literal in ["eyJ", "AKIA", "token", "password"] {
            let mut prefilter = Prefilter::new();
            prefilter.literal(literal);
            for before in 0..20 {
                for after in 0..20 {
                    for case in [literal.to_owned(), literal.to_uppercase()] {
                        let bytes = [vec![b'x'; before], case.into_bytes(), vec![b'\x07'; after]].concat();
                        let places = prefilter.places(&bytes);
                        assert!(places.touch(&(before..before + 1)), "{literal} {before} {after}");
                    }
                }
            }
            assert!(prefilter.places(&[b'x'; 100]).is_empty());
        }
    }

    #[test]
    fn a_long_number_is_found_at_every_place() {
        let mut prefilter = Prefilter::new();
        prefilter.long_numbers();
        for number in ["4111111111111111", "4111 1111 1111 1111", "4222222222222", "3782-822463-10005"] {
            for before in 0..30 {
                let bytes = [vec![b'x'; before], number.as_bytes().to_vec(), vec![b'y'; 9]].concat();
                assert!(
                    prefilter.places(&bytes).touch(&(before..before + number.len())),
                    "{number} {before}"
                );
            }
        }
        assert!(prefilter.places(b"1767000000 and 12345678").is_empty());
    }
}
