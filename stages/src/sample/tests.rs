use super::*;
use crate::stage::threshold::{self, State as TraceState};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status},
};
use prost::Message as _;

const SECOND: u64 = 1_000_000_000;

fn request(spans: Vec<Span>) -> Bytes {
    let scope_spans = vec![ScopeSpans { spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { scope_spans, ..Default::default() }] }
        .encode_to_vec()
        .into()
}

/// Ids as good as random, the same every time.
fn id(n: u64) -> TraceId {
    let mix = |n: u64| {
        let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    (u128::from(mix(n)) << 64 | u128::from(mix(!n))).to_be_bytes()
}

fn span(trace: TraceId, name: &str) -> Span {
    Span {
        trace_id: trace.to_vec(),
        span_id: vec![1; 8],
        name: name.to_owned(),
        kind: 2,
        ..Default::default()
    }
}

fn failed(trace: TraceId) -> Span {
    Span { status: Some(Status { code: 2, message: String::new() }), ..span(trace, "failed") }
}

fn tail(tests: Vec<Test>, rules: Vec<Rule>) -> Tail {
    Tail::new(0, tests, rules, Duration::from_secs(5))
}

fn see(tail: &Tail, spans: Vec<Span>, now: u64) {
    tail.observe(&mut Record::open(&request(spans)), now);
}

fn errors() -> Test {
    Test::Status(vec![2])
}

#[test]
fn a_trace_is_decided_with_all_of_it_in_hand() {
    let tail = tail(vec![errors()], vec![Rule::Test(0), Rule::Latency(SECOND, 0), Rule::Spans(4, 0)]);
    let child = |trace| Span { kind: 1, parent_span_id: vec![2; 8], ..span(trace, "child") };
    let long = Span { end_time_unix_nano: 2 * SECOND, start_time_unix_nano: 1, ..span(id(3), "slow") };
    see(&tail, vec![child(id(1)), child(id(2)), long, span(id(4), "fast"), child(id(5))], 0);
    let kept = |verdicts: Vec<Verdict>, wanted: &[(u64, bool)]| {
        let wanted: Vec<_> = wanted.iter().map(|(n, keep)| (tail.group(&id(*n)), *keep)).collect();
        assert_eq!(verdicts.iter().map(|verdict| (verdict.group, verdict.keep)).collect::<Vec<_>>(), wanted);
    };
    kept(tail.decide(0, false), &[(3, true), (4, false)]);
    see(&tail, vec![failed(id(1))], SECOND);
    kept(tail.decide(SECOND, false), &[(1, true)]);
    kept(tail.decide(5 * SECOND, false), &[(2, false), (5, false)]);
    see(&tail, vec![child(id(6))], 6 * SECOND);
    assert!(tail.decide(6 * SECOND, false).is_empty());
    tail.ended();
    kept(tail.decide(6 * SECOND, false), &[(6, false)]);
    see(&tail, (0..4).map(|_| child(id(7))).collect(), 6 * SECOND);
    kept(tail.decide(6 * SECOND, true), &[(7, true)]);
}

#[test]
fn what_is_waited_for_is_bounded_and_the_oldest_is_decided_first() {
    let tail = tail(Vec::new(), vec![Rule::Always]);
    let child = |n| Span { kind: 1, parent_span_id: vec![2; 8], ..span(id(n), "child") };
    see(&tail, (0..OPEN as u64).map(child).collect(), 0);
    assert!(!tail.is_full() && tail.decide(0, false).is_empty());
    see(&tail, vec![child(1 << 20), child(1 << 21)], 0);
    assert!(tail.is_full());
    let groups: Vec<u64> = tail.decide(0, false).iter().map(|verdict| verdict.group).collect();
    assert_eq!(groups, [tail.group(&id(0)), tail.group(&id(1))]);
}

#[test]
fn stragglers_follow_their_trace_and_errors_are_kept_whenever_they_come() {
    let tail = tail(vec![errors()], vec![Rule::Test(0)]);
    see(&tail, vec![span(id(1), "a"), failed(id(2))], 0);
    tail.decide(0, false);
    let fates = |spans: Vec<Span>| {
        see(&tail, spans.clone(), 1);
        tail.apart(&request(spans)).map(|part| part.fate).collect::<Vec<_>>()
    };
    assert_eq!(fates(vec![span(id(1), "late"), span(id(2), "late")]), [Fate::Gone, Fate::Kept]);
    assert_eq!(fates(vec![span(id(3), "new")]), [Fate::Waits(tail.group(&id(3)))]);
    assert_eq!(fates(vec![failed(id(1))]), [Fate::Kept]);
}

#[test]
fn a_payload_is_taken_apart_by_traces_without_losing_a_span() {
    let tail = tail(Vec::new(), vec![Rule::Always]);
    let spans = vec![span(id(1), "a"), span(id(2), "b"), span(id(1), "c")];
    let spans = request(spans);
    let names = tail.apart(&spans).map(|part| {
        let request = ExportTraceServiceRequest::decode(&part.bytes[..]).unwrap();
        request.resource_spans[0].scope_spans[0]
            .spans
            .iter()
            .map(|span| span.name.clone())
            .collect::<String>()
    });
    assert_eq!(names.collect::<Vec<_>>(), ["ac", "b"]);
    // By one walk, however many there are: a minute's work otherwise.
    let many = request((0..100_000).map(|n| span(id(n), "a")).collect());
    assert_eq!(tail.apart(&many).count(), 100_000);
}

#[test]
fn of_a_million_traces_the_share_is_kept_within_chance_and_every_error_and_two_services_agree() {
    let service =
        |number| Tail::new(number, vec![errors()], vec![Rule::Test(0), Rule::Share(0.1)], Duration::ZERO);
    let (here, there) = (service(1), service(2));
    let (mut kept, mut kept_errors, mut count) = (0_u32, 0_u32, 0_u32);
    for n in 0..1_000_000_u64 {
        let error = n % 1000 == 0;
        let decide = |tail: &Tail, error| {
            let mut trace = Trace::new(0);
            (trace.spans, trace.over, trace.passed, trace.error) = (1, true, u64::from(error), error);
            let mut state = tail.state();
            state.open.insert(id(n), trace);
            tail.judge(&mut state, id(n), 0).unwrap()
        };
        let verdict = decide(&here, error);
        if error {
            kept_errors += u32::from(verdict.keep);
            assert_eq!(verdict.threshold, None, "it stands for itself");
            continue;
        }
        count += 1;
        kept += u32::from(verdict.keep);
        assert_eq!(decide(&there, false).keep, verdict.keep);
        assert_eq!(verdict.threshold, verdict.keep.then(|| threshold::of(0.1, 4)));
    }
    assert_eq!(kept_errors, 1000);
    let expected = f64::from(count) * 0.1;
    assert!((f64::from(kept) - expected).abs() < 4.5 * (expected * 0.9).sqrt(), "{kept} of {count}");
}

#[test]
fn what_came_in_as_a_share_leaves_as_a_share_of_that() {
    let tail = tail(Vec::new(), vec![Rule::Share(0.5)]);
    let half = threshold::of(0.5, 4);
    let mut kept = 0;
    for n in 0..2000 {
        let trace_state = format!("ot=th:{}", threshold::digits(half));
        if threshold::randomness(&id(n)).unwrap() >= half {
            see(&tail, vec![Span { trace_state, ..span(id(n), "a") }], 0);
        }
    }
    for verdict in tail.decide(0, true).into_iter().filter(|verdict| verdict.keep) {
        assert_eq!(verdict.threshold, Some(threshold::of(0.25, 4)));
        kept += 1;
    }
    assert!((450..550).contains(&kept), "{kept}");
    let marked = mark(&request(vec![span(id(1), "a")]), threshold::of(0.25, 4)).unwrap();
    let span =
        &ExportTraceServiceRequest::decode(&marked[..]).unwrap().resource_spans[0].scope_spans[0].spans[0];
    assert_eq!(TraceState::parse(&span.trace_state).threshold, Some(0xc << 52));
}

#[test]
fn rules_are_joined_turned_round_and_overruled() {
    let decide = |rules: Vec<Rule>, spans: Vec<Span>| {
        let tail = tail(vec![errors(), Test::Text("k".into(), vec!["v".into()])], rules);
        see(&tail, spans, 0);
        tail.decide(0, true)[0].keep
    };
    let slow = || Span { start_time_unix_nano: 1, end_time_unix_nano: 3 * SECOND, ..failed(id(1)) };
    let both = || vec![Rule::All(vec![Rule::Test(0), Rule::Latency(SECOND, 0)])];
    assert!(decide(both(), vec![slow()]) && !decide(both(), vec![failed(id(1))]));
    assert!(decide(vec![Rule::Not(Box::new(Rule::Test(0)))], vec![span(id(1), "a")]));
    assert!(!decide(vec![Rule::Not(Box::new(Rule::Test(0)))], vec![failed(id(1))]));
    let drop = || vec![Rule::Always, Rule::Drop(vec![Rule::Test(0)])];
    assert!(!decide(drop(), vec![failed(id(1))]) && decide(drop(), vec![span(id(1), "a")]));
    let tail = tail(Vec::new(), vec![Rule::Rate(Rate::new(2.0))]);
    see(&tail, (0..5).map(|n| span(id(n), "a")).collect(), 0);
    let verdicts = tail.decide(0, true);
    assert_eq!(verdicts.iter().filter(|verdict| verdict.keep).count(), 2);
    assert!(verdicts.iter().all(|verdict| verdict.threshold.is_none()));
}

/// Traces of an environment by the second, of several routes: `rates` gives each route's traces a second. What was kept, in
/// spans by second, and what was kept of each route.
fn simulate(
    tail: &Tail,
    seconds: u64,
    routes: usize,
    rate: impl Fn(u64, usize) -> f64,
) -> (Vec<f64>, Vec<Vec<u32>>, f64) {
    let mut kept_by_second = vec![0.0; seconds as usize];
    let mut kept = vec![vec![0; seconds as usize]; routes];
    let (mut n, mut owed, mut stands_for) = (0_u64, vec![0.0; routes], 0.0);
    for tick in 0..seconds * 100 {
        let (second, now) = (tick / 100, tick * (SECOND / 100));
        for route in 0..routes {
            owed[route] += rate(second, route) / 100.0;
            while owed[route] >= 1.0 {
                owed[route] -= 1.0;
                n += 1;
                let mut trace = Trace::new(now);
                (trace.spans, trace.over, trace.route) = (10, true, route as u64 + 1);
                let mut state = tail.state();
                state.open.insert(id(n), trace);
                let verdict = tail.judge(&mut state, id(n), now).unwrap();
                if verdict.keep {
                    kept_by_second[second as usize] += 10.0;
                    kept[route][second as usize] += 1;
                    stands_for += 1.0 / threshold::probability(verdict.threshold.unwrap_or_default());
                }
            }
        }
    }
    (kept_by_second, kept, stands_for / n as f64)
}

#[test]
fn a_budget_is_kept_through_a_hundredfold_surge_and_rare_routes_are_not_starved() {
    const BUDGET: f64 = 6000.0; // spans a minute
    let tail = tail(Vec::new(), vec![Rule::Adaptive(Adaptive::new(BUDGET, Unit::Spans))]);
    // Before the surge 20 traces of 10 spans a second, twice the budget; then a hundred times that, then as before.
    let surge = 120..240;
    let rate = |second: u64, route: usize| match route {
        0 if surge.contains(&second) => 2000.0,
        0 => 20.0,
        _ => 0.1,
    };
    let (spans, kept, stands_for) = simulate(&tail, 360, 6, rate);
    for (from, minute) in spans.windows(60).enumerate().skip(30) {
        let sum: f64 = minute.iter().sum();
        assert!((BUDGET * 0.9..=BUDGET * 1.1).contains(&sum), "from second {from}: {sum}");
    }
    let recovered: f64 = spans[255..315].iter().sum();
    assert!((recovered / BUDGET - 1.0).abs() < 0.05, "a quarter of a minute after the surge: {recovered}");
    for rare in &kept[1..] {
        let (before, during): (u32, u32) = (rare[..120].iter().sum(), rare[120..240].iter().sum());
        assert!(before >= 11 && during >= 11, "one in ten seconds is kept, surge or not: {before}, {during}");
    }
    assert!((stands_for - 1.0).abs() < 0.1, "what is kept stands for what there was: {stands_for}");
}

#[test]
fn below_the_budget_everything_is_kept_and_errors_are_kept_above_it() {
    let tail = tail(Vec::new(), vec![Rule::Adaptive(Adaptive::new(6000.0, Unit::Spans))]);
    let (spans, ..) = simulate(&tail, 60, 1, |_, _| 5.0);
    assert_eq!(spans.iter().sum::<f64>(), 3000.0);
    let (spans, ..) = simulate(&tail, 60, 1, |_, _| 1000.0);
    assert!(spans.iter().sum::<f64>() < 6600.0);
    see(&tail, (0..500).map(|n| failed(id(1 << 40 | n))).collect(), 120 * SECOND);
    assert!(tail.decide(120 * SECOND, true).iter().all(|verdict| verdict.keep));
}

#[test]
fn a_budget_is_kept_wherever_the_rule_stands() {
    let budget = || Rule::Adaptive(Adaptive::new(6000.0, Unit::Spans));
    for rule in [Rule::Any(vec![budget()]), Rule::All(vec![Rule::Always, budget()])] {
        let tail = tail(Vec::new(), vec![rule]);
        let (spans, ..) = simulate(&tail, 60, 1, |_, _| 1000.0);
        assert!(spans.iter().sum::<f64>() < 6600.0, "{tail:?}");
    }
}
