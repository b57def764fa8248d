//! Destinations that fail, hang and recover beside each other.

use std::time::Duration;

use tokio::time::Instant;

use super::*;
use crate::{
    Backoff, Memory,
    stage::{
        Retry,
        scripted::{Panics, batch, busy, secs},
    },
};

fn down() -> Outcome {
    Outcome::retry("down")
}

#[tokio::test(start_paused = true)]
async fn one_delivery_is_enough_whoever_fails() {
    for failing in [0, 1, 2] {
        let memories: Vec<Memory> = (0..3)
            .map(|n| if n == failing { Memory::always(Outcome::refused("no")) } else { Memory::new() })
            .collect();
        let export = memories.iter().fold(FanOut::new(), |export, memory| export.to(memory.clone()));
        assert_eq!(export.export(batch(2), Deadline::never()).await, Outcome::DELIVERED);
        export.drain(Deadline::never()).await;
        let attempts: Vec<u64> = memories.iter().map(Memory::attempts).collect();
        assert_eq!(attempts, [1, 1, 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn all_failing_and_nobody_there_are_failures() {
    let export = FanOut::new().to(Memory::always(busy(7))).to(Memory::always(busy(3)));
    let outcome = export.export(batch(1), Deadline::never()).await;
    assert_eq!(outcome, busy(3));
    let export = FanOut::new().to(Memory::always(Outcome::refused("no"))).to(Memory::always(down()));
    assert_eq!(export.export(batch(1), Deadline::never()).await, down());
    let outcome = FanOut::new().export(batch(1), Deadline::never()).await;
    assert_eq!(outcome, Outcome::refused("there is no destination"));
}

#[tokio::test(start_paused = true)]
async fn a_success_is_not_sent_again_because_another_failed() {
    let (good, bad) = (Memory::new(), Memory::always(down()));
    let export = FanOut::new().to(good.clone()).to(Retry::new(bad.clone(), Backoff::exponential()));
    let export = Retry::new(export, Backoff::exponential());
    assert_eq!(export.export(batch(2), Deadline::never()).await, Outcome::DELIVERED);
    export.drain(Deadline::never()).await;
    assert_eq!((good.attempts(), bad.attempts()), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_destination_takes_nothing_from_a_healthy_one() {
    let (good, bad) = (Memory::new(), Memory::hanging());
    let export = FanOut::new().to(bad.clone()).to(good.clone());
    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(export.export(batch(2), Deadline::within(secs(30))).await, Outcome::DELIVERED);
    }
    assert_eq!(start.elapsed(), secs(0));
    assert_eq!((good.attempts(), good.items()), (100, 200));
    assert_eq!(bad.attempts(), FanOut::WAITING as u64);
    assert_eq!(export.missed(), [2 * (100 - FanOut::WAITING as u64), 0]);
    let outcome = export.drain(Deadline::within(secs(60))).await;
    assert_eq!(
        (outcome, start.elapsed()),
        (Outcome::DELIVERED, secs(30)),
        "given up at its exports' deadline"
    );
}

#[tokio::test(start_paused = true)]
async fn a_drain_takes_no_room_from_what_is_exported_beside_it_and_waits_for_nothing_that_comes_later() {
    /// Takes a second to export and another to drain.
    struct Slow(Memory);
    impl Export for Slow {
        async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
            tokio::time::sleep(secs(1)).await;
            self.0.export(batch, by).await
        }
        async fn drain(&self, _: Deadline) -> Outcome {
            tokio::time::sleep(secs(1)).await;
            Outcome::DELIVERED
        }
    }
    let memory = Memory::new();
    let export = Arc::new(FanOut::new().to(Slow(memory.clone())));
    let started = Instant::now();
    let exports = async {
        for _ in 0..5 {
            // Before, within and after both halves of the drain.
            assert_eq!(export.export(batch(1), Deadline::never()).await, Outcome::DELIVERED);
        }
    };
    let drain = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let outcomes = [export.drain(Deadline::never()), export.drain(Deadline::never())];
        assert_eq!(join_all(outcomes).await, [Outcome::DELIVERED, Outcome::DELIVERED]);
        assert_eq!(started.elapsed(), secs(2), "one second for what was under way, one to drain");
    };
    tokio::join!(exports, drain);
    assert_eq!((memory.attempts(), export.missed()), (5, vec![0]));
}

/// Tells when it is dropped in mid-export.
struct Watched(Arc<AtomicU64>);

impl Export for Watched {
    async fn export(&self, _: Batch, _: Deadline) -> Outcome {
        struct Gone(Arc<AtomicU64>);
        impl Drop for Gone {
            fn drop(&mut self) {
                self.0.fetch_add(1, Relaxed);
            }
        }
        let _gone = Gone(Arc::clone(&self.0));
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_before_an_answer_stops_and_a_dropped_stage_stops_everything() {
    let gone = Arc::new(AtomicU64::new(0));
    let export = FanOut::new().to(Watched(Arc::clone(&gone))).to(Watched(Arc::clone(&gone)));
    let cut = tokio::time::timeout(secs(1), export.export(batch(1), Deadline::never())).await;
    assert!(cut.is_err());
    tokio::time::sleep(secs(1)).await;
    assert_eq!(gone.load(Relaxed), 2);

    let export = export.to(Memory::new());
    assert_eq!(export.export(batch(1), Deadline::never()).await, Outcome::DELIVERED);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(gone.load(Relaxed), 2, "they go on without the caller");
    drop(export);
    tokio::time::sleep(secs(1)).await;
    assert_eq!(gone.load(Relaxed), 4);
    assert_eq!(tokio::runtime::Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test]
async fn a_destination_that_panics_is_told_as_such() {
    let export = FanOut::new().to(Panics);
    let Outcome::Refused { why, .. } = export.export(batch(1), Deadline::never()).await else {
        panic!("nobody took it")
    };
    assert_eq!(why, "the exporter panicked: a fault of its own");
}
