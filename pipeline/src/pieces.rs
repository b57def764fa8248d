//! Batches made of a batch: when it is too large, when it was refused, when its resources have to be kept apart.

mod apart;

use spanlayer_otlp::{Signal, split::split};

use crate::{BatchLimits, batch::Part};

pub(crate) use apart::by_resource;

/// The two halves of a batch: between payloads while there are several, between the items of one otherwise.
pub(crate) fn halves(signal: Signal, parts: &[Part]) -> Option<Vec<Vec<Part>>> {
    match parts {
        [part] => {
            let items = part.summary.items;
            pieces(signal, part, BatchLimits { bytes: usize::MAX, items: items.div_ceil(2) })
                .filter(|_| items > 1)
        }
        parts => {
            let (first, second) = parts.split_at(parts.len() / 2);
            Some(vec![first.to_vec(), second.to_vec()])
        }
    }
}

/// A payload in pieces within the limits, if that makes more than one.
pub(crate) fn pieces(signal: Signal, part: &Part, limits: BatchLimits) -> Option<Vec<Vec<Part>>> {
    let pieces = split(signal, &part.bytes, limits.bytes, limits.items);
    let pieces: Vec<_> =
        pieces.into_iter().map(|(bytes, summary)| vec![part.piece(bytes, summary)]).collect();
    (pieces.len() > 1).then_some(pieces)
}

/// After so many refusals in a row, with nothing delivered in between, the reason is not one bad item: batches are
/// refused whole from then on. Halving a batch of 8,192 items takes 13.
pub(crate) const HOPELESS: u32 = 32;
