//! What is wrapped around a destination: each stage is an [`Export`](crate::Export) around another, and adds one thing.
//!
//! | stage | adds |
//! |---|---|
//! | [`Timeout`] | a limit for each attempt |
//! | [`Retry`] | repetitions, by a [`Backoff`](crate::Backoff) |
//! | [`Breaker`] | rest for a destination that fails |
//! | [`Metered`] | counters, in a [`Meter`] |
//! | [`SubBatch`] | limits of a batch, by items and bytes; halves what is refused as too large |
//! | [`Throttle`] | limits of a rate: requests, items, bytes a second |
//! | [`Filter`] | a choice of items |
//! | [`Idempotency`] | keys made of the content |
//! | [`Buffer`] | larger batches, collected over time |
//! | [`FanOut`] | several destinations, none of which holds up another |
//!
//! They compose in any order; [`Wrap`] has a method for each, so that a stack reads from the destination outwards:
//!
//! ```
//! use spanlayer_pipeline::{Backoff, BreakerSettings, settings::Otlp, stage::{Meter, Wrap as _}};
//! use std::time::Duration;
//!
//! let meter = Meter::new();
//! let export = Otlp::http("https://otlp.example.com")?
//!     .exporter()                             // one attempt, of 10 s at most
//!     .metered(&meter)                        // each attempt counts;
//!     .retry(Backoff::otlp())                 // retries repeat it;
//!     .breaker(BreakerSettings::steady())     // five batches in vain, and it is left alone for 30 s
//!     .errors_only();                         // of what is exported, only this
//! # Ok::<(), String>(())
//! ```
//!
//! A pipeline's own stacks are these stages too: its lanes wrap each destination in a timeout, a meter, retries and a
//! breaker, and its queue does what [`Buffer`], [`FanOut`] and [`SubBatch`] do for those who have none.

pub(crate) mod breaker;
mod buffer;
mod caught;
mod fan_out;
mod filter;
mod idempotency;
pub(crate) mod meter;
pub(crate) mod retry;
mod sub_batch;
mod throttle;
pub(crate) mod timeout;
mod wrap;

pub use breaker::{Breaker, Circuit};
pub use buffer::{Buffer, BufferSettings};
pub use fan_out::FanOut;
pub use filter::{Filter, Item};
pub use idempotency::Idempotency;
pub use meter::{Meter, Metered};
pub use retry::Retry;
pub use sub_batch::SubBatch;
pub use throttle::{Rates, Throttle};
pub use timeout::Timeout;
pub use wrap::Wrap;

pub(crate) use caught::Caught;

#[cfg(test)]
pub(crate) mod scripted;
