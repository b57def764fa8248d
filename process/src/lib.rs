//! What leaves, and where it goes: what happens to a payload between its arrival and the queue.
//!
//! ```text
//! record   one message of a request, open for reading and changing
//! scene    one place in a request, and what it belongs to
//! ottl     conditions and statements about such places, in the Collector's language
//! stage    processors: they change a payload, or leave some of it out
//! sample   which traces are kept, decided when they are over
//! redact   what must not leave is made unreadable, in every place of every signal
//! ```
//!
//! Everything here takes and gives encoded requests, and leaves alone those in which nothing is to be changed: they are
//! not decoded.
//!
//! ```
//! use spanlayer_process::redact::{Redactor, Rules};
//!
//! let redactor = Redactor::new(Rules::default())?;
//! let line = "GET https://example.com/k?X-Amz-Signature=fe5f80f77d5fa3be";
//! assert_eq!(redactor.redact_text(line).as_deref(), Some("GET https://example.com/k?X-Amz-Signature=****"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod ottl;
pub mod record;
pub mod redact;
pub mod sample;
pub mod scene;
pub mod stage;
pub mod suggest;

pub use redact::{Redactor, Rules};

pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// FNV-1a, 64 bits.
pub(crate) fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
