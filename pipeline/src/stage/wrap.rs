//! A method for each stage, so that stacks read from the destination outwards.

use std::time::Duration;

use super::{
    Breaker, Buffer, BufferSettings, Circuit, Filter, Idempotency, Item, Meter, Metered, Rates, Retry,
    SubBatch, Throttle, Timeout,
};
use crate::{Backoff, BatchLimits, BreakerSettings, Export};

/// Wraps any [`Export`] in a stage. See the [module](super) for an example.
pub trait Wrap: Export + Sized {
    /// Limits each attempt. See [`Timeout`].
    fn timeout(self, limit: Duration) -> Timeout<Self> {
        Timeout::new(self, Some(limit))
    }

    /// Repeats what may be repeated. See [`Retry`].
    fn retry(self, backoff: Backoff) -> Retry<Self> {
        Retry::new(self, backoff)
    }

    /// Leaves the destination alone after failures. See [`Breaker`].
    fn breaker(self, settings: BreakerSettings) -> Breaker<Self> {
        Breaker::new(self, Circuit::new("destination", settings))
    }

    /// Counts exports. See [`Metered`].
    fn metered(self, meter: &Meter) -> Metered<Self> {
        Metered::new(self, meter)
    }

    /// Lets through what tells of an error, and nothing else. See [`Filter::errors_only`].
    fn errors_only(self) -> Filter<Self> {
        Filter::errors_only(self)
    }

    /// Lets through what has a name that begins like this. See [`Filter::name_prefix`].
    fn name_prefix(self, prefix: impl Into<String>) -> Filter<Self> {
        Filter::name_prefix(self, prefix)
    }

    /// Lets through what a predicate says yes to. See [`Filter`].
    fn filter(self, keep: impl Fn(&Item<'_>) -> bool + Send + Sync + 'static) -> Filter<Self> {
        Filter::new(self, keep)
    }

    /// Limits batches. See [`SubBatch`].
    fn sub_batches(self, limits: BatchLimits) -> SubBatch<Self> {
        SubBatch::new(self, limits)
    }

    /// Limits rates. See [`Throttle`].
    fn throttle(self, rates: Rates) -> Throttle<Self> {
        Throttle::new(self, rates)
    }

    /// Makes keys of the content. See [`Idempotency`].
    fn keyed_by_content(self) -> Idempotency<Self> {
        Idempotency::by_content(self)
    }

    /// Collects larger batches. See [`Buffer`].
    fn buffer(self, settings: BufferSettings) -> Buffer<Self>
    where
        Self: 'static,
    {
        Buffer::new(self, settings)
    }
}

impl<E: Export> Wrap for E {}
