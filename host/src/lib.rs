//! The doors to the machine: environment, files that somebody names, wall clock, randomness, what this process uses.
//!
//! Everything that a test would want to hold still comes in through here, and through here only: `clippy.toml` bans
//! the ways around. Monotonic time is not here: asynchronous code asks tokio's clock, which obeys paused time.

pub mod clock;
pub mod files;
pub mod panics;
pub mod process;
pub mod random;
pub mod vars;
