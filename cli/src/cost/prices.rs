//! What a backend asks for.

use super::tally::{Left, Service};
use spanlayer_pipeline::Signal;

/// Prices, in whatever currency.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Prices {
    /// Of 10⁹ bytes that are sent.
    pub(super) gb: Option<f64>,
    /// Of a million spans that are delivered.
    pub(super) million_spans: Option<f64>,
}

/// What was paid, and what would have been paid more.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Paid {
    pub(super) spent: f64,
    /// Without compression.
    pub(super) compression: f64,
    /// Without filters, estimated; nothing where there is nothing to estimate by.
    pub(super) filters: Option<f64>,
    /// Without sampling, estimated.
    pub(super) sampling: Option<f64>,
}

impl Prices {
    pub(super) fn are_given(self) -> bool {
        self.gb.is_some() || self.million_spans.is_some()
    }

    pub(super) fn of(self, service: &Service) -> Paid {
        let bytes = |count: f64| self.gb.unwrap_or_default() * count / 1e9;
        let spans = |count: f64| self.million_spans.unwrap_or_default() * count / 1e6;
        let all = service.sent_in_all();
        let left_out = |left: Left| {
            let of_signal = |signal| {
                let more = service.saved(signal, left)?;
                let spans = if signal == Signal::Traces { spans(more.items) } else { 0.0 };
                Some(bytes(more.sent) + spans)
            };
            Signal::ALL.into_iter().map(of_signal).sum()
        };
        Paid {
            spent: bytes(all.sent as f64) + spans(service.sent(Signal::Traces).delivered as f64),
            compression: bytes(all.saved() as f64),
            filters: left_out(Left::Filtered),
            sampling: left_out(Left::SampledOut),
        }
    }
}

impl Paid {
    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        let both = |one: Option<f64>, other: Option<f64>| Some(one? + other?);
        Self {
            spent: self.spent + other.spent,
            compression: self.compression + other.compression,
            filters: both(self.filters, other.filters),
            sampling: both(self.sampling, other.sampling),
        }
    }

    /// Of nothing.
    pub(super) const NONE: Self =
        Self { spent: 0.0, compression: 0.0, filters: Some(0.0), sampling: Some(0.0) };
}
