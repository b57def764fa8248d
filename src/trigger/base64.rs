//! Base64, as far as needed to look for a trace context inside a payload.

/// Decodes a text in the standard alphabet; `None` if it is not in it.
pub(crate) fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let end = text.iter().rposition(|&symbol| symbol != b'=').map_or(0, |last| last + 1);
    let text = &text[..end];
    // A symbol outside of the alphabet leaves its mark in bits that no other has.
    let mut wrong = 0;
    let mut bits = |group: &[u8]| {
        let bits = group.iter().fold(0, |bits, &symbol| (bits << 6) | VALUES[usize::from(symbol)]);
        wrong |= group.iter().fold(0, |all, &symbol| all | VALUES[usize::from(symbol)]);
        bits
    };
    let (groups, rest) = text.as_chunks::<4>();
    let mut bytes = vec![0; text.len() * 3 / 4];
    let (plains, last) = bytes.as_chunks_mut::<3>();
    for (group, plain) in groups.iter().zip(plains) {
        let [_, decoded @ ..] = bits(group).to_be_bytes();
        *plain = decoded;
    }
    match (rest.len(), bits(rest)) {
        (0, _) => {}
        (3, bits) => last.copy_from_slice(&(bits >> 2).to_be_bytes()[2..]),
        (2, bits) => last.copy_from_slice(&(bits >> 4).to_be_bytes()[3..]),
        _ => return None,
    }
    (wrong & NONE == 0).then_some(bytes)
}

/// What a symbol stands for.
const VALUES: [u32; 256] = {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u32;
        value += 1;
    }
    values
};
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// No value has this bit.
const NONE: u32 = 1 << 31;

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
