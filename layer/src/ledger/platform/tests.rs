use super::*;

fn events(batch: &str) -> (Vec<String>, usize, Option<String>) {
    let mut events = Vec::new();
    let (skipped, wrong) =
        parse(batch.as_bytes(), |told| events.push(format!("{} {:?}", told.at, told.event)));
    (events, skipped, wrong)
}

fn one(record: &str, kind: &str) -> Event<'static> {
    platform(kind, &serde_json::from_str(record).unwrap()).unwrap()
}

#[test]
fn every_field_of_the_documented_samples_is_read() {
    let tracing = r#""tracing":{"spanId":"d20b7e9458c1f36a","type":"X-Amzn-Trace-Id",
        "value":"Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Parent=9f31c0d4a86be275;Sampled=1"}"#;
    let Event::Start(start) = one(
        &format!(r#"{{"requestId":"0c7e","version":"7","tenantId":"blue","functionArn":"arn",{tracing}}}"#),
        "platform.start",
    ) else {
        panic!("a start")
    };
    assert_eq!(
        (start.request_id.as_str(), start.version.as_deref(), start.tenant.as_deref()),
        ("0c7e", Some("7"), Some("blue"))
    );
    assert_eq!(start.tracing.segment, Some([0xd2, 0x0b, 0x7e, 0x94, 0x58, 0xc1, 0xf3, 0x6a]));
    assert!(start.tracing.header.unwrap().sampled);

    let Event::Report(report) = one(
        r#"{"requestId":"0c7e","status":"success","metrics":{"durationMs":153.9,"billedDurationMs":367,"memorySizeMB":512,
            "maxMemoryUsedMB":74,"initDurationMs":212.9,"restoreDurationMs":1,"billedRestoreDurationMs":2},
            "spans":[{"name":"extensionOverhead","start":"2026-01-02T10:00:01.140Z","durationMs":14.2}]}"#,
        "platform.report",
    ) else {
        panic!("a report")
    };
    assert_eq!(report.outcome.duration, Some(153_900_000));
    assert_eq!((report.billed, report.init), (Some(367_000_000), Some(212_900_000)));
    assert_eq!((report.restore, report.billed_restore), (Some(1_000_000), Some(2_000_000)));
    assert_eq!((report.memory, report.used), (Some(512 << 20), Some(74 << 20)));
    assert_eq!(report.parts.extension_overhead, Some(14_200_000));
}

#[test]
fn malformed_and_unknown_events_cost_only_themselves() {
    let (events, skipped, wrong) = events(
        r#"[1, null, {}, {"type":7,"record":{}}, {"type":"platform.runtimeDone"},
            {"type":"platform.runtimeDone","record":{"requestId":9}},
            {"type":"platform.start","record":"text"},
            {"type":"platform.dance","record":[[["x"]]]},
            {"type":"platform.runtimeDone","time":12,"record":{"requestId":"b","status":null,"metrics":"none","spans":{}}},
            {"record":{"requestId":"c","status":"timeout","metrics":{"durationMs":-4}},"type":"platform.\u0072untimeDone"}]"#,
    );
    assert_eq!((events.len(), skipped, wrong), (2, 8, None));
    assert!(events[0].starts_with("0 RuntimeDone") && events[0].contains("Unknown"), "{}", events[0]);
    assert!(events[1].contains("Timeout") && events[1].contains("duration: None"), "{}", events[1]);
}

#[test]
fn a_batch_that_breaks_off_gives_what_came_before() {
    let (events, _, wrong) =
        events(r#"[{"type":"function","time":"1970-01-01T00:00:01Z","record":"a"},{"type":"pl"#);
    assert_eq!(events.len(), 1);
    assert!(events[0].starts_with("1000000000 Line"));
    assert!(wrong.is_some());
    for batch in ["", "{}", "\u{0}", "7", "[["] {
        assert!(parse(batch.as_bytes(), |_| ()).1.is_some(), "{batch}");
    }
    assert_eq!(parse(b"[]", |_| ()), (0, None));
}

#[test]
fn nonsense_in_numbers_is_left_out() {
    for (text, expected) in [
        ("1e300", None),
        ("-1", None),
        ("\"9\"", None),
        ("null", None),
        ("0", Some(0)),
        ("1.5", Some(1_500_000)),
    ] {
        let record =
            format!(r#"{{"requestId":"a","metrics":{{"durationMs":{text},"memorySizeMB":{text}}}}}"#);
        let Event::Report(report) = one(&record, "platform.report") else { panic!("a report") };
        assert_eq!(report.outcome.duration, expected, "{text}");
    }
}
