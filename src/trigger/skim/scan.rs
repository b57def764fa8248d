//! Where things end in JSON text: byte scans, without a stack and without looking into what is skipped.

use wide::u8x16;

/// JSON text, as it is or as it stands in a string of other JSON text, where quotes are escaped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'a> {
    pub(super) bytes: &'a [u8],
    /// Bytes of a quote, the last of which is the quote itself: 2 in a string, 1 else.
    pub(super) quote: usize,
}

impl<'a> Text<'a> {
    pub(super) fn plain(bytes: &'a [u8]) -> Self {
        Self { bytes, quote: 1 }
    }

    pub(super) fn quoted(bytes: &'a [u8]) -> Self {
        Self { bytes, quote: 2 }
    }

    #[inline]
    pub(super) fn get(self, at: usize) -> Option<u8> {
        self.bytes.get(at).copied()
    }

    /// Whether a quote begins at `at`.
    #[inline]
    pub(super) fn has_quote(self, at: usize) -> bool {
        self.get(at + self.quote - 1) == Some(b'"')
    }

    /// The first byte at or after `at` that is not white space.
    #[inline]
    pub(super) fn space(self, at: usize) -> usize {
        match self.get(at) {
            Some(byte) if byte > b' ' && byte != b'\\' => at,
            _ => self.long_space(at),
        }
    }

    fn long_space(self, mut at: usize) -> usize {
        loop {
            match self.get(at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
                Some(b'\\') if self.quote == 2 && matches!(self.get(at + 1), Some(b'n' | b'r' | b't')) => {
                    at += 2
                }
                _ => return at,
            }
        }
    }

    /// Where the value begins whose key ends at `at`.
    #[inline]
    pub(super) fn behind_colon(self, at: usize) -> Option<usize> {
        // Most services write without blanks, SNS with one on each side.
        match self.bytes.get(at..at + 3)? {
            [b':', b'"' | b'{' | b'[' | b'0'..=b'9', _] => Some(at + 1),
            [b':', b'\\', b'"'] => Some(at + 1),
            b" : " if self.has_quote(at + 3) => Some(at + 3),
            _ => self.behind_spaced_colon(at),
        }
    }

    #[inline(never)]
    fn behind_spaced_colon(self, at: usize) -> Option<usize> {
        let at = self.space(at);
        (self.get(at)? == b':').then(|| self.space(at + 1))
    }

    /// Where what follows the value that ends at `at` begins and whether it is another one: else the list ends there,
    /// behind `close`.
    #[inline]
    pub(super) fn behind_comma(self, at: usize, close: u8) -> Option<(usize, bool)> {
        let at = self.space(at);
        match self.get(at)? {
            b',' => Some((self.space(at + 1), true)),
            byte if byte == close => Some((at + 1, false)),
            _ => None,
        }
    }
}

impl Default for Text<'_> {
    fn default() -> Self {
        Self::plain(&[])
    }
}

/// Text and the block of it that was looked at last: most of what is asked for is in it still.
#[derive(Clone, Debug)]
pub(super) struct Scanner<'a> {
    pub(super) text: Text<'a>,
    /// Where the block begins.
    base: usize,
    /// Its quotes but those that are escaped, as bits.
    quotes: u64,
    /// Its backslashes but those that belong to these quotes.
    backslashes: u64,
    /// The first bytes behind it that are escaped …
    carried: u64,
    /// … and those that are in the text that a string holds.
    carried_within: u64,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: Text<'a>) -> Self {
        // The block that ends where the text begins.
        let base = 0_usize.wrapping_sub(BLOCK);
        Self { text, base, quotes: 0, backslashes: 0, carried: 0, carried_within: 0 }
    }

    /// Where the value that begins at `at` ends, and whether it is a string that holds escapes.
    #[inline]
    pub(super) fn value_end(&mut self, at: usize) -> Option<(usize, bool)> {
        if self.text.has_quote(at) {
            let (quote, escaped) = self.string_end(at + self.text.quote)?;
            return Some((quote + 1, escaped));
        }
        match self.text.get(at)? {
            b'{' | b'[' => Some((self.nested_end(at + 1, 1)?, false)),
            _ => Some((scalar_end(self.text.bytes, at)?, false)),
        }
    }

    /// The closing quote's last byte of the string whose content begins at `at`, and whether the string holds escapes.
    #[expect(
        clippy::inline_always,
        reason = "most ends are in the block, where a call takes as long as the look"
    )]
    #[inline(always)]
    pub(super) fn string_end(&mut self, at: usize) -> Option<(usize, bool)> {
        let skipped = at.wrapping_sub(self.base);
        if skipped < BLOCK {
            let quotes = self.quotes >> skipped;
            if quotes != 0 {
                let before = quotes ^ (quotes - 1);
                let escaped = self.backslashes != 0 && (self.backslashes >> skipped) & before != 0;
                return Some((at + quotes.trailing_zeros() as usize, escaped));
            }
        }
        self.far_string_end(at)
    }

    /// The same where the quote is not in the block.
    #[inline(never)]
    fn far_string_end(&mut self, mut at: usize) -> Option<(usize, bool)> {
        let skipped = at.wrapping_sub(self.base);
        let mut escaped = false;
        if skipped < BLOCK {
            escaped = self.backslashes >> skipped != 0;
            at = self.base + BLOCK;
        } else {
            (self.carried, self.carried_within) = (0, 0);
        }
        self.look(at)?;
        if self.quotes == 0 {
            return self.long_string_end(at, escaped);
        }
        let (quote, before) = self.string_end(at)?;
        Some((quote, escaped | before))
    }

    /// The same where there is none in the first block that was looked at for it, either, which begins at `at`.
    #[inline(never)]
    fn long_string_end(&mut self, mut at: usize, mut escaped: bool) -> Option<(usize, bool)> {
        let mut quiet = 0;
        while self.quotes == 0 {
            quiet += 1;
            if self.backslashes != 0 {
                (escaped, quiet) = (true, 0);
            }
            at += BLOCK;
            if quiet == QUIET_BLOCKS {
                at = quiet_end(self.text.bytes, at)?;
                quiet = 0;
            }
            self.look(at)?;
        }
        let (quote, before) = self.string_end(at)?;
        Some((quote, escaped | before))
    }

    /// Looks at the block at `at`; `None` behind the end, and where it cannot be told what it says.
    #[inline]
    fn look(&mut self, at: usize) -> Option<()> {
        match self.text.bytes.get(at..)?.first_chunk() {
            Some(block) => self.look_at(block)?,
            None => self.look_at_the_rest(at)?,
        }
        self.base = at;
        Some(())
    }

    #[inline]
    fn look_at(&mut self, block: &[u8; BLOCK]) -> Option<()> {
        self.quotes = block_marks(block, b'"');
        self.backslashes = block_marks(block, b'\\');
        if self.backslashes | self.carried | self.carried_within != 0 {
            self.look_at_escapes(block)?;
        }
        Some(())
    }

    #[inline(never)]
    fn look_at_escapes(&mut self, block: &[u8; BLOCK]) -> Option<()> {
        let (escaped, carried) = escapes(self.backslashes, self.carried);
        self.carried = carried;
        if self.text.quote == 1 {
            self.quotes &= !escaped;
            return Some(());
        }
        // Any character may be written as its number, quotes too.
        if escaped & block_marks(block, b'u') != 0 {
            return None;
        }
        self.quotes &= escaped;
        let within = self.backslashes & escaped;
        if within | self.carried_within != 0 {
            self.carried_within = self.take_escaped_within(within);
        }
        self.backslashes &= !(self.quotes >> 1);
        Some(())
    }

    /// Takes out the quotes that are escaped once more, in the text that the string holds: behind one of its backslashes,
    /// `within`, and their own. Returns those behind the block.
    fn take_escaped_within(&mut self, mut within: u64) -> u64 {
        let (mut escaped, mut carried) = (self.carried_within, 0);
        while within != 0 {
            let backslash = within & within.wrapping_neg();
            if escaped & backslash == 0 {
                escaped |= backslash << 2;
                carried |= backslash >> 62;
            }
            within ^= backslash;
        }
        self.quotes &= !escaped;
        carried
    }

    #[cold]
    fn look_at_the_rest(&mut self, at: usize) -> Option<()> {
        let rest = self.text.bytes.get(at..).filter(|rest| !rest.is_empty())?;
        let mut block = [0; BLOCK];
        block[..rest.len()].copy_from_slice(rest);
        self.look_at(&block)
    }

    /// Where the outermost of so many objects and arrays ends, given where to go on in the innermost. Only brackets are
    /// counted: whether what lies between is JSON shows when it is asked for.
    pub(super) fn nested_end(&mut self, mut at: usize, mut depth: usize) -> Option<usize> {
        let text = self.text.bytes;
        loop {
            // Most of these stand next to each other.
            match text.get(at)? {
                b'"' => at = self.string_end(at + 1)?.0,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Some(at + 1);
                    }
                }
                b',' | b':' => {}
                _ => {
                    at = next_bracket(text, at + 1);
                    continue;
                }
            }
            at += 1;
        }
    }
}

/// The first bracket or quote at or after `at`, or the end.
fn next_bracket(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = chunk(text, at) {
        // Braces and square brackets differ in one bit.
        let folded = chunk | u8x16::splat(0x20);
        let hits = marks(folded, b'{') | marks(folded, b'}') | marks(chunk, b'"');
        if hits != 0 {
            return at + hits.trailing_zeros() as usize;
        }
        at += CHUNK;
    }
    let is_hit = |byte: &u8| matches!(byte, b'"' | b'{' | b'[' | b'}' | b']');
    at + text[at..].iter().position(is_hit).unwrap_or(text.len() - at)
}

/// Where a long string, of which nothing ends until `at`, ends or holds an escape: left to who can look at more bytes at
/// once.
#[inline(never)]
fn quiet_end(text: &[u8], at: usize) -> Option<usize> {
    Some(at + memchr::memchr2(b'"', b'\\', text.get(at..)?)?)
}

/// The bytes of a block that are escaped, given its backslashes and whether its first byte is: those behind every second
/// backslash of a run, counted from its first. The sum carries through a run, so that its end tells by its place whether
/// the run's length is odd, as in "Parsing Gigabytes of JSON per Second" (Langdale, Lemire; 2019), section 3.1.1. Also
/// whether the first byte behind the block is escaped.
#[inline]
fn escapes(backslashes: u64, carried: u64) -> (u64, u64) {
    const EVEN: u64 = 0x5555_5555_5555_5555;
    let backslashes = backslashes & !carried;
    let follows = backslashes << 1 | carried;
    let odd_starts = backslashes & !EVEN & !follows;
    let (ends, overflow) = odd_starts.overflowing_add(backslashes);
    ((EVEN ^ (ends << 1)) & follows, u64::from(overflow))
}

/// Where a number, `true`, `false` or `null` ends.
fn scalar_end(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    let len = rest.iter().position(|&byte| !IN_SCALARS[usize::from(byte)]).unwrap_or(rest.len());
    match &rest[..len] {
        b"true" | b"false" | b"null" | [b'-' | b'0'..=b'9', ..] => Some(at + len),
        _ => None,
    }
}

/// The bytes that numbers, `true`, `false` and `null` may hold.
const IN_SCALARS: [bool; 256] = {
    let mut held = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        held[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'+' | b'-' | b'.');
        byte += 1;
    }
    held
};

/// The bytes at `at`, unless fewer than a chunk are left.
#[inline]
fn chunk(text: &[u8], at: usize) -> Option<u8x16> {
    text.get(at..)?.first_chunk::<CHUNK>().map(|bytes| u8x16::new(*bytes))
}

/// The bytes of a chunk that are `wanted`, as bits.
#[inline]
pub(super) fn marks(chunk: u8x16, wanted: u8) -> u32 {
    chunk.simd_eq(u8x16::splat(wanted)).to_bitmask()
}

/// The same for a block.
#[inline]
fn block_marks(block: &[u8; BLOCK], wanted: u8) -> u64 {
    let (chunks, _) = block.as_chunks::<CHUNK>();
    chunks.iter().rev().fold(0, |bits, chunk| bits << CHUNK | u64::from(marks(u8x16::new(*chunk), wanted)))
}

/// Bytes that are looked at at once.
pub(super) const CHUNK: usize = 16;

/// Bytes whose quotes are noted at once, a bit each.
const BLOCK: usize = 64;

/// How many blocks with neither quotes nor escapes make a long string.
const QUIET_BLOCKS: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// One byte after the other, as the grammar reads.
    fn plain_string_end(text: &[u8], mut at: usize) -> Option<(usize, bool)> {
        let mut escaped = false;
        loop {
            match text.get(at)? {
                b'"' => return Some((at, escaped)),
                b'\\' => (at, escaped) = (at + 2, true),
                _ => at += 1,
            }
        }
    }

    #[test]
    fn every_pattern_of_backslashes_and_quotes_ends_where_it_does_byte_by_byte() {
        // All texts of so many bytes out of three kinds, behind every distance to the edge of a chunk.
        const LEN: u32 = 7;
        for pattern in 0..3_usize.pow(LEN) {
            let bytes = (0..LEN).map(|at| b"\\\"x"[pattern / 3_usize.pow(at) % 3]);
            for before in (0..CHUNK).chain(BLOCK - 8..BLOCK + 1) {
                let mut text = vec![b'-'; before];
                text.extend(bytes.clone());
                for after in [0, 2 * CHUNK, BLOCK] {
                    text.resize(text.len() + after, b'-');
                    assert_eq!(
                        Scanner::new(Text::plain(&text)).string_end(0),
                        plain_string_end(&text, 0),
                        "{}",
                        text.escape_ascii()
                    );
                }
            }
        }
    }

    #[test]
    fn in_a_string_strings_end_where_they_do_in_its_content() {
        const LEN: u32 = 7;
        for pattern in 0..3_usize.pow(LEN) {
            for before in (0..4).chain(BLOCK - 16..BLOCK + 1) {
                let mut content = vec![b'-'; before];
                content.extend((0..LEN).map(|at| b"\\\"x"[pattern / 3_usize.pow(at) % 3]));
                content.resize(content.len() + BLOCK, b'-');
                let escaped = content.escape_ascii().to_string();
                // Where in the escaped text each byte of the content ends.
                let end = |at: usize| content[..=at].escape_ascii().count() - 1;
                let found = Scanner::new(Text::quoted(escaped.as_bytes())).string_end(0);
                let expected = plain_string_end(&content, 0).map(|(quote, has)| (end(quote), has));
                assert_eq!(found.map(|(quote, _)| quote), expected.map(|(quote, _)| quote), "{escaped}");
                // A backslash that belongs to the quote of the next block counts as one.
                assert!(
                    found.is_some_and(|(_, has)| has) >= expected.is_some_and(|(_, has)| has),
                    "{escaped}"
                );
            }
        }
    }

    #[test]
    fn nested_values_end_at_their_own_bracket_wherever_chunks_begin() {
        let nested = br#"[{"a":[1,{"b":"]}\\\"["}],"c":{}},[[]],"\\",{"long text without any end":[0]}]"#;
        for before in 0..40 {
            for after in [0, 1, 40] {
                let text = [&vec![b' '; before], &nested[..], &vec![b']'; after]].concat();
                assert_eq!(
                    Scanner::new(Text::plain(&text)).value_end(before),
                    Some((before + nested.len(), false))
                );
            }
            let cut = [&vec![b' '; before], &nested[..nested.len() - 1]].concat();
            assert_eq!(Scanner::new(Text::plain(&cut)).value_end(before), None);
        }
    }
}
