//! The events of the Telemetry API (schema `2025-01-29`, older ones alike), as far as the ledger keeps them.
//!
//! Lenient by construction: each event of a batch is read by itself, one that is unknown or malformed is passed over, and
//! every field but the one that makes an event useful is optional. A platform that adds a type or changes a field must
//! not cost the events around it.

use super::{
    time::{millis, timestamp},
    xray::{Header, id},
};
use serde::{
    Deserialize,
    de::{Deserializer, SeqAccess, Visitor},
};
use serde_json::{Value, value::RawValue};
use std::{borrow::Cow, fmt};

/// An event, and when the platform made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Told<'a> {
    /// Unix nanoseconds; zero when the time could not be read.
    pub at: u64,
    /// What happened.
    pub event: Event<'a>,
}

/// What the platform, or a process by way of its output, tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// `platform.initStart`.
    InitStart(Init),
    /// `platform.initRuntimeDone`.
    InitDone(Init),
    /// `platform.initReport`.
    InitReport(Init),
    /// `platform.restoreStart`.
    RestoreStart,
    /// `platform.restoreRuntimeDone`.
    RestoreDone(Outcome),
    /// `platform.restoreReport`.
    RestoreReport(Outcome),
    /// `platform.start`.
    Start(Start),
    /// `platform.runtimeDone`.
    RuntimeDone(Done),
    /// `platform.report`.
    Report(Report),
    /// `platform.logsDropped`.
    LogsDropped(LogsDropped),
    /// A line that somebody wrote: `function` and `extension`.
    Line(Line<'a>),
}

/// How something ended, and how long it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended; [`Status::Unknown`] where the event does not say.
    pub status: Status,
    /// What the failure is called, in Lambda's words: `Runtime.ExitError`.
    pub error_type: Option<String>,
    /// In nanoseconds.
    pub duration: Option<u64>,
}

/// `status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nothing, or nothing known, was said.
    #[default]
    Unknown,
    /// It went well.
    Success,
    /// The code failed.
    Error,
    /// The platform failed.
    Failure,
    /// It took too long.
    Timeout,
}

/// An event of the init phase.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Init {
    /// `initializationType`: `on-demand`, `provisioned-concurrency`, `snap-start`, `lambda-managed-instances`.
    pub kind: Option<String>,
    /// `phase`: `init`; `invoke` for an init that was suppressed and now is part of an invocation.
    pub phase: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// An invocation begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start {
    /// The invocation.
    pub request_id: String,
    /// The function's version.
    pub version: Option<String>,
    /// The ARN that was invoked.
    pub arn: Option<String>,
    /// The tenant, of a function with tenant isolation.
    pub tenant: Option<String>,
    /// Lambda's trace.
    pub tracing: Tracing,
}

/// `tracing`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracing {
    /// The trace header.
    pub header: Option<Header>,
    /// Lambda's own segment for this invocation.
    pub segment: Option<[u8; 8]>,
}

/// The runtime is done with an invocation: it asked for the next one, or is gone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// The invocation.
    pub request_id: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Bytes of the response.
    pub produced: Option<u64>,
    /// The stretches that the platform measured.
    pub parts: Parts,
    /// Lambda's trace.
    pub tracing: Tracing,
    /// The tenant, of a function with tenant isolation.
    pub tenant: Option<String>,
}

/// What an invocation cost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The invocation.
    pub request_id: String,
    /// How it ended; the duration includes the extensions'.
    pub outcome: Outcome,
    /// Nanoseconds billed.
    pub billed: Option<u64>,
    /// Nanoseconds of the init that this invocation waited for.
    pub init: Option<u64>,
    /// Nanoseconds of the restore that it waited for.
    pub restore: Option<u64>,
    /// Nanoseconds of the restore that are billed.
    pub billed_restore: Option<u64>,
    /// Bytes of memory that the function has.
    pub memory: Option<u64>,
    /// The most that was used of them.
    pub used: Option<u64>,
    /// The stretches that the platform measured.
    pub parts: Parts,
    /// Lambda's trace.
    pub tracing: Tracing,
}

/// `spans`: stretches of an invocation, in nanoseconds. (Their `start` adds nothing, and is malformed in Lambda's own
/// samples.)
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// From the event being delivered to the response's first byte.
    pub response_latency: Option<u64>,
    /// From the response's first byte to its last.
    pub response_duration: Option<u64>,
    /// From the response's last byte to the runtime's request for the next event.
    pub runtime_overhead: Option<u64>,
    /// From the runtime's request for the next event to that of the last extension.
    pub extension_overhead: Option<u64>,
}

/// Lines got lost before they reached us.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogsDropped {
    /// Why.
    pub reason: Option<String>,
    /// How many.
    pub records: u64,
    /// How much.
    pub bytes: u64,
}

/// A line of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Who wrote it.
    pub by: Writer,
    /// The record as JSON: a string, or an object where the function's log format is JSON.
    pub record: &'a str,
}

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The function, or its runtime.
    Function,
    /// An extension.
    Extension,
}

/// Reads a batch, a JSON array, and hands over what it understands. Returns how many events it passed over, and what
/// is wrong with the batch itself if it breaks off.
pub fn parse(batch: &[u8], take: impl FnMut(Told<'_>)) -> (usize, Option<String>) {
    let mut walk = Walk { take, skipped: 0 };
    let mut json = serde_json::Deserializer::from_slice(batch);
    let outcome = json.deserialize_seq(&mut walk);
    (walk.skipped, outcome.err().map(|error| error.to_string()))
}

struct Walk<F> {
    take: F,
    skipped: usize,
}

impl<'de, F: FnMut(Told<'_>)> Visitor<'de> for &mut Walk<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(raw) = events.next_element::<&RawValue>()? {
            match told(raw) {
                Some(told) => (self.take)(told),
                None => self.skipped += 1,
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    // Of any type: an event without a readable time is still an event.
    #[serde(borrow)]
    time: Option<&'a RawValue>,
    #[serde(borrow)]
    record: &'a RawValue,
}

fn told(raw: &RawValue) -> Option<Told<'_>> {
    let envelope: Envelope<'_> = serde_json::from_str(raw.get()).ok()?;
    let at = envelope.time.and_then(|time| serde_json::from_str::<Cow<'_, str>>(time.get()).ok());
    let raw = envelope.record.get();
    let event = match envelope.kind.as_ref() {
        "function" => Event::Line(Line { by: Writer::Function, record: raw }),
        "extension" => Event::Line(Line { by: Writer::Extension, record: raw }),
        kind => platform(kind, &serde_json::from_str(raw).ok()?)?,
    };
    Some(Told { at: at.and_then(|time| timestamp(&time)).unwrap_or(0), event })
}

fn platform(kind: &str, record: &Value) -> Option<Event<'static>> {
    if !record.is_object() {
        return None;
    }
    Some(match kind {
        "platform.initStart" => Event::InitStart(init(record)),
        "platform.initRuntimeDone" => Event::InitDone(init(record)),
        "platform.initReport" => Event::InitReport(init(record)),
        "platform.restoreStart" => Event::RestoreStart,
        "platform.restoreRuntimeDone" => Event::RestoreDone(outcome(record)),
        "platform.restoreReport" => Event::RestoreReport(outcome(record)),
        "platform.start" => Event::Start(Start {
            request_id: text(record, "requestId")?,
            version: text(record, "version"),
            arn: text(record, "functionArn"),
            tenant: text(record, "tenantId"),
            tracing: tracing(record),
        }),
        "platform.runtimeDone" => Event::RuntimeDone(Done {
            request_id: text(record, "requestId")?,
            outcome: outcome(record),
            produced: record["metrics"]["producedBytes"].as_u64(),
            parts: parts(record),
            tracing: tracing(record),
            tenant: text(record, "tenantId"),
        }),
        "platform.report" => Event::Report(Report {
            request_id: text(record, "requestId")?,
            outcome: outcome(record),
            billed: nanos(record, "billedDurationMs"),
            init: nanos(record, "initDurationMs"),
            restore: nanos(record, "restoreDurationMs"),
            billed_restore: nanos(record, "billedRestoreDurationMs"),
            memory: megabytes(record, "memorySizeMB"),
            used: megabytes(record, "maxMemoryUsedMB"),
            parts: parts(record),
            tracing: tracing(record),
        }),
        "platform.logsDropped" => Event::LogsDropped(LogsDropped {
            reason: text(record, "reason"),
            records: record["droppedRecords"].as_u64().unwrap_or(0),
            bytes: record["droppedBytes"].as_u64().unwrap_or(0),
        }),
        _ => return None,
    })
}

fn text(record: &Value, key: &str) -> Option<String> {
    record[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn nanos(record: &Value, key: &str) -> Option<u64> {
    record["metrics"][key].as_f64().and_then(millis)
}

fn megabytes(record: &Value, key: &str) -> Option<u64> {
    record["metrics"][key].as_u64().and_then(|megabytes| megabytes.checked_mul(1 << 20))
}

fn init(record: &Value) -> Init {
    Init { kind: text(record, "initializationType"), phase: text(record, "phase"), outcome: outcome(record) }
}

fn outcome(record: &Value) -> Outcome {
    Outcome {
        status: match record["status"].as_str() {
            Some("success") => Status::Success,
            Some("timeout") => Status::Timeout,
            Some("failure") => Status::Failure,
            // One that Lambda adds will not be a kind of success.
            Some(_) => Status::Error,
            None => Status::Unknown,
        },
        error_type: text(record, "errorType"),
        duration: nanos(record, "durationMs"),
    }
}

fn tracing(record: &Value) -> Tracing {
    let tracing = &record["tracing"];
    Tracing {
        header: tracing["value"].as_str().and_then(Header::parse),
        segment: tracing["spanId"].as_str().and_then(id),
    }
}

fn parts(record: &Value) -> Parts {
    let mut parts = Parts::default();
    for span in record["spans"].as_array().into_iter().flatten() {
        let part = match span["name"].as_str() {
            Some("responseLatency") => &mut parts.response_latency,
            Some("responseDuration") => &mut parts.response_duration,
            Some("runtimeOverhead") => &mut parts.runtime_overhead,
            Some("extensionOverhead") => &mut parts.extension_overhead,
            _ => continue,
        };
        *part = span["durationMs"].as_f64().and_then(millis);
    }
    parts
}

#[cfg(test)]
mod tests;
