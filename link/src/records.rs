//! The small records: protobuf messages with numbers of their own, listed in the crate's documentation.

use bytes::Bytes;
use spanlayer_otlp::wire::{
    Field, Fields, Value, bytes_field, bytes_unless_empty, fixed64_unless_zero, varint_unless_zero,
};

/// Who is speaking.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hello {
    /// The wrapper's version.
    pub version: String,
    /// The function's resource, as an encoded `Resource` message body.
    pub resource: Bytes,
    /// The name of the function's [`Journal`](crate::Journal) in the state directory; empty when it keeps none.
    pub journal: String,
}

/// An invocation has begun. If the function dies, this is what its span is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Started {
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// The trace that the invocation's span belongs to.
    pub trace_id: [u8; 16],
    /// The invocation's span.
    pub span_id: [u8; 8],
    /// The span that the event was sent from, where it said so.
    pub parent_span_id: Option<[u8; 8]>,
    /// W3C trace flags: bit 0 says whether the trace is sampled.
    pub flags: u8,
    /// W3C trace state.
    pub trace_state: String,
    /// The span's name.
    pub name: String,
    /// The span's kind, as OTLP numbers them.
    pub kind: u8,
    /// When the invocation began, in nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
    /// When Lambda will end it, in milliseconds since the Unix epoch.
    pub deadline_unix_millis: u64,
    /// Whether it is the first invocation of its environment.
    pub coldstart: bool,
    /// The span's attributes so far, as encoded `attributes` fields of a `Span`.
    pub attributes: Bytes,
}

/// An invocation was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// When the response went out, in nanoseconds since the Unix epoch.
    pub end_unix_nano: u64,
    /// Whether the answer was an error.
    pub error: bool,
    /// Spans (and other items) that the function's end had to drop since the last frame that said so.
    /// [`Sender`](crate::Sender) adds its own.
    pub dropped_spans: u64,
}

/// What is open in an invocation that still runs. If the function dies, this is delivered beside the span that is made
/// of [`Started`]; the spans that had ended were sent before, and their parents are here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Lambda's id of the invocation.
    pub request_id: String,
    /// The open spans as they stand, as an encoded `ExportTraceServiceRequest`; empty when nothing is open. They end when
    /// this was written, and are marked as interrupted.
    pub spans: Bytes,
    /// The invocation's span's name by now; empty when it is that of [`Started`].
    pub name: String,
    /// All attributes of the invocation's span by now, encoded as in [`Started`]; empty when they are those.
    pub attributes: Bytes,
}

/// What is wrong with a record.
pub(crate) type Why = &'static str;

impl Hello {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes_unless_empty(out, 1, self.version.as_bytes());
        bytes_unless_empty(out, 2, &self.resource);
        bytes_unless_empty(out, 3, self.journal.as_bytes());
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Why> {
        let mut hello = Self::default();
        each_field(bytes, |field| {
            match field.number {
                1 => hello.version = text(field)?,
                2 => hello.resource = blob(field)?,
                3 => hello.journal = text(field)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(hello)
    }
}

impl Started {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes_unless_empty(out, 1, self.request_id.as_bytes());
        bytes_field(out, 2, &self.trace_id);
        bytes_field(out, 3, &self.span_id);
        if let Some(parent) = &self.parent_span_id {
            bytes_field(out, 4, parent);
        }
        varint_unless_zero(out, 5, self.flags.into());
        bytes_unless_empty(out, 6, self.trace_state.as_bytes());
        bytes_unless_empty(out, 7, self.name.as_bytes());
        varint_unless_zero(out, 8, self.kind.into());
        fixed64_unless_zero(out, 9, self.start_unix_nano);
        varint_unless_zero(out, 10, self.deadline_unix_millis);
        varint_unless_zero(out, 11, self.coldstart.into());
        bytes_unless_empty(out, 12, &self.attributes);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Why> {
        let mut started = Self::default();
        each_field(bytes, |field| {
            match field.number {
                1 => started.request_id = text(field)?,
                2 => started.trace_id = id(field)?,
                3 => started.span_id = id(field)?,
                4 => started.parent_span_id = Some(id(field)?),
                5 => started.flags = small(field)?,
                6 => started.trace_state = text(field)?,
                7 => started.name = text(field)?,
                8 => started.kind = small(field)?,
                9 => started.start_unix_nano = fixed(field)?,
                10 => started.deadline_unix_millis = number(field)?,
                11 => started.coldstart = number(field)? != 0,
                12 => started.attributes = blob(field)?,
                _ => {}
            }
            Ok(())
        })?;
        // Without these it names no invocation and no span.
        if started.request_id.is_empty() || started.trace_id == [0; 16] || started.span_id == [0; 8] {
            return Err("request id, trace id or span id is missing");
        }
        Ok(started)
    }
}

impl Ended {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes_unless_empty(out, 1, self.request_id.as_bytes());
        fixed64_unless_zero(out, 2, self.end_unix_nano);
        varint_unless_zero(out, 3, self.error.into());
        varint_unless_zero(out, 4, self.dropped_spans);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Why> {
        let mut ended = Self::default();
        each_field(bytes, |field| {
            match field.number {
                1 => ended.request_id = text(field)?,
                2 => ended.end_unix_nano = fixed(field)?,
                3 => ended.error = number(field)? != 0,
                4 => ended.dropped_spans = number(field)?,
                _ => {}
            }
            Ok(())
        })?;
        if ended.request_id.is_empty() {
            return Err("request id is missing");
        }
        Ok(ended)
    }
}

impl Unfinished {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        bytes_unless_empty(out, 1, self.request_id.as_bytes());
        bytes_unless_empty(out, 2, &self.spans);
        bytes_unless_empty(out, 3, self.name.as_bytes());
        bytes_unless_empty(out, 4, &self.attributes);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Why> {
        let mut unfinished = Self::default();
        each_field(bytes, |field| {
            match field.number {
                1 => unfinished.request_id = text(field)?,
                2 => unfinished.spans = blob(field)?,
                3 => unfinished.name = text(field)?,
                4 => unfinished.attributes = blob(field)?,
                _ => {}
            }
            Ok(())
        })?;
        if unfinished.request_id.is_empty() {
            return Err("request id is missing");
        }
        Ok(unfinished)
    }
}

fn each_field(bytes: &[u8], mut take: impl FnMut(&Field<'_>) -> Result<(), Why>) -> Result<(), Why> {
    for field in Fields::new(bytes) {
        take(&field.map_err(|_| "not a protobuf message")?)?;
    }
    Ok(())
}

fn blob(field: &Field<'_>) -> Result<Bytes, Why> {
    field.bytes().map(Bytes::copy_from_slice).ok_or("a field has the wrong type")
}

fn text(field: &Field<'_>) -> Result<String, Why> {
    let bytes = field.bytes().ok_or("a field has the wrong type")?;
    std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| "text is not UTF-8")
}

fn id<const N: usize>(field: &Field<'_>) -> Result<[u8; N], Why> {
    field.bytes().and_then(|bytes| bytes.try_into().ok()).ok_or("an id has the wrong length")
}

fn number(field: &Field<'_>) -> Result<u64, Why> {
    match field.value {
        Value::Varint(value) => Ok(value),
        _ => Err("a field has the wrong type"),
    }
}

fn small(field: &Field<'_>) -> Result<u8, Why> {
    u8::try_from(number(field)?).map_err(|_| "a number is too large")
}

fn fixed(field: &Field<'_>) -> Result<u64, Why> {
    match field.value {
        Value::Fixed64(value) => Ok(value),
        _ => Err("a field has the wrong type"),
    }
}
