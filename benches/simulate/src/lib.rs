//! The extension's own flush policy and lifecycle, driven in virtual time through fleets of environments.
//!
//! ```text
//! shape, trace ─▶ fleet (which environment serves what) ─▶ environment (policy, machine, backend) ─▶ figures ─▶ report, plot
//! ```
//!
//! Everything follows from a seed: the same command writes the same bytes.

pub mod backend; // how long exports take, and when they fail
pub mod environment; // one environment from its first invocation to its end
pub mod figures; // what it came to
pub mod fleet; // arrivals to environments, as Lambda does it
pub mod plot; // SVG
pub mod report; // the tables, and who is dominated by whom
pub mod rng; // chance from a seed
pub mod shape; // the traffic
pub mod strategy; // what is compared
pub mod trace; // arrivals from a file
