//! Lines of output on their way to becoming log records: tied to a trace, where that is known or about to be.
//!
//! A line that names its trace is believed. One that names its invocation, or was written while exactly one ran, waits
//! until that invocation's span is known; so does what was written during the init, for the first invocation. Lines
//! wait in bounded memory: what finds no room goes out without ids rather than not at all.

pub(super) mod level;
mod line;
mod value;

use super::{
    book::Turn,
    invocation::SpanContext,
    platform::{LogsDropped, Writer},
};
use level::Severity;
use line::{ATTRIBUTES, Record, Trace};
use spanlayer_otlp::wire::{bytes_field, fixed32_field, fixed64_unless_zero, message_field, varint_field};
use spanlayer_pipeline::message::{self, Value};
use std::collections::VecDeque;

/// Whose a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// The init, until the first invocation.
    Init,
    /// An invocation that is remembered.
    Turn(Turn),
    /// An invocation that nobody else has spoken of yet.
    Named(String),
    /// Nobody's.
    Nobody,
}

/// Lines taken in, ready or waiting.
#[derive(Debug)]
pub(super) struct Logs {
    minimum: Severity,
    /// Encoded `LogRecord`s, as fields of a `ScopeLogs`, by who wrote them.
    ready: [Vec<u8>; 2],
    parked: VecDeque<Parked>,
    parked_bytes: usize,
    /// Records that there was no room for.
    pub(super) dropped: u64,
}

#[derive(Debug)]
struct Parked {
    by: Writer,
    fields: Vec<u8>,
    owner: Owner,
    since: u64,
}

impl Logs {
    pub(super) fn new(minimum: Severity) -> Self {
        Self { minimum, ready: Default::default(), parked: VecDeque::new(), parked_bytes: 0, dropped: 0 }
    }

    /// Reads a line; `None` when it is ours, empty, or below the minimum. A line that says no level passes.
    pub(super) fn read(&self, by: Writer, record: &str, at: u64, now: u64) -> Option<Line> {
        let record = line::read(by, record, at, now)?;
        let below = record.severity != Severity::UNSPECIFIED && record.severity < self.minimum;
        (!below).then_some(Line { by, record })
    }

    /// A line whose trace is known, by itself or by its invocation.
    pub(super) fn push(&mut self, line: Line, request_id: Option<&str>, of: Option<SpanContext>) {
        let Line { by, record } = line;
        let mut fields = record.fields;
        name(&mut fields, request_id.or(record.request_id.as_deref()));
        let context =
            of.map(|of| Trace { trace_id: of.trace_id, span_id: Some(of.span_id), flags: of.flags });
        let trace = match (record.trace, context) {
            // It names the trace only, and the invocation knows more.
            (Some(own), Some(context)) if own.span_id.is_none() && own.trace_id == context.trace_id => {
                Some(context)
            }
            (own, context) => own.or(context),
        };
        if let Some(trace) = trace {
            tie(&mut fields, trace);
        }
        self.put(by, &fields);
    }

    /// A line whose trace is not known yet.
    pub(super) fn park(&mut self, line: Line, request_id: Option<&str>, owner: Owner, now: u64) {
        let Line { by, record } = line;
        let mut fields = record.fields;
        name(&mut fields, request_id.or(record.request_id.as_deref()));
        self.parked_bytes += fields.len();
        self.parked.push_back(Parked { by, fields, owner, since: now });
        while self.parked_bytes > PARKED
            && let Some(oldest) = self.parked.pop_front()
        {
            self.parked_bytes -= oldest.fields.len();
            self.put(oldest.by, &oldest.fields);
        }
    }

    /// Lets go of the lines whose trace `find` knows by now, or knows that they have none (`Some(None)`). It is given
    /// whose a line is, and since when it waits.
    pub(super) fn release(&mut self, find: impl Fn(&Owner, u64) -> Option<Option<SpanContext>>) {
        for _ in 0..self.parked.len() {
            let Some(mut parked) = self.parked.pop_front() else { return };
            match find(&parked.owner, parked.since) {
                None => self.parked.push_back(parked),
                Some(context) => {
                    self.parked_bytes -= parked.fields.len();
                    if let Some(of) = context {
                        let trace =
                            Trace { trace_id: of.trace_id, span_id: Some(of.span_id), flags: of.flags };
                        tie(&mut parked.fields, trace);
                    }
                    self.put(parked.by, &parked.fields);
                }
            }
        }
    }

    /// Whether any line waits.
    pub(super) fn is_waiting(&self) -> bool {
        !self.parked.is_empty()
    }

    /// That lines were lost before they reached us is itself worth a line.
    pub(super) fn lost(&mut self, dropped: &LogsDropped, at: u64, now: u64) {
        let mut fields = Vec::new();
        fixed64_unless_zero(&mut fields, 1, if at > 0 { at } else { now });
        varint_field(&mut fields, 2, Severity::WARN.number().into());
        bytes_field(&mut fields, 3, b"WARN");
        message_field(&mut fields, 5, |out| {
            bytes_field(out, 1, b"the platform dropped log records before they reached the extension");
        });
        message::attribute(&mut fields, ATTRIBUTES, "dropped_records", Value::Integer(dropped.records));
        message::attribute(&mut fields, ATTRIBUTES, "dropped_bytes", Value::Integer(dropped.bytes));
        if let Some(reason) = &dropped.reason {
            message::attribute(&mut fields, ATTRIBUTES, "reason", Value::Text(reason));
        }
        fixed64_unless_zero(&mut fields, 11, now);
        self.put(Writer::Extension, &fields);
    }

    /// Bytes that are ready to be taken.
    pub(super) fn ready_bytes(&self) -> usize {
        self.ready.iter().map(Vec::len).sum()
    }

    /// Everything that is ready, as a request.
    pub(super) fn take(&mut self, resource: &[u8]) -> Option<Vec<u8>> {
        let [function, extension] = std::mem::take(&mut self.ready);
        message::request(
            resource,
            &[("aws.lambda.function", &function), ("aws.lambda.extension", &extension)],
        )
    }

    fn put(&mut self, by: Writer, fields: &[u8]) {
        if self.ready_bytes() + fields.len() > READY {
            self.dropped += 1;
            return;
        }
        let ready = match by {
            Writer::Function => &mut self.ready[0],
            Writer::Extension => &mut self.ready[1],
        };
        bytes_field(ready, 2, fields);
    }
}

/// A line, read, that is to go out.
#[derive(Debug)]
pub(super) struct Line {
    by: Writer,
    record: Record,
}

impl Line {
    /// The line names its trace itself.
    pub(super) fn has_trace(&self) -> bool {
        self.record.trace.is_some()
    }

    /// The invocation that the line names.
    pub(super) fn request_id(&self) -> Option<&str> {
        self.record.request_id.as_deref()
    }
}

fn name(fields: &mut Vec<u8>, request_id: Option<&str>) {
    if let Some(request_id) = request_id {
        message::attribute(fields, ATTRIBUTES, "faas.invocation_id", Value::Text(request_id));
    }
}

fn tie(fields: &mut Vec<u8>, trace: Trace) {
    fixed32_field(fields, 8, trace.flags.into());
    bytes_field(fields, 9, &trace.trace_id);
    if let Some(span_id) = &trace.span_id {
        bytes_field(fields, 10, span_id);
    }
}

/// The most that waits, in bytes: enough for what a chatty invocation writes before its span is known.
const PARKED: usize = 512 << 10;

/// The most that lies ready, in bytes. Whoever drives the ledger takes what is ready long before.
const READY: usize = 8 << 20;
