//! Lets some items through, and nothing of a batch that has none of them.

mod retain;

use std::{fmt, sync::Arc};

use spanlayer_otlp::Signal;

use super::idempotency::fnv;
use crate::{
    Batch, Deadline, Export, Outcome,
    read::{self, Log, Metric, Span, Status},
};

/// What a [`Filter`] is asked about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Item<'a> {
    /// A span.
    Span(&'a Span<'a>),
    /// A log record.
    Log(&'a Log<'a>),
    /// A metric with all of its data points.
    Metric(&'a Metric<'a>),
}

impl Item<'_> {
    /// Whether it tells of an error: a span with an error status, a log record of severity `ERROR` (17) or worse. Metrics
    /// do not.
    pub fn is_error(&self) -> bool {
        match self {
            Self::Span(span) => span.status == Status::Error,
            Self::Log(log) => log.severity >= ERROR,
            Self::Metric(_) => false,
        }
    }

    /// The name of a span or metric, or what kind of event a log record is.
    pub fn name(&self) -> &str {
        match self {
            Self::Span(span) => span.name,
            Self::Log(log) => log.event_name,
            Self::Metric(metric) => metric.name,
        }
    }
}

/// Lets through the items that a predicate says yes to, with the resource and scope they belong to. A batch of which all
/// are let through goes on as it is; one of which none is, goes nowhere, and counts as delivered.
///
/// What is left of a batch has a key made of the batch's and of the choice: whoever is behind several filters takes what they
/// let through of the same batch for what it is, and not for repetitions of each other.
///
/// ```
/// use spanlayer_pipeline::{Memory, stage::{Filter, Item}};
///
/// let slow = Filter::new(Memory::new(), |item| match item {
///     Item::Span(span) => span.nanos() > 1_000_000_000,
///     _ => true, // log records and metrics are none of its business
/// });
/// let errors = Filter::errors_only(Memory::new());
/// let http = Filter::name_prefix(Memory::new(), "HTTP ");
/// ```
#[derive(Clone)]
pub struct Filter<E> {
    inner: E,
    keep: Arc<dyn Fn(&Item<'_>) -> bool + Send + Sync>,
}

impl<E> Filter<E> {
    /// Lets through what `keep` says yes to.
    pub fn new(inner: E, keep: impl Fn(&Item<'_>) -> bool + Send + Sync + 'static) -> Self {
        Self { inner, keep: Arc::new(keep) }
    }

    /// Lets through what [tells of an error](Item::is_error).
    pub fn errors_only(inner: E) -> Self {
        Self::new(inner, |item: &Item<'_>| item.is_error())
    }

    /// Lets through what has a [name](Item::name) that begins like this.
    pub fn name_prefix(inner: E, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self::new(inner, move |item| item.name().starts_with(&prefix))
    }

    /// What is left of a batch.
    fn filtered(&self, batch: Batch) -> Option<Batch> {
        let request = batch.request();
        let keep: Vec<bool> = match batch.signal() {
            Signal::Traces => read::spans(&request).map(|span| (self.keep)(&Item::Span(&span))).collect(),
            Signal::Logs => read::logs(&request).map(|log| (self.keep)(&Item::Log(&log))).collect(),
            Signal::Metrics => {
                read::metrics(&request).map(|metric| (self.keep)(&Item::Metric(&metric))).collect()
            }
        };
        if keep.iter().all(|keep| *keep) {
            return (!keep.is_empty()).then_some(batch);
        }
        let left = retain::retain(&request, &keep)?;
        Some(batch.holding(left.into(), chosen(&keep)))
    }
}

impl<E> fmt::Debug for Filter<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filter")
    }
}

impl<E: Export> Export for Filter<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        match self.filtered(batch) {
            Some(left) => self.inner.export(left, by).await,
            None => Outcome::DELIVERED,
        }
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.inner.drain(by)
    }
}

/// Equal for equal choices.
fn chosen(keep: &[bool]) -> String {
    format!("{:032x}", fnv(keep.iter().map(|keep| u8::from(*keep))))
}

/// `SEVERITY_NUMBER_ERROR` (`logs.proto`).
const ERROR: i32 = 17;

#[cfg(test)]
mod tests;
