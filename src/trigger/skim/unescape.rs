//! The escapes of JSON strings.

use super::scan::{CHUNK, marks};
use wide::u8x16;

/// Decodes the inside of a string that holds escapes. `None` when it is not that of a JSON string.
pub(super) fn unescape(text: &[u8]) -> Option<String> {
    // What is decoded is never longer than its escape, so that a chunk fits wherever one is taken from.
    let mut plain = vec![0; text.len()];
    let (mut at, mut to) = (0, 0);
    loop {
        match text[at..].first_chunk::<CHUNK>() {
            Some(chunk) => {
                // The whole chunk is one move; what comes next goes over what was not clear of escapes.
                plain[to..][..CHUNK].copy_from_slice(chunk);
                let backslashes = marks(u8x16::new(*chunk), b'\\');
                let clear = if backslashes == 0 { CHUNK } else { backslashes.trailing_zeros() as usize };
                at += clear;
                to += clear;
                if backslashes == 0 {
                    continue;
                }
            }
            None => {
                let clear = text[at..].iter().position(|&byte| byte == b'\\').unwrap_or(text.len() - at);
                plain[to..][..clear].copy_from_slice(&text[at..][..clear]);
                at += clear;
                to += clear;
                if at == text.len() {
                    plain.truncate(to);
                    return String::from_utf8(plain).ok();
                }
            }
        }
        plain[to] = match *text.get(at + 1)? {
            escaped @ (b'"' | b'\\' | b'/') => escaped,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let (decoded, length) = unicode(&text[at + 2..])?;
                to += decoded.encode_utf8(&mut plain[to..]).len();
                at += length;
                continue;
            }
            _ => return None,
        };
        to += 1;
        at += 2;
    }
}

/// Decodes what follows `\u`, a pair of surrogates included; also the length of the escape as a whole.
fn unicode(digits: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = digits.get(at..at + 4)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let high = unit(0)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    let low =
        (digits.get(4..6)? == b"\\u").then(|| unit(6))??.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?, 12))
}
