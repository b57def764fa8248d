//! Everything that reads what others wrote: one function for each, which is given any bytes at all, and panics when something
//! is wrong. What a target finds out beyond not panicking stands in it.
//!
//! `make fuzz` runs them on mutations of `fuzz/corpus`; `cargo +nightly fuzz run --fuzz-dir fuzz/libfuzzer TARGET
//! fuzz/corpus/TARGET` guided by coverage; and `tests/corpus.rs`, with all other tests, on the corpus as it is.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "the wrapper uses more of its modules than this does"
)]
#![allow(clippy::expect_used, reason = "a target says what it found by failing")]

mod propagation;
mod targets;
mod trigger;

pub use targets::{TARGETS, Target};

/// Runs the target of this name.
///
/// # Panics
///
/// When it finds something, or there is no such target.
pub fn run(name: &str, data: &[u8]) {
    let target =
        TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("no target {name}"));
    (target.run)(data);
}
