//! Collects batches into larger ones.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use spanlayer_otlp::Signal;
use tokio::{sync, task::JoinHandle, time::sleep};

use super::Caught;
use crate::{Batch, Deadline, Export, Outcome};

/// When a [`Buffer`] sends what it holds, and how much that may be.
///
/// ```
/// use spanlayer_pipeline::stage::BufferSettings;
///
/// let mut small = BufferSettings::default();
/// small.items = 100;
/// small.limit_bytes = 1 << 20;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferSettings {
    /// So many items are sent at once. 512 by default.
    pub items: usize,
    /// What is held is sent after this time, however little it is. 5 s by default. With zero nothing waits: each export is
    /// a flush, and what that leaves is tried again a second later.
    pub every: Duration,
    /// The most that is held, in items. What comes beyond it is not taken. 10,000 by default.
    pub limit: usize,
    /// The most that is held, in encoded bytes. 16 MiB by default.
    pub limit_bytes: usize,
    /// The longest that a flush begun by time or number may take. 30 s by default.
    pub patience: Duration,
}

impl Default for BufferSettings {
    fn default() -> Self {
        Self {
            items: 512,
            every: Duration::from_secs(5),
            limit: 10_000,
            limit_bytes: 16 << 20,
            patience: Duration::from_secs(30),
        }
    }
}

/// Collects small batches, and sends them joined: when so many items have come together, when the time is up, or
/// [on demand](Export::drain), which is also what a shutdown does. Each signal goes out as a request of its own.
///
/// A batch counts as delivered once it is held here. A flush that fails keeps its items, and the next one sends the same
/// request under the same key. What does not fit is answered with [`Outcome::Retry`], so that the sender keeps it; what is
/// larger than all that may be held is refused, so that a [`SubBatch`](super::SubBatch) around divides it. What the
/// destination refuses for good is told by the flush, and counted by [`refused`](Self::refused).
///
/// The clock is a task that begins with the first batch, so this needs a tokio runtime; it ends when the stage is dropped,
/// and what is then still held is lost. Flush first.
///
/// ```
/// use spanlayer_pipeline::{Deadline, Export as _, Memory, stage::{Buffer, BufferSettings}};
/// # use spanlayer_pipeline::{Batch, Payload, Signal};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"6957a1f03b8c51d2e7f0469a8d1c27e4","spanId":"c4f1837a0be2659d"}]}]}]}"#;
/// # let request = spanlayer_pipeline::otlp::json::to_protobuf(Signal::Traces, json).unwrap();
/// # let batch = Batch::of([Payload::scan(Signal::Traces, request.into()).unwrap()]).unwrap();
/// let memory = Memory::new();
/// let export = Buffer::new(memory.clone(), BufferSettings::default());
/// export.export(batch.clone(), Deadline::never()).await;
/// export.export(batch, Deadline::never()).await;
/// assert_eq!(memory.attempts(), 0);
/// export.drain(Deadline::never()).await;
/// assert_eq!((memory.attempts(), memory.items()), (1, 2));
/// # }
/// ```
pub struct Buffer<E> {
    inner: Arc<Inner<E>>,
    clock: Mutex<Option<JoinHandle<()>>>,
}

struct Inner<E> {
    /// A panic must neither end the clock nor keep what caused it in the way of what follows.
    export: Caught<E>,
    settings: BufferSettings,
    held: Mutex<Held>,
    /// One flush at a time, so that what goes out keeps its order.
    sending: sync::Mutex<()>,
}

#[derive(Default)]
struct Held {
    /// Joined already, and tried in vain: goes out first, as it is.
    formed: VecDeque<Batch>,
    waiting: VecDeque<Batch>,
    items: usize,
    bytes: usize,
    refused: u64,
}

impl<E: Export + 'static> Buffer<E> {
    /// Collects what is exported to `inner`.
    pub fn new(inner: E, settings: BufferSettings) -> Self {
        let inner =
            Inner { export: Caught(inner), settings, held: Mutex::default(), sending: sync::Mutex::new(()) };
        Self { inner: Arc::new(inner), clock: Mutex::default() }
    }

    /// How many items it holds.
    pub fn items(&self) -> usize {
        self.inner.held().items
    }

    /// How many encoded bytes that is.
    pub fn bytes(&self) -> usize {
        self.inner.held().bytes
    }

    /// How many items were refused for good.
    pub fn refused(&self) -> u64 {
        self.inner.held().refused
    }

    fn start_clock(&self) {
        let mut clock = self.clock.lock().unwrap_or_else(PoisonError::into_inner);
        clock.get_or_insert_with(|| tokio::spawn(tick(Arc::downgrade(&self.inner), self.inner.settings)));
    }
}

/// Flushes every so often, for as long as the buffer is there.
async fn tick<E: Export>(buffer: Weak<Inner<E>>, settings: BufferSettings) {
    let every = if settings.every.is_zero() { AGAIN } else { settings.every };
    loop {
        sleep(every).await;
        let Some(buffer) = buffer.upgrade() else { return };
        buffer.send(Deadline::within(settings.patience)).await;
    }
}

impl<E: Export> Inner<E> {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends everything that is held now.
    async fn send(&self, by: Deadline) -> Outcome {
        let Some(_turn) = by.bound(self.sending.lock()).await else {
            return Outcome::retry("an earlier flush is still under way");
        };
        self.held().form();
        let mut last = Outcome::DELIVERED;
        loop {
            let Some(batch) = self.held().formed.front().cloned() else { return last };
            let outcome = self.export.export(batch, by).await;
            match outcome {
                Outcome::Retry { .. } => return outcome,
                Outcome::Refused { .. } => {
                    self.held().settled(true);
                    last = outcome;
                }
                Outcome::Delivered { .. } => self.held().settled(false),
            }
        }
    }
}

impl Held {
    /// Takes a batch in, or says why not.
    fn add(&mut self, batch: Batch, settings: &BufferSettings) -> Result<(), Outcome> {
        let (items, bytes) = (batch.items(), batch.bytes());
        if items > settings.limit || bytes > settings.limit_bytes {
            return Err(Outcome::Refused { why: "larger than the buffer".to_owned(), divisible: true });
        }
        let after = (self.items + items, self.bytes + bytes);
        if after.0 > settings.limit || after.1 > settings.limit_bytes {
            return Err(Outcome::retry(format!("the buffer is full ({} items)", self.items)));
        }
        (self.items, self.bytes) = after;
        self.waiting.push_back(batch);
        Ok(())
    }

    /// Joins what is waiting, by signal.
    fn form(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        for signal in Signal::ALL {
            let mut same = waiting.iter().filter(|batch| batch.signal() == signal).cloned().peekable();
            if same.peek().is_some() {
                self.formed.push_back(Batch::joined(signal, same));
            }
        }
    }

    fn settled(&mut self, refused: bool) {
        let Some(batch) = self.formed.pop_front() else { return };
        self.items -= batch.items();
        self.bytes -= batch.bytes();
        self.refused += if refused { batch.items() as u64 } else { 0 };
    }
}

impl<E: Export + 'static> Export for Buffer<E> {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let settings = self.inner.settings;
        let enough = {
            let mut held = self.inner.held();
            if let Err(outcome) = held.add(batch, &settings) {
                return outcome;
            }
            let waiting = held.waiting.iter().map(Batch::items).sum::<usize>();
            waiting >= settings.items || settings.every.is_zero()
        };
        self.start_clock();
        if !enough {
            return Outcome::DELIVERED;
        }
        match self.inner.send(by.capped(settings.patience)).await {
            // It is held, and goes out again with the next flush: not the sender's concern.
            Outcome::Retry { why, .. } => {
                Outcome::Delivered { rejected: 0, message: format!("held back: {why}") }
            }
            Outcome::Refused { why, .. } => Outcome::Delivered { rejected: 0, message: why },
            delivered => delivered,
        }
    }

    async fn drain(&self, by: Deadline) -> Outcome {
        let sent = self.inner.send(by).await;
        // Also after a failure: what is held further in is another matter.
        let drained = self.inner.export.drain(by).await;
        if matches!(sent, Outcome::Delivered { .. }) { drained } else { sent }
    }
}

impl<E> fmt::Debug for Buffer<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buffer").field("settings", &self.inner.settings).finish_non_exhaustive()
    }
}

impl<E> Drop for Buffer<E> {
    fn drop(&mut self) {
        let clock = self.clock.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(clock) = clock {
            clock.abort();
        }
    }
}

/// When what could not be sent is tried again where nothing shall wait.
const AGAIN: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
