//! Functions that say nothing of themselves, or only in OTLP.

use super::*;
use crate::ledger::Invoked;

const ARN: &str = "arn:aws:lambda:us-east-1:123456789012:function:orders:live";

fn start_with(header: &str, segment: &str) -> String {
    format!(
        r#"{{"requestId":"a","version":"7","tenantId":"blue","tracing":{{"type":"X-Amzn-Trace-Id","value":"{header}",
            "spanId":"{segment}"}}}}"#
    )
}

#[test]
fn a_function_without_telemetry_gets_a_span_per_invocation_in_lambdas_own_trace() {
    let mut world = World::ordinary();
    let invoked = Invoked { request_id: "a", deadline_millis: 0, arn: ARN, trace_header: "" };
    world.ledger.invoked(invoked, T0 - MILLI);
    world.event(0, "platform.start", &start_with(ROOT, "d20b7e9458c1f36a"));
    world.done(140, "a", "success");
    world.settle();
    let span = world.span("orders");
    assert_eq!((span.kind, status(span)), (2, (0, String::new())));
    assert_eq!(hex(&span.trace_id), "6957a1f03b8c51d2e7f0469a8d1c27e4");
    assert_eq!(
        (hex(&span.span_id), hex(&span.parent_span_id)),
        ("d20b7e9458c1f36a".into(), "9f31c0d4a86be275".into())
    );
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (T0, T0 + 140 * MILLI));
    for (key, value) in [
        ("faas.invocation_id", "a"),
        ("faas.trigger", "other"),
        ("aws.lambda.invoked_arn", ARN),
        ("cloud.resource_id", "arn:aws:lambda:us-east-1:123456789012:function:orders:7"),
        ("cloud.account.id", "123456789012"),
        ("aws.lambda.tenant_id", "blue"),
    ] {
        assert_eq!(of(span, key).as_deref(), Some(value), "{key}");
    }
    world.start(200, "b");
    world.done(210, "b", r#"error","errorType":"Runtime.ExitError"#);
    world.settle();
    world.close();
    assert_eq!(world.names(), ["orders", "orders"]);
    assert_eq!(status(&world.spans[1]).0, 2);
    assert_ne!(world.spans[1].trace_id, world.spans[0].trace_id);
}

#[test]
fn only_a_sampled_parent_becomes_one_and_no_header_suppresses_anything() {
    for (header, parent) in [
        (ROOT, "9f31c0d4a86be275"),
        ("Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Parent=9f31c0d4a86be275;Sampled=0", ""),
        ("Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Lineage=1:73f724a8:0", ""),
    ] {
        let mut world = World::ordinary();
        world.event(0, "platform.start", &start_with(header, ""));
        world.done(140, "a", "success");
        world.settle();
        let span = world.span("orders");
        assert_eq!((hex(&span.parent_span_id).as_str(), span.flags & 1), (parent, 1), "{header}");
    }
}

#[test]
fn an_sdks_own_span_is_the_invocations() {
    for (order, kind) in [("before", 2), ("before", 5), ("after", 2), ("before", 1)] {
        let mut world = World::ordinary();
        world.start(0, "a");
        if order == "before" {
            world.saw("a", [7; 16], [8; 8], kind);
        }
        world.done(40, "a", "success");
        world.saw("a", [7; 16], [8; 8], kind);
        world.report(60, "a");
        world.settle();
        world.close();
        assert_eq!(world.names(), ["platform.report"]);
        assert_eq!(
            (&world.spans[0].trace_id[..], &world.spans[0].parent_span_id[..]),
            (&[7; 16][..], &[8; 8][..])
        );
    }
}

#[test]
fn the_outermost_of_several_spans_is_the_invocations() {
    let mut world = World::ordinary();
    world.start(0, "a");
    world.saw("a", [7; 16], [1; 8], 1);
    world.saw("a", [7; 16], [2; 8], 2);
    world.saw("a", [7; 16], [3; 8], 1);
    world.done(40, "a", "success");
    world.report(60, "a");
    world.settle();
    assert_eq!(world.span("platform.report").parent_span_id, [2; 8]);
}

#[test]
fn an_sdk_that_sends_late_is_waited_for_until_the_next_invocation_is_over() {
    let mut world = World::ordinary();
    world.start(0, "a");
    world.saw("a", [7; 16], [1; 8], 2);
    world.done(40, "a", "success");
    world.settle();
    world.start(100, "b");
    world.done(140, "b", "success");
    world.settle();
    assert_eq!(world.names(), [""; 0]);
    world.start(200, "c");
    world.saw("b", [7; 16], [2; 8], 2);
    world.done(240, "c", "success");
    world.settle();
    world.start(300, "d");
    world.done(340, "d", "success");
    world.settle();
    assert_eq!(of(world.span("orders"), "faas.invocation_id").as_deref(), Some("c"), "nobody told of it");
    world.close();
    assert_eq!(world.names(), ["orders", "orders"]);
}

#[test]
fn spans_of_other_things_leave_the_invocation_to_be_completed() {
    let mut world = World::ordinary();
    world.start(0, "a");
    world.saw("", [7; 16], [1; 8], 1);
    world.done(40, "a", "success");
    world.close();
    assert_eq!(world.names(), ["orders"]);
}

#[test]
fn completion_can_be_turned_off() {
    let mut world = World::new(|settings| settings.complete = false);
    world.start(0, "a");
    world.done(40, "a", "timeout");
    world.report(60, "a");
    world.settle();
    world.close();
    assert_eq!(world.names(), [""; 0]);
    assert_eq!(counts(&world.metrics(), "faas.timeouts").len(), 1);
}

#[test]
fn the_end_of_an_invocation_of_another_process_is_none_of_ours() {
    let mut world = World::ordinary();
    world.done(40, "a", "timeout");
    world.report(60, "a");
    world.start(100, "b");
    world.done(140, "b", "success");
    world.settle();
    world.close();
    assert_eq!(world.names(), ["orders"]);
    assert_eq!(of(world.span("orders"), "faas.invocation_id").as_deref(), Some("b"));
    let metrics = world.metrics();
    assert_eq!(counts(&metrics, "faas.timeouts"), []);
    assert_eq!(counts(&metrics, "aws.lambda.billed_duration"), []);
}

#[test]
fn lambdas_own_segment_is_filled_in_where_it_is_the_parent() {
    for (fill, expected) in [(true, vec!["orders"]), (false, vec![])] {
        let mut world = World::new(|settings| settings.fill_segments = fill);
        let mut started = started("a", 1);
        started.trace_id = crate::ledger::Header::parse(ROOT).unwrap().trace_id;
        world.ledger.started(&started, T0);
        world.event(0, "platform.start", &start_with(ROOT, "0505050505050505"));
        world.ended("a");
        world.done(40, "a", "success");
        world.settle();
        world.close();
        assert_eq!(world.names(), expected);
        if fill {
            let segment = world.span("orders");
            assert_eq!(
                (&segment.span_id[..], hex(&segment.parent_span_id).as_str()),
                (&[5; 8][..], "9f31c0d4a86be275")
            );
        }
    }
}

fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
