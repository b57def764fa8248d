//! What a pipeline file asks for between the arrival of a payload and the queue.
//!
//! ```text
//! fields   the numbers of OTLP's fields
//! record   one message of a request, open for reading and changing
//! scene    one place in a request, and what it belongs to
//! ottl     conditions and statements about such places, in the Collector's language
//! stage    processors: they change a payload, or leave some of it out
//! sample   which traces are kept, decided when they are over
//! ```
//!
//! Apart from what happens to every payload, since this is built to be small and that to be fast.

mod fields;
pub mod ottl;
pub mod record;
pub mod sample;
pub mod scene;
pub mod stage;
pub mod suggest;

/// FNV-1a, 64 bits: for telling texts apart, not for keeping them from anybody.
pub fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
