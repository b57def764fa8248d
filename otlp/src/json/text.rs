//! Bytes, text and numbers as JSON writes them, for OTLP/JSON and for whoever makes other JSON of the same data.

use std::fmt::Write as _;

/// Appends bytes as lower-case hexadecimal.
pub fn hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Bytes as lower-case hexadecimal.
pub fn to_hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(2 * bytes.len());
    hex(&mut out, bytes);
    out
}

/// Reads hexadecimal of any case into `out` and says how many bytes there were. `None` when it is not hexadecimal, or
/// does not fit.
pub fn unhex(text: &str, out: &mut [u8]) -> Option<usize> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() || pairs.len() > out.len() {
        return None;
    }
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        let digit = |digit: &u8| char::from(*digit).to_digit(16);
        *byte = (digit(high)? << 4 | digit(low)?) as u8;
    }
    Some(pairs.len())
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends bytes as base64, padded (RFC 4648, section 4).
pub fn base64(out: &mut String, bytes: &[u8]) {
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..=chunk.len()].copy_from_slice(chunk);
        let group = u32::from_be_bytes(group);
        for place in 0..4 {
            let digit = ALPHABET[(group >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
}

/// Reads base64, of the usual or the URL alphabet, padded or not.
pub fn unbase64(text: &str) -> Option<Vec<u8>> {
    let digits = text.trim_end_matches('=').as_bytes();
    let padding = text.len() - digits.len();
    if padding > 0 && (padding > 2 || !text.len().is_multiple_of(4)) || digits.len() % 4 == 1 {
        return None;
    }
    let mut out = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    for chunk in digits.chunks(4) {
        let mut group = 0;
        for digit in chunk {
            group = group << 6 | value(*digit)?;
        }
        group <<= 6 * (4 - chunk.len());
        out.extend_from_slice(&group.to_be_bytes()[1..chunk.len()]);
    }
    Some(out)
}

const fn value(digit: u8) -> Option<u32> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    } as u32)
}

/// Appends a JSON string.
pub fn quoted(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                out.push_str("\\u00");
                hex(out, &[byte]);
            }
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
}

/// Appends a number: the shortest text that reads back the same, with an exponent where that is shorter. JSON has no
/// name for what is not finite, so that becomes a string: `"NaN"`, `"Infinity"`, `"-Infinity"`.
pub fn double(out: &mut String, value: f64) {
    if value.is_finite() {
        let _ = write!(out, "{value:?}"); // writing to a string cannot fail
    } else if value.is_nan() {
        out.push_str("\"NaN\"");
    } else {
        out.push_str(if value > 0.0 { "\"Infinity\"" } else { "\"-Infinity\"" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base64_of(bytes: &[u8]) -> String {
        let mut out = String::new();
        base64(&mut out, bytes);
        out
    }

    #[test]
    fn base64_agrees_with_the_rfcs_examples() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(base64_of(plain.as_bytes()), encoded);
            assert_eq!(unbase64(encoded).as_deref(), Some(plain.as_bytes()));
            assert_eq!(unbase64(encoded.trim_end_matches('=')).as_deref(), Some(plain.as_bytes()));
        }
        assert_eq!(base64_of(&[0xfb, 0xff]), "+/8=");
        assert_eq!(unbase64("-_8"), unbase64("+/8="));
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        for wrong in ["A", "=", "Zg=", "Zg===", "Zm9v=", "Zm 9v", "Zg==Zg==", "é"] {
            assert_eq!(unbase64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn hexadecimal_is_read_in_any_case_and_written_in_lower_case() {
        let mut bytes = [0; 3];
        assert_eq!(unhex("fF0a", &mut bytes), Some(2));
        assert_eq!(bytes, [0xff, 0x0a, 0]);
        let mut out = String::new();
        hex(&mut out, &bytes);
        assert_eq!(out, "ff0a00");
        for wrong in ["f", "fg", "+f", "ff0a0000", "é"] {
            assert_eq!(unhex(wrong, &mut bytes), None, "{wrong}");
        }
    }

    #[test]
    fn every_character_survives_quoting() {
        let text: String = (0..0x300).filter_map(char::from_u32).chain(['\u{2028}', '\u{10ffff}']).collect();
        let mut out = String::new();
        quoted(&mut out, &text);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
    }
}
