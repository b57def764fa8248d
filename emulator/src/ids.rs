//! Identifiers in the forms the platform uses.

use spanlayer_host::{clock, random};
use std::fmt::Write;

/// A random UUID (version 4), as request ids and extension identifiers are.
pub(crate) fn uuid() -> String {
    let mut raw = random::bytes::<16>();
    raw[6] = (raw[6] & 0x0f) | 0x40;
    raw[8] = (raw[8] & 0x3f) | 0x80;
    let hex = hex(&raw);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Whether the text has the shape of a UUID: what the Extensions API checks before it looks an identifier up.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

/// A new X-Ray trace id, `1-<epoch seconds>-<24 hex digits>`.
pub(crate) fn xray_root() -> String {
    format!("1-{:08x}-{}", clock::unix().as_secs(), hex(&random::bytes::<12>()))
}

/// A new span id, 16 hex digits.
pub(crate) fn span() -> String {
    hex(&random::bytes::<8>())
}

/// Eight hex digits, the hash in an X-Ray lineage.
pub(crate) fn short() -> String {
    hex(&random::bytes::<4>())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_recognised_and_nothing_else_is() {
        assert!(is_uuid(&uuid()));
        for wrong in
            ["", "none", "0c7e2f64-9b1d-4a53-8e20-51d6a7f3b94", "0c7e2f64-9b1d-4a53-8e20-51d6a7f3b94g"]
        {
            assert!(!is_uuid(wrong), "{wrong}");
        }
    }
}
