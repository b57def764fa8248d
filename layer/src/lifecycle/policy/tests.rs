//! The policy on its own: what is told, and what comes of it.

use super::*;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn policy(mode: Mode) -> Policy {
    Policy::new(mode, secs(30), 1 << 20, 1, Duration::ZERO)
}

const NOTHING: Held = Held { bytes: 0, items: 0, errors: 0, age: None, reachable: true, probe: None };
const SOME: Held =
    Held { bytes: 1000, items: 10, errors: 0, age: Some(secs(1)), reachable: true, probe: None };

/// A policy that has seen invocations a second apart, handlers of `handler` and exports of `export`.
fn busy(mode: Mode, handler: Duration, export: Duration) -> (Policy, Duration) {
    let mut policy = policy(mode);
    let mut now = secs(100);
    for _ in 0..10 {
        now += secs(1);
        policy.invoked(now, &NOTHING, Sight::Clear);
        policy.handler_took(handler);
        policy.exported(0, now, export, true);
    }
    (policy, now + secs(1))
}

#[test]
fn modes_are_read_and_what_is_not_one_is_refused() {
    assert_eq!(Mode::parse("Adaptive"), Ok(Mode::Adaptive));
    assert_eq!(Mode::parse("periodic,250"), Ok(Mode::Periodic(millis(250))));
    assert_eq!(Mode::parse("periodic, 5s"), Ok(Mode::Periodic(secs(5))));
    for wrong in ["", "sometimes", "periodic", "periodic,", "periodic,0", "periodic,-1"] {
        assert!(Mode::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn the_first_invocation_and_a_rare_function_flush_at_the_end() {
    let mut policy = policy(Mode::Adaptive);
    let flush = Plan { release: Release::WhenFlushed, export: false };
    assert_eq!(policy.invoked(secs(0), &NOTHING, Sight::Clear), flush);
    for minute in 1..10 {
        assert_eq!(policy.invoked(secs(60 * minute), &NOTHING, Sight::Clear), flush);
    }
}

#[test]
fn a_function_that_runs_often_defers_and_exports_beside_its_handler() {
    let (mut policy, now) = busy(Mode::Adaptive, millis(100), millis(30));
    assert_eq!(policy.invoked(now, &NOTHING, Sight::Clear), Plan { release: Release::AtOnce, export: false });
    assert_eq!(
        policy.invoked(now + secs(1), &SOME, Sight::Clear),
        Plan { release: Release::WhenExported, export: true }
    );
}

#[test]
fn batches_accumulate_where_an_export_outlasts_the_handler_until_they_are_stale_or_full_or_hold_errors() {
    let (policy, now) = busy(Mode::Adaptive, millis(5), millis(30));
    let release = |held: Held| policy.clone().invoked(now, &held, Sight::Clear).release;
    assert_eq!(
        policy.clone().invoked(now, &SOME, Sight::Clear),
        Plan { release: Release::AtOnce, export: false }
    );
    assert_eq!(release(Held { age: Some(secs(9)), ..SOME }), Release::AtOnce);
    assert_eq!(release(Held { age: Some(secs(10)), ..SOME }), Release::WhenExported);
    assert_eq!(release(Held { bytes: 1 << 20, ..SOME }), Release::WhenExported);
    assert_eq!(release(Held { errors: 1, ..SOME }), Release::WhenExported);
}

#[test]
fn after_a_long_pause_one_invocation_flushes_and_the_habit_is_kept() {
    let (mut policy, now) = busy(Mode::Adaptive, millis(100), millis(30));
    let release = |policy: &mut Policy, now| policy.invoked(now, &NOTHING, Sight::Clear).release;
    assert_eq!(release(&mut policy, now + secs(3600)), Release::WhenFlushed);
    assert_eq!(release(&mut policy, now + secs(3601)), Release::AtOnce);
}

#[test]
fn two_quick_invocations_do_not_make_a_rare_function_a_busy_one() {
    let mut policy = policy(Mode::Adaptive);
    let mut now = Duration::ZERO;
    for gap in [300, 300, 300, 300, 5, 5, 5] {
        now += secs(gap);
        assert_eq!(policy.invoked(now, &NOTHING, Sight::Clear).release, Release::WhenFlushed);
    }
}

#[test]
fn an_unreachable_destination_is_probed_and_never_waited_for() {
    for mode in [Mode::Adaptive, Mode::End, Mode::Continuous] {
        let mut policy = policy(mode);
        let mut held = Held { age: None, reachable: false, probe: Some(secs(1)), ..SOME };
        let rests = Plan { release: Release::AtOnce, export: false };
        assert_eq!(policy.invoked(secs(0), &held, Sight::Clear), rests, "{mode:?}");
        assert_eq!(policy.background(secs(0), &held, Some(Sight::Clear)), Background::In(secs(1)));
        held.probe = Some(Duration::ZERO);
        let probes = Plan { release: Release::AtOnce, export: true };
        assert_eq!(policy.invoked(secs(1), &held, Sight::Clear), probes, "{mode:?}");
    }
}

#[test]
fn once_patience_with_a_destination_is_spent_it_is_not_waited_for_until_a_delivery() {
    let mut policy = Policy::new(Mode::End, secs(30), 1 << 20, 2, Duration::ZERO);
    policy.exported(0, secs(1), secs(1), false);
    policy.waited_in_vain(0, secs(1));
    assert_eq!((policy.patience(0), policy.linger(0)), (Duration::ZERO, Duration::ZERO));
    assert!(policy.patience(1) > Duration::ZERO, "the other has not failed");
    policy.exported(0, secs(2), millis(30), true);
    assert_eq!(policy.linger(0), LINGER);
    assert_eq!(policy.patience(7), Duration::ZERO, "there is no such destination");
}

#[test]
fn an_end_that_nobody_tells_is_not_waited_for() {
    let mut policy = policy(Mode::End);
    assert_eq!(
        policy.invoked(secs(0), &NOTHING, Sight::Blind),
        Plan { release: Release::AtOnce, export: false }
    );
    assert_eq!(
        policy.background(secs(0), &Held { age: Some(millis(20)), ..SOME }, Some(Sight::Blind)),
        Background::In(millis(30))
    );
    assert_eq!(policy.background(secs(0), &SOME, Some(Sight::Blind)), Background::Now);
}

#[test]
fn where_invocations_are_not_announced_batches_leave_every_second() {
    let policy = policy(Mode::Adaptive);
    let background =
        |age| policy.background(secs(9), &Held { age: Some(age), ..SOME }, Some(Sight::Unannounced));
    assert_eq!(background(millis(200)), Background::In(millis(800)));
    assert_eq!(background(secs(1)), Background::Now);
}

#[test]
fn beside_lambda_data_is_gathered_at_a_pace_of_its_own() {
    let policy = policy(Mode::Adaptive).paced(Pace { every: secs(5), items: 512 });
    let background = |held| policy.background(secs(9), &held, Some(Sight::Unannounced));
    let held = |age, items| Held { age: Some(age), items, ..SOME };
    assert_eq!(background(held(secs(1), 511)), Background::In(secs(4)));
    assert_eq!(background(held(secs(1), 512)), Background::Now);
    assert_eq!(background(held(secs(5), 1)), Background::Now);
    assert_eq!(background(Held { bytes: 1 << 20, ..held(secs(0), 1) }), Background::Now);
}

#[test]
fn periodic_exports_when_it_is_time_and_otherwise_stays_out_of_the_way() {
    let mut policy = policy(Mode::Periodic(secs(10)));
    let at = |policy: &mut Policy, now| policy.invoked(secs(now), &SOME, Sight::Clear);
    assert_eq!(at(&mut policy, 5), Plan { release: Release::AtOnce, export: false });
    assert_eq!(at(&mut policy, 10), Plan { release: Release::WhenExported, export: true });
    policy.exported(0, secs(10), millis(30), true);
    assert_eq!(at(&mut policy, 15), Plan { release: Release::AtOnce, export: false });
    assert_eq!(policy.background(secs(15), &SOME, Some(Sight::Clear)), Background::In(secs(5)));
}

#[test]
fn in_the_background_errors_go_at_once_other_data_when_stale_and_nothing_never() {
    let (policy, now) = busy(Mode::Adaptive, millis(5), millis(30));
    let background = |held, sight| policy.background(now, &held, sight);
    assert_eq!(background(NOTHING, Some(Sight::Clear)), Background::Never);
    assert_eq!(background(SOME, Some(Sight::Clear)), Background::In(secs(29)));
    assert_eq!(background(Held { errors: 1, ..SOME }, Some(Sight::Clear)), Background::Now);
    assert_eq!(background(Held { errors: 1, ..SOME }, None), Background::In(secs(29)), "the end is near");
    assert_eq!(background(Held { bytes: 1 << 20, ..SOME }, None), Background::Now);
}

#[test]
fn a_clock_that_is_set_back_or_forward_holds_nothing_up() {
    let mut policy = policy(Mode::Periodic(secs(10)));
    policy.exported(0, secs(100_000), millis(30), false);
    assert!(policy.rest(0, secs(50_000)) <= SELDOM);
    assert_eq!(policy.background(secs(50_000), &SOME, Some(Sight::Clear)), Background::In(secs(10)));
    assert!(policy.invoked(secs(50_000), &SOME, Sight::Clear).export);
    assert_eq!(policy.rest(0, secs(200_000)), Duration::ZERO);
    assert_eq!(policy.background(secs(200_000), &SOME, Some(Sight::Clear)), Background::Now);
    let (mut policy, now) = busy(Mode::Adaptive, millis(100), millis(30));
    assert_eq!(policy.invoked(now - secs(50), &NOTHING, Sight::Clear).release, Release::AtOnce);
    assert_eq!(policy.invoked(now, &NOTHING, Sight::Clear).release, Release::WhenFlushed, "as after a pause");
}

#[test]
fn failures_space_out_what_happens_in_the_background() {
    let mut policy = policy(Mode::Continuous);
    let mut now = secs(0);
    let mut rests = Vec::new();
    for _ in 0..12 {
        policy.exported(0, now, millis(1), false);
        let rest = policy.rest(0, now);
        rests.push(rest);
        now += rest;
        assert_eq!(policy.rest(0, now), Duration::ZERO);
    }
    assert_eq!(rests[0], FIRST_RETRY);
    assert!(rests.is_sorted());
    assert_eq!(rests[11], SELDOM);
}
