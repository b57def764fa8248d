//! The extension as a process, between an emulated Lambda and a destination that behaves as told.
//!
//! Sockets are real here, and so is time: nothing sleeps to let something happen, everything that is waited for is
//! waited for by a deadline.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a story that cannot go on has failed")]

#[path = "../../../otlp/tests/support/mod.rs"]
mod support;
mod world;

mod bad_input;
mod bounds;
mod delivery;
mod file;
mod grpc;
mod kills;
mod outages;
mod outside;
mod panics;
mod random;
mod remote;
mod shutdown;
mod standalone;
mod startup;
