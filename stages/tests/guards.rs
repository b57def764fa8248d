//! Limits, clocks and schemas: what becomes of data that was made up for them, and what is counted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use spanlayer_otlp::{Signal, json};
use spanlayer_stages::stage::{Counted, Counts, Limits, Passed, Report, Schema, Skew, Stage, run, version};
use std::{sync::Arc, time::Duration};

const NOW: u64 = 1_800_000_000_000_000_000;

const SECOND: u64 = 1_000_000_000;

/// What a stage makes of a request, and what it counts.
fn through(stage: &Arc<Stage>, signal: Signal, text: &str, now: u64) -> (String, Counts) {
    let bytes = json::to_protobuf(signal, text.as_bytes()).unwrap();
    let mut report = Report::default();
    let passed = run(std::slice::from_ref(stage), signal, &bytes.clone().into(), now, &mut report);
    let out = match passed {
        Passed::Same => bytes.to_vec(),
        Passed::Changed(bytes) => bytes,
        Passed::Nothing => Vec::new(),
    };
    (json::from_protobuf(signal, &out).unwrap(), report.counts)
}

fn spans(spans: &[String]) -> String {
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

fn span(fields: &str) -> String {
    format!(r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708",{fields}}}"#)
}

fn text(key: &str, value: &str) -> String {
    format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#)
}

fn int(key: &str, value: u32) -> String {
    format!(r#"{{"key":"{key}","value":{{"intValue":"{value}"}}}}"#)
}

fn counted(counts: &Counts) -> Vec<(&'static str, u64)> {
    counts.iter().collect()
}

#[test]
fn attributes_beyond_the_limit_are_left_out_and_long_texts_cut_wherever_they_are() {
    let stage = Arc::new(Stage::Limits(Limits { attributes: Some(2), length: Some(4), ..Limits::default() }));
    let attributes = |prefix: &str, count: usize| {
        let all: Vec<String> = (0..count).map(|n| text(&format!("{prefix}{n}"), "v")).collect();
        format!(r#""attributes":[{}]"#, all.join(","))
    };
    let event = format!(r#"{{"name":"e",{},"droppedAttributesCount":2}}"#, attributes("e", 3));
    let link = format!(
        r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708",{}}}"#,
        attributes("l", 4)
    );
    let all = span(&format!(r#""name":"a",{},"events":[{event}],"links":[{link}]"#, attributes("s", 5)));
    let (out, counts) = through(&stage, Signal::Traces, &spans(&[all]), NOW);
    for (kept, left_out) in [("s0", "s2"), ("s1", "s4"), ("e1", "e2"), ("l1", "l3")] {
        assert!(out.contains(&format!("\"{kept}\"")) && !out.contains(&format!("\"{left_out}\"")), "{out}");
    }
    // Three of the span's, one of the event's beside the two that were gone before, two of the link's.
    assert_eq!(counted(&counts), [("attributesLeftOut", 6)]);
    let dropped: Vec<&str> =
        out.split("\"droppedAttributesCount\":").skip(1).map(|rest| &rest[..1]).collect();
    assert_eq!(dropped, ["3", "3", "2"], "{out}");

    let list =
        r#"{"key":"list","value":{"arrayValue":{"values":[{"stringValue":"abcdefgh"},{"intValue":"7"}]}}}"#;
    let logs = |attributes: &str| {
        format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{attributes}]}}]}}]}}]}}"#
        )
    };
    let (out, counts) = through(&stage, Signal::Logs, &logs(&format!("{},{list}", text("k", "abüüü"))), NOW);
    assert_eq!(out, logs(&format!("{},{}", text("k", "abü"), list.replace("abcdefgh", "abcd"))));
    assert_eq!(counted(&counts), [("valuesCut", 2)]);
    let short = logs(&format!("{},{}", text("k", "abcd"), int("n", 4_000_000_000)));
    assert_eq!(through(&stage, Signal::Logs, &short, NOW), (short.clone(), Counts::default()));
}

#[test]
fn names_beyond_the_limit_are_replaced_until_the_window_is_over() {
    let stage = Arc::new(Stage::Limits(Limits {
        names: Some(2),
        window: Duration::from_secs(60),
        placeholder: "(other)".to_owned(),
        ..Limits::default()
    }));
    let named = |names: &[&str]| {
        let all: Vec<String> = names.iter().map(|name| span(&format!(r#""name":"{name}""#))).collect();
        spans(&all)
    };
    let (out, counts) = through(&stage, Signal::Traces, &named(&["a", "b", "a", "c", "d"]), NOW);
    assert_eq!(out, named(&["a", "b", "a", "(other)", "(other)"]));
    assert_eq!(counts.of(Counted::NamesReplaced), 2);
    let (out, counts) = through(&stage, Signal::Traces, &named(&["c", "b"]), NOW + 59 * SECOND);
    assert_eq!((out, counts.of(Counted::NamesReplaced)), (named(&["(other)", "b"]), 1));
    let (out, counts) = through(&stage, Signal::Traces, &named(&["c", "d", "b"]), NOW + 60 * SECOND);
    assert_eq!((out, counts.of(Counted::NamesReplaced)), (named(&["c", "d", "(other)"]), 1));
}

#[test]
fn each_span_with_a_wrong_time_is_counted_and_put_right_if_asked() {
    let of = |start: u64, end: u64, event: u64| {
        span(&format!(
            r#""name":"a","startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","events":[{{"timeUnixNano":"{event}","name":"e"}}]"#
        ))
    };
    let shifted = |span: &str, millis: i64| {
        let attribute = format!(
            r#","attributes":[{{"key":"spanlayer.clock.shift_ms","value":{{"intValue":"{millis}"}}}}]"#
        );
        span.replace(r#","events""#, &format!("{attribute},\"events\""))
    };
    let (long, ahead) = (NOW - 3 * SECOND, NOW + 100 * SECOND);
    let cases = [
        // As it should be, at the edge, and not over yet.
        (of(long, NOW, NOW), None, None),
        (of(NOW, NOW + 5 * SECOND, NOW), None, None),
        (of(long, 0, long), None, None),
        (of(NOW, long, NOW), Some(shifted(&of(NOW, NOW, NOW), 0)), Some("negativeDurations")),
        (
            of(ahead - 2 * SECOND, ahead, ahead - SECOND),
            Some(shifted(&of(NOW - 2 * SECOND, NOW, NOW - SECOND), -100_000)),
            Some("fromFuture"),
        ),
    ];
    for (before, after, what) in cases {
        for correct in [false, true] {
            let stage = Arc::new(Stage::Skew(Skew { tolerance: Duration::from_secs(5), correct }));
            let (out, counts) = through(&stage, Signal::Traces, &spans(std::slice::from_ref(&before)), NOW);
            let right = after.as_ref().filter(|_| correct);
            assert_eq!(
                out,
                through(&stage, Signal::Traces, &spans(&[right.unwrap_or(&before).clone()]), NOW).0
            );
            let mut expected: Vec<_> = what.map(|what| (what, 1)).into_iter().collect();
            expected.extend(right.map(|_| ("timesCorrected", 1)));
            assert_eq!(counted(&counts), expected, "{before}");
        }
    }
    // Both at once, and a log record.
    let both = spans(&[of(ahead, ahead - SECOND, ahead)]);
    let stage = Arc::new(Stage::Skew(Skew { tolerance: Duration::ZERO, correct: true }));
    let (out, counts) = through(&stage, Signal::Traces, &both, NOW);
    assert!(out.contains(&format!(r#""startTimeUnixNano":"{NOW}","endTimeUnixNano":"{NOW}""#)), "{out}");
    assert_eq!(counted(&counts), [("fromFuture", 1), ("negativeDurations", 1), ("timesCorrected", 1)]);
    let logs = |at: u64| {
        format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"timeUnixNano":"{at}"}}]}}]}}]}}"#)
    };
    let (out, counts) = through(&stage, Signal::Logs, &logs(ahead), NOW);
    assert_eq!((out, counted(&counts)), (logs(NOW), vec![("fromFuture", 1), ("timesCorrected", 1)]));
}

fn schema(target: u32) -> Schema {
    Schema {
        target: Some((target, format!("https://opentelemetry.io/schemas/1.{target}.0"))),
        ..Schema::default()
    }
}

/// One span of a kind, in a scope of a version.
fn written(kind: u8, minor: u32, resource: &str, attributes: &[String]) -> String {
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{resource}]}},"scopeSpans":[{{"scope":{{"name":"lib"}},"spans":[{}],"schemaUrl":"https://opentelemetry.io/schemas/1.{minor}.0"}}],"schemaUrl":"https://opentelemetry.io/schemas/1.{minor}.0"}}]}}"#,
        span(&format!(r#""name":"a","kind":{kind},"attributes":[{}]"#, attributes.join(",")))
    )
}

#[test]
fn what_was_written_by_older_conventions_is_as_it_would_be_now() {
    let stage = Arc::new(Stage::Schema(Box::new(schema(27))));
    let before = written(
        2,
        12,
        &[text("faas.id", "arn:f"), text("deployment.environment", "prod")].join(","),
        &[
            text("http.method", "GET"),
            int("http.status_code", 200),
            text("http.target", "/orders?id=7"),
            text("http.scheme", "https"),
            text("http.flavor", "2.0"),
            text("http.user_agent", "curl"),
            text("faas.execution", "r-1"),
            text("net.host.name", "shop"),
            int("net.host.port", 443),
            text("net.peer.ip", "192.0.2.1"),
            int("net.peer.port", 50000),
            text("net.transport", "ip_tcp"),
            text("own", "kept"),
        ],
    );
    let after = written(
        2,
        27,
        &[text("cloud.resource_id", "arn:f"), text("deployment.environment.name", "prod")].join(","),
        &[
            text("own", "kept"),
            text("http.request.method", "GET"),
            int("http.response.status_code", 200),
            text("url.path", "/orders"),
            text("url.query", "id=7"),
            text("url.scheme", "https"),
            text("network.protocol.version", "2"),
            text("user_agent.original", "curl"),
            text("faas.invocation_id", "r-1"),
            text("server.address", "shop"),
            int("server.port", 443),
            // Over an intermediate name, so last.
            int("client.port", 50000),
            text("network.transport", "tcp"),
            text("network.peer.address", "192.0.2.1"),
        ],
    );
    let (out, counts) = through(&stage, Signal::Traces, &before, NOW);
    let plain = |text: &str| through(&stage, Signal::Traces, text, NOW).0;
    assert_eq!(out, plain(&after));
    // Fourteen, and one of them twice.
    assert_eq!(counted(&counts), [("attributesUpgraded", 15)]);
    assert_eq!(
        through(&stage, Signal::Traces, &out, NOW),
        (out.clone(), Counts::default()),
        "once is enough"
    );

    // The client's side, only as far as was asked, and what is there already.
    let peer = [text("net.peer.name", "db"), text("http.url", "https://x/"), text("url.full", "right")];
    let (out, _) = through(&stage, Signal::Traces, &written(3, 20, "", &peer), NOW);
    assert_eq!(out, plain(&written(3, 27, "", &[text("url.full", "right"), text("server.address", "db")])));
    let stage = Arc::new(Stage::Schema(Box::new(schema(19))));
    let mixed = [text("http.method", "GET"), text("faas.execution", "r-1")];
    let (out, _) = through(&stage, Signal::Traces, &written(3, 18, "", &mixed), NOW);
    let expected = written(3, 19, "", &[text("http.method", "GET"), text("faas.invocation_id", "r-1")]);
    assert_eq!(out, through(&stage, Signal::Traces, &expected, NOW).0);
}

#[test]
fn data_without_a_version_is_left_unless_one_is_assumed_and_other_names_are_for_all() {
    let log = |key: &str, url: &str| {
        format!(
            r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{}]}}]{url}}}]{url}}}]}}"#,
            text(key, "GET")
        )
    };
    let left = Arc::new(Stage::Schema(Box::new(schema(27))));
    let before = log("http.method", "");
    assert_eq!(through(&left, Signal::Logs, &before, NOW), (before.clone(), Counts::default()));
    let renames = vec![("http.request.method".to_owned(), "verb".to_owned())];
    let assumed = Arc::new(Stage::Schema(Box::new(Schema { assumed: Some(0), renames, ..schema(27) })));
    let url = r#","schemaUrl":"https://opentelemetry.io/schemas/1.27.0""#;
    let (out, counts) = through(&assumed, Signal::Logs, &before, NOW);
    assert_eq!((out, counted(&counts)), (log("verb", url), vec![("attributesUpgraded", 1)]));
    let (out, _) = through(&assumed, Signal::Logs, &log("http.request.method", url), NOW);
    assert_eq!(out, log("verb", url));
    let metric = |key: &str, url: &str| {
        format!(
            r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","gauge":{{"dataPoints":[{{"attributes":[{}],"asInt":"1"}}]}}}}]{url}}}]{url}}}]}}"#,
            text(key, "7")
        )
    };
    let (out, _) = through(&assumed, Signal::Metrics, &metric("faas.execution", ""), NOW);
    assert_eq!(out, through(&assumed, Signal::Metrics, &metric("faas.invocation_id", url), NOW).0);
}

#[test]
fn what_the_conventions_do_not_know_or_have_as_another_type_is_counted_by_name() {
    let stage = Arc::new(Stage::Schema(Box::new(Schema { reports: true, ..Schema::default() })));
    let before = written(
        2,
        27,
        &text("cloud.region", "eu-west-1"),
        &[
            text("http.response.status_code", "200"),
            text("http.methd", "GET"),
            text("http.request.method", "GET"),
            text("http.request.header.x", "not a list"),
            text("own", "x"),
            r#"{"key":"faas.coldstart","value":{"boolValue":true}}"#.to_owned(),
        ],
    );
    let (out, counts) = through(&stage, Signal::Traces, &before, NOW);
    assert_eq!(out, through(&stage, Signal::Traces, &out, NOW).0, "nothing is changed");
    assert_eq!(counted(&counts), [("attributesUnknown", 1), ("attributesMistyped", 2)]);
    let Stage::Schema(schema) = &*stage else { unreachable!("it is one") };
    let strange = schema.strange();
    let names: Vec<(&str, bool)> =
        strange.iter().map(|((name, mistyped), _)| (name.as_str(), *mistyped)).collect();
    let expected =
        [("http.methd", false), ("http.request.header.x", true), ("http.response.status_code", true)];
    assert_eq!(names, expected);
    assert!(strange.iter().all(|(_, times)| *times == 2), "{strange:?}");
}

#[test]
fn versions_are_those_of_opentelemetrys_own_schemas() {
    assert_eq!(version("https://opentelemetry.io/schemas/1.27.0"), Some(27));
    assert_eq!(version("https://opentelemetry.io/schemas/1.9.0"), Some(9));
    for other in [
        "",
        "https://opentelemetry.io/schemas/2.0.0",
        "https://opentelemetry.io/schemas/1.27",
        "https://example.com/1.27.0",
    ] {
        assert_eq!(version(other), None, "{other}");
    }
}
