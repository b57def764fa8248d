//! Managed Instances: many at once, no INVOKE, no `runtimeDone`, nothing is killed by a timeout.

use super::*;

fn report(world: &mut World, id: &str, status: &str) {
    let record = format!(
        r#"{{"requestId":"{id}","status":"{status}","metrics":{{"durationMs":40}},
            "spans":[{{"name":"responseLatency","durationMs":30}},{{"name":"responseDuration","durationMs":2}}]}}"#
    );
    world.event(60, "platform.report", &record);
}

#[test]
fn overlapping_invocations_are_told_apart_by_their_ids() {
    let mut world = World::managed();
    for id in ["a", "b", "c"] {
        world.started(id);
        world.start(0, id);
    }
    for id in ["c", "a", "b"] {
        world.ended(id);
        report(&mut world, id, "success");
    }
    world.settle();
    world.close();
    assert_eq!(world.names(), ["platform.report"; 3]);
    for span in &world.spans {
        let id = char::from(span.trace_id[0]).to_string();
        assert_eq!(span.parent_span_id, span_id(&id));
        assert_eq!(of(span, "aws.lambda.report.response_latency_ms").as_deref(), Some("30.0"));
    }
    let metrics = world.metrics();
    assert_eq!(counts(&metrics, "faas.invocations"), [("http".to_owned(), 3, 0.0)]);
    assert_eq!(counts(&metrics, "faas.invoke_duration")[0].1, 3);
}

#[test]
fn code_that_runs_on_after_its_timeout_ends_its_span_itself() {
    let mut world = World::managed();
    world.started("a");
    world.start(0, "a");
    report(&mut world, "a", "timeout");
    world.settle();
    world.now += 60 * SECOND;
    world.settle();
    assert_eq!(world.names(), ["platform.report"]);
    world.ended("a");
    world.close();
    assert_eq!(world.names(), ["platform.report"]);
    assert_eq!(counts(&world.metrics(), "faas.timeouts").len(), 1);
}

#[test]
fn a_crash_ends_all_that_run() {
    let mut world = World::managed();
    for id in ["a", "b", "c"] {
        world.started(id);
        world.start(0, id);
    }
    world.ended("b");
    world.ledger.shutdown("failure", T0 + SECOND);
    world.close();
    let mut cut: Vec<u8> = world.spans.iter().map(|span| span.trace_id[0]).collect();
    cut.sort_unstable();
    assert_eq!(cut, [b'a', b'c']);
    assert!(world.spans.iter().all(|span| of(span, "error.type").as_deref() == Some("failure")));
}

#[test]
fn an_sdk_is_given_time_and_a_function_without_one_is_not() {
    let mut world = World::managed();
    world.start(0, "a");
    report(&mut world, "a", "success");
    world.settle();
    assert_eq!(world.names(), ["orders", "platform.report"]);
    world.saw("b", [7; 16], [1; 8], 2);
    world.start(0, "c");
    report(&mut world, "c", "success");
    world.settle();
    assert_eq!(world.spans.len(), 2);
    world.now += 10 * SECOND;
    world.settle();
    assert_eq!(world.names()[2..], ["orders", "platform.report"]);
}

#[test]
fn a_line_that_names_nobody_is_nobodys_once_invocations_run() {
    let mut world = World::managed();
    world.started("a");
    world.start(0, "a");
    world.event(1, "function", r#"{"message":"whose?"}"#);
    world.event(2, "function", r#"{"message":"mine","requestId":"a"}"#);
    world.take();
    assert_eq!(world.logs[0].1.trace_id.len(), 0);
    assert_eq!(world.logs[1].1.trace_id, [b'a'; 16]);
}
