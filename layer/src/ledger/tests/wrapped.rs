//! Functions that announce their spans.

use super::*;

#[test]
fn a_function_that_dies_gets_the_span_that_it_announced() {
    for (words, kind, message) in [
        ("timeout", "timeout", "the function timed out: timeout"),
        (
            r#"timeout","errorType":"Sandbox.Timedout"#,
            "Sandbox.Timedout",
            "the function timed out: Sandbox.Timedout",
        ),
        (
            r#"error","errorType":"Runtime.ExitError"#,
            "Runtime.ExitError",
            "the function ended without an answer: Runtime.ExitError",
        ),
        (
            r#"failure","errorType":"Sandbox.Failure"#,
            "Sandbox.Failure",
            "the environment failed: Sandbox.Failure",
        ),
        (r#"error","errorType":"what happened: all kinds of things"#, "error", "the function failed: error"),
        ("dance", "error", "the function failed: error"),
    ] {
        let mut world = World::ordinary();
        world.ledger.hello(&hello());
        world.start(0, "a");
        world.started("a");
        world.done(3_000, "a", words);
        world.settle();
        let span = world.span("GET /orders");
        assert_eq!((&span.trace_id[..], &span.span_id[..]), (&[b'a'; 16][..], &span_id("a")[..]));
        assert_eq!(
            (&span.parent_span_id[..], span.trace_state.as_str(), span.kind),
            (&[5; 8][..], "vendor=1", 2)
        );
        assert_eq!(span.flags, 0x301, "sampled, and the parent is known to be remote");
        assert_eq!(span.start_time_unix_nano, T0 + 2 * MILLI);
        assert_eq!(span.end_time_unix_nano, T0 + 3 * SECOND);
        assert_eq!(status(span), (2, message.to_owned()));
        assert_eq!(of(span, "error.type").as_deref(), Some(kind));
        assert_eq!(of(span, "faas.trigger").as_deref(), Some("http"));
        assert_eq!(of(span, "spanlayer.origin").as_deref(), Some("platform"));
        assert_eq!(attribute(&world.resources[0], "service.name").as_deref(), Some("wrapped"));
        world.close();
        assert_eq!(world.names(), ["GET /orders"], "once is enough");
    }
}

#[test]
fn an_invocation_that_was_answered_never_gets_a_second_span() {
    for words in ["success", "timeout", r#"error","errorType":"Function.ResponseSizeTooLarge"#] {
        for first in ["ended", "done"] {
            let mut world = World::ordinary();
            world.started("a");
            world.start(0, "a");
            if first == "ended" {
                world.ended("a");
            }
            world.done(40, "a", words);
            world.take();
            world.ended("a");
            world.settle();
            world.close();
            assert_eq!(world.names(), [""; 0], "{words}, {first} first");
        }
    }
}

#[test]
fn evidence_counts_once_the_link_is_read_or_a_grace_has_passed() {
    let mut world = World::ordinary();
    world.started("a");
    world.done(40, "a", "timeout");
    assert!(world.ledger.is_waiting());
    world.now += super::super::GRACE - 1;
    world.take();
    assert_eq!(world.names(), [""; 0]);
    world.now += 1;
    world.take();
    assert_eq!(world.names(), ["GET /orders"]);
    assert!(!world.ledger.is_waiting());
}

#[test]
fn what_was_open_in_an_invocation_that_never_ended_comes_with_its_span_and_no_other_way() {
    let open = |id: &str| {
        let mut world = World::ordinary();
        world.saw(id, [b'a'; 16], [9; 8], 1);
        let span = Span {
            trace_id: vec![b'a'; 16],
            span_id: vec![3; 8],
            name: "query".to_owned(),
            ..Span::default()
        };
        let scope_spans = vec![opentelemetry_proto::tonic::trace::v1::ScopeSpans {
            spans: vec![span],
            ..Default::default()
        }];
        let resource = Some(opentelemetry_proto::tonic::resource::v1::Resource::default());
        let spans = opentelemetry_proto::tonic::trace::v1::ResourceSpans {
            resource,
            scope_spans,
            ..Default::default()
        };
        let spans = ExportTraceServiceRequest { resource_spans: vec![spans] }.encode_to_vec().into();
        Unfinished {
            request_id: id.to_owned(),
            spans,
            name: "GET /orders/{id}".to_owned(),
            ..Default::default()
        }
    };
    for (status, ended, expected) in [
        ("timeout", false, &["GET /orders/{id}", "query"][..]),
        ("timeout", true, &[]),
        ("success", true, &[]),
    ] {
        let mut world = World::ordinary();
        world.started("a");
        world.ledger.unfinished(&open("a"), T0);
        if ended {
            world.ended("a");
        }
        world.done(3_000, "a", status);
        // Too late to count.
        world.settle();
        world.ledger.unfinished(&open("a"), T0);
        world.close();
        assert_eq!(world.names(), expected, "{status}, ended: {ended}");
    }
}

#[test]
fn a_span_that_came_another_way_than_the_announced_is_not_made_again() {
    let mut world = World::ordinary();
    world.started("a");
    world.saw("a", [b'a'; 16], span_id("a"), 2);
    world.done(40, "a", "error");
    world.settle();
    world.close();
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_child_that_copies_the_invocation_id_is_not_taken_for_the_announced_span() {
    let mut world = World::ordinary();
    world.saw("a", [b'a'; 16], [1; 8], 1);
    world.started("a");
    world.saw("a", [b'a'; 16], [2; 8], 1);
    world.done(40, "a", "timeout");
    world.settle();
    assert_eq!(world.span("GET /orders").span_id, span_id("a"));
}

#[test]
fn what_is_not_sampled_stays_out_and_is_still_counted() {
    let mut world = World::ordinary();
    world.ledger.started(&started("a", 0), T0);
    world.start(0, "a");
    world.done(3_000, "a", "timeout");
    world.report(3_010, "a");
    world.settle();
    world.close();
    assert_eq!(world.names(), [""; 0]);
    assert_eq!(counts(&world.metrics(), "faas.timeouts"), [("http".to_owned(), 1, 0.0)]);
}

#[test]
fn a_reset_without_further_word_is_evidence_too() {
    for (reason, kind, end) in
        [("TIMEOUT", "timeout", T0 + 3 * SECOND), ("failure", "failure", T0 + 3 * SECOND + 20 * MILLI)]
    {
        let mut world = World::ordinary();
        world.started("a");
        world.now = T0 + 3 * SECOND + 20 * MILLI;
        world.ledger.shutdown(reason, world.now);
        world.close();
        let span = world.span("GET /orders");
        assert_eq!((of(span, "error.type").as_deref(), span.end_time_unix_nano), (Some(kind), end));
    }
}

#[test]
fn the_platforms_word_is_better_than_the_resets() {
    let mut world = World::ordinary();
    world.started("a");
    world.ledger.shutdown("failure", world.now);
    world.done(700, "a", r#"error","errorType":"Runtime.ExitError"#);
    world.close();
    let span = world.span("GET /orders");
    assert_eq!(of(span, "error.type").as_deref(), Some("Runtime.ExitError"));
    assert_eq!(span.end_time_unix_nano, T0 + 700 * MILLI);
}

#[test]
fn a_reset_cuts_off_what_runs_and_nothing_before_it() {
    let mut world = World::ordinary();
    for id in ["a", "b"] {
        world.started(id);
        world.ended(id);
    }
    world.started("c");
    world.ledger.shutdown("timeout", world.now);
    world.close();
    assert_eq!(world.span("GET /orders").trace_id, [b'c'; 16]);
}

#[test]
fn an_end_without_any_evidence_is_none() {
    let mut world = World::ordinary();
    world.started("a");
    world.ledger.shutdown("spindown", world.now);
    world.close();
    assert_eq!(world.names(), [""; 0]);
}

#[test]
fn a_death_at_the_limit_of_memory_is_called_that() {
    let mut world = World::ordinary();
    world.started("a");
    world.done(700, "a", r#"error","errorType":"Runtime.ExitError"#);
    let cost = r#"{"requestId":"a","metrics":{"durationMs":700,"memorySizeMB":128,"maxMemoryUsedMB":128}}"#;
    world.event(710, "platform.report", cost);
    world.close();
    assert_eq!(of(world.span("GET /orders"), "error.type").as_deref(), Some("Runtime.OutOfMemory"));
}

#[test]
fn a_success_whose_end_was_lost_is_made_up_once_the_next_invocation_is_over() {
    let mut world = World::ordinary();
    world.started("a");
    world.done(40, "a", "success");
    world.settle();
    assert_eq!(world.names(), [""; 0], "it may still be on its way");
    world.started("b");
    world.ended("b");
    world.settle();
    let span = world.span("GET /orders");
    assert_eq!((span.trace_id[0], status(span)), (b'a', (0, String::new())));
    assert_eq!(span.end_time_unix_nano, T0 + 40 * MILLI);
}

#[test]
fn word_that_comes_too_late_is_counted() {
    let mut world = World::ordinary();
    world.started("a");
    world.done(40, "a", "timeout");
    world.settle();
    world.saw("a", [b'a'; 16], span_id("a"), 2);
    assert_eq!((world.ledger.stats().invocation_spans, world.ledger.stats().contradicted), (1, 1));
}

#[test]
fn more_than_is_remembered_goes_oldest_first_with_a_last_judgement() {
    let mut world = World::new(|settings| settings.remember = 2);
    for id in ["a", "b", "c", "d"] {
        world.started(id);
        if id == "a" {
            world.done(40, "a", "timeout");
        }
    }
    world.take();
    assert_eq!(world.span("GET /orders").trace_id, [b'a'; 16]);
    assert_eq!(world.ledger.stats().forgotten, 2);
}
