//! A mistake of ours must not become the function's.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::warning::warn;

/// Runs a piece of this crate; a panic in it costs the telemetry of one invocation, and is reported.
pub(crate) fn guarded<T>(piece: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(piece));
    if result.is_err() {
        warn("a panic inside spanlayer: an invocation is not, or not completely, recorded");
    }
    result.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_kept_from_the_function() {
        assert_eq!(guarded(|| -> u8 { panic!("for the test") }), None);
        assert_eq!(guarded(|| 7), Some(7));
    }
}
