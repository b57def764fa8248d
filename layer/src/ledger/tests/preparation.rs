//! Init and restore.

use super::*;

fn init(world: &mut World, kind: &str, phase: &str) {
    let about = format!(r#""initializationType":"{kind}","phase":"{phase}""#);
    world.event(100, "platform.initStart", &format!("{{{about}}}"));
    world.event(300, "platform.initRuntimeDone", &format!(r#"{{{about},"status":"success"}}"#));
    let metrics = r#""status":"success","metrics":{"durationMs":212.5}"#;
    world.event(320, "platform.initReport", &format!("{{{about},{metrics}}}"));
}

#[test]
fn a_cold_start_is_a_span_under_the_first_invocation_and_no_other() {
    for (kind, phase, first, cold) in [
        ("on-demand", "init", 320, true),
        ("on-demand", "init", 5_000, false),
        ("on-demand", "invoke", 5_000, true),
        ("provisioned-concurrency", "init", 320, false),
    ] {
        let mut world = World::ordinary();
        init(&mut world, kind, phase);
        for id in ["a", "b"] {
            let started = Started { start_unix_nano: T0 + first * MILLI, ..started(id, 1) };
            world.ledger.started(&started, T0);
            world.start(first, id);
            world.ended(id);
            world.done(first + 40, id, "success");
            world.settle();
        }
        let span = world.span("init");
        assert_eq!((&span.trace_id[..], &span.parent_span_id[..]), (&[b'a'; 16][..], &span_id("a")[..]));
        assert_eq!((span.kind, span.flags), (1, 0x101));
        assert_eq!(span.start_time_unix_nano, T0 + 100 * MILLI);
        assert_eq!(span.end_time_unix_nano, T0 + 312 * MILLI + 500_000);
        assert_eq!(of(span, "aws.lambda.initialization_type").as_deref(), Some(kind));
        assert_eq!(of(span, "aws.lambda.init_phase").as_deref(), Some(phase));
        assert_eq!(
            of(span, "faas.coldstart").as_deref(),
            Some(if cold { "true" } else { "false" }),
            "{kind} {first}"
        );
        let metrics = world.metrics();
        assert_eq!(counts(&metrics, "faas.coldstarts").len(), usize::from(cold));
        assert_eq!(counts(&metrics, "faas.init_duration"), [("http".to_owned(), 1, 0.2125)]);
        world.close();
        assert_eq!(world.names(), ["init"]);
    }
}

#[test]
fn the_init_may_be_told_of_after_the_invocation() {
    let mut world = World::ordinary();
    world.start(320, "a");
    world.done(360, "a", "success");
    world.settle();
    init(&mut world, "on-demand", "init");
    world.take();
    assert_eq!(world.span("init").parent_span_id, world.span("orders").span_id);
    assert_eq!(counts(&world.metrics(), "faas.coldstarts"), [("other".to_owned(), 1, 0.0)]);
}

#[test]
fn a_cold_start_marks_the_span_that_is_made_for_it() {
    let mut world = World::ordinary();
    init(&mut world, "on-demand", "init");
    for (id, at) in [("a", 330), ("b", 400)] {
        world.start(at, id);
        world.done(at + 40, id, "success");
        world.settle();
    }
    let flags: Vec<_> = world
        .spans
        .iter()
        .filter(|span| span.name == "orders")
        .map(|span| of(span, "faas.coldstart"))
        .collect();
    assert_eq!(flags, [Some("true".to_owned()), Some("false".to_owned())]);
}

#[test]
fn a_snapshot_is_restored_and_not_started() {
    let mut world = World::ordinary();
    init(&mut world, "snap-start", "init");
    world.event(1_000, "platform.restoreStart", r#"{"functionName":"orders","instanceMaxMemory":"256"}"#);
    world.event(1_150, "platform.restoreRuntimeDone", r#"{"status":"success"}"#);
    world.event(1_200, "platform.restoreReport", r#"{"status":"success","metrics":{"durationMs":190}}"#);
    world.started("a");
    world.start(1_210, "a");
    world.ended("a");
    world.done(1_240, "a", "success");
    world.settle();
    world.close();
    assert_eq!(world.names(), ["restore"]);
    let span = world.span("restore");
    assert_eq!(
        (span.start_time_unix_nano, span.end_time_unix_nano),
        (T0 + 1_000 * MILLI, T0 + 1_190 * MILLI)
    );
    let metrics = world.metrics();
    assert_eq!(counts(&metrics, "faas.coldstarts"), []);
    assert_eq!(counts(&metrics, "faas.init_duration"), []);
    assert_eq!(counts(&metrics, "aws.lambda.restore_duration"), [("http".to_owned(), 1, 0.19)]);
}

#[test]
fn an_init_that_failed_before_anybody_was_served_has_a_trace_of_its_own() {
    let mut world = World::ordinary();
    world.event(100, "platform.initStart", r#"{"initializationType":"on-demand","phase":"init"}"#);
    let failed =
        r#"{"phase":"init","status":"error","errorType":"Runtime.ExitError","metrics":{"durationMs":50}}"#;
    assert!(!world.ledger.awaits_report());
    world.ledger.shutdown("failure", world.now);
    assert!(world.ledger.awaits_report(), "it overtook what it is about");
    world.event(150, "platform.initReport", failed);
    assert!(!world.ledger.awaits_report());
    world.close();
    let span = world.span("init");
    assert_eq!((span.parent_span_id.len(), status(span).0), (0, 2));
    assert_eq!(of(span, "error.type").as_deref(), Some("Runtime.ExitError"));
    world.close();
    assert_eq!(world.spans.len(), 1);
}

#[test]
fn an_unsampled_first_invocation_leaves_the_init_out() {
    let mut world = World::ordinary();
    init(&mut world, "on-demand", "init");
    world.ledger.started(&started("a", 0), T0);
    world.ended("a");
    world.settle();
    world.close();
    assert_eq!(world.names(), [""; 0]);
}
