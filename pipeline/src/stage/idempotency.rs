//! Keys made of what a batch holds.

use std::{fmt, sync::Arc};

use crate::{Batch, Deadline, Export, Outcome};

/// Gives each batch a key of your making. A batch has one anyway, drawn when it was formed and the same for every
/// attempt; this is for batches that are formed anew of the same data, by another process or after a crash, and shall be
/// recognised all the same. It is sent as `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header); files take a key
/// that they had among the last sixteen for a repetition, and S3 puts what has an equal key in the same place.
///
/// ```
/// use spanlayer_pipeline::{Deadline, Export as _, Memory, stage::Idempotency};
/// # use spanlayer_pipeline::{Batch, Payload, Signal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let batch = || Batch::of([Payload::scan(Signal::Traces, Default::default()).unwrap()]).unwrap();
/// let memory = Memory::new();
/// let export = Idempotency::by_content(memory.clone());
/// export.export(batch(), Deadline::never()).await;
/// export.export(batch(), Deadline::never()).await;
/// let sent = memory.batches();
/// assert_eq!(sent[0].idempotency_key(), sent[1].idempotency_key());
/// # }
/// ```
#[derive(Clone)]
pub struct Idempotency<E> {
    inner: E,
    key: Arc<dyn Fn(&Batch) -> String + Send + Sync>,
}

impl<E> Idempotency<E> {
    /// Keys made by this function. They are sent in a header, so they must be made of what those may hold.
    pub fn new(inner: E, key: impl Fn(&Batch) -> String + Send + Sync + 'static) -> Self {
        Self { inner, key: Arc::new(key) }
    }

    /// Keys made of the request's bytes: equal requests have equal keys, and others do not, but for one in 2^128.
    pub fn by_content(inner: E) -> Self {
        Self::new(inner, digest)
    }
}

impl<E> fmt::Debug for Idempotency<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Idempotency")
    }
}

impl<E: Export> Export for Idempotency<E> {
    fn export(&self, batch: Batch, by: Deadline) -> impl Future<Output = Outcome> + Send {
        let key = (self.key)(&batch);
        self.inner.export(batch.keyed(key), by)
    }

    fn drain(&self, by: Deadline) -> impl Future<Output = Outcome> + Send {
        self.inner.drain(by)
    }
}

fn digest(batch: &Batch) -> String {
    let signal = batch.signal().name().bytes();
    format!("{:032x}", fnv(signal.chain(batch.request())))
}

/// FNV-1a of 128 bits (draft-eastlake-fnv): tells what differs apart, and is no defence against those who forge it.
pub(super) fn fnv(bytes: impl Iterator<Item = u8>) -> u128 {
    bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::scripted::{Scripted, batch};

    #[tokio::test]
    async fn equal_requests_have_equal_keys_and_others_do_not() {
        let stage = Idempotency::by_content(Scripted::always(Outcome::DELIVERED));
        for spans in [3, 3, 4] {
            stage.export(batch(spans), Deadline::never()).await;
        }
        let seen = stage.inner.seen();
        let keys: Vec<&str> = seen.iter().map(Batch::idempotency_key).collect();
        assert_eq!(keys[0], keys[1]);
        assert_ne!(keys[0], keys[2]);
        assert!(keys.iter().all(|key| key.len() == 32 && key.bytes().all(|b| b.is_ascii_hexdigit())));
    }
}
