//! Inputs out of samples, by chance.

/// A generator of inputs; the same seed gives the same ones.
pub(crate) struct Mutator(u64);

impl Mutator {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sample with a few changes, or now and then nothing but noise.
    pub(crate) fn next(&mut self, samples: &[Vec<u8>]) -> Vec<u8> {
        let mut input = match samples.len() {
            0 => Vec::new(),
            count => samples[self.below(count)].clone(),
        };
        if input.is_empty() || self.below(64) == 0 {
            input = (0..self.below(64)).map(|_| self.byte()).collect();
        }
        for _ in 0..1 + self.below(6) {
            self.change(&mut input, samples);
        }
        input.truncate(LONGEST);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, samples: &[Vec<u8>]) {
        let at = self.below(input.len() + 1);
        let length = self.below(1 + (input.len() - at).min(32));
        match self.below(9) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 if at < input.len() => input[at] = self.byte(),
            2 => input.insert(at, self.byte()),
            3 => drop(input.drain(at..at + length)),
            4 => {
                let again = input[at..at + length].to_vec();
                input.splice(at..at, again);
            }
            5 => {
                let edge = EDGES[self.below(EDGES.len())];
                let end = (at + edge.len()).min(input.len());
                input.splice(at..end, edge.iter().copied());
            }
            6 if !samples.is_empty() => {
                // The end of another.
                let other = &samples[self.below(samples.len())];
                let from = self.below(other.len() + 1);
                input.truncate(at);
                input.extend_from_slice(&other[from..]);
            }
            7 if !samples.is_empty() => {
                // A part of another.
                let other = &samples[self.below(samples.len())];
                let from = self.below(other.len() + 1);
                let to = from + self.below(1 + (other.len() - from).min(64));
                input.splice(at..at, other[from..to].iter().copied());
            }
            _ => input.truncate(at.max(1)),
        }
    }

    fn byte(&mut self) -> u8 {
        self.next_u64() as u8
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next_u64() % limit.max(1) as u64) as usize
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// What readers stumble over.
const EDGES: [&[u8]; 14] = [
    &[0],
    &[0xff],
    &[0x7f],
    &[0x80],
    &[0xff; 4],
    &[0xff; 8],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    &[0xff, 0xff, 0xff, 0x7f],
    b"\"",
    b"\\u",
    b"\\ud800",
    b"{\"",
    b"[[[[",
    b"1e999",
];

/// Beyond this nothing new comes of more.
const LONGEST: usize = 64 << 10;
