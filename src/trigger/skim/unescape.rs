//! The escapes of JSON strings.

/// Decodes the inside of a string that holds escapes. `None` when it is not that of a JSON string.
pub(super) fn unescape(text: &[u8]) -> Option<String> {
    let mut plain = Vec::with_capacity(text.len());
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let Some(next) = rest.iter().position(|&byte| byte == b'\\') else {
            plain.extend_from_slice(rest);
            return String::from_utf8(plain).ok();
        };
        plain.extend_from_slice(&rest[..next]);
        at += next;
        let (decoded, used) = match *text.get(at + 1)? {
            escaped @ (b'"' | b'\\' | b'/') => {
                plain.push(escaped);
                at += 2;
                continue;
            }
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => unicode(&text[at + 2..])?,
            _ => return None,
        };
        plain.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
        at += used;
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
