use super::*;
use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value},
    logs::v1::LogRecord,
};
use prost::Message;

const NOW: u64 = 1_767_348_000_000_000_000;
const AT: u64 = NOW - 5;

fn read_json(record: &str) -> (LogRecord, Record) {
    let read = read(Writer::Function, record, AT, NOW).unwrap();
    (LogRecord::decode(&read.fields[..]).unwrap(), read)
}

fn read_text(text: &str) -> (LogRecord, Record) {
    read_json(&serde_json::to_string(text).unwrap())
}

fn json(value: &Option<AnyValue>) -> Value {
    use any_value::Value as Any;
    let Some(value) = value.as_ref().and_then(|value| value.value.as_ref()) else { return Value::Null };
    match value {
        Any::StringValue(text) => text.as_str().into(),
        Any::BoolValue(flag) => (*flag).into(),
        Any::IntValue(number) => (*number).into(),
        Any::DoubleValue(number) => (*number).into(),
        Any::ArrayValue(values) => values.values.iter().map(|value| json(&Some(value.clone()))).collect(),
        Any::KvlistValue(list) => Value::Object(members(&list.values)),
        other => panic!("{other:?}"),
    }
}

fn members(pairs: &[KeyValue]) -> Map<String, Value> {
    pairs.iter().map(|pair| (pair.key.clone(), json(&pair.value))).collect()
}

#[test]
fn a_json_line_keeps_every_field_with_its_type() {
    let line = r#"{"timestamp":"2026-01-02T10:00:00.250Z","level":"WARN","message":"low stock","requestId":"0c7e",
        "item":7,"big":18446744073709551615,"price":9.5,"sold":false,"none":null,"tags":["a",1],
        "order":{"id":"x","lines":[{"n":1}]},"trace_id":"000102030405060708090a0b0c0d0e0f","span_id":"0102030405060708",
        "trace_flags":"01"}"#;
    for (record, read) in [read_json(line), read_text(line)] {
        assert_eq!(record.time_unix_nano, 1_767_348_000_250_000_000);
        assert_eq!(record.observed_time_unix_nano, NOW);
        assert_eq!((record.severity_number, record.severity_text.as_str()), (13, "WARN"));
        assert_eq!(json(&record.body), "low stock");
        let expected = serde_json::json!({
            "requestId": "0c7e", "item": 7, "big": "18446744073709551615", "price": 9.5, "sold": false, "none": null,
            "tags": ["a", 1], "order": {"id": "x", "lines": [{"n": 1}]},
        });
        assert_eq!(Value::Object(members(&record.attributes)), expected);
        assert_eq!(read.request_id.as_deref(), Some("0c7e"));
        let trace = read.trace.unwrap();
        assert_eq!((trace.trace_id[15], trace.span_id, trace.flags), (15, Some([1, 2, 3, 4, 5, 6, 7, 8]), 1));
    }
}

#[test]
fn fields_are_found_under_the_names_that_loggers_use() {
    for (line, body, severity, time) in [
        (r#"{"time":1767348000250,"level":30,"msg":"pino"}"#, "pino", 9, 1_767_348_000_250_000_000),
        (r#"{"ts":1767348000.25,"level":"error","msg":"zap"}"#, "zap", 17, 1_767_348_000_250_000_000),
        (
            r#"{"@timestamp":"2026-01-02T10:00:00.25Z","log.level":"debug","message":"ecs"}"#,
            "ecs",
            5,
            1_767_348_000_250_000_000,
        ),
        (r#"{"severity":"CRITICAL","message":"cloud"}"#, "cloud", 18, AT),
        (r#"{"levelname":"WARNING","timestamp":"soon","event":"structlog"}"#, "structlog", 13, AT),
        (r#"{"errorType":"ValueError","errorMessage":"no","level":"ERROR"}"#, "no", 17, AT),
        (r#"{"level":"loud","msg":"unknown level"}"#, "unknown level", 0, AT),
        (r#"{"_aws":{"Timestamp":1}}"#, r#"{"_aws":{"Timestamp":1}}"#, 0, AT),
    ] {
        let (record, _) = read_json(line);
        assert_eq!(json(&record.body), body, "{line}");
        assert_eq!(record.severity_number, severity, "{line}");
        assert_eq!(record.time_unix_nano, time, "{line}");
    }
    let (record, _) = read_json(r#"{"level":"loud","timestamp":"soon","message":{"of":"parts"}}"#);
    assert_eq!(json(&record.body), serde_json::json!({"of": "parts"}));
    let kept = serde_json::json!({"level": "loud", "timestamp": "soon"});
    assert_eq!(Value::Object(members(&record.attributes)), kept, "what was not understood is kept as it was");
}

#[test]
fn a_text_line_stays_whole() {
    let id = "0c7e2f64-9b1d-4a53-8e20-51d6a7f3b948";
    for (text, severity, request) in [
        ("plain\n", 0, None),
        ("Traceback (most recent call last):\n  File \"x\"\nValueError: no\n", 0, None),
        (&format!("[ERROR]\t2026-01-02T10:00:00.250Z\t{id}\tboom"), 17, Some(id)),
        (&format!("2026-01-02T10:00:00.250Z\t{id}\tINFO\thello"), 9, Some(id)),
        (&format!("WARN orders::stock: low item=7 requestId={id}"), 13, Some(id)),
        (
            "\x1b[2m2026-01-02T10:00:00.250Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2morders\x1b[0m\x1b[2m:\x1b[0m hello",
            9,
            None,
        ),
        ("\x1b[31mRED\x1b[0m alert", 0, None),
        ("an error is not an ERROR at the end of a long sentence, though", 17, None),
        ("errors happen; an error is a word", 0, None),
        ("requestId=short", 0, None),
        ("{not json}", 0, None),
        ("[1,2]", 0, None),
        ("\u{e9}\u{e9}\u{e9}requestId=\u{e9}\u{e9}", 0, None),
    ] {
        let (record, read) = read_text(text);
        assert_eq!(json(&record.body), text.trim_end_matches('\n'), "{text}");
        assert_eq!(record.severity_number, severity, "{text}");
        assert_eq!(read.request_id.as_deref(), request, "{text}");
        assert_eq!(record.time_unix_nano, AT);
    }
}

#[test]
fn deep_nesting_is_kept_as_text_and_stays_within_what_parsers_read() {
    let deep = format!("{}1{}", r#"{"a":"#.repeat(120), "}".repeat(120));
    let read = read(Writer::Function, &deep, AT, NOW).unwrap();
    let request = spanlayer_pipeline::message::request(
        &[],
        &[("x", &{
            let mut out = Vec::new();
            bytes_field(&mut out, 2, &read.fields);
            out
        })],
    );
    spanlayer_otlp::scan(spanlayer_otlp::Signal::Logs, &request.unwrap()).unwrap();
    // Deeper than JSON is read here: the line is not one of those, and nothing is said of it.
    let deeper = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(super::read(Writer::Function, &deeper, AT, NOW).is_none());
}

#[test]
fn a_line_without_any_time_gets_ours() {
    let read = read(Writer::Function, r#""x""#, 0, NOW).unwrap();
    assert_eq!(LogRecord::decode(&read.fields[..]).unwrap().time_unix_nano, NOW);
}
