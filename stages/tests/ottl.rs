//! The evaluator held to a table of conditions, values and edits, which `tests/interop/peers` holds the Collector's
//! `transform` processor to as well: each line becomes a statement, and what it came to an attribute.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use serde_json::Value as Json;
use spanlayer_otlp::{Signal, json, schema::request};
use spanlayer_stages::{
    ottl::{Context, Statement},
    record::{Record, Value},
    scene::walk,
};

const TABLE: &str = include_str!("ottl.json");

/// The value as the table has it: OTLP/JSON's, or plainly for the elements of a map.
fn plain(value: &Value) -> Json {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Int(number) => (*number).into(),
        Value::Nil => Json::Null,
        Value::Map(entries) => entries.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
        other => panic!("{other:?} is not in the table"),
    }
}

fn tagged(value: &Value) -> Json {
    match value {
        Value::Text(text) => serde_json::json!({ "stringValue": text }),
        Value::Int(number) => serde_json::json!({ "intValue": number.to_string() }),
        Value::Double(number) => serde_json::json!({ "doubleValue": number }),
        Value::Bool(flag) => serde_json::json!({ "boolValue": flag }),
        other => panic!("{other:?} is not in the table"),
    }
}

/// Runs statements over the subject; then the value of the attribute `result`.
fn result(signal: Signal, part: &Json, statements: &[String]) -> Value {
    let context = Context::named(part["context"].as_str().unwrap()).unwrap();
    let subject = part["subject"].to_string();
    let bytes = json::to_protobuf(signal, subject.as_bytes()).unwrap();
    let mut root = Record::open(&bytes.into());
    for text in statements {
        let statement = Statement::compile(text, context).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        walk(signal, &mut root, context.level(), &mut |scene| {
            // As `error_mode: ignore` has it.
            let _ = statement.run(scene);
            true
        });
    }
    let attributes = if signal == Signal::Traces { 9 } else { 6 };
    let mut found = Value::Nil;
    // What was written is read again.
    let mut root = Record::open(&root.encode().into());
    walk(signal, &mut root, context.level(), &mut |scene| {
        found = scene.item.as_ref().unwrap().attribute(attributes, "result");
        true
    });
    let encoded = root.encode();
    assert!(spanlayer_otlp::scan(signal, &encoded).is_ok());
    assert_eq!(request(signal).fields.len(), 1);
    found
}

#[test]
fn conditions_values_and_edits_come_to_what_they_come_to_in_the_collector() {
    let table: Json = serde_json::from_str(TABLE).unwrap();
    let mut lines = 0;
    for signal in [Signal::Traces, Signal::Logs] {
        let part = &table[signal.name()];
        let of = |kind: &str| part[kind].as_array().unwrap().clone();
        for line in of("conditions") {
            let (text, holds) = (line[0].as_str().unwrap(), line[1].as_bool().unwrap());
            let found = result(signal, part, &[format!("set(attributes[\"result\"], true) where {text}")]);
            assert_eq!(found == Value::Bool(true), holds, "{text}");
            lines += 1;
        }
        for line in of("values") {
            let text = line[0].as_str().unwrap();
            let found = result(signal, part, &[format!("set(attributes[\"result\"], {text})")]);
            assert_eq!(tagged(&found), line[1], "{text}");
            lines += 1;
        }
        for line in of("edits") {
            let text = line[0].as_str().unwrap();
            let copy = "set(attributes[\"result\"], attributes[\"map\"])".to_owned();
            let found = result(signal, part, &[copy, text.replace('@', "attributes[\"result\"]")]);
            assert_eq!(plain(&found), line[1], "{text}");
            lines += 1;
        }
    }
    assert!(lines > 150, "the table has {lines} lines");
}
