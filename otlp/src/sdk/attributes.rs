//! Attributes: `KeyValue` and `AnyValue`.

use crate::wire::{bytes_field, bytes_unless_empty, double_field, message_field, varint_field};
use opentelemetry::{Array, Key, StringValue, Value};

/// Appends attributes as repeated `KeyValue` fields with the number `number`.
pub fn attributes<'a>(
    out: &mut Vec<u8>,
    number: u32,
    attributes: impl IntoIterator<Item = (&'a Key, &'a Value)>,
) {
    for (key, value) in attributes {
        message_field(out, number, |out| {
            bytes_unless_empty(out, 1, key.as_str().as_bytes());
            message_field(out, 2, |out| any_value(out, value));
        });
    }
}

/// Appends the body of an `AnyValue`. Kinds of value that this version of the API does not have stay empty, which OTLP
/// reads as "no value".
fn any_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => string(out, text),
        Value::Bool(value) => boolean(out, *value),
        Value::I64(value) => integer(out, *value),
        Value::F64(value) => double(out, *value),
        Value::Array(array) => message_field(out, 5, |out| match array {
            Array::Bool(values) => each(out, values, |out, value| boolean(out, *value)),
            Array::I64(values) => each(out, values, |out, value| integer(out, *value)),
            Array::F64(values) => each(out, values, |out, value| double(out, *value)),
            Array::String(values) => each(out, values, string),
            _ => {}
        }),
        _ => {}
    }
}

fn each<T>(out: &mut Vec<u8>, values: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    for value in values {
        message_field(out, 1, |out| write(out, value));
    }
}

// The members of the oneof: written also when they hold the default, which is not the same as absence.

pub(super) fn string(out: &mut Vec<u8>, value: &StringValue) {
    bytes_field(out, 1, value.as_str().as_bytes());
}

pub(super) fn boolean(out: &mut Vec<u8>, value: bool) {
    varint_field(out, 2, value.into());
}

pub(super) fn integer(out: &mut Vec<u8>, value: i64) {
    varint_field(out, 3, value.cast_unsigned());
}

pub(super) fn double(out: &mut Vec<u8>, value: f64) {
    double_field(out, 4, value);
}
