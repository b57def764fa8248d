//! Where things end in JSON text: byte scans, without a stack and without looking into what is skipped.

use wide::u8x16;

/// The first byte at or after `at` that is not white space.
#[inline]
pub(super) fn space(text: &[u8], mut at: usize) -> usize {
    if text.get(at).is_some_and(|byte| *byte > b' ') {
        return at;
    }
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Where the value begins whose key ends at `at`.
#[inline]
pub(super) fn behind_colon(text: &[u8], at: usize) -> Option<usize> {
    // Services write without blanks.
    if let Some([b':', next, ..]) = text.get(at..)
        && *next > b' '
    {
        return Some(at + 1);
    }
    let at = space(text, at);
    (text.get(at)? == &b':').then(|| space(text, at + 1))
}

/// Where what follows the value that ends at `at` begins and whether it is another one: else the list ends there, behind
/// `close`.
#[inline]
pub(super) fn behind_comma(text: &[u8], at: usize, close: u8) -> Option<(usize, bool)> {
    if let Some([b',', next, ..]) = text.get(at..)
        && *next > b' '
    {
        return Some((at + 1, true));
    }
    let at = space(text, at);
    match text.get(at)? {
        b',' => Some((space(text, at + 1), true)),
        byte if *byte == close => Some((at + 1, false)),
        _ => None,
    }
}

/// Where the value that begins at `at` ends.
#[inline]
pub(super) fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => string_end(text, at + 1).map(|(quote, _)| quote + 1),
        b'{' | b'[' => nested_end(text, at),
        _ => scalar_end(text, at),
    }
}

/// The closing quote of the string whose content begins at `at`, and whether the string holds escapes.
///
/// Sixteen bytes at a time: most strings end within the first sixteen, where even a call costs more than the look.
#[inline]
pub(super) fn string_end(text: &[u8], at: usize) -> Option<(usize, bool)> {
    if let Some(chunk) = chunk(text, at) {
        let quotes = marks(chunk, b'"');
        if quotes != 0 && marks(chunk, b'\\') == 0 {
            return Some((at + quotes.trailing_zeros() as usize, false));
        }
    }
    long_string_end(text, at)
}

#[inline(never)]
fn long_string_end(text: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    // Whether the first byte of the next chunk is what a backslash escapes, as its bit.
    let mut behind = 0;
    let mut quiet = 0;
    while let Some(chunk) = chunk(text, at) {
        let backslashes = marks(chunk, b'\\') & !behind;
        let mut quotes = marks(chunk, b'"') & !behind;
        if backslashes == 0 {
            if quotes != 0 {
                return Some((at + quotes.trailing_zeros() as usize, escaped));
            }
            behind = 0;
            at += CHUNK;
            quiet += 1;
            if quiet == QUIET_CHUNKS {
                // A long one is left to who can look at more bytes at once.
                at += memchr::memchr2(b'"', b'\\', &text[at..])?;
                quiet = 0;
            }
            continue;
        }
        let after = escapes(backslashes);
        quotes &= !after;
        if quotes != 0 {
            let end = quotes.trailing_zeros();
            return Some((at + end as usize, escaped || backslashes.trailing_zeros() < end));
        }
        escaped = true;
        behind = after >> CHUNK;
        at += CHUNK;
        quiet = 0;
    }
    at += usize::from(behind != 0);
    loop {
        match text.get(at)? {
            b'"' => return Some((at, escaped)),
            b'\\' => {
                escaped = true;
                at += 2;
            }
            _ => at += 1,
        }
    }
}

/// The bytes that are escaped, given the backslashes of a chunk: those behind every second backslash of a run, counted from
/// its first. The sum carries through a run, so that its end tells by its place whether the run's length is odd, as in
/// "Parsing Gigabytes of JSON per Second" (Langdale, Lemire; 2019), section 3.1.1.
fn escapes(backslashes: u32) -> u32 {
    const EVEN: u32 = 0x5555_5555;
    let follows = backslashes << 1;
    let odd_starts = backslashes & !EVEN & !follows;
    (EVEN ^ ((odd_starts + backslashes) << 1)) & follows
}

/// Where the object or array that begins at `at` ends. Only brackets are counted: whether what lies between is JSON
/// shows when it is asked for.
fn nested_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    'chunks: while let Some(chunk) = chunk(text, at) {
        // Braces and square brackets differ in one bit.
        let folded = chunk | u8x16::splat(0x20);
        let opening = marks(folded, b'{');
        let mut hits = opening | marks(folded, b'}') | marks(chunk, b'"');
        while hits != 0 {
            let hit = hits.trailing_zeros();
            let place = at + hit as usize;
            if text[place] == b'"' {
                at = string_end(text, place + 1)?.0 + 1;
                continue 'chunks;
            }
            if opening & (1 << hit) != 0 {
                depth += 1;
            } else {
                depth -= 1;
                if depth == 0 {
                    return Some(place + 1);
                }
            }
            hits &= hits - 1;
        }
        at += CHUNK;
    }
    loop {
        match text.get(at)? {
            b'"' => at = string_end(text, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

/// Where a number, `true`, `false` or `null` ends.
fn scalar_end(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    let len = rest
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')))
        .unwrap_or(rest.len());
    match &rest[..len] {
        b"true" | b"false" | b"null" | [b'-' | b'0'..=b'9', ..] => Some(at + len),
        _ => None,
    }
}

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

/// Bytes that are looked at at once.
pub(super) const CHUNK: usize = 16;

/// How many chunks without a quote or an escape make a long string.
const QUIET_CHUNKS: u32 = 6;

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
            for before in 0..CHUNK {
                let mut text = vec![b'-'; before];
                text.extend(bytes.clone());
                for after in [0, 2 * CHUNK] {
                    text.resize(text.len() + after, b'-');
                    assert_eq!(string_end(&text, 0), plain_string_end(&text, 0), "{}", text.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn nested_values_end_at_their_own_bracket_wherever_chunks_begin() {
        let nested = br#"[{"a":[1,{"b":"]}\\\"["}],"c":{}},[[]],"\\",{"long text without any end":[0]}]"#;
        for before in 0..40 {
            for after in [0, 1, 40] {
                let text = [&vec![b' '; before], &nested[..], &vec![b']'; after]].concat();
                assert_eq!(value_end(&text, before), Some(before + nested.len()));
            }
            assert_eq!(value_end(&[&vec![b' '; before], &nested[..nested.len() - 1]].concat(), before), None);
        }
    }
}
