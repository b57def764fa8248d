//! OTLP/JSON against OpenTelemetry's own messages and the examples of its repository.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{AnyValue, KeyValue, any_value::Value},
};
use prost::Message;
use serde_json::json;
use spanlayer_otlp::{
    Signal, json::from_protobuf, json::to_protobuf, scan, wire::bytes_field, wire::message_field,
};
use support::{Random, normalized};

/// The JSON that OpenTelemetry's messages write, and what they read.
fn theirs(signal: Signal, bytes: &[u8]) -> String {
    match signal {
        Signal::Traces => serde_json::to_string(&ExportTraceServiceRequest::decode(bytes).unwrap()),
        Signal::Metrics => serde_json::to_string(&ExportMetricsServiceRequest::decode(bytes).unwrap()),
        Signal::Logs => serde_json::to_string(&ExportLogsServiceRequest::decode(bytes).unwrap()),
    }
    .unwrap()
}

/// Where two requests differ, for a message that fits the screen.
fn difference(signal: Signal, one: &[u8], other: &[u8]) -> String {
    let (one, other) = (theirs(signal, one), theirs(signal, other));
    let at = one.bytes().zip(other.bytes()).take_while(|(one, other)| one == other).count();
    let around = |text: &str| {
        String::from_utf8_lossy(&text.as_bytes()[at.saturating_sub(60)..(at + 60).min(text.len())])
            .into_owned()
    };
    format!("\n{}\n{}", around(&one), around(&other))
}

fn refusal(signal: Signal, json: &str) -> String {
    to_protobuf(signal, json.as_bytes()).unwrap_err().to_string()
}

/// A request with one span that has these members, and valid ids unless they say otherwise.
fn span_with(members: serde_json::Value) -> Vec<u8> {
    let mut span = json!({ "traceId": "00000000000000000000000000000001", "spanId": "0000000000000002" });
    span.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    json!({ "resourceSpans": [{ "scopeSpans": [{ "spans": [span] }] }] }).to_string().into_bytes()
}

fn read_span(members: serde_json::Value) -> opentelemetry_proto::tonic::trace::v1::Span {
    let bytes = to_protobuf(Signal::Traces, &span_with(members)).unwrap();
    let mut request = ExportTraceServiceRequest::decode(&*bytes).unwrap();
    request.resource_spans.remove(0).scope_spans.remove(0).spans.remove(0)
}

#[test]
fn what_is_written_reads_back_the_same() {
    for seed in 0..150 {
        for signal in Signal::ALL {
            let bytes = Random::new(seed).request(signal);
            let json = from_protobuf(signal, &bytes).unwrap();
            let back = to_protobuf(signal, json.as_bytes()).unwrap();
            assert_eq!(
                normalized(signal, &back).unwrap(),
                normalized(signal, &bytes).unwrap(),
                "{seed} {json}"
            );
        }
    }
}

#[test]
fn ten_thousand_batches_of_everything_there_is_read_back_the_same() {
    for seed in 0..3334 {
        for signal in Signal::ALL {
            let mut random = Random::new(seed + 1_000_000);
            random.wild = true;
            let bytes = random.request(signal);
            let json = from_protobuf(signal, &bytes).unwrap();
            let back = to_protobuf(signal, json.as_bytes()).unwrap();
            let (back, bytes) = (normalized(signal, &back).unwrap(), normalized(signal, &bytes).unwrap());
            assert!(back == bytes, "seed {seed}, {signal}: {}", difference(signal, &back, &bytes));
        }
    }
}

#[test]
fn what_opentelemetry_writes_is_read() {
    for seed in 0..150 {
        for signal in Signal::ALL {
            let bytes = Random::new(seed).request(signal);
            let json = theirs(signal, &bytes);
            let read = to_protobuf(signal, json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"));
            assert!(
                normalized(signal, &read).unwrap() == bytes,
                "{signal} {seed}: {}",
                difference(signal, &read, &bytes)
            );
        }
    }
}

#[test]
fn what_is_written_opentelemetry_reads() {
    for seed in 0..150 {
        let bytes = Random::new(seed).request(Signal::Traces);
        let json = from_protobuf(Signal::Traces, &bytes).unwrap();
        let read: ExportTraceServiceRequest = serde_json::from_str(&json).unwrap();
        let read = read.encode_to_vec();
        assert!(read == bytes, "{seed}: {}", difference(Signal::Traces, &read, &bytes));
    }
}

#[test]
fn the_specifications_example_is_read() {
    let json = json!({"resourceSpans":[{"resource":{"attributes":[
       {"key":"service.name","value":{"stringValue":"orders"}}]},
      "scopeSpans":[{"scope":{"name":"my-lambda-wrapper","version":"0.1.0"},"spans":[{
       "traceId":"6957A1F03B8C51D2E7F0469A8D1C27E4","spanId":"c4f1837a0be2659d",
       "parentSpanId":"d20b7e9458c1f36a","name":"orders","kind":2,
       "startTimeUnixNano":"1767000000000000000","endTimeUnixNano":"1767000000120000000",
       "attributes":[{"key":"faas.coldstart","value":{"boolValue":true}},
                     {"key":"faas.max_memory","value":{"intValue":"536870912"}}],
       "status":{"code":0}}]}]}]})
    .to_string();
    let bytes = to_protobuf(Signal::Traces, json.as_bytes()).unwrap();
    assert_eq!(scan(Signal::Traces, &bytes).unwrap().items, 1);
    let span =
        ExportTraceServiceRequest::decode(&*bytes).unwrap().resource_spans[0].scope_spans[0].spans[0].clone();
    assert_eq!(span.trace_id[..2], [0x69, 0x57]);
    assert_eq!((span.kind, span.end_time_unix_nano), (2, 1_767_000_000_120_000_000));
    assert_eq!(span.attributes[1].value, Some(AnyValue { value: Some(Value::IntValue(536_870_912)) }));
    let written = from_protobuf(Signal::Traces, &bytes).unwrap();
    assert_eq!(
        written,
        json!({}).to_string().replace("{}", &written),
        "the text is the object and nothing else"
    );
    assert!(written.contains(r#""traceId":"6957a1f03b8c51d2e7f0469a8d1c27e4""#), "{written}");
    assert!(written.contains(r#""intValue":"536870912""#), "{written}");
    assert!(written.contains(r#""status":{}"#), "defaults are left out: {written}");
}

#[test]
fn doubles_keep_every_bit_and_those_that_json_cannot_hold_are_names() {
    let mut random = Random::new(9);
    let any = (0..500).map(|_| f64::from_bits(random.next())).filter(|value| !value.is_nan());
    let edges = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MIN_POSITIVE, 5e-324, 0.1];
    for value in edges.into_iter().chain(any) {
        let mut bytes = Random::new(0).logs();
        let attribute = KeyValue {
            key: "x".to_owned(),
            value: Some(AnyValue { value: Some(Value::DoubleValue(value)) }),
            ..Default::default()
        };
        let mut random = Random::new(1);
        while bytes.resource_logs.is_empty() || bytes.resource_logs[0].resource.is_none() {
            bytes = random.logs();
        }
        bytes.resource_logs[0].resource.as_mut().unwrap().attributes = vec![attribute];
        let bytes = bytes.encode_to_vec();
        let json = from_protobuf(Signal::Logs, &bytes).unwrap();
        let _: serde_json::Value = serde_json::from_str(&json).unwrap();
        let back = to_protobuf(Signal::Logs, json.as_bytes()).unwrap();
        assert_eq!(normalized(Signal::Logs, &back).unwrap(), bytes, "{value}");
    }
}

#[test]
fn readers_are_lenient_where_senders_differ() {
    let plain = read_span(json!({ "startTimeUnixNano": "5", "kind": 3, "droppedEventsCount": 7 }));
    for same in [
        json!({ "startTimeUnixNano": 5, "kind": "SPAN_KIND_CLIENT", "droppedEventsCount": "7" }),
        json!({ "start_time_unix_nano": 5.0, "kind": "3", "dropped_events_count": 7e0 }),
        json!({ "startTimeUnixNano": 5, "kind": 3, "droppedEventsCount": 7, "name": null, "attributes": null,
                "status": null, "parentSpanId": "", "unheard": [{ "of": [1, null] }], "events": [] }),
    ] {
        assert_eq!(read_span(same.clone()), plain, "{same}");
    }
    let max = read_span(json!({ "endTimeUnixNano": u64::MAX }));
    assert_eq!(max.end_time_unix_nano, u64::MAX);
}

#[test]
fn an_error_says_where_and_why() {
    let wrong = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"12"}]}]}]}"#;
    let end = wrong.find("12").unwrap() + 3;
    assert_eq!(refusal(Signal::Traces, wrong), format!("line 1 column {end}: traceId must be 32 hex digits"));
    let second_line = wrong.replace(r#"{"traceId""#, "\n{\"traceId\"");
    assert!(refusal(Signal::Traces, &second_line).starts_with("line 2 column "));
}

#[test]
fn what_is_wrong_is_refused_by_name() {
    for (members, why) in [
        (json!({ "traceId": "zz000000000000000000000000000000" }), "traceId must be 32 hex digits"),
        (json!({ "traceId": "" }), "traceId must be 32 hex digits"),
        (json!({ "spanId": "00000000000000000001" }), "spanId must be 16 hex digits"),
        (json!({ "parentSpanId": "01" }), "parentSpanId must be 16 hex digits"),
        (json!({ "traceId": 5 }), "expected hex digits in a string (traceId)"),
        (json!({ "name": 5 }), "expected a string (name)"),
        (json!({ "kind": "SPAN_KIND_OTHER" }), "expected a number or a name (kind)"),
        (json!({ "kind": 4_294_967_296u64 }), "kind is out of range: 4294967296"),
        (json!({ "startTimeUnixNano": -1 }), "startTimeUnixNano is out of range: -1"),
        (json!({ "startTimeUnixNano": 1.5 }), "expected an integer (startTimeUnixNano)"),
        (json!({ "startTimeUnixNano": "soon" }), "expected an integer (startTimeUnixNano)"),
        (json!({ "startTimeUnixNano": "18446744073709551616" }), "is out of range"),
        (json!({ "flags": true }), "expected an integer (flags)"),
        (json!({ "attributes": {} }), "expected an array (attributes)"),
        (json!({ "attributes": [null] }), "expected an object (KeyValue)"),
        (json!({ "status": [] }), "expected an object (Status)"),
        (json!({ "startTimeUnixNano": 1, "start_time_unix_nano": 1 }), "startTimeUnixNano is there twice"),
        (
            json!({ "attributes": [{ "value": { "intValue": 1, "stringValue": "1" } }] }),
            "intValue and stringValue exclude each other",
        ),
        (json!({ "attributes": [{ "value": { "bytesValue": "%" } }] }), "bytesValue is not base64"),
        (json!({ "attributes": [{ "value": { "doubleValue": "inf" } }] }), "expected a number (doubleValue)"),
        (
            json!({ "attributes": [{ "value": { "boolValue": "true" } }] }),
            "expected true or false (boolValue)",
        ),
    ] {
        let said = to_protobuf(Signal::Traces, &span_with(members.clone())).unwrap_err().to_string();
        assert!(said.contains(why), "{members}: {said}");
    }
    for json in ["", "null", "[]", "{", "{}x", "{\"resourceSpans\":[{]}", "\u{feff}{}"] {
        assert!(to_protobuf(Signal::Traces, json.as_bytes()).is_err(), "{json}");
    }
    assert!(to_protobuf(Signal::Traces, b"{\"resourceSpans\":[{\"schemaUrl\":\"\xff\"}]}").is_err());
}

#[test]
fn depth_is_limited() {
    for levels in [5_000, 200] {
        let nested = "{\"arrayValue\":{\"values\":[".repeat(levels) + &"]}}".repeat(levels);
        let body =
            format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{nested}}}]}}]}}]}}");
        assert!(refusal(Signal::Logs, &body).contains("recursion limit"));
    }
    // What is deep but unknown costs nothing.
    let ignored = format!("{{\"x\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(to_protobuf(Signal::Logs, ignored.as_bytes()), Ok(vec![]));
}

#[test]
fn cut_and_damaged_json_never_panics() {
    for seed in 0..60 {
        for signal in Signal::ALL {
            let mut random = Random::new(seed);
            let json = from_protobuf(signal, &random.request(signal)).unwrap();
            for _ in 0..20 {
                let mut damaged = json.clone().into_bytes();
                let at = random.below(damaged.len());
                if random.once_in(2) {
                    damaged.truncate(at);
                    assert!(to_protobuf(signal, &damaged).is_err());
                } else {
                    damaged[at] = random.next() as u8;
                    if let Ok(bytes) = to_protobuf(signal, &damaged) {
                        normalized(signal, &bytes).unwrap();
                    }
                }
            }
        }
    }
}

#[test]
fn a_message_in_pieces_is_written_as_one() {
    let mut bytes = Vec::new();
    message_field(&mut bytes, 1, |out| {
        for name in ["a", "b"] {
            message_field(out, 1, |out| message_field(out, 1, |out| bytes_field(out, 1, name.as_bytes())));
        }
    });
    let json = from_protobuf(Signal::Logs, &bytes).unwrap();
    assert_eq!(json, r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"a"},{"key":"b"}]}}]}"#);
}

#[test]
fn malformed_protobuf_is_not_written() {
    assert!(from_protobuf(Signal::Traces, b"\x0a\x05").is_err());
}
