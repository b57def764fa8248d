//! Where things end in JSON text: byte scans, without a stack and without looking into what is skipped.

/// The first byte at or after `at` that is not white space.
pub(super) fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Where the value that begins at `at` ends.
pub(super) fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => string_end(text, at + 1).map(|(quote, _)| quote + 1),
        b'{' | b'[' => nested_end(text, at),
        _ => scalar_end(text, at),
    }
}

/// The closing quote of the string whose content begins at `at`, and whether the string holds escapes.
pub(super) fn string_end(text: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    let mut quiet = 0;
    // Eight bytes at a time: most strings end within a few bytes, where a call into vectorised code costs more than it
    // saves. One that goes on without a quote or an escape is left to it.
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        let (quotes, escapes) = (zero_bytes(word ^ QUOTES), zero_bytes(word ^ BACKSLASHES));
        let hits = quotes | escapes;
        if hits == 0 {
            at += 8;
            quiet += 1;
            if quiet == QUIET_WORDS {
                at += memchr::memchr2(b'"', b'\\', &text[at..])?;
                quiet = 0;
            }
            continue;
        }
        at += hits.trailing_zeros() as usize / 8;
        if hits & hits.wrapping_neg() & quotes != 0 {
            return Some((at, escaped));
        }
        // Whatever is escaped, it does not end the string.
        escaped = true;
        at += 2;
        quiet = 0;
    }
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

/// Where the object or array that begins at `at` ends. Only brackets are counted: whether what lies between is JSON
/// shows when it is asked for.
fn nested_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        at += text.get(at..)?.iter().position(|&byte| STRUCTURE[usize::from(byte)])?;
        match text[at] {
            b'"' => at = string_end(text, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            _ => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
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

/// Marks the bytes of `word` that are zero; exact up to and including the lowest one.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// The bytes that matter when a nested value is skipped.
const STRUCTURE: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = ONES * b'"' as u64;
const BACKSLASHES: u64 = ONES * b'\\' as u64;

/// How many words without a quote or an escape make a long string.
const QUIET_WORDS: u32 = 4;
