//! The wall clock, as Unix time, and the monotonic clock for code that runs without tokio.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The time since the Unix epoch; zero on a machine whose clock stands before it.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn unix() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// [`unix`] in nanoseconds, the unit of OTLP. Fits until the year 2554.
pub fn unix_nanos() -> u64 {
    u64::try_from(unix().as_nanos()).unwrap_or(u64::MAX)
}

/// [`unix`] in milliseconds, the unit of Lambda's deadlines.
pub fn unix_millis() -> u64 {
    u64::try_from(unix().as_millis()).unwrap_or(u64::MAX)
}

/// The monotonic clock. Under tokio use `tokio::time::Instant`, which obeys paused time.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
pub fn monotonic() -> Instant {
    Instant::now()
}
