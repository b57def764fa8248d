//! One event as a `LogRecord` message, written while its fields are visited.

use std::{error::Error, fmt};

use opentelemetry::trace::SpanContext;
use spanlayer_otlp::wire::{
    bytes_field, double_field, fixed32_field, fixed64_field, message_field, varint_field, varint_unless_zero,
};
use tracing::{
    Level, Metadata,
    field::{Field, Visit},
};

use crate::settings::RecordLimits;

/// A `LogRecord` in the making.
#[derive(Debug)]
pub(super) struct Record {
    out: Vec<u8>,
    /// The target that a record of the crate `log` had before it was bridged.
    target: Option<String>,
    limits: RecordLimits,
    attributes: u32,
    dropped: u32,
}

impl Record {
    /// What an event has without its fields, at a time in Unix nanoseconds.
    pub(super) fn new(metadata: &Metadata<'_>, now: u64, limits: RecordLimits) -> Self {
        let (number, text) = match *metadata.level() {
            Level::TRACE => (1, "TRACE"),
            Level::DEBUG => (5, "DEBUG"),
            Level::INFO => (9, "INFO"),
            Level::WARN => (13, "WARN"),
            Level::ERROR => (17, "ERROR"),
        };
        let mut out = Vec::with_capacity(256);
        fixed64_field(&mut out, TIME, now);
        varint_field(&mut out, SEVERITY_NUMBER, number);
        bytes_field(&mut out, SEVERITY_TEXT, text.as_bytes());
        fixed64_field(&mut out, OBSERVED_TIME, now);
        // Unless it was given one, an event is called after its place in the source, which is the build's business.
        if !metadata.name().starts_with("event ") {
            bytes_field(&mut out, EVENT_NAME, metadata.name().as_bytes());
        }
        Self { out, target: None, limits, attributes: 0, dropped: 0 }
    }

    /// Adds an attribute.
    pub(super) fn text(&mut self, key: &str, value: &str) {
        let end = self.limits.value_length.and_then(|limit| value.char_indices().nth(limit));
        let value = end.map_or(value, |(end, _)| &value[..end]);
        self.attribute(key, |out| bytes_field(out, STRING, value.as_bytes()));
    }

    /// Ties the record to a span.
    pub(super) fn tie(&mut self, span: &SpanContext) {
        if span.is_valid() {
            fixed32_field(&mut self.out, FLAGS, span.trace_flags().to_u8().into());
            bytes_field(&mut self.out, TRACE_ID, &span.trace_id().to_bytes());
            bytes_field(&mut self.out, SPAN_ID, &span.span_id().to_bytes());
        }
    }

    /// The message's body, and the target if it is another one than the event's.
    pub(super) fn finish(mut self) -> (Option<String>, Vec<u8>) {
        varint_unless_zero(&mut self.out, DROPPED_ATTRIBUTES, self.dropped.into());
        (self.target, self.out)
    }

    fn attribute(&mut self, key: &str, value: impl FnOnce(&mut Vec<u8>)) {
        // Where a bridged record was written is the build's business too.
        if matches!(key, "log.module_path" | "log.file" | "log.line") {
            return;
        }
        if self.attributes >= self.limits.attributes {
            self.dropped += 1;
            return;
        }
        self.attributes += 1;
        message_field(&mut self.out, ATTRIBUTES, |out| {
            bytes_field(out, 1, key.as_bytes());
            message_field(out, 2, value);
        });
    }
}

impl Visit for Record {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => message_field(&mut self.out, BODY, |out| bytes_field(out, STRING, value.as_bytes())),
            // Where a record of the crate `log` comes from; the event's own metadata tell of the bridge only.
            "log.target" => self.target = Some(value.to_owned()),
            name => self.text(name, value),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_str(field, &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.attribute(field.name(), |out| varint_field(out, BOOL, value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.attribute(field.name(), |out| varint_field(out, INTEGER, value.cast_unsigned()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            // OTLP's integers are signed, and of 64 bits.
            Err(_) => self.record_str(field, &value.to_string()),
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.record_str(field, &value.to_string()),
        }
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match i64::try_from(value) {
            Ok(value) => self.record_i64(field, value),
            Err(_) => self.record_str(field, &value.to_string()),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.attribute(field.name(), |out| double_field(out, DOUBLE, value));
    }
}

// Field numbers of `LogRecord` (`logs.proto`),

const TIME: u32 = 1;
const SEVERITY_NUMBER: u32 = 2;
const SEVERITY_TEXT: u32 = 3;
const BODY: u32 = 5;
const ATTRIBUTES: u32 = 6;
const DROPPED_ATTRIBUTES: u32 = 7;
const FLAGS: u32 = 8;
const TRACE_ID: u32 = 9;
const SPAN_ID: u32 = 10;
const OBSERVED_TIME: u32 = 11;
const EVENT_NAME: u32 = 12;

// and of `AnyValue` (`common.proto`).

const STRING: u32 = 1;
const BOOL: u32 = 2;
const INTEGER: u32 = 3;
const DOUBLE: u32 = 4;
