//! When it sends, and what it keeps.

use tokio::time::{Instant, advance};

use super::*;
use crate::{
    Memory,
    stage::scripted::{Panics, batch, secs},
};

const SMALL: BufferSettings =
    BufferSettings { items: 10, every: secs(5), limit: 25, limit_bytes: usize::MAX, patience: secs(30) };

fn buffer(memory: &Memory) -> Buffer<Memory> {
    Buffer::new(memory.clone(), SMALL)
}

async fn take(buffer: &Buffer<Memory>, spans: usize) -> Outcome {
    buffer.export(batch(spans), Deadline::never()).await
}

#[tokio::test(start_paused = true)]
async fn so_many_items_are_sent_at_once_and_joined() {
    let memory = Memory::new();
    let buffer = buffer(&memory);
    for _ in 0..3 {
        assert_eq!(take(&buffer, 3).await, Outcome::DELIVERED);
    }
    assert_eq!((memory.attempts(), buffer.items()), (0, 9));
    take(&buffer, 1).await;
    assert_eq!((memory.attempts(), memory.items(), buffer.items()), (1, 10, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_sent_when_the_time_is_up() {
    let memory = Memory::new();
    let buffer = buffer(&memory);
    take(&buffer, 1).await;
    let start = Instant::now();
    while memory.attempts() == 0 {
        advance(Duration::from_millis(100)).await;
        tokio::task::yield_now().await;
    }
    assert!(start.elapsed() >= secs(5) && start.elapsed() < secs(6), "{:?}", start.elapsed());
    assert_eq!(buffer.items(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_failed_flush_keeps_its_items_and_the_next_sends_the_same_request() {
    struct Fails(Memory, Mutex<Vec<Batch>>);
    impl Export for Fails {
        async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
            self.1.lock().unwrap().push(batch.clone());
            self.0.export(batch, by).await
        }
    }
    let memory = Memory::answering([Outcome::retry("down")]);
    let buffer = Buffer::new(Fails(memory.clone(), Mutex::default()), SMALL);
    buffer.export(batch(4), Deadline::never()).await;
    assert_eq!(buffer.drain(Deadline::never()).await, Outcome::retry("down"));
    assert_eq!(buffer.items(), 4);
    buffer.export(batch(2), Deadline::never()).await;
    assert_eq!(buffer.drain(Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!((memory.items(), buffer.items()), (6, 0));
    let seen = buffer.inner.export.0.1.lock().unwrap().clone();
    assert_eq!(seen.iter().map(Batch::items).collect::<Vec<_>>(), [4, 4, 2]);
    assert_eq!(seen[0].idempotency_key(), seen[1].idempotency_key());
    assert_eq!(seen[0].request(), seen[1].request());
}

#[tokio::test(start_paused = true)]
async fn what_does_not_fit_is_left_to_the_sender() {
    let memory = Memory::always(Outcome::retry("down"));
    let buffer = buffer(&memory);
    assert_eq!(take(&buffer, 9).await, Outcome::DELIVERED);
    let held = Outcome::Delivered { rejected: 0, message: "held back: down".to_owned() };
    assert_eq!(take(&buffer, 9).await, held);
    assert_eq!(take(&buffer, 8).await, Outcome::retry("the buffer is full (18 items)"));
    assert_eq!(buffer.items(), 18);
}

#[tokio::test(start_paused = true)]
async fn an_outage_takes_no_more_than_the_limits_of_items_and_of_bytes() {
    let one = batch(100).bytes();
    let full = |settings| async move {
        let buffer = Buffer::new(Memory::always(Outcome::retry("down")), settings);
        for _ in 0..1000 {
            buffer.export(batch(100), Deadline::within(secs(60))).await;
            assert!(buffer.bytes() <= settings.limit_bytes && buffer.items() <= settings.limit);
        }
        (buffer.items(), buffer.bytes())
    };
    assert_eq!(full(BufferSettings::default()).await, (10_000, 100 * one));
    let limit_bytes = 7 * one + one / 2;
    assert_eq!(full(BufferSettings { limit_bytes, ..BufferSettings::default() }).await, (700, 7 * one));
}

#[tokio::test(start_paused = true)]
async fn what_is_larger_than_all_that_may_be_held_is_divided_rather_than_repeated_for_ever() {
    let buffer = Buffer::new(Memory::new(), SMALL);
    let outcome = buffer.export(batch(26), Deadline::never()).await;
    assert!(matches!(outcome, Outcome::Refused { divisible: true, .. }), "{outcome:?}");
    assert_eq!((buffer.items(), buffer.bytes()), (0, 0));
    let memory = Memory::new();
    let whole =
        crate::stage::SubBatch::new(Buffer::new(memory.clone(), SMALL), crate::BatchLimits::default());
    assert_eq!(whole.export(batch(26), Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!(whole.drain(Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!(memory.items(), 26);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_waits_each_export_is_a_flush_and_a_failed_one_is_repeated_without_haste() {
    let memory = Memory::answering([Outcome::DELIVERED, Outcome::retry("down"), Outcome::retry("down")]);
    let buffer = Buffer::new(memory.clone(), BufferSettings { every: Duration::ZERO, ..SMALL });
    take(&buffer, 1).await;
    assert_eq!((memory.attempts(), buffer.items()), (1, 0));
    let start = Instant::now();
    take(&buffer, 1).await;
    assert_eq!((memory.attempts(), buffer.items()), (2, 1));
    while buffer.items() > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(memory.attempts(), 4);
    assert!(start.elapsed() > secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_and_counted_and_do_not_stop_the_rest() {
    let memory = Memory::answering([Outcome::retry("down"), Outcome::refused("no")]);
    let buffer = buffer(&memory);
    take(&buffer, 2).await;
    buffer.drain(Deadline::never()).await;
    take(&buffer, 3).await;
    assert_eq!(buffer.drain(Deadline::never()).await, Outcome::refused("no"));
    assert_eq!((buffer.refused(), buffer.items(), memory.items()), (2, 0, 3));
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_is_dropped_loses_nothing_and_a_dropped_buffer_leaves_no_task() {
    let buffer = Buffer::new(Memory::hanging(), SMALL);
    buffer.export(batch(3), Deadline::never()).await;
    let cut = tokio::time::timeout(secs(1), buffer.drain(Deadline::never())).await;
    assert!(cut.is_err());
    assert_eq!(buffer.items(), 3);
    drop(buffer);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_panics_costs_what_it_panicked_over_and_no_more() {
    let buffer = Buffer::new(Panics, SMALL);
    for refused in [1, 2] {
        assert_eq!(buffer.export(batch(1), Deadline::never()).await, Outcome::DELIVERED);
        tokio::time::sleep(secs(6)).await;
        assert_eq!(buffer.refused(), refused, "the clock goes on");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_further_in_is_drained_whatever_became_of_the_rest() {
    let memory = Memory::new();
    let limits = BufferSettings { limit: 5, ..SMALL };
    let inner = Arc::new(Buffer::new(memory.clone(), limits));
    inner.export(batch(2), Deadline::never()).await;
    let outer = Buffer::new(inner, SMALL);
    outer.export(batch(6), Deadline::never()).await;
    assert!(
        matches!(outer.drain(Deadline::never()).await, Outcome::Refused { .. }),
        "larger than the inner one"
    );
    assert_eq!((outer.refused(), memory.items()), (6, 2));
}
