//! Lines of output on their way to their trace.

use super::*;

fn line(world: &mut World, text: &str) {
    world.event(10, "function", &serde_json::to_string(text).unwrap());
}

fn body(record: &LogRecord) -> String {
    match record.body.clone().and_then(|body| body.value) {
        Some(Value::StringValue(text)) => text,
        other => panic!("{other:?}"),
    }
}

/// Body, trace id's first byte (zero for none), span id.
fn ties(world: &World) -> Vec<(String, u8, Vec<u8>)> {
    let tie = |record: &LogRecord| {
        (body(record), record.trace_id.first().copied().unwrap_or(0), record.span_id.clone())
    };
    world.logs.iter().map(|(_, record)| tie(record)).collect()
}

#[test]
fn a_line_belongs_to_the_invocation_that_runs() {
    let mut world = World::ordinary();
    world.start(0, "a");
    line(&mut world, "early");
    world.take();
    assert_eq!(ties(&world), [], "parked until the trace is known");
    world.started("a");
    line(&mut world, "late\n");
    world.take();
    let id = span_id("a").to_vec();
    assert_eq!(ties(&world), [("early".to_owned(), b'a', id.clone()), ("late".to_owned(), b'a', id)]);
    let (scope, record) = &world.logs[0];
    assert_eq!(scope, "aws.lambda.function");
    assert_eq!((record.time_unix_nano, record.observed_time_unix_nano), (T0 + 10 * MILLI, T0));
    assert_eq!(
        (attribute(&record.attributes, "faas.invocation_id").as_deref(), record.flags),
        (Some("a"), 1)
    );
}

#[test]
fn a_line_that_names_its_trace_is_believed_and_one_that_names_an_invocation_goes_there() {
    let mut world = World::ordinary();
    world.started("a");
    world.start(0, "a");
    world.event(
        10,
        "function",
        r#"{"message":"own","trace_id":"000102030405060708090a0b0c0d0e0f","span_id":"0102030405060708","trace_flags":"01"}"#,
    );
    world.event(11, "function", r#"{"message":"of b","requestId":"b"}"#);
    world.take();
    assert_eq!(ties(&world), [("own".to_owned(), 0, vec![1, 2, 3, 4, 5, 6, 7, 8])]);
    assert_eq!(world.logs[0].1.trace_id[15], 15);
    world.started("b");
    world.take();
    assert_eq!(ties(&world)[1], ("of b".to_owned(), b'b', span_id("b").to_vec()));
}

#[test]
fn what_is_written_during_the_init_belongs_to_its_span() {
    let mut world = World::ordinary();
    world.event(1, "platform.initStart", r#"{"initializationType":"on-demand","phase":"init"}"#);
    line(&mut world, "loading");
    world.event(50, "platform.initReport", r#"{"phase":"init","metrics":{"durationMs":49}}"#);
    world.now += 3_600 * SECOND;
    world.take();
    assert_eq!(ties(&world), [], "however long the first invocation takes to come");
    world.started("a");
    world.event(50, "platform.initReport", r#"{"phase":"init","metrics":{"durationMs":49}}"#);
    line(&mut world, "loaded");
    world.start(60, "a");
    world.take();
    let id = &world.span("init").span_id;
    assert_eq!(
        ties(&world),
        [("loading".to_owned(), b'a', id.clone()), ("loaded".to_owned(), b'a', id.clone())]
    );
}

#[test]
fn lines_of_an_invocation_that_gets_no_span_go_out_without_ids() {
    let mut world = World::new(|settings| settings.complete = false);
    world.start(0, "a");
    line(&mut world, "text");
    world.done(40, "a", "success");
    world.settle();
    assert_eq!(ties(&world), [("text".to_owned(), 0, vec![])]);
    assert_eq!(attribute(&world.logs[0].1.attributes, "faas.invocation_id").as_deref(), Some("a"));
}

#[test]
fn the_end_lets_go_of_everything_that_waits() {
    let mut world = World::ordinary();
    world.start(0, "a");
    line(&mut world, "of a");
    world.event(11, "function", r#"{"message":"of nobody","requestId":"who"}"#);
    world.close();
    assert_eq!(ties(&world).len(), 2);
}

#[test]
fn a_line_of_an_invocation_that_nobody_else_speaks_of_waits_a_while() {
    let mut world = World::ordinary();
    world.event(11, "function", r#"{"message":"of nobody","requestId":"who"}"#);
    world.take();
    assert_eq!(ties(&world), []);
    world.now += 10 * SECOND;
    world.take();
    assert_eq!(ties(&world), [("of nobody".to_owned(), 0, vec![])]);
}

#[test]
fn a_flood_goes_out_without_ids_oldest_first_and_loses_nothing() {
    let mut world = World::ordinary();
    world.start(0, "a");
    for number in 0..1_000 {
        line(&mut world, &format!("{number} {}", "x".repeat(1_000)));
    }
    world.take();
    let early = world.logs.len();
    assert!((400..600).contains(&early), "{early} did not fit");
    world.started("a");
    world.take();
    assert_eq!(world.logs.len(), 1_000);
    for (number, (text, trace, _)) in ties(&world).iter().enumerate() {
        assert!(text.starts_with(&format!("{number} ")));
        assert_eq!(*trace, if number < early { 0 } else { b'a' });
    }
}

#[test]
fn what_nobody_takes_is_bounded_and_counted() {
    let mut world = World::ordinary();
    world.started("a");
    world.start(0, "a");
    let text = "x".repeat(1 << 20);
    for _ in 0..10 {
        line(&mut world, &text);
    }
    assert!(world.ledger.ready_bytes() <= 8 << 20);
    assert_eq!(world.ledger.stats().logs_dropped, 3);
}

#[test]
fn our_own_lines_are_never_taken_in() {
    let mut world = World::ordinary();
    world.started("a");
    world.start(0, "a");
    for (kind, record) in [
        ("function", r#""{\"spanlayer\":\"0.1.0\",\"resourceSpans\":[]}\n""#),
        ("extension", r#""{\"spanlayer\":\"0.1.0\",\"resourceSpans\":[]}\n""#),
        (
            "extension",
            r#""{\"timestamp\":\"t\",\"level\":\"WARN\",\"source\":\"spanlayer\",\"message\":\"m\"}\n""#,
        ),
        (
            "extension",
            r#""{\"timestamp\":\"t\",\"level\":\"WARN\",\"source\":\"spanlayer\",\"message\":\"m""#,
        ),
        ("extension", r#"{"timestamp":"t","level":"WARN","source":"spanlayer","message":"m"}"#),
        ("function", r#"{"spanlayer":"0.1.0","resourceLogs":[]}"#),
        ("function", r#""[spanlayer] WARN no socket\n""#),
        ("function", r#""\n""#),
        ("function", "7"),
        ("function", "null"),
    ] {
        world.event(10, kind, record);
    }
    world.close();
    assert_eq!(ties(&world), []);
    world.event(10, "function", r#"{"spanlayer":"a word like any other"}"#);
    world.event(10, "extension", r#""somebody else's extension""#);
    world.take();
    assert_eq!(world.logs.len(), 2);
    assert_eq!(world.logs[1].0, "aws.lambda.extension");
}

#[test]
fn lines_below_the_level_stay_out_and_lines_without_one_pass() {
    let mut world = World::new(|settings| settings.logs = Some(crate::ledger::Severity::WARN));
    for text in [
        "DEBUG orders: x",
        r#"{"level":"info","msg":"x"}"#,
        "plain",
        "ERROR orders: x",
        r#"{"level":40,"msg":"x"}"#,
    ] {
        line(&mut world, text);
    }
    world.close();
    let severities: Vec<i32> = world.logs.iter().map(|(_, record)| record.severity_number).collect();
    assert_eq!(severities, [0, 17, 13]);
    let mut world = World::new(|settings| settings.logs = None);
    line(&mut world, "plain");
    world.close();
    assert_eq!(world.logs.len(), 0);
}

#[test]
fn a_loss_on_the_way_to_us_is_told_of() {
    let mut world = World::ordinary();
    let record =
        r#"{"reason":"Consumer seems to have fallen behind","droppedRecords":123,"droppedBytes":12345}"#;
    world.event(10, "platform.logsDropped", record);
    world.take();
    let (_, record) = &world.logs[0];
    assert_eq!(
        (record.severity_number, attribute(&record.attributes, "dropped_records").as_deref()),
        (13, Some("123"))
    );
    assert_eq!(world.ledger.stats().logs_lost_by_platform, 123);
}

#[test]
fn a_line_that_names_its_trace_only_gets_the_span_of_its_invocation_in_it() {
    let mut world = World::ordinary();
    world.started("a");
    world.start(0, "a");
    let own = "61".repeat(16);
    world.event(10, "function", &format!(r#"{{"message":"same","trace_id":"{own}"}}"#));
    let other = "62".repeat(16);
    world.event(10, "function", &format!(r#"{{"message":"other","trace_id":"{other}"}}"#));
    world.take();
    assert_eq!(
        ties(&world),
        [("same".to_owned(), b'a', span_id("a").to_vec()), ("other".to_owned(), b'b', vec![])]
    );
}

#[test]
fn an_invocation_is_named_once() {
    let mut world = World::ordinary();
    world.started("a");
    world.event(10, "function", r#"{"message":"x","faas.invocation_id":"a"}"#);
    world.take();
    assert_eq!(attribute(&world.logs[0].1.attributes, "faas.invocation_id").as_deref(), Some("a"));
}

#[test]
fn lines_of_an_invocation_whose_span_nobody_names_wait_until_the_next_is_over() {
    let mut world = World::ordinary();
    world.start(0, "a");
    world.ended("a");
    line(&mut world, "text");
    world.settle();
    assert_eq!(ties(&world), []);
    world.start(100, "b");
    world.ended("b");
    world.settle();
    assert_eq!(ties(&world), [("text".to_owned(), 0, vec![])]);
}
