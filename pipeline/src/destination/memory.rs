//! A destination that keeps what it is sent: for tests.

use std::{
    collections::VecDeque,
    future::pending,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{Batch, Deadline, Destination, Export, Outcome, Signal};

/// Keeps every batch that it takes, in memory, and answers as it is told: with a delivery, unless told otherwise. Cloning
/// shares what it holds. There is no bound: it is meant for tests.
///
/// ```
/// use spanlayer_pipeline::{Deadline, Destination, Memory, Payload, Pipeline, Settings, Signal, read};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let memory = Memory::new();
/// let destination = Destination::memory(memory.clone());
/// let pipeline = Pipeline::new(Settings::to([destination]));
/// let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"orders",
///     "traceId":"6957a1f03b8c51d2e7f0469a8d1c27e4","spanId":"c4f1837a0be2659d"}]}]}]}"#;
/// let request = spanlayer_pipeline::otlp::json::to_protobuf(Signal::Traces, json).unwrap();
/// pipeline.accept(Payload::scan(Signal::Traces, request.into()).unwrap());
/// pipeline.flush(Deadline::never()).await;
///
/// let request = memory.batches()[0].request();
/// assert_eq!(read::spans(&request).map(|span| span.name).collect::<Vec<_>>(), ["orders"]);
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    attempts: u64,
    taken: Vec<Batch>,
    /// What it answers next.
    replies: VecDeque<Outcome>,
    then: Then,
}

/// What it answers when it was told nothing more.
#[derive(Debug, Default)]
enum Then {
    #[default]
    Delivered,
    Always(Outcome),
    Nothing,
}

impl Memory {
    /// Takes everything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers in this order, and takes everything that comes after.
    pub fn answering(replies: impl IntoIterator<Item = Outcome>) -> Self {
        Self::with(Held { replies: replies.into_iter().collect(), ..Held::default() })
    }

    /// Always answers like this.
    pub fn always(outcome: Outcome) -> Self {
        Self::with(Held { then: Then::Always(outcome), ..Held::default() })
    }

    /// Never answers.
    pub fn hanging() -> Self {
        Self::with(Held { then: Then::Nothing, ..Held::default() })
    }

    fn with(held: Held) -> Self {
        Self(Arc::new(Mutex::new(held)))
    }

    /// How often it was sent something, whatever it answered.
    pub fn attempts(&self) -> u64 {
        self.lock().attempts
    }

    /// What it took, in order.
    pub fn batches(&self) -> Vec<Batch> {
        self.lock().taken.clone()
    }

    /// Spans, data points and log records in what it took.
    pub fn items(&self) -> usize {
        self.lock().taken.iter().map(Batch::items).sum()
    }

    /// Forgets what it took.
    pub fn clear(&self) {
        self.lock().taken.clear();
    }

    fn answer(&self, batch: Batch) -> Option<Outcome> {
        let mut held = self.lock();
        held.attempts += 1;
        let outcome = held.replies.pop_front().or_else(|| match &held.then {
            Then::Delivered => Some(Outcome::DELIVERED),
            Then::Always(outcome) => Some(outcome.clone()),
            Then::Nothing => None,
        });
        if matches!(outcome, Some(Outcome::Delivered { .. })) {
            held.taken.push(batch);
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Export for Memory {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        match self.answer(batch) {
            Some(outcome) => outcome,
            None => pending().await,
        }
    }
}

impl Destination {
    /// Memory, for tests. Takes all signals.
    ///
    /// | | default |
    /// |---|---|
    /// | answers | with a delivery; [`Memory`] has other moods |
    /// | limit of an attempt | 10 s |
    /// | batch | 2 MiB, 8,192 items |
    ///
    /// ```
    /// use spanlayer_pipeline::{Deadline, Destination, Memory, Outcome, Payload, Pipeline, Settings, Signal};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let json = br#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"6957a1f03b8c51d2e7f0469a8d1c27e4","spanId":"c4f1837a0be2659d"}]}]}]}"#;
    /// # let request = spanlayer_pipeline::otlp::json::to_protobuf(Signal::Traces, json).unwrap();
    /// # let payload = Payload::scan(Signal::Traces, request.into()).unwrap();
    /// let memory = Memory::answering([Outcome::refused("not today")]);
    /// let pipeline = Pipeline::new(Settings::to([Destination::memory(memory.clone())]));
    /// pipeline.accept(payload);
    /// let flushed = pipeline.flush(Deadline::never()).await;
    /// assert_eq!((flushed.refused, memory.attempts(), memory.items()), (1, 1, 0));
    /// # }
    /// ```
    pub fn memory(memory: Memory) -> Self {
        Self::custom("memory", Signal::ALL, memory).speaking("spanlayer_memory", None)
    }
}
