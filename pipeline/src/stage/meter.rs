//! Counts attempts and bytes.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use crate::{Batch, Deadline, Encoding, Export, Outcome, stats::Traffic};

/// Counts each attempt of what it wraps.
#[derive(Debug)]
pub(crate) struct Meter<E> {
    inner: E,
    encoding: Option<Encoding>,
    traffic: Arc<Traffic>,
}

impl<E> Meter<E> {
    /// `encoding` is what the inner export asks batches for; `None` if it makes something else of them.
    pub(crate) const fn new(inner: E, encoding: Option<Encoding>, traffic: Arc<Traffic>) -> Self {
        Self { inner, encoding, traffic }
    }
}

impl<E: Export> Export for Meter<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        self.traffic.attempts.fetch_add(1, Relaxed);
        self.traffic.bytes.fetch_add(batch.bytes() as u64, Relaxed);
        if let Some(encoding) = self.encoding
            && let Ok(body) = batch.encoded(encoding).await
        {
            // Made here or there, it is made once.
            self.traffic.compressed_bytes.fetch_add(body.len() as u64, Relaxed);
        }
        let outcome = self.inner.export(batch, by).await;
        if !matches!(outcome, Outcome::Delivered { .. }) {
            self.traffic.failures.fetch_add(1, Relaxed);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Compression,
        stage::scripted::{Scripted, batch},
    };

    #[tokio::test]
    async fn every_attempt_and_its_bytes_count() {
        let traffic = Arc::<Traffic>::default();
        let replies = [Outcome::retry("busy"), Outcome::DELIVERED];
        let meter =
            Meter::new(Scripted::replies(replies), Some(Compression::GZIP.into()), Arc::clone(&traffic));
        let batch = batch(100);
        let raw = batch.bytes() as u64;
        meter.export(batch.clone(), Deadline::never()).await;
        meter.export(batch.clone(), Deadline::never()).await;
        let seen = traffic.totals();
        assert_eq!((seen.attempts, seen.failures, seen.bytes), (2, 1, 2 * raw));
        let body = batch.encoded(Compression::GZIP).await.unwrap();
        assert_eq!(seen.compressed_bytes, 2 * body.len() as u64);
        assert!(seen.compressed_bytes < seen.bytes / 2, "a hundred like spans shrink");
    }
}
