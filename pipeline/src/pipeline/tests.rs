//! Whole pipelines under paused time, with scripted destinations.

use std::sync::Mutex;

use tokio::time::{Instant, advance};

use super::*;
use crate::{
    Batch, BatchLimits, Compression, Destination, Export, Health, Memory, Observer, Outcome,
    stage::{
        BufferSettings, Wrap as _,
        scripted::{Scripted, busy, secs, spans},
    },
};

fn pipeline(destinations: impl IntoIterator<Item = Destination>) -> Pipeline {
    Pipeline::new(Settings { destinations: destinations.into_iter().collect(), ..Settings::default() })
}

/// A destination under test, and a handle to look into it.
fn to<E: Export + 'static>(name: &str, export: E) -> (Destination, Arc<E>) {
    let export = Arc::new(export);
    (Destination::custom(name, Signal::ALL, Arc::clone(&export)), export)
}

fn by(seconds: u64) -> Deadline {
    Deadline::within(secs(seconds))
}

/// Every span of the accepted payloads is in exactly one place.
fn balanced(pipeline: &Pipeline) -> bool {
    let stats = pipeline.stats();
    pipeline.pending().destinations.iter().zip(&stats.destinations).all(|(pending, seen)| {
        let totals = seen.signal(Signal::Traces);
        let left = totals.delivered + totals.rejected + totals.refused + totals.evicted;
        totals.accepted == left + pending.items as u64
    })
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_is_delivered_in_one_batch() {
    let (destination, seen) = to("a", Scripted::replies([]));
    let pipeline = pipeline([destination]);
    for n in 0..50 {
        assert_eq!(pipeline.accept(spans(2, &n.to_string(), false)), Admission::Accepted);
    }
    assert_eq!((pipeline.pending().items, pipeline.pending().in_flight), (100, 0));
    let flushed = pipeline.flush(by(1)).await;
    assert_eq!(flushed, Flushed { delivered: 100, ..Flushed::default() });
    assert_eq!(seen.calls(), 1);
    let request = seen.seen()[0].request();
    assert_eq!(spanlayer_otlp::scan(Signal::Traces, &request).unwrap().items, 100);
    assert!(pipeline.pending().is_empty() && pipeline.pending().bytes == 0 && balanced(&pipeline));
}

#[tokio::test(start_paused = true)]
async fn a_dropped_flush_loses_nothing_and_the_batch_goes_out_again_as_it_was() {
    let (destination, seen) = to("a", Scripted::replies([]).then_hanging());
    let pipeline = pipeline([destination]);
    pipeline.accept(spans(3, "a", false));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), pipeline.flush(Deadline::never())).await.is_err()
    );
    assert_eq!((pipeline.pending().items, pipeline.pending().in_flight), (3, 0));
    pipeline.accept(spans(1, "b", true));
    assert!(
        tokio::time::timeout(Duration::from_millis(100), pipeline.flush(Deadline::never())).await.is_err()
    );
    let seen = seen.seen();
    assert_eq!(seen[0].idempotency_key(), seen[1].idempotency_key());
    let bodies = [
        seen[0].encoded(Compression::GZIP).await.unwrap(),
        seen[1].encoded(Compression::GZIP).await.unwrap(),
    ];
    assert_eq!(bodies[0], bodies[1]);
    assert!(balanced(&pipeline));
}

#[tokio::test(start_paused = true)]
async fn no_flush_outlives_its_deadline() {
    let (hanging, _) = to("hangs", Scripted::hanging());
    let (failing, _) = to("fails", Scripted::always(busy(1)));
    let pipeline = pipeline([hanging, failing]);
    pipeline.accept(spans(1, "a", false));
    let start = Instant::now();
    let flushed = pipeline.flush(by(2)).await;
    assert_eq!((start.elapsed(), flushed.left), (secs(2), 2));
    pipeline.flush(Deadline::at(start)).await;
    assert_eq!(start.elapsed(), secs(2), "a deadline that has passed leaves time for nothing");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_destination_does_not_hold_up_the_other() {
    let (hanging, _) = to("hangs", Scripted::hanging());
    let (healthy, seen) = to("takes", Scripted::replies([]));
    let pipeline = pipeline([hanging, healthy]);
    let mut flush = std::pin::pin!(pipeline.flush(by(5)));
    pipeline.accept(spans(1, "a", false));
    assert!(tokio::time::timeout(Duration::from_millis(1), &mut flush).await.is_err());
    assert_eq!(seen.calls(), 1, "the healthy one has its batch while the other is waited for");
    let stats = pipeline.stats();
    assert_eq!(stats.destinations[1].signal(Signal::Traces).delivered, 1);
    assert_eq!(flush.await.delivered, 1);
    assert_eq!(pipeline.pending().destinations[0].items, 1);
}

/// Refuses every batch that holds a span with a bad name.
struct Picky(Mutex<usize>);

impl Export for Picky {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        *self.0.lock().unwrap() += 1;
        if batch.request().windows(3).any(|three| three == b"bad") {
            return Outcome::Refused { why: "400 Bad Request: bad".to_owned(), divisible: true };
        }
        Outcome::DELIVERED
    }
}

#[tokio::test(start_paused = true)]
async fn one_bad_item_is_refused_alone() {
    let (destination, calls) = to("picky", Picky(Mutex::new(0)));
    let pipeline = pipeline([destination]);
    for _ in 0..40 {
        pipeline.accept(spans(100, "good", false));
    }
    // One payload of 99 good spans and a bad one.
    let mixed = [spans(99, "good", false).bytes().clone(), spans(1, "bad", false).bytes().clone()].concat();
    pipeline.accept(Payload::scan(Signal::Traces, mixed.into()).unwrap());
    let flushed = pipeline.flush(by(5)).await;
    assert_eq!((flushed.delivered, flushed.refused, flushed.left), (4099, 1, 0));
    assert!(*calls.0.lock().unwrap() <= 30, "halving, not trying one by one");
    assert!(balanced(&pipeline) && pipeline.pending().bytes == 0);
}

#[tokio::test(start_paused = true)]
async fn with_best_effort_what_a_flush_cannot_deliver_is_given_up_and_counted_but_for_what_it_had_no_time_for()
 {
    let at_least_once = to("kept", Scripted::replies([Outcome::retry("down")]));
    let (mut best_effort, seen) = to("given up", Scripted::replies([Outcome::retry("down")]));
    best_effort.best_effort = true;
    best_effort.backoff = Some(crate::Backoff { retries: 0, ..crate::Backoff::default() });
    let pipeline = pipeline([at_least_once.0, best_effort]);
    pipeline.accept(spans(3, "a", false));
    let flushed = pipeline.flush(by(5)).await;
    assert_eq!((flushed.delivered, flushed.refused, flushed.left), (3, 3, 0));
    assert_eq!(seen.calls(), 1);
    seen.then_hangs();
    advance(secs(60)).await;
    pipeline.accept(spans(2, "b", false));
    let cut = pipeline.flush(by(5)).await;
    assert_eq!((cut.refused, cut.left), (0, 2), "nobody knows yet whether it can be delivered");
    seen.then_answers(Outcome::DELIVERED);
    advance(secs(60)).await;
    assert_eq!(pipeline.flush(by(5)).await.delivered, 2);
    assert!(balanced(&pipeline));
}

/// Panics over every batch that holds a span with a bad name.
struct Brittle;

impl Export for Brittle {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        assert!(!batch.request().windows(3).any(|three| three == b"bad"), "what is this?");
        Outcome::DELIVERED
    }
}

/// The same before there is a future, where nobody awaits it.
struct Hasty;

impl Export for Hasty {
    fn export(&self, _: Batch, _: Deadline) -> impl Future<Output = Outcome> + Send {
        assert!(std::env::args().count() > 1_000_000, "too early");
        async { Outcome::DELIVERED }
    }
}

#[tokio::test(start_paused = true)]
async fn an_export_that_panics_costs_the_one_item_it_panics_about_and_nothing_else() {
    let (destination, _) = to("brittle", Brittle);
    let pipeline = pipeline([destination]);
    let mixed = [spans(99, "good", false).bytes().clone(), spans(1, "bad", false).bytes().clone()].concat();
    pipeline.accept(Payload::scan(Signal::Traces, mixed.into()).unwrap());
    pipeline.accept(spans(10, "good", false));
    let flushed = pipeline.flush(by(5)).await;
    assert_eq!((flushed.delivered, flushed.refused, flushed.left), (109, 1, 0));
    assert!(balanced(&pipeline));
    let (destination, _) = to("hasty", Hasty);
    let pipeline = super::tests::pipeline([destination]);
    pipeline.accept(spans(1, "a", false));
    assert_eq!(pipeline.flush(by(5)).await.refused, 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_under_the_queues_lock_everything_goes_on() {
    let (destination, _) = to("a", Scripted::replies([]));
    let pipeline = pipeline([destination]);
    pipeline.accept(spans(3, "a", false));
    let panics = std::panic::AssertUnwindSafe(|| pipeline.shared.with(|_| panic!("in the midst of it")));
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(pipeline.accept(spans(2, "b", false)), Admission::Accepted);
    assert_eq!(pipeline.flush(by(5)).await.delivered, 5);
    assert_eq!(pipeline.shutdown(by(5)).await.to_string(), "delivered 0, refused 0, lost none");
}

/// A directory that goes with the test.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spanlayer-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }

    fn pipeline(&self, destination: Destination) -> Pipeline {
        let directory = self.0.clone();
        Pipeline::new(Settings {
            destinations: vec![destination],
            spool: Some(Spool { directory, limit: 1 << 20, deferred: false }),
            ..Settings::default()
        })
    }

    fn files(&self) -> Vec<String> {
        let files = std::fs::read_dir(&self.0).unwrap().flatten();
        let mut names: Vec<_> = files.map(|file| file.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_known_to_the_next_process_and_forgotten_with_a_delivery() {
    let scratch = Scratch::new("outage");
    let (destination, seen) = to("a", Scripted::always(Outcome::retry("down")));
    let first = scratch.pipeline(destination.clone());
    first.recover().await;
    first.accept(spans(1, "a", false));
    first.flush(by(1)).await;
    let attempts = seen.calls();
    assert!(scratch.files().contains(&"outages".to_owned()));
    drop(first);

    let second = scratch.pipeline(destination.clone());
    assert_eq!(second.recover().await.items, 1);
    assert!(second.pending().destinations[0].health.is_failing());
    second.flush(by(1)).await;
    assert_eq!(seen.calls(), attempts, "it is left alone");
    seen.then_answers(Outcome::DELIVERED);
    advance(secs(2)).await;
    assert_eq!(second.flush(by(1)).await.delivered, 1);
    second.shutdown(by(1)).await;
    assert_eq!(scratch.files(), ["lock"]);
    drop(second);

    let third = scratch.pipeline(destination);
    third.recover().await;
    assert_eq!(third.pending().destinations[0].health, Health::Untried);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_nobody_waits_for_any_longer_is_probed_by_the_next_process() {
    let scratch = Scratch::new("suspect");
    let (destination, seen) = to("a", Scripted::replies([]));
    let first = scratch.pipeline(destination.clone());
    first.recover().await;
    first.suspect(0);
    assert_eq!(first.pending().destinations[0].health, Health::Untried, "nothing changes now");
    drop(first);
    let second = scratch.pipeline(destination);
    second.recover().await;
    let Health::Failing { probe_in, .. } = second.pending().destinations[0].health else { panic!("failing") };
    assert_eq!(probe_in, Duration::ZERO);
    second.accept(spans(1, "a", false));
    second.flush(by(1)).await;
    assert_eq!((seen.calls(), scratch.files().contains(&"outages".to_owned())), (1, false));
}

#[tokio::test(start_paused = true)]
async fn what_a_plain_program_leaves_in_its_spool_is_not_called_lost_and_the_next_one_has_it() {
    let scratch = Scratch::new("left");
    let (destination, seen) = to("a", Scripted::always(Outcome::retry("down")));
    let first = scratch.pipeline(destination.clone());
    first.recover().await;
    first.accept(spans(7, "a", false));
    let report = first.shutdown(by(1)).await;
    assert_eq!((report.lost.len(), report.spooled[0].items), (0, 7));
    assert_eq!(report.to_string(), "delivered 0, refused 0, left in the spool 7 (a), lost none");
    drop(first);
    seen.then_answers(Outcome::DELIVERED);
    let second = scratch.pipeline(destination);
    assert_eq!(second.recover().await.items, 7);
    advance(secs(60)).await;
    assert_eq!(second.shutdown(by(1)).await.flushed.delivered, 7);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_refuses_everything_is_not_asked_about_every_item() {
    let refuses = Outcome::Refused { why: "400 Bad Request".to_owned(), divisible: true };
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let observer: Observer = Arc::new(move |notice| sink.lock().unwrap().push(notice.to_string()));
    let (destination, seen) = to("refuses", Scripted::always(refuses));
    let pipeline = Pipeline::new(Settings {
        destinations: vec![destination],
        observer: Some(observer),
        ..Settings::default()
    });
    pipeline.accept(spans(5000, "a", false));
    assert_eq!(pipeline.flush(by(5)).await.refused, 5000);
    assert!(seen.calls() < 100, "{} calls", seen.calls());
    assert_eq!(told.lock().unwrap().len(), 1, "the same words are told once");
    assert_eq!(pipeline.pending().destinations[0].health, Health::Healthy, "it answers, after all");
}

#[tokio::test(start_paused = true)]
async fn a_payload_over_the_limits_is_split_and_arrives_whole() {
    let (mut destination, seen) = to("a", Scripted::replies([]));
    destination.batch = BatchLimits { bytes: 2000, items: 30 };
    let pipeline = pipeline([destination]);
    pipeline.accept(spans(100, "a", false));
    assert_eq!(pipeline.flush(by(1)).await.delivered, 100);
    let seen = seen.seen();
    assert!(seen.iter().all(|batch| batch.items() <= 30 && batch.bytes() <= 2000) && seen.len() >= 4);
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_about_a_second_in_all_and_nothing_is_lost() {
    let (destination, seen) = to("a", Scripted::always(Outcome::retry("connection refused")));
    let pipeline = pipeline([destination]);
    let mut cost = Duration::ZERO;
    for _ in 0..100 {
        pipeline.accept(spans(1, "a", false));
        let start = Instant::now();
        pipeline.flush(by(10)).await;
        cost += start.elapsed();
        advance(Duration::from_millis(100)).await;
    }
    assert!(cost <= Duration::from_millis(1500), "{cost:?}");
    assert!(seen.calls() < 30, "left alone for longer and longer");
    assert!(!pipeline.pending().worth_waiting());
    assert_eq!(pipeline.pending().items, 100);
}

#[tokio::test(start_paused = true)]
async fn after_an_outage_everything_is_delivered() {
    let down = || Outcome::retry("connection refused");
    let (destination, _) = to("a", Scripted::replies([down(), down(), down()]));
    let pipeline = pipeline([destination]);
    let mut delivered = 0;
    for n in 0..10 {
        pipeline.accept(spans(n, "a", false));
        delivered += pipeline.flush(by(10)).await.delivered;
        advance(secs(5)).await;
    }
    assert_eq!((delivered, pipeline.pending().items), (45, 0));
    assert!(pipeline.stats().destinations[0].traffic.failures == 3 && balanced(&pipeline));
}

/// Takes every batch, after a while.
struct Slow(Duration);

impl Export for Slow {
    async fn export(&self, _: Batch, _: Deadline) -> Outcome {
        tokio::time::sleep(self.0).await;
        Outcome::DELIVERED
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_spans_reach_a_slow_destination_within_a_shutdowns_two_seconds() {
    let (destination, _) = to("slow", Slow(Duration::from_millis(1200)));
    let pipeline = pipeline([destination]);
    for _ in 0..100 {
        pipeline.accept(spans(100, "a", false));
    }
    let report = pipeline.shutdown(by(2)).await;
    assert_eq!((report.flushed.delivered, report.lost.len()), (10_000, 0));
    assert_eq!(report.to_string(), "delivered 10000, refused 0, lost none");
    assert_eq!(pipeline.accept(spans(1, "late", false)), Admission::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_tries_even_a_destination_that_is_being_left_alone() {
    let (destination, _) = to("a", Scripted::replies([busy(600)]));
    let pipeline = pipeline([destination]);
    pipeline.accept(spans(7, "a", false));
    assert_eq!(pipeline.flush(by(1)).await.left, 7);
    assert_eq!(pipeline.shutdown(by(2)).await.flushed.delivered, 7);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_ends_by_its_deadline_and_says_what_was_lost() {
    let (destination, _) = to("a", Scripted::hanging());
    let pipeline = pipeline([destination]);
    pipeline.accept(spans(7, "a", false));
    let start = Instant::now();
    let report = pipeline.shutdown(by(2)).await;
    assert_eq!(start.elapsed(), secs(2));
    assert_eq!((report.lost.len(), report.lost[0].items), (1, 7));
    assert_eq!(report.to_string(), "delivered 0, refused 0, lost 7 (a)");
}

#[tokio::test(start_paused = true)]
async fn a_second_flush_waits_for_what_the_first_has_in_flight() {
    let (destination, _) = to("slow", Slow(secs(1)));
    let pipeline = Arc::new(pipeline([destination]));
    pipeline.accept(spans(1, "a", false));
    let first = tokio::spawn({
        let pipeline = Arc::clone(&pipeline);
        async move { pipeline.flush(by(5)).await }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(pipeline.pending().in_flight, 1);
    let start = Instant::now();
    assert_eq!(pipeline.flush(by(5)).await, Flushed::default());
    assert_eq!(start.elapsed(), Duration::from_millis(500));
    assert_eq!(first.await.unwrap().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_second_flush_takes_over_when_the_first_is_dropped() {
    let (destination, seen) = to("a", Scripted::hanging());
    let pipeline = pipeline([destination]);
    pipeline.accept(spans(1, "a", false));
    let second = {
        let mut first = std::pin::pin!(pipeline.flush(by(60)));
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut first).await.is_err());
        pipeline.flush(by(3))
    };
    second.await;
    assert_eq!(seen.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn rejected_items_are_counted_and_told_and_not_sent_again() {
    let partial = Outcome::Delivered { rejected: 2, message: "too old".to_owned() };
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let observer: Observer = Arc::new(move |notice| sink.lock().unwrap().push(notice.to_string()));
    let (destination, _) = to("a", Scripted::always(partial));
    let pipeline = Pipeline::new(Settings {
        destinations: vec![destination],
        observer: Some(observer),
        ..Settings::default()
    });
    pipeline.accept(spans(5, "a", false));
    let flushed = pipeline.flush(by(1)).await;
    assert_eq!((flushed.delivered, flushed.rejected, flushed.left), (3, 2, 0));
    assert_eq!(*told.lock().unwrap(), ["first delivery to a", "a rejected 2 spans: too old"]);
}

#[tokio::test(start_paused = true)]
async fn a_flush_while_more_comes_in_ends_and_leaves_the_newcomers_or_sends_them_along() {
    let (destination, _) = to("slow", Slow(secs(1)));
    let pipeline = Arc::new(pipeline([destination]));
    pipeline.accept(spans(1, "a", false));
    let feeding = tokio::spawn({
        let pipeline = Arc::clone(&pipeline);
        async move {
            loop {
                tokio::time::sleep(Duration::from_millis(10)).await;
                pipeline.accept(spans(1, "more", false));
            }
        }
    });
    let start = Instant::now();
    assert_eq!(pipeline.flush(Deadline::never()).await.delivered, 1);
    assert_eq!(start.elapsed(), secs(1));
    feeding.abort();
    assert!(pipeline.pending().items > 90 && balanced(&pipeline));
}

#[tokio::test(start_paused = true)]
async fn pending_tells_the_oldest_and_what_is_worth_waiting_for() {
    let (down, _) = to("down", Scripted::always(Outcome::retry("down")));
    let pipeline = pipeline([down]);
    assert_eq!(pipeline.pending().oldest, None);
    let arrived = Instant::now();
    pipeline.accept(spans(1, "a", false));
    advance(secs(1)).await;
    pipeline.accept(spans(1, "b", true));
    let pending = pipeline.pending();
    assert_eq!((pending.oldest, pending.errors, pending.worth_waiting()), (Some(arrived), 1, true));
    assert_eq!(pending.destinations[0].health, Health::Untried);
    pipeline.flush(by(5)).await;
    let pending = pipeline.pending();
    assert_eq!((pending.oldest, pending.worth_waiting()), (Some(arrived), false));
    assert_eq!(pending.oldest_deliverable(), None);
    assert!(pending.destinations[0].health.is_failing());
}

#[tokio::test]
async fn a_pipeline_without_destinations_drops_and_counts() {
    let pipeline = pipeline([]);
    assert!(!pipeline.serves(Signal::Traces));
    assert_eq!(pipeline.accept(spans(4, "a", false)), Admission::Accepted);
    assert_eq!(pipeline.stats().signal(Signal::Traces).unrouted, 4);
    assert_eq!(pipeline.flush(by(1)).await, Flushed::default());
}

#[tokio::test(start_paused = true)]
async fn what_is_redacted_is_never_held() {
    use spanlayer_otlp::wire;
    let mut request = Vec::new();
    wire::message_field(&mut request, 1, |group| {
        wire::message_field(group, 2, |scope| {
            wire::message_field(scope, 2, |span| {
                wire::bytes_field(span, 1, &[7; 16]);
                wire::bytes_field(span, 2, &[7; 8]);
                wire::bytes_field(span, 5, b"GET /?sig=abcdef0123456789");
            });
        });
    });
    let (destination, seen) = to("a", Scripted::replies([]));
    let redactor = crate::Redactor::new(crate::process::Rules::default()).unwrap();
    let pipeline = Pipeline::new(Settings {
        redactor: Some(Arc::new(redactor)),
        destinations: vec![destination],
        ..Settings::default()
    });
    let clean = spans(2, "clean", false);
    assert_eq!(pipeline.door.pass(clean.clone()).bytes().as_ptr(), clean.bytes().as_ptr(), "not even copied");
    pipeline.accept(Payload::scan(Signal::Traces, request.into()).unwrap());
    assert_eq!((pipeline.redacted().masked(), pipeline.pending().items), (1, 1));
    pipeline.flush(by(1)).await;
    let sent = seen.seen()[0].request();
    assert!(!String::from_utf8_lossy(&sent).contains("abcdef0123456789"));
    assert!(String::from_utf8_lossy(&sent).contains("GET /?sig=****"));
}

#[tokio::test(start_paused = true)]
async fn what_a_destination_holds_back_goes_out_at_the_end_or_is_told() {
    let told = [
        (Outcome::DELIVERED, 3, Outcome::DELIVERED),
        (Outcome::retry("down"), 0, Outcome::retry("held: down")),
    ];
    for (then, items, says) in told {
        let memory = Memory::always(then);
        let held = memory.clone().buffer(BufferSettings::default());
        let pipeline = pipeline([Destination::custom("held", Signal::ALL, held)]);
        pipeline.accept(spans(3, "a", false));
        assert_eq!(pipeline.flush(by(1)).await.delivered, 3, "it was taken");
        assert_eq!((memory.attempts(), pipeline.drain(by(1)).await), (0, says));
        assert_eq!(memory.items(), items);
        let report = pipeline.shutdown(by(1)).await;
        let told: Vec<_> = report.held_back.iter().map(|held| (&*held.destination, &*held.why)).collect();
        assert_eq!(told, if items > 0 { vec![] } else { vec![("held", "down")] });
    }
}
