//! What goes out in which order, and what never goes out twice.

use std::{
    collections::BTreeSet,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::*;
use crate::{
    Backoff, read,
    stage::{
        Retry,
        scripted::{Scripted, batch, secs, spans},
    },
};

const FIVE_HUNDRED: BatchLimits = BatchLimits { items: 500, bytes: usize::MAX };

fn sizes(scripted: &Scripted) -> Vec<usize> {
    scripted.seen().iter().map(Batch::items).collect()
}

fn failing_second() -> Arc<Scripted> {
    Arc::new(Scripted::replies([Outcome::DELIVERED, Outcome::retry("busy")]))
}

#[tokio::test(start_paused = true)]
async fn retried_inside_only_the_piece_that_failed_is_repeated() {
    let backend = failing_second();
    let export = SubBatch::new(Retry::new(Arc::clone(&backend), Backoff::exponential()), FIVE_HUNDRED);
    assert_eq!(export.export(batch(1201), Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!(sizes(&backend), [500, 500, 500, 201]);
    let seen = backend.seen();
    assert_eq!(seen[1].idempotency_key(), seen[2].idempotency_key());
    assert_eq!(seen[1].request(), seen[2].request());
}

#[tokio::test(start_paused = true)]
async fn retried_outside_what_was_delivered_is_not_sent_again_either() {
    let backend = failing_second();
    let export = Retry::new(SubBatch::new(Arc::clone(&backend), FIVE_HUNDRED), Backoff::exponential());
    assert_eq!(export.export(batch(1201), Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!(sizes(&backend), [500, 500, 500, 201]);
    let seen = backend.seen();
    let keys: BTreeSet<&str> = seen.iter().map(Batch::idempotency_key).collect();
    assert_eq!(keys.len(), 3, "the repetition has the key of what it repeats");
    let all: BTreeSet<[u8; 8]> = seen
        .iter()
        .flat_map(|one| read::spans(&one.request()).map(|span| span.span_id).collect::<Vec<_>>())
        .collect();
    assert_eq!(all.len(), 1201);
}

#[tokio::test]
async fn bytes_limit_as_well_and_payloads_are_cut_where_they_must_be() {
    let backend = Arc::new(Scripted::always(Outcome::DELIVERED));
    let whole = Batch::of([spans(10, "span", false), spans(10, "span", false)]).unwrap();
    let limits = BatchLimits { items: usize::MAX, bytes: whole.bytes() / 3 };
    SubBatch::new(Arc::clone(&backend), limits).export(whole, Deadline::never()).await;
    let seen = backend.seen();
    assert!(seen.len() > 2 && seen.iter().all(|one| one.bytes() <= limits.bytes), "{:?}", sizes(&backend));
    assert_eq!(sizes(&backend).iter().sum::<usize>(), 20);
}

#[tokio::test]
async fn what_is_refused_is_halved_until_the_culprit_is_alone() {
    struct Picky;
    impl Export for Picky {
        async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
            let bad = read::spans(&batch.request()).any(|span| span.name == "span 37");
            match bad {
                true => Outcome::Refused { why: "413 or so".to_owned(), divisible: true },
                false => Outcome::DELIVERED,
            }
        }
    }
    let outcome = SubBatch::new(Picky, FIVE_HUNDRED).export(batch(100), Deadline::never()).await;
    assert_eq!(outcome, Outcome::Delivered { rejected: 1, message: "413 or so".to_owned() });
}

#[tokio::test]
async fn a_server_that_refuses_everything_is_not_asked_for_every_item() {
    let backend = Arc::new(Scripted::always(Outcome::Refused { why: "no".to_owned(), divisible: true }));
    let export = SubBatch::new(Arc::clone(&backend), FIVE_HUNDRED);
    assert_eq!(export.export(batch(500), Deadline::never()).await, Outcome::refused("no"));
    assert!(backend.calls() < 60, "{}", backend.calls());
}

#[tokio::test(start_paused = true)]
async fn an_export_that_is_dropped_goes_on_where_it_was() {
    struct Slow(Arc<Scripted>);
    impl Export for Slow {
        async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
            if self.0.calls() == 1 {
                self.0.export(batch.clone(), by).await;
                pending::<()>().await;
            }
            self.0.export(batch, by).await
        }
    }
    let backend = Arc::new(Scripted::always(Outcome::DELIVERED));
    let (export, whole) = (SubBatch::new(Slow(Arc::clone(&backend)), FIVE_HUNDRED), batch(1201));
    let first = tokio::time::timeout(secs(1), export.export(whole.clone(), Deadline::never())).await;
    assert!(first.is_err());
    assert_eq!(export.export(whole, Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!(sizes(&backend), [500, 500, 500, 201]);
    assert!(export.unfinished.is_empty());
}

#[tokio::test(start_paused = true)]
async fn however_many_batches_are_under_way_nothing_delivered_is_sent_again() {
    let backend = Arc::new(SecondFailsFirst::default());
    let export = Retry::new(SubBatch::new(Arc::clone(&backend), FIVE_HUNDRED), Backoff::exponential());
    let export = Arc::new(export);
    let all: Vec<_> = (0..100)
        .map(|_| {
            let export = Arc::clone(&export);
            tokio::spawn(async move { export.export(batch(501), Deadline::never()).await })
        })
        .collect();
    for one in all {
        assert_eq!(one.await.unwrap(), Outcome::DELIVERED);
    }
    assert_eq!(backend.taken.lock().unwrap().len(), 200);
    assert_eq!(backend.items.load(Relaxed), 100 * 501);
}

/// Takes every piece but the second of each batch, which it takes when it comes again.
#[derive(Default)]
struct SecondFailsFirst {
    failed: Mutex<BTreeSet<String>>,
    taken: Mutex<BTreeSet<String>>,
    items: AtomicUsize,
}

impl Export for SecondFailsFirst {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        tokio::task::yield_now().await; // others go first
        let key = batch.idempotency_key().to_owned();
        if key.ends_with("-2") && self.failed.lock().unwrap().insert(key.clone()) {
            return Outcome::retry("busy");
        }
        self.taken.lock().unwrap().insert(key);
        self.items.fetch_add(batch.items(), Relaxed);
        Outcome::DELIVERED
    }
}
