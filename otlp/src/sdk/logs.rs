//! Log records.

use super::{
    attributes::{boolean, double, integer, string},
    named_scope, resource, unix_nanos,
};
use crate::wire::{
    bytes_field, bytes_unless_empty, fixed32_field, fixed64_unless_zero, message_field, varint_unless_zero,
};
use opentelemetry::{InstrumentationScope, SpanId, TraceId, logs::AnyValue};
use opentelemetry_sdk::{
    Resource,
    logs::{LogBatch, SdkLogRecord},
};
use std::collections::HashMap;

/// Encodes a batch as an `ExportLogsServiceRequest`; no bytes for an empty batch.
///
/// A record's target, where it has one, takes the place of its scope's name, as in OpenTelemetry's own exporter.
pub fn logs_request(batch: &LogBatch<'_>, of: &Resource) -> Vec<u8> {
    let mut scopes: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut index: HashMap<Vec<u8>, usize> = HashMap::new();
    for (record, scope) in batch.iter() {
        let head = head(record, scope);
        let at = *index.entry(head).or_insert_with_key(|head| {
            scopes.push((head.clone(), Vec::new()));
            scopes.len() - 1
        });
        message_field(&mut scopes[at].1, 2, |out| log_record(out, record));
    }
    let mut out = Vec::new();
    if !scopes.is_empty() {
        message_field(&mut out, 1, |out| {
            bytes_field(out, 1, &resource(of));
            for (head, records) in &scopes {
                message_field(out, 2, |out| {
                    out.extend_from_slice(head);
                    out.extend_from_slice(records);
                });
            }
            bytes_unless_empty(out, 3, of.schema_url().unwrap_or_default().as_bytes());
        });
    }
    out
}

/// `ScopeLogs` without its records: equal for records that belong together.
fn head(record: &SdkLogRecord, scope: &InstrumentationScope) -> Vec<u8> {
    let name = record.target().map_or(scope.name(), |target| target);
    let mut head = Vec::new();
    bytes_field(&mut head, 1, &named_scope(scope, name));
    bytes_unless_empty(&mut head, 3, scope.schema_url().unwrap_or_default().as_bytes());
    head
}

/// Appends the body of one `LogRecord` message.
pub fn log_record(out: &mut Vec<u8>, record: &SdkLogRecord) {
    fixed64_unless_zero(out, 1, record.timestamp().map_or(0, unix_nanos));
    varint_unless_zero(out, 2, record.severity_number().map_or(0, |severity| severity as u64));
    bytes_unless_empty(out, 3, record.severity_text().unwrap_or_default().as_bytes());
    if let Some(body) = record.body() {
        message_field(out, 5, |out| any_value(out, body));
    }
    for (key, value) in record.attributes_iter() {
        key_value(out, 6, key.as_str(), value);
    }
    if let Some(context) = record.trace_context() {
        let flags = context.trace_flags.map_or(0, |flags| flags.to_u8());
        if flags != 0 {
            fixed32_field(out, 8, flags.into());
        }
        if context.trace_id != TraceId::INVALID {
            bytes_field(out, 9, &context.trace_id.to_bytes());
        }
        if context.span_id != SpanId::INVALID {
            bytes_field(out, 10, &context.span_id.to_bytes());
        }
    }
    fixed64_unless_zero(out, 11, record.observed_timestamp().map_or(0, unix_nanos));
    bytes_unless_empty(out, 12, record.event_name().unwrap_or_default().as_bytes());
}

fn key_value(out: &mut Vec<u8>, number: u32, key: &str, value: &AnyValue) {
    message_field(out, number, |out| {
        bytes_unless_empty(out, 1, key.as_bytes());
        message_field(out, 2, |out| any_value(out, value));
    });
}

/// Appends the body of an `AnyValue`; kinds of value that this version of the API does not have stay empty.
fn any_value(out: &mut Vec<u8>, value: &AnyValue) {
    match value {
        AnyValue::String(text) => string(out, text),
        AnyValue::Boolean(value) => boolean(out, *value),
        AnyValue::Int(value) => integer(out, *value),
        AnyValue::Double(value) => double(out, *value),
        AnyValue::Bytes(bytes) => bytes_field(out, 7, bytes),
        AnyValue::ListAny(values) => message_field(out, 5, |out| {
            for value in values.iter() {
                message_field(out, 1, |out| any_value(out, value));
            }
        }),
        AnyValue::Map(entries) => message_field(out, 6, |out| {
            for (key, value) in entries.iter() {
                key_value(out, 1, key.as_str(), value);
            }
        }),
        _ => {}
    }
}
