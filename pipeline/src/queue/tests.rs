//! The queue's bookkeeping, without time or tasks.

use std::time::Duration;

use super::*;
use crate::{Summary, stage::scripted::spans};

pub(super) const ROOM: usize = 100 * 1024;

pub(super) fn queue(limit: usize, lanes: usize) -> Queue {
    let mut queue = Queue::new(limit, WhenFull::Partial);
    for _ in 0..lanes {
        queue.add_lane(&Signal::ALL, BatchLimits::default());
    }
    queue
}

pub(super) fn healthy(mark: &str) -> Payload {
    spans(1, mark, false)
}

pub(super) fn error(mark: &str) -> Payload {
    spans(1, mark, true)
}

/// Room for this many payloads like those above (an error is a few bytes larger).
pub(super) fn room_for(payloads: usize) -> usize {
    payloads * cost(&error("x"))
}

/// The marks of everything a lane has, in the order in which it would be sent.
pub(super) fn marks(queue: &mut Queue, lane: usize) -> Vec<String> {
    let mut marks = Vec::new();
    let mut taken = Vec::new();
    while let Some(batch) = queue.take(lane, u64::MAX) {
        marks.extend(batch.parts().iter().map(mark));
        taken.push(batch);
    }
    taken.into_iter().rev().for_each(|batch| queue.give_back(lane, batch));
    marks
}

/// The name of a part's first span, without its number.
pub(super) fn mark(part: &Part) -> String {
    let text = String::from_utf8_lossy(&part.bytes).into_owned();
    let end = text.find(" 0").unwrap();
    text[..end].chars().rev().take_while(char::is_ascii_alphabetic).collect::<Vec<_>>().iter().rev().collect()
}

impl Queue {
    pub(super) fn put(&mut self, payload: Payload) -> Admission {
        self.admit(payload, Route::default())
    }
}

pub(super) const DELIVERED: Settled = Settled::Delivered { rejected: 0 };

#[test]
fn errors_go_out_first_and_each_kind_in_order_of_arrival() {
    let mut queue = queue(ROOM, 1);
    for payload in [healthy("a"), error("b"), healthy("c"), error("d")] {
        assert_eq!(queue.put(payload), Admission::Accepted);
    }
    assert_eq!(marks(&mut queue, 0), ["b", "d", "a", "c"]);
}

#[test]
fn a_newcomer_displaces_the_oldest_healthy_payload_before_any_error() {
    let mut queue = queue(room_for(3), 1);
    for payload in [error("a"), healthy("b"), healthy("c"), healthy("d")] {
        assert_eq!(queue.put(payload), Admission::Accepted);
    }
    assert_eq!(marks(&mut queue, 0), ["a", "c", "d"]);
    for payload in [error("e"), error("f"), error("g")] {
        assert_eq!(queue.put(payload), Admission::Accepted);
    }
    assert_eq!(marks(&mut queue, 0), ["e", "f", "g"], "an error also displaces older errors");
    let totals = queue.totals[0];
    assert_eq!((totals.accepted, totals.evicted_healthy, totals.evicted_errors), (7, 3, 1));
}

#[test]
fn a_healthy_newcomer_never_displaces_an_error_and_nothing_is_given_up_in_vain() {
    let mut queue = queue(room_for(3), 1);
    for payload in [error("a"), error("b"), healthy("c")] {
        queue.put(payload);
    }
    let large = spans(12, "large", false);
    assert!(cost(&large) < room_for(3) && cost(&large) > room_for(1));
    assert!(matches!(queue.put(large.clone()), Admission::Partial { rejected: 12, .. }));
    assert_eq!(marks(&mut queue, 0), ["a", "b", "c"]);
    assert_eq!(queue.totals[0].turned_away, 12);
    queue.when_full = WhenFull::Busy { retry_after: Duration::from_secs(2) };
    assert_eq!(queue.put(large), Admission::Busy { retry_after: Duration::from_secs(2) });
}

#[test]
fn whoever_can_come_again_displaces_nothing_that_is_as_important() {
    let mut queue = queue(room_for(3), 1);
    let busy = Admission::Busy { retry_after: Duration::from_secs(2) };
    queue.when_full = WhenFull::Busy { retry_after: Duration::from_secs(2) };
    for payload in [healthy("a"), healthy("b"), error("c")] {
        assert_eq!(queue.put(payload), Admission::Accepted);
    }
    assert_eq!(queue.put(healthy("d")), busy);
    assert_eq!(queue.put(error("e")), Admission::Accepted, "an error is worth more than what is healthy");
    assert_eq!(queue.put(error("f")), Admission::Accepted);
    assert_eq!(queue.put(error("g")), busy);
    assert_eq!(marks(&mut queue, 0), ["c", "e", "f"]);
    let totals = queue.totals[0];
    assert_eq!((totals.turned_away, totals.evicted_healthy, totals.evicted_errors), (2, 2, 0));
}

#[test]
fn what_is_larger_than_the_whole_queue_is_refused_as_such() {
    let mut queue = queue(1000, 1);
    assert_eq!(queue.put(spans(100, "a", true)), Admission::TooLarge { limit: 1000 });
    assert_eq!(queue.totals[0].turned_away, 100);
}

#[test]
fn a_flood_of_tiny_payloads_is_bounded_by_what_keeping_them_costs() {
    let mut queue = queue(ROOM, 1);
    (0..10_000).for_each(|_| assert_eq!(queue.put(healthy("a")), Admission::Accepted));
    assert!(queue.entries.len() * TRACKING < ROOM);
    assert!(queue.held <= ROOM);
}

#[test]
fn what_is_out_on_an_attempt_is_not_given_up() {
    let mut queue = queue(room_for(2), 1);
    queue.put(healthy("a"));
    let batch = queue.take(0, u64::MAX).unwrap();
    queue.put(healthy("b"));
    assert_eq!(queue.put(error("c")), Admission::Accepted);
    assert!(
        matches!(queue.put(healthy("d")), Admission::Partial { .. }),
        "only c could go, and it is an error"
    );
    queue.give_back(0, batch);
    assert_eq!(queue.put(healthy("d")), Admission::Accepted);
    assert_eq!(marks(&mut queue, 0), ["c", "d"]);
}

#[test]
fn a_batch_that_loses_a_member_is_dissolved_and_its_others_go_back_in_line() {
    let mut queue = queue(room_for(3), 1);
    for mark in ["a", "b", "c"] {
        queue.put(healthy(mark));
    }
    let batch = queue.take(0, u64::MAX).unwrap();
    assert_eq!(batch.items(), 3);
    queue.give_back(0, batch);
    queue.put(healthy("d"));
    assert_eq!(marks(&mut queue, 0), ["b", "c", "d"]);
    assert_eq!(queue.views[0].totals[0].evicted, 1);
}

#[test]
fn a_payload_is_kept_once_for_all_lanes_and_goes_with_the_last_of_them() {
    let mut queue = queue(ROOM, 2);
    let payload = healthy("a");
    let one = cost(&payload);
    queue.put(payload);
    assert_eq!(queue.held, one);
    let batch = queue.take(0, u64::MAX).unwrap();
    queue.settle(0, &batch, DELIVERED);
    assert_eq!(queue.held, one, "the other lane still needs it");
    let batch = queue.take(1, u64::MAX).unwrap();
    queue.settle(1, &batch, Settled::Refused);
    assert_eq!((queue.held, queue.load, queue.entries.len()), (0, Held::default(), 0));
    assert_eq!((queue.views[0].totals[0].delivered, queue.views[1].totals[0].refused), (1, 1));
}

#[test]
fn lanes_that_form_the_same_batch_share_it() {
    let mut queue = queue(ROOM, 2);
    queue.put(healthy("a"));
    queue.put(healthy("b"));
    let first = queue.take(0, u64::MAX).unwrap();
    let second = queue.take(1, u64::MAX).unwrap();
    assert_eq!(first.idempotency_key(), second.idempotency_key());
    queue.settle(0, &first, DELIVERED);
    queue.give_back(1, second);
    queue.put(healthy("c"));
    assert_ne!(queue.take(0, u64::MAX).unwrap().idempotency_key(), first.idempotency_key());
}

#[test]
fn a_batch_given_back_goes_out_again_as_it_was() {
    let mut queue = queue(ROOM, 1);
    queue.put(healthy("a"));
    let first = queue.take(0, u64::MAX).unwrap();
    queue.give_back(0, first.clone());
    queue.put(error("b"));
    let again = queue.take(0, u64::MAX).unwrap();
    assert_eq!(again.idempotency_key(), first.idempotency_key());
    assert_eq!(again.request(), first.request());
}

#[test]
fn batches_keep_to_their_limits_and_to_one_signal() {
    let mut queue = Queue::new(ROOM, WhenFull::Partial);
    let size = healthy("a").bytes().len();
    queue.add_lane(&Signal::ALL, BatchLimits { bytes: 2 * size, items: 100 });
    queue.add_lane(&Signal::ALL, BatchLimits { bytes: ROOM, items: 3 });
    for mark in ["a", "b", "c", "d", "e"] {
        queue.put(healthy(mark));
    }
    let logs = Payload::scan(Signal::Logs, bytes::Bytes::from_static(&[0x0a, 4, 0x12, 2, 0x12, 0])).unwrap();
    assert_eq!(logs.items(), 1);
    queue.put(logs);
    for (lane, sizes) in [(0, [2, 2, 1, 1].as_slice()), (1, &[3, 2, 1])] {
        let batches: Vec<Batch> = std::iter::from_fn(|| queue.take(lane, u64::MAX)).collect();
        assert_eq!(batches.iter().map(Batch::items).collect::<Vec<_>>(), sizes);
        assert_eq!(batches.last().unwrap().signal(), Signal::Logs);
    }
}

#[test]
fn what_arrives_beyond_the_horizon_only_fills_up() {
    let mut queue = queue(ROOM, 1);
    queue.put(healthy("a"));
    let horizon = queue.arrivals;
    queue.put(error("b"));
    let batch = queue.take(0, horizon).unwrap();
    assert_eq!(batch.parts().iter().map(mark).collect::<Vec<_>>(), ["a", "b"]);
    queue.settle(0, &batch, DELIVERED);
    queue.put(error("c"));
    assert!(queue.take(0, horizon).is_none(), "nothing is left that arrived by the horizon");
    assert!(queue.take(0, queue.arrivals).is_some());
}

#[test]
fn a_payload_in_pieces_goes_when_its_last_piece_is_settled() {
    let mut queue = queue(ROOM, 1);
    queue.put(spans(4, "a", false));
    let batch = queue.take(0, u64::MAX).unwrap();
    let part = &batch.parts()[0];
    let piece = |items| vec![part.piece(part.bytes.clone(), Summary { items, errors: 0 })];
    queue.replace(0, &batch, vec![piece(1), piece(3)]);
    assert_eq!(queue.views[0].held.items, 4);
    let first = queue.take(0, u64::MAX).unwrap();
    assert_eq!(first.items(), 1, "pieces go out in order");
    queue.settle(0, &first, Settled::Refused);
    assert_eq!(queue.entries.len(), 1);
    let second = queue.take(0, u64::MAX).unwrap();
    queue.settle(0, &second, Settled::Delivered { rejected: 99 });
    assert_eq!((queue.entries.len(), queue.held), (0, 0));
    let totals = queue.views[0].totals[0];
    assert_eq!(
        (totals.refused, totals.rejected, totals.delivered),
        (1, 3, 0),
        "nobody rejects more than it got"
    );
}

#[test]
fn a_signal_that_no_lane_takes_is_counted_and_not_kept() {
    let mut queue = Queue::new(ROOM, WhenFull::Partial);
    queue.add_lane(&[Signal::Logs], BatchLimits::default());
    assert_eq!(queue.put(healthy("a")), Admission::Accepted);
    assert_eq!((queue.totals[0].unrouted, queue.held), (1, 0));
    queue.close();
    assert_eq!(queue.put(healthy("a")), Admission::Closed);
}

#[test]
fn a_payload_goes_to_the_lanes_of_its_route_and_no_other() {
    let mut queue = queue(ROOM, 3);
    let route = Route::to([0, 2].into_iter().collect());
    queue.admit(healthy("a"), route);
    queue.put(healthy("b"));
    assert_eq!(marks(&mut queue, 0), ["a", "b"]);
    assert_eq!(marks(&mut queue, 1), ["b"]);
    assert_eq!(marks(&mut queue, 2), ["a", "b"]);
    for lane in 0..3 {
        let batch = queue.take(lane, u64::MAX).unwrap();
        queue.settle(lane, &batch, DELIVERED);
    }
    assert_eq!((queue.entries.len(), queue.held), (0, 0));
    queue.admit(healthy("c"), Route::to(Lanes::NONE));
    assert_eq!((queue.totals[0].unrouted, queue.held), (1, 0));
}

#[test]
fn an_undecided_group_is_held_and_offered_to_nobody() {
    let mut queue = queue(ROOM, 2);
    let route = |group| Route::default().once_decided(group);
    for (mark, group) in [("a", 1), ("b", 2), ("c", 1), ("d", 3)] {
        assert_eq!(queue.admit(healthy(mark), route(group)), Admission::Accepted);
    }
    queue.put(healthy("e"));
    assert_eq!(queue.views[0].held.items, 1);
    assert_eq!(queue.load.items, 5);
    queue.decide(1, true);
    assert_eq!(marks(&mut queue, 1), ["a", "c", "e"]);
    queue.decide(2, false);
    assert_eq!((queue.load.items, queue.totals[0].sampled_out), (4, 1));
    queue.admit(healthy("f"), route(1));
    queue.admit(healthy("g"), route(2));
    assert_eq!(marks(&mut queue, 0), ["a", "c", "e", "f"], "later ones follow the decision");
    assert_eq!((queue.totals[0].accepted, queue.totals[0].sampled_out), (7, 2));
    queue.close();
    assert_eq!(marks(&mut queue, 0), ["a", "c", "e", "f", "d"], "what nobody decided is kept");
}

#[test]
fn an_undecided_group_is_bounded_like_everything_and_kept_when_it_is_forgotten() {
    let mut small = queue(room_for(2), 1);
    let route = |group| Route::default().once_decided(group);
    for mark in ["a", "b", "c"] {
        small.admit(healthy(mark), route(1));
    }
    assert_eq!(small.totals[0].evicted_healthy, 1);
    small.decide(1, true);
    assert_eq!(marks(&mut small, 0), ["b", "c"]);

    let mut queue = queue(usize::MAX, 1);
    (0..=groups::REMEMBERED as u64).for_each(|group| _ = queue.admit(healthy("a"), route(group)));
    assert_eq!(marks(&mut queue, 0), ["a"], "the first group had to be forgotten");
}

/// Random operations; after each, every item is accounted for and the bound is kept.
#[test]
fn the_books_balance_after_any_sequence_of_operations() {
    let mut random = 7u64;
    let mut draw = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    let mut queue = queue(8 * 1024, 2);
    let mut out: Vec<(usize, Batch)> = Vec::new();
    for _ in 0..20_000 {
        match draw(7) {
            0 | 1 => {
                let lanes = Lanes::from_iter((0..2).filter(|_| draw(4) > 0));
                let group = Some(draw(30)).filter(|_| draw(2) == 0);
                queue.admit(spans(1 + draw(8) as usize, "m", draw(4) == 0), Route { lanes, group });
            }
            6 => queue.decide(draw(30), draw(2) == 0),
            2 => {
                let lane = draw(2) as usize;
                out.extend(
                    queue.take(lane, queue.arrivals.saturating_sub(draw(3))).map(|batch| (lane, batch)),
                );
            }
            _ if out.is_empty() => {}
            kind => {
                let (lane, batch) = out.swap_remove(draw(out.len() as u64) as usize);
                match kind {
                    3 => queue.give_back(lane, batch),
                    4 if batch.parts().len() > 1 => {
                        let (first, second) = batch.parts().split_at(1);
                        queue.replace(lane, &batch, vec![first.to_vec(), second.to_vec()]);
                    }
                    4 if draw(2) == 0 => queue.settle(lane, &batch, Settled::Kept),
                    4 => queue.settle(lane, &batch, Settled::Refused),
                    _ => queue.settle(lane, &batch, Settled::Delivered { rejected: draw(2) }),
                }
            }
        }
        balance(&queue, &out);
    }
    assert!(
        queue.totals[0].evicted_healthy > 100
            && queue.totals[0].sampled_out > 100
            && queue.totals[0].turned_away > 0,
        "the sequence was eventful"
    );
}

pub(super) fn balance(queue: &Queue, out: &[(usize, Batch)]) {
    assert!(queue.held <= queue.limit);
    assert_eq!(queue.held, queue.entries.values().map(|entry| cost(&entry.payload)).sum::<usize>());
    assert!(queue.entries.values().all(|entry| entry.owed > 0), "nothing is kept that nobody needs");
    let totals = queue.totals[0];
    let gone = totals.evicted_healthy + totals.evicted_errors + totals.sampled_out;
    assert!(totals.accepted >= gone + queue.entries.len() as u64);
    for (lane, view) in queue.views.iter().enumerate() {
        let totals = view.totals[0];
        let left =
            totals.delivered + totals.rejected + totals.refused + totals.dead_lettered + totals.evicted;
        assert_eq!(totals.accepted, left + view.held.items as u64);
        assert_eq!(view.leased, out.iter().filter(|(by, _)| *by == lane).count());
    }
}

#[test]
fn a_lane_that_is_kept_apart_crowds_out_nobody() {
    let mut queue = queue(room_for(8), 2);
    let to = |lane: usize| Route::to([lane].into_iter().collect());
    let mut given_up = |apart: u64| {
        queue = self::queue(room_for(8), 2);
        queue.apart = apart;
        // The first lane's destination is down, and all that it has are errors.
        (0..8).for_each(|_| assert_eq!(queue.admit(error("a"), to(0)), Admission::Accepted));
        let taken = (0..6).filter(|_| queue.admit(healthy("b"), to(1)) == Admission::Accepted).count();
        // What that lane gets from here on it takes from itself.
        let healthy = queue.admit(healthy("c"), to(0)) == Admission::Accepted;
        let error = queue.admit(error("d"), to(0)) == Admission::Accepted;
        (taken, healthy, error, marks(&mut queue, 0), marks(&mut queue, 1))
    };
    let many = |mark: &str, times| vec![mark.to_owned(); times];
    assert_eq!(given_up(0), (0, false, true, [many("a", 7), many("d", 1)].concat(), many("b", 0)));
    // Each has a half, however much the other wants, and whatever it is.
    assert_eq!(given_up(0b11), (6, true, true, [many("a", 3), many("d", 1)].concat(), many("b", 4)));
}
