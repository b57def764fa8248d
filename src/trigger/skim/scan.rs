//! Where things end in JSON text: byte scans, without a stack and without looking into what is skipped.

/// The first byte at or after `at` that is not white space.
#[inline]
pub(super) fn space(text: &[u8], mut at: usize) -> usize {
    // Services write without any.
    if text.get(at).is_some_and(|byte| *byte > b' ') {
        return at;
    }
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
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
/// Eight bytes at a time, at a fixed pace, so that the processor need not wait for one step to begin the next: most strings
/// end within a few bytes, where a call into vectorised code costs more than it saves. One that goes on without a quote
/// or an escape is left to that.
pub(super) fn string_end(text: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    // The first byte of the next word is what a backslash escapes.
    let mut behind = false;
    let mut quiet = 0;
    while let Some(word) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*word);
        let quotes = first_zero_byte(word ^ QUOTES);
        let hits = quotes | first_zero_byte(word ^ BACKSLASHES);
        if hits == 0 {
            behind = false;
            at += 8;
            quiet += 1;
            if quiet == QUIET_WORDS {
                at += memchr::memchr2(b'"', b'\\', &text[at..])?;
                quiet = 0;
            }
            continue;
        }
        if hits & hits.wrapping_neg() & quotes != 0 && !behind {
            return Some((at + hits.trailing_zeros() as usize / 8, escaped));
        }
        let quotes = zero_bytes(word ^ QUOTES);
        let mut hits = quotes | zero_bytes(word ^ BACKSLASHES);
        if std::mem::take(&mut behind) {
            hits &= !FIRST;
        }
        while hits != 0 {
            let hit = hits & hits.wrapping_neg();
            if hit & quotes != 0 {
                return Some((at + hit.trailing_zeros() as usize / 8, escaped));
            }
            // Whatever is escaped, it does not end the string.
            escaped = true;
            behind = hit == LAST;
            hits &= !(hit | hit << 8);
        }
        at += 8;
        quiet = 0;
    }
    at += usize::from(behind);
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

/// Marks the bytes of `word` that are zero with their highest bits; exact up to and including the first one.
const fn first_zero_byte(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// Marks the bytes of `word` that are zero, and no others.
const fn zero_bytes(word: u64) -> u64 {
    !(((word & !HIGH_BITS) + !HIGH_BITS) | word | !HIGH_BITS)
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
/// The marks of a word's first byte and of its last.
const FIRST: u64 = 0x80;
const LAST: u64 = FIRST << 56;
const QUOTES: u64 = ONES * b'"' as u64;
const BACKSLASHES: u64 = ONES * b'\\' as u64;

/// How many words without a quote or an escape make a long string.
const QUIET_WORDS: u32 = 4;
