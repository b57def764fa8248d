//! Spans that the function cannot write itself: the invocation that it did not live to end, what came before it, and
//! what it cost.

use super::{
    invocation::{Invocation, SpanContext, error_type},
    mention::{INTERNAL, SERVER},
    platform::{Outcome, Report, Status},
};
use spanlayer_otlp::wire::{
    bytes_field, bytes_unless_empty, fixed32_field, fixed64_field, message_field, varint_field,
};
use spanlayer_pipeline::message::{Value, attribute};

/// The fields that every span has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub(super) context: SpanContext,
    pub(super) parent: Option<[u8; 8]>,
    /// The parent is in another process.
    pub(super) remote: bool,
    pub(super) trace_state: &'a str,
    pub(super) name: &'a str,
    pub(super) kind: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

impl<'a> Frame<'a> {
    /// A span inside of an invocation.
    pub(super) fn inside(of: SpanContext, span_id: [u8; 8], name: &'a str, start: u64, end: u64) -> Self {
        Self {
            context: SpanContext { span_id, ..of },
            parent: Some(of.span_id),
            remote: false,
            trace_state: "",
            name,
            kind: INTERNAL,
            start,
            end: end.max(start),
        }
    }

    /// Appends the span as a field of `ScopeSpans`; `rest` writes its attributes and status.
    pub(super) fn write(&self, out: &mut Vec<u8>, rest: impl FnOnce(&mut Vec<u8>)) {
        message_field(out, 2, |out| {
            bytes_field(out, 1, &self.context.trace_id);
            bytes_field(out, 2, &self.context.span_id);
            bytes_unless_empty(out, 3, self.trace_state.as_bytes());
            if let Some(parent) = &self.parent {
                bytes_field(out, 4, parent);
            }
            bytes_field(out, 5, self.name.as_bytes());
            varint_field(out, 6, self.kind);
            fixed64_field(out, 7, self.start);
            fixed64_field(out, 8, self.end);
            rest(out);
            let remote = if self.remote && self.parent.is_some() { IS_REMOTE } else { 0 };
            fixed32_field(out, 16, u32::from(self.context.flags) | HAS_IS_REMOTE | remote);
        });
    }
}

/// What is known of the function, for spans of functions that say nothing themselves.
#[derive(Clone, Copy, Debug)]
pub(super) struct About<'a> {
    pub(super) function: &'a str,
    /// Whether the invocation's caller waited for the environment's start; `None` when that is not known.
    pub(super) coldstart: Option<bool>,
}

/// The span of an invocation that the function did not end, or knows nothing of.
pub(super) fn invocation(
    out: &mut Vec<u8>,
    of: &Invocation,
    context: SpanContext,
    outcome: &Outcome,
    about: About<'_>,
) {
    let opening = of.opening.as_deref();
    let start = opening.map(|opening| opening.start).filter(|start| *start > 0).or_else(|| of.began());
    let start = start.unwrap_or_else(|| of.finished(0));
    let frame = match opening {
        Some(opening) => Frame {
            context,
            parent: opening.parent,
            remote: true,
            trace_state: &opening.trace_state,
            name: &opening.name,
            kind: opening.kind.into(),
            start,
            end: of.finished(start),
        },
        None => Frame {
            context,
            parent: of
                .tracing
                .header
                .and_then(|header| header.known_parent())
                .filter(|id| *id != context.span_id),
            remote: true,
            trace_state: "",
            name: about.function,
            kind: SERVER,
            start,
            end: of.finished(start),
        },
    };
    frame.write(out, |out| {
        match opening {
            Some(opening) => out.extend_from_slice(&opening.attributes),
            None => facts(out, of, about),
        }
        text(out, "spanlayer.origin", "platform");
        failure(out, outcome, explanation(outcome));
    });
}

/// The attributes of an invocation that only the platform tells of.
fn facts(out: &mut Vec<u8>, of: &Invocation, about: About<'_>) {
    text(out, "faas.invocation_id", &of.request_id);
    // Required by the conventions; the event, which would say, is not shown to extensions.
    text(out, "faas.trigger", of.trigger.as_deref().unwrap_or("other"));
    if let Some(coldstart) = about.coldstart {
        attribute(out, ATTRIBUTES, "faas.coldstart", Value::Flag(coldstart));
    }
    let start = of.start.as_ref().map(|(_, start)| start);
    if let Some(arn) = of.arn.as_deref().or_else(|| start.and_then(|start| start.arn.as_deref())) {
        text(out, "aws.lambda.invoked_arn", arn);
        if let Some(resource) = resolved(arn, start.and_then(|start| start.version.as_deref())) {
            text(out, "cloud.resource_id", &resource);
        }
        if let Some(account) = arn.split(':').nth(4).filter(|account| !account.is_empty()) {
            text(out, "cloud.account.id", account);
        }
    }
    let tenant = start.and_then(|start| start.tenant.as_deref());
    if let Some(tenant) = tenant.or_else(|| of.done.as_ref().and_then(|(_, done)| done.tenant.as_deref())) {
        text(out, "aws.lambda.tenant_id", tenant);
    }
}

/// The ARN with an alias replaced by the version that it stood for.
fn resolved(arn: &str, version: Option<&str>) -> Option<String> {
    let mut parts = arn.splitn(8, ':');
    let function = parts.clone().nth(5) == Some("function") && parts.next() == Some("arn");
    match (function, parts.nth(6), version) {
        (false, ..) => None,
        (true, Some(alias), Some(version)) => {
            Some(format!("{}{version}", arn.strip_suffix(alias).unwrap_or(arn)))
        }
        (true, ..) => Some(arn.to_owned()),
    }
}

/// How an environment came to be, or back.
#[derive(Clone, Debug)]
pub(super) struct Preparation<'a> {
    /// `initializationType`.
    pub(super) kind: Option<&'a str>,
    /// `phase`.
    pub(super) phase: Option<&'a str>,
    pub(super) outcome: &'a Outcome,
    /// Whether a caller waited for it.
    pub(super) awaited: bool,
    /// The fingerprint of the pipeline file, if there is one.
    pub(super) config: &'a str,
}

/// The span `init` or `restore`; in the first invocation's trace, or in one of its own.
pub(super) fn preparation(out: &mut Vec<u8>, frame: Frame<'_>, preparation: &Preparation<'_>) {
    frame.write(out, |out| {
        if let Some(kind) = preparation.kind {
            text(out, "aws.lambda.initialization_type", kind);
        }
        if let Some(phase) = preparation.phase {
            text(out, "aws.lambda.init_phase", phase);
        }
        attribute(out, ATTRIBUTES, "faas.coldstart", Value::Flag(preparation.awaited));
        if !preparation.config.is_empty() {
            text(out, "spanlayer.config.hash", preparation.config);
        }
        failure(out, preparation.outcome, &format!("the {} failed: ", frame.name));
    });
}

/// The span `platform.report`: from the event being sent to the last extension being done, as billed. It fails where the
/// platform says that the invocation did: a function may have had its answer refused after its own span had ended well.
pub(super) fn report(
    out: &mut Vec<u8>,
    of: &Invocation,
    in_trace: SpanContext,
    span_id: [u8; 8],
    at: u64,
    report: &Report,
) {
    let duration = report.outcome.duration.unwrap_or(0);
    let start = of.began().unwrap_or_else(|| at.saturating_sub(duration));
    let frame = Frame::inside(in_trace, span_id, "platform.report", start, start.saturating_add(duration));
    let done = of.done.as_ref().map(|(_, done)| done);
    let parts = |pick: fn(&super::platform::Parts) -> Option<u64>| {
        pick(&report.parts).or_else(|| done.and_then(|done| pick(&done.parts)))
    };
    frame.write(out, |out| {
        for (key, nanos) in [
            ("aws.lambda.report.duration_ms", report.outcome.duration),
            ("aws.lambda.report.billed_duration_ms", report.billed),
            ("aws.lambda.report.init_duration_ms", report.init),
            ("aws.lambda.report.restore_duration_ms", report.restore),
            ("aws.lambda.report.billed_restore_duration_ms", report.billed_restore),
            ("aws.lambda.report.response_latency_ms", parts(|parts| parts.response_latency)),
            ("aws.lambda.report.response_duration_ms", parts(|parts| parts.response_duration)),
            ("aws.lambda.report.runtime_overhead_ms", parts(|parts| parts.runtime_overhead)),
            ("aws.lambda.report.extension_overhead_ms", parts(|parts| parts.extension_overhead)),
        ] {
            if let Some(nanos) = nanos {
                attribute(out, ATTRIBUTES, key, Value::Double(nanos as f64 / 1e6));
            }
        }
        for (key, bytes) in [
            ("aws.lambda.report.memory_size_bytes", report.memory),
            ("aws.lambda.report.max_memory_used_bytes", report.used),
            ("aws.lambda.report.produced_bytes", done.and_then(|done| done.produced)),
        ] {
            if let Some(bytes) = bytes {
                attribute(out, ATTRIBUTES, key, Value::Integer(bytes));
            }
        }
        if let Some(outcome) = of.outcome() {
            text(out, "aws.lambda.report.status", word(outcome.status));
            failure(out, &outcome, "");
        }
    });
}

/// Lambda's own segment, which only X-Ray is told of otherwise: the parent that the invocation's span names.
pub(super) fn segment(out: &mut Vec<u8>, of: &Invocation, context: SpanContext, about: About<'_>) {
    let start = of.began().unwrap_or_else(|| of.finished(0));
    let parent =
        of.tracing.header.and_then(|header| header.known_parent()).filter(|id| *id != context.span_id);
    let end = of.finished(start);
    let frame = Frame {
        context,
        parent,
        remote: true,
        trace_state: "",
        name: about.function,
        kind: SERVER,
        start,
        end,
    };
    frame.write(out, |out| {
        facts(out, of, About { coldstart: None, ..about });
        text(out, "spanlayer.origin", "platform");
    });
}

/// `faas.trigger` among the attributes of a *started*.
pub(super) fn trigger(attributes: &[u8]) -> Option<&str> {
    super::mention::find_text(attributes, ATTRIBUTES, b"faas.trigger")
}

fn text(out: &mut Vec<u8>, key: &str, value: &str) {
    attribute(out, ATTRIBUTES, key, Value::Text(value));
}

/// What went wrong, if anything did: its type, and a status that says it in words.
fn failure(out: &mut Vec<u8>, outcome: &Outcome, words: &str) {
    if !matches!(outcome.status, Status::Success | Status::Unknown) {
        let kind = error_type(outcome);
        text(out, "error.type", kind);
        status(out, &format!("{words}{kind}"));
    }
}

fn status(out: &mut Vec<u8>, message: &str) {
    message_field(out, 15, |out| {
        bytes_field(out, 2, message.as_bytes());
        varint_field(out, 3, ERROR);
    });
}

/// An error is what the function told of itself, unless it is the platform's word for an end without any.
fn explanation(outcome: &Outcome) -> &'static str {
    match outcome.status {
        Status::Timeout => "the function timed out: ",
        Status::Failure => "the environment failed: ",
        _ if error_type(outcome) == "Runtime.ExitError" => "the function ended without an answer: ",
        Status::Error | Status::Unknown | Status::Success => "the function failed: ",
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Success | Status::Unknown => "success",
        Status::Error => "error",
        Status::Failure => "failure",
        Status::Timeout => "timeout",
    }
}

/// The field number of `Span.attributes`.
const ATTRIBUTES: u32 = 9;
/// `Status.StatusCode`.
const ERROR: u64 = 2;
// `SpanFlags`.
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;
