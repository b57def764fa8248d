//! The circuit under paused time, with scripted destinations.

use std::{cell::Cell, sync::Mutex};

use super::*;
use crate::stage::scripted::{Scripted, batch, busy, secs};

thread_local! {
    static WALL: Cell<Duration> = const { Cell::new(Duration::from_secs(1_000_000)) };
}

fn breaker(inner: Scripted, settings: BreakerSettings) -> Breaker<Scripted> {
    Breaker::new(inner, Circuit::with("backend".into(), settings, || WALL.get(), || 1.0, None))
}

async fn export(breaker: &Breaker<Scripted>) -> Outcome {
    breaker.export(batch(1), Deadline::never()).await
}

fn down() -> Outcome {
    Outcome::retry("down")
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_answers_at_once_and_names_the_failure() {
    let breaker = breaker(Scripted::always(down()), BreakerSettings::eager());
    assert_eq!(export(&breaker).await, down());
    let start = Instant::now();
    let Outcome::Retry { after, why } = export(&breaker).await else { panic!("must be retried later") };
    assert_eq!((after, start.elapsed()), (Some(secs(1)), secs(0)));
    assert!(why.contains("down"), "{why}");
    assert_eq!(breaker.inner.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn by_default_five_failures_open_it_and_half_a_minute_later_one_probe_goes_through() {
    let breaker = breaker(Scripted::always(down()), BreakerSettings::default());
    for failure in 1..=5 {
        assert!(!breaker.circuit.is_open());
        export(&breaker).await;
        assert_eq!(breaker.inner.calls(), failure);
    }
    for probes in 1..=3 {
        tokio::time::advance(secs(29)).await;
        export(&breaker).await;
        assert_eq!(breaker.inner.calls(), 4 + probes, "open: no connection");
        tokio::time::advance(secs(1)).await;
        export(&breaker).await;
        export(&breaker).await;
        assert_eq!(breaker.inner.calls(), 5 + probes, "half open: one probe");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_back_or_forward_makes_no_wait_longer() {
    let breaker = breaker(Scripted::replies([down(), down(), Outcome::DELIVERED]), BreakerSettings::eager());
    export(&breaker).await;
    let before = WALL.replace(secs(1000));
    tokio::time::advance(secs(1)).await;
    export(&breaker).await;
    assert_eq!(breaker.inner.calls(), 2, "set back by days: the other clock counts");
    WALL.set(before);
    export(&breaker).await;
    assert_eq!(breaker.circuit.health(), Health::Healthy, "set forward: at once");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_gone_on_with_unless_the_destination_was_heard_of_since() {
    let at = |circuit: &Circuit| match circuit.health() {
        Health::Failing { probe_in, .. } => Some(probe_in),
        _ => None,
    };
    let (first, until) = (breaker(Scripted::always(down()), BreakerSettings::eager()), WALL.get() + secs(4));
    first.circuit.resume(until, secs(4));
    assert_eq!(at(&first.circuit), Some(secs(4)));
    assert_eq!(first.circuit.outage(), Some((until, secs(4))));
    let second = breaker(Scripted::replies([]), BreakerSettings::eager());
    second.circuit.resume(Duration::from_secs(u64::MAX / 2), secs(9000));
    assert_eq!(at(&second.circuit), Some(secs(10)), "no longer than it ever is");
    let third = breaker(Scripted::replies([]), BreakerSettings::eager());
    export(&third).await;
    third.circuit.resume(until, secs(4));
    assert_eq!(third.circuit.health(), Health::Healthy);
}

#[tokio::test(start_paused = true)]
async fn a_probe_after_the_wait_closes_the_circuit_when_answered() {
    let breaker = breaker(Scripted::replies([down(), Outcome::DELIVERED]), BreakerSettings::eager());
    export(&breaker).await;
    assert!(breaker.circuit.health().is_failing());
    tokio::time::advance(secs(1)).await;
    assert_eq!(export(&breaker).await, Outcome::DELIVERED);
    assert_eq!(breaker.circuit.health(), Health::Healthy);
}

#[tokio::test(start_paused = true)]
async fn probes_in_vain_double_the_wait_up_to_the_cap() {
    let settings = BreakerSettings { cap: secs(3), ..BreakerSettings::eager() };
    let breaker = breaker(Scripted::always(down()), settings);
    for wait in [1, 2, 3, 3] {
        export(&breaker).await;
        let Health::Failing { probe_in, .. } = breaker.circuit.health() else { panic!("is failing") };
        assert_eq!(probe_in, secs(wait));
        tokio::time::advance(secs(wait)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn settings_that_make_no_sense_together_are_no_panic() {
    let (never, none) = (Duration::MAX, Duration::ZERO);
    for (first, cap) in [(never, never), (never, none), (secs(30), secs(1)), (none, never), (none, none)] {
        let settings = BreakerSettings { first, cap, failures: 0, jitter: 200 };
        let breaker = breaker(Scripted::always(down()), settings);
        export(&breaker).await;
        breaker.circuit.allow_probe();
        export(&breaker).await;
        assert_eq!(breaker.inner.calls(), 2, "{settings:?}");
        let (until, wait) = breaker.circuit.outage().unwrap();
        let next = Circuit::with("b".into(), settings, || WALL.get(), || 1.0, None);
        next.resume(until, wait);
        assert!(next.health().is_failing(), "{settings:?}");
    }
    let breaker =
        breaker(Scripted::always(down()), BreakerSettings { first: never, ..BreakerSettings::eager() });
    export(&breaker).await;
    tokio::time::advance(secs(10 * 365 * 86_400)).await;
    export(&breaker).await;
    assert_eq!(breaker.inner.calls(), 1, "left alone for as long as anybody looks");
}

#[tokio::test(start_paused = true)]
async fn a_freeze_counts_as_waiting_even_if_the_monotonic_clock_stood_still() {
    let breaker = breaker(Scripted::replies([down(), Outcome::DELIVERED]), BreakerSettings::eager());
    export(&breaker).await;
    WALL.set(WALL.get() + secs(60));
    assert_eq!(export(&breaker).await, Outcome::DELIVERED);
}

#[tokio::test(start_paused = true)]
async fn the_server_sets_a_longer_wait_but_not_an_absurd_one() {
    let polite = breaker(Scripted::always(busy(60)), BreakerSettings::eager());
    export(&polite).await;
    assert_eq!(polite.circuit.health().probe_in(), secs(60));
    let absurd = breaker(Scripted::always(busy(u64::MAX)), BreakerSettings::eager());
    export(&absurd).await;
    assert_eq!(absurd.circuit.health().probe_in(), LONGEST);
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_and_an_abandoned_probe_makes_way_for_the_next() {
    let breaker = breaker(Scripted::replies([down()]).then_hanging(), BreakerSettings::eager());
    export(&breaker).await;
    tokio::time::advance(secs(1)).await;
    {
        let mut probe = std::pin::pin!(export(&breaker));
        let waited = tokio::time::timeout(secs(1), &mut probe).await;
        assert!(waited.is_err(), "the probe hangs");
        assert!(matches!(export(&breaker).await, Outcome::Retry { .. }));
        assert_eq!(breaker.inner.calls(), 2, "nobody else is let through meanwhile");
    }
    let next = tokio::time::timeout(secs(1), export(&breaker)).await;
    assert!(next.is_err(), "the next probe went through, and hangs as well");
    assert_eq!(breaker.inner.calls(), 3);
}

#[tokio::test(start_paused = true)]
async fn silence_counts_after_a_second_however_thinly_the_waiting_is_sliced() {
    let breaker = breaker(Scripted::hanging(), BreakerSettings::eager());
    for slice in 1..=50 {
        assert!(!breaker.circuit.is_open(), "after {slice} slices");
        let waited = tokio::time::timeout(Duration::from_millis(20), export(&breaker)).await;
        assert!(waited.is_err());
    }
    assert!(breaker.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_cuts_an_attempt_short_counts_like_a_caller_that_leaves() {
    let hanging = crate::stage::timeout::Timeout::new(Scripted::hanging(), None);
    let circuit = Circuit::with("b".into(), BreakerSettings::eager(), || WALL.get(), || 1.0, None);
    let breaker = Breaker::new(hanging, circuit);
    breaker.export(batch(1), Deadline::within(Duration::from_millis(20))).await;
    assert!(!breaker.circuit.is_open());
    breaker.export(batch(1), Deadline::within(secs(1))).await;
    assert!(breaker.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn exports_side_by_side_wait_for_the_same_time_and_an_answer_makes_it_good() {
    let breaker = breaker(Scripted::replies([]).then_hanging(), BreakerSettings::eager());
    for _ in 0..3 {
        let both = crate::join::join_all([export(&breaker), export(&breaker), export(&breaker)]);
        assert!(tokio::time::timeout(Duration::from_millis(300), both).await.is_err());
    }
    assert!(!breaker.circuit.is_open(), "0.9 s of waiting, not 2.7");
    breaker.inner.then_answers(Outcome::DELIVERED);
    export(&breaker).await;
    breaker.inner.then_hangs();
    let waited = tokio::time::timeout(Duration::from_millis(300), export(&breaker)).await;
    assert!(waited.is_err() && !breaker.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn a_failed_attempt_counts_even_if_the_caller_leaves_while_it_is_to_be_repeated() {
    let circuit = Circuit::with("b".into(), BreakerSettings::eager(), || WALL.get(), || 1.0, None);
    let retry = crate::stage::Retry::new(Scripted::always(down()), crate::Backoff::default());
    let retry = retry.watching(&circuit);
    let breaker = Breaker::new(retry, circuit);
    let export = breaker.export(batch(1), Deadline::never());
    assert!(tokio::time::timeout(Duration::from_millis(20), export).await.is_err());
    assert!(breaker.circuit.is_open());
}

#[tokio::test(start_paused = true)]
async fn several_failures_in_a_row_can_be_asked_for() {
    let settings = BreakerSettings { failures: 3, ..BreakerSettings::eager() };
    let replies = [down(), down(), Outcome::refused("bad"), down(), down(), down()];
    let breaker = breaker(Scripted::replies(replies), settings);
    for open in [false, false, false, false, false, true] {
        export(&breaker).await;
        assert_eq!(breaker.circuit.is_open(), open);
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_once_when_it_begins_and_once_when_it_ends() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let observer: Observer = Arc::new(move |notice: Notice<'_>| {
        sink.lock().unwrap().push(notice.to_string());
    });
    let replies = [Outcome::DELIVERED, down(), down(), Outcome::DELIVERED, Outcome::DELIVERED];
    let circuit =
        Circuit::with("backend".into(), BreakerSettings::eager(), || WALL.get(), || 1.0, Some(observer));
    let breaker = Breaker::new(Scripted::replies(replies), circuit);
    for _ in 0..5 {
        export(&breaker).await;
        tokio::time::advance(secs(10)).await;
    }
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("first delivery") && told[1].contains("down") && told[2].contains("20.0 s"));
}

#[tokio::test(start_paused = true)]
async fn batches_that_are_not_taken_are_told_of_once_a_minute_at_most() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    let observer: Observer =
        Arc::new(move |notice: Notice<'_>| sink.lock().unwrap().push(notice.to_string()));
    let circuit =
        |settings| Circuit::with("a".into(), settings, || Duration::ZERO, || 1.0, Some(observer.clone()));
    let eager = Breaker::new(Scripted::always(down()), circuit(BreakerSettings::eager()));
    for _ in 0..100 {
        eager.circuit.allow_probe();
        export(&eager).await;
        tokio::time::advance(secs(1)).await;
    }
    // The first, the sixtieth second's, and the rest is for the next line.
    assert_eq!(*told.lock().unwrap(), ["a does not take data: down", "a did not take 60 batches: down"]);
    told.lock().unwrap().clear();
    let steady = Breaker::new(Scripted::always(down()), circuit(BreakerSettings::steady()));
    export(&steady).await;
    export(&steady).await;
    assert_eq!(*told.lock().unwrap(), ["a did not take 1 batch: down"], "one of five that open it");
}
