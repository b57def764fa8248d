//! Limits batches: what is too large goes out in pieces, each of them once.

mod progress;

use std::collections::VecDeque;

use crate::{
    Batch, BatchLimits, Deadline, Export, Outcome,
    pieces::{HOPELESS, by_resource, halves, pieces},
    recall::Recall,
};
use progress::Progress;

/// Splits batches that are larger than their destination takes, by items and by bytes, inside of payloads if need be. What
/// is refused for a reason that may lie in some of its items or in its size (400, 413) is halved, and halved again, until
/// the culprit alone is refused.
///
/// Pieces go out one after the other, under keys made of their batch's. When one fails, those behind it wait for the
/// batch to be exported again, and those before it are not sent again. So it works inside of [`Retry`](super::Retry) as
/// well as around it, where only the one piece is repeated: put it around.
///
/// Refused pieces of a batch that was taken otherwise are told as rejected ([`Outcome::Delivered`]).
///
/// ```
/// use spanlayer_pipeline::{Backoff, BatchLimits, Memory, stage::{Retry, SubBatch}};
///
/// let limits = BatchLimits { items: 500, bytes: 1 << 20 };
/// let export = SubBatch::new(Retry::new(Memory::new(), Backoff::exponential()), limits);
/// ```
#[derive(Debug)]
pub struct SubBatch<E> {
    inner: E,
    limits: BatchLimits,
    resources_apart: bool,
    /// Batches of which some is delivered and some is not.
    unfinished: Recall<Progress>,
}

impl<E> SubBatch<E> {
    /// Exports to `inner` in batches within these limits.
    pub const fn new(inner: E, limits: BatchLimits) -> Self {
        Self { inner, limits, resources_apart: false, unfinished: Recall::of(UNFINISHED) }
    }

    /// Each batch of one resource only, for formats that name it once a request.
    #[must_use]
    pub const fn resources_apart(mut self, apart: bool) -> Self {
        self.resources_apart = apart;
        self
    }

    /// A batch in pieces that fit.
    fn cut(&self, batch: Batch) -> VecDeque<Batch> {
        let apart = if self.resources_apart { by_resource(batch.signal(), batch.parts()) } else { None };
        let batches = match apart {
            Some(apart) => batch.divided(apart),
            None => vec![batch],
        };
        batches.into_iter().flat_map(|batch| self.fitting(batch)).collect()
    }

    fn fitting(&self, batch: Batch) -> Vec<Batch> {
        if batch.items() <= self.limits.items && batch.bytes() <= self.limits.bytes {
            return vec![batch];
        }
        match pieces(batch.signal(), &batch.as_one(), self.limits) {
            Some(pieces) => batch.divided(pieces),
            None => vec![batch],
        }
    }

    fn resume(&self, batch: &Batch) -> Unfinished<'_> {
        let known = self.unfinished.take(batch);
        let progress = known.unwrap_or_else(|| Progress::of(self.cut(batch.clone())));
        Unfinished { batch: batch.clone(), progress, all: &self.unfinished }
    }
}

impl<E: Export> Export for SubBatch<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let mut work = self.resume(&batch);
        let mut refusals = 0;
        while let Some(piece) = work.progress.next() {
            match self.inner.export(piece.clone(), by).await {
                Outcome::Delivered { rejected, message } => {
                    refusals = 0;
                    work.progress.delivered(&piece, rejected, message);
                }
                retry @ Outcome::Retry { .. } => return retry,
                Outcome::Refused { why, divisible } => {
                    refusals += 1;
                    match halves(piece.signal(), piece.parts()).filter(|_| divisible && refusals < HOPELESS) {
                        Some(halves) => work.progress.replaced(piece.divided(halves)),
                        None => work.progress.refused(&piece, why),
                    }
                }
            }
        }
        work.progress.outcome()
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.inner.drain(by)
    }
}

/// A batch on its way. When its export ends early, by an answer or by being dropped, what is left of it is remembered, if
/// there is anything to remember.
struct Unfinished<'a> {
    batch: Batch,
    progress: Progress,
    all: &'a Recall<Progress>,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if self.progress.is_worth_remembering() {
            self.all.note(&self.batch, std::mem::take(&mut self.progress));
        }
    }
}

/// Whoever keeps more batches than this for another attempt has more to fear than a repetition.
const UNFINISHED: usize = 4096;

#[cfg(test)]
mod tests;
