//! JSON as OTLP writes it: every type kept.

use serde_json::Value;
use spanlayer_otlp::wire::{bytes_field, double_field, message_field, varint_field};

/// Appends an attribute (`KeyValue`) as field `number`.
pub(super) fn key_value(out: &mut Vec<u8>, number: u32, key: &str, value: &Value) {
    nested(out, number, key, value, 0);
}

fn nested(out: &mut Vec<u8>, number: u32, key: &str, value: &Value, depth: usize) {
    message_field(out, number, |out| {
        bytes_field(out, 1, key.as_bytes());
        message_field(out, 2, |out| any(out, value, depth));
    });
}

/// Appends the body of an `AnyValue`; null is the empty one. `depth`: how many arrays and objects it lies in.
pub(super) fn any(out: &mut Vec<u8>, value: &Value, depth: usize) {
    match value {
        Value::Null => {}
        Value::String(text) => bytes_field(out, 1, text.as_bytes()),
        Value::Bool(flag) => varint_field(out, 2, (*flag).into()),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => varint_field(out, 3, integer.cast_unsigned()),
            (None, Some(double)) if number.is_f64() => double_field(out, 4, double),
            // An integer beyond 64 bits with a sign: digits keep it.
            _ => bytes_field(out, 1, number.to_string().as_bytes()),
        },
        deep if depth >= DEEPEST => bytes_field(out, 1, deep.to_string().as_bytes()),
        Value::Array(values) => message_field(out, 5, |out| {
            for value in values {
                message_field(out, 1, |out| any(out, value, depth + 1));
            }
        }),
        Value::Object(members) => message_field(out, 6, |out| {
            for (key, value) in members {
                nested(out, 1, key, value, depth + 1);
            }
        }),
    }
}

/// What lies deeper is kept as JSON text: each level of objects is three of messages, and parsers stop at a hundred.
const DEEPEST: usize = 16;
