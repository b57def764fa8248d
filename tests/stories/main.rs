//! The whole, as stories: a function, the extension, Lambda's APIs on loopback, and a destination that behaves as told.
//!
//! The programs are those of the workspace: `cargo build --workspace` comes first, as `make test` does.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expected by failing")]

mod answers;
mod chain;
mod cost;
mod delivery;
mod endings;
mod freezes;
mod kills;
mod letters;
mod outages;
mod plain;
mod platform;
mod world;
