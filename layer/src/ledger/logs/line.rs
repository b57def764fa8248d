//! One line of output as a log record: what it says of itself, and everything else it says.

use super::{
    level::Severity,
    value::{any, key_value},
};
use crate::ledger::{
    platform::Writer,
    time::{epoch, timestamp},
    xray::id,
};
use serde_json::{Map, Value};
use spanlayer_otlp::wire::{
    bytes_field, bytes_unless_empty, fixed64_unless_zero, message_field, varint_unless_zero,
};

/// A line, read.
#[derive(Debug)]
pub(super) struct Record {
    /// Fields of a `LogRecord`, all but those that tie it to a trace.
    pub(super) fields: Vec<u8>,
    pub(super) severity: Severity,
    /// The invocation that the line names.
    pub(super) request_id: Option<String>,
    /// The trace that it names, a span of it, and the flags.
    pub(super) trace: Option<Trace>,
}

/// What a line says of its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trace {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: Option<[u8; 8]>,
    pub(super) flags: u8,
}

/// Reads a record as the Telemetry API gives it: a JSON string, or an object where the function's log format is JSON.
/// `at` is the platform's time for it, `now` ours. `None` for our own lines, and for what is no line at all.
pub(super) fn read(by: Writer, record: &str, at: u64, now: u64) -> Option<Record> {
    match serde_json::from_str(record).ok()? {
        Value::String(line) => {
            let line = line.strip_suffix('\n').unwrap_or(&line);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() || is_ours(by, line) {
                return None;
            }
            let object = Some(line.trim()).filter(|text| text.starts_with('{') && text.ends_with('}'));
            match object.and_then(|text| serde_json::from_str(text).ok()) {
                Some(Value::Object(members)) => structured(members, line, at, now),
                _ => Some(plain(line, at, now)),
            }
        }
        Value::Object(members) => structured(members, record, at, now),
        _ => None,
    }
}

/// Lines that this project writes: taking them in again would never end.
fn is_ours(by: Writer, line: &str) -> bool {
    line.starts_with(STDOUT_MARKER)
        || line.starts_with(WRAPPER_MARKER)
        // Ours is a JSON object, which is read once it is known to be one; this one is cut off.
        || (by == Writer::Extension && line.starts_with('{') && line.contains(LOG_MARKER))
}

fn plain(line: &str, at: u64, now: u64) -> Record {
    let level = level_word(line);
    let severity = level.and_then(Severity::parse).unwrap_or_default();
    let mut fields = Vec::with_capacity(line.len() + 96);
    head(&mut fields, if at > 0 { at } else { now }, now, severity, level.unwrap_or_default());
    message_field(&mut fields, BODY, |out| bytes_field(out, 1, line.as_bytes()));
    Record { fields, severity, request_id: named_request(line).map(str::to_owned), trace: None }
}

/// A JSON line: what a record has a field for goes there, everything else becomes an attribute of its own type.
fn structured(mut members: Map<String, Value>, line: &str, at: u64, now: u64) -> Option<Record> {
    let marked = members.get("source").and_then(Value::as_str) == Some("spanlayer");
    if marked || (members.contains_key("spanlayer") && members.keys().any(|key| key.starts_with("resource")))
    {
        return None;
    }
    let time = take(&mut members, TIMES, |value| match value {
        Value::String(text) => timestamp(text),
        Value::Number(number) => number.as_f64().and_then(epoch),
        _ => None,
    });
    let level = take(&mut members, LEVELS, |value| match value {
        Value::String(text) => Severity::parse(text).map(|severity| (severity, text.clone())),
        Value::Number(number) => {
            number.as_f64().and_then(Severity::from_number).map(|severity| (severity, number.to_string()))
        }
        _ => None,
    });
    let (severity, word) = level.unwrap_or_default();
    let request_id = REQUESTS.iter().find_map(|key| members.get(*key)?.as_str()).map(str::to_owned);
    // Written from `request_id` for every line.
    members.remove("faas.invocation_id");
    let trace = trace(&mut members);
    let message =
        take(&mut members, MESSAGES, |value| value.as_str().map(|text| Value::String(text.to_owned())))
            // Loggers that take objects for a message write them there.
            .or_else(|| {
                take(&mut members, &MESSAGES[..1], |value| (!value.is_null()).then(|| value.clone()))
            });

    let mut fields = Vec::with_capacity(line.len() + 128);
    head(&mut fields, time.unwrap_or(if at > 0 { at } else { now }), now, severity, &word);
    // Something has to be read there: a line without a message is its own.
    let body = message.unwrap_or_else(|| Value::String(line.to_owned()));
    message_field(&mut fields, BODY, |out| any(out, &body, 0));
    for (key, value) in &members {
        key_value(&mut fields, ATTRIBUTES, key, value);
    }
    Some(Record { fields, severity, request_id, trace })
}

/// Takes the first of the members that means something out, so that it is not written twice.
fn take<T>(members: &mut Map<String, Value>, keys: &[&str], read: impl Fn(&Value) -> Option<T>) -> Option<T> {
    let (key, found) = keys.iter().find_map(|key| Some((*key, read(members.get(*key)?)?)))?;
    members.remove(key);
    Some(found)
}

/// Ids count together: a span id without its trace says nothing, and stays an attribute.
fn trace(members: &mut Map<String, Value>) -> Option<Trace> {
    fn hex<const N: usize>(value: &Value) -> Option<[u8; N]> {
        value.as_str().and_then(id)
    }
    let trace_id = take(members, TRACES, hex)?;
    let span_id = take(members, SPANS, hex);
    let flags = take(members, FLAGS, |value| match value {
        Value::String(text) => u8::from_str_radix(text, 16).ok(),
        Value::Number(number) => number.as_u64().and_then(|number| u8::try_from(number).ok()),
        Value::Bool(sampled) => Some((*sampled).into()),
        _ => None,
    });
    Some(Trace { trace_id, span_id, flags: flags.unwrap_or(0) })
}

fn head(out: &mut Vec<u8>, time: u64, now: u64, severity: Severity, word: &str) {
    fixed64_unless_zero(out, 1, time);
    varint_unless_zero(out, 2, severity.number().into());
    bytes_unless_empty(out, 3, word.as_bytes());
    fixed64_unless_zero(out, 11, now);
}

/// The level of a line of text, where one of its first words is one: `INFO orders: …`, `[ERROR] …`, or with a time and
/// a request id before it, as Lambda's own runtimes write; coloured, as `tracing` writes by itself.
fn level_word(line: &str) -> Option<&str> {
    let mut parts = line.lines().next()?.split(ESCAPE);
    let plain = parts.next();
    // After an escape comes what is to be done, up to an `m` where it is about colours: `[32m`.
    let coloured = parts.map(|part| part.split_once('m').map_or(part, |(_, text)| text));
    let words =
        plain.into_iter().chain(coloured).flat_map(|part| part.split([' ', '\t', '[', ']', ':', '|']));
    let words = words.filter(|word| !word.is_empty());
    // In capitals only: `error` is a word that sentences begin with, too.
    words
        .take(6)
        .find(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()) && Severity::parse(word).is_some())
}

/// The request id in a line of text: after `requestId=` or `RequestId: `, or in a column of its own.
fn named_request(line: &str) -> Option<&str> {
    let uuid = |text: &'_ str| is_uuid(text);
    let named = ["requestId=", "RequestId: ", "RequestId=", "request_id="].iter().find_map(|name| {
        let rest = &line[line.find(name)? + name.len()..];
        rest.get(..36).filter(|text| uuid(text))
    });
    named.or_else(|| line.lines().next()?.split('\t').take(4).map(str::trim).find(|column| uuid(column)))
}

/// What terminals take for the beginning of an order.
const ESCAPE: char = '\x1b';

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

// Who writes which: Lambda's JSON logs and `tracing` (`timestamp`, `level`, `message`), pino and bunyan (`time`, `msg`),
// zap and logrus (`ts`, `msg`), Elastic (`@timestamp`, `log.level`), Serilog (`@t`, `@l`, `@m`), Google (`severity`),
// Python (`levelname`, `otelTraceID`).
const TIMES: &[&str] = &["timestamp", "time", "@timestamp", "ts", "datetime", "@t"];
const LEVELS: &[&str] =
    &["level", "severity", "log.level", "levelname", "log_level", "loglevel", "lvl", "@l"];
const MESSAGES: &[&str] = &["message", "msg", "@message", "@m", "body", "event", "errorMessage"];
const REQUESTS: &[&str] = &[
    "requestId",
    "request_id",
    "awsRequestId",
    "AWSRequestId",
    "aws_request_id",
    "lambda_request_id",
    "function_request_id",
    "faas.invocation_id",
];
const TRACES: &[&str] =
    &["trace_id", "traceId", "traceID", "TraceId", "trace.id", "otelTraceID", "otel.trace_id"];
const SPANS: &[&str] = &["span_id", "spanId", "spanID", "SpanId", "span.id", "otelSpanID", "otel.span_id"];
const FLAGS: &[&str] = &["trace_flags", "traceFlags", "TraceFlags", "trace.flags", "otelTraceSampled"];

/// What lines of the standard output destination begin with.
const STDOUT_MARKER: &str = spanlayer_pipeline::settings::STDOUT_MARKER;
/// What the wrapper's own warnings begin with.
const WRAPPER_MARKER: &str = "[spanlayer] ";
/// What every line of the extension's own log carries.
const LOG_MARKER: &str = r#""source":"spanlayer""#;

// Field numbers of `LogRecord`.
const BODY: u32 = 5;
pub(super) const ATTRIBUTES: u32 = 6;

#[cfg(test)]
mod tests;
