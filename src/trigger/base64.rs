//! Base64, as far as needed to look for a trace context inside a payload.

/// Decodes a text in the standard alphabet; `None` if it is not in it.
pub(super) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|&symbol| symbol != b'=').map_or(0, |last| last + 1);
    let text = &text[..end];
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 2);
    for group in text.chunks(4) {
        let mut bits = 0_u32;
        for &symbol in group {
            bits = (bits << 6) | u32::from(value(symbol)?);
        }
        match group.len() {
            4 => bytes.extend_from_slice(&bits.to_be_bytes()[1..]),
            3 => bytes.extend_from_slice(&(bits >> 2).to_be_bytes()[2..]),
            2 => bytes.extend_from_slice(&(bits >> 4).to_be_bytes()[3..]),
            _ => return None,
        }
    }
    Some(bytes)
}

fn value(symbol: u8) -> Option<u8> {
    match symbol {
        b'A'..=b'Z' => Some(symbol - b'A'),
        b'a'..=b'z' => Some(symbol - b'a' + 26),
        b'0'..=b'9' => Some(symbol - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_every_length_is_decoded_and_other_symbols_are_refused() {
        for (encoded, plain) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYg", "foob"),
            ("+/A=", "\u{fb}\u{f0}"),
        ] {
            let plain: Vec<u8> = plain.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
            assert_eq!(decode(encoded.as_bytes()), Some(plain), "{encoded}");
        }
        for wrong in ["Z", "Zm9vY", "Zm=v", "Zm9v\n", "-_A="] {
            assert_eq!(decode(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
