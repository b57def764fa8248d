//! One invocation, from its raw event to the last byte of its answer.

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use opentelemetry::{
    Context, KeyValue,
    trace::{SpanId, SpanKind, Status, TraceContextExt as _},
};
use spanlayer_host::clock;
use spanlayer_link::{Ended, Started};
use spanlayer_otlp::sdk;

use crate::{
    courier::Posted,
    function::account,
    ids::in_trace,
    overrides::{Overrides, put},
    processor::{Ending, ending},
    report::{Failed, Report},
    span::{InvocationSpan, Opening},
    subscriber,
    telemetry::Telemetry,
    trigger::{self, Trigger},
};

/// A running invocation.
#[derive(Debug)]
pub(crate) struct Invocation {
    telemetry: Arc<Telemetry>,
    report: Arc<Report>,
    span: InvocationSpan,
    /// When it began, in Unix nanoseconds and by the clock that nobody sets.
    began: (u64, Instant),
}

impl Invocation {
    /// Opens the invocation's span, from the raw event where it is known, and tells the extension.
    pub(crate) fn open(
        telemetry: &Arc<Telemetry>,
        body: Option<&[u8]>,
        lambda: &lambda_runtime::Context,
        overrides: &Overrides,
    ) -> Self {
        let report = Report::new(&lambda.request_id);
        let is_first = telemetry.is_first();
        if is_first {
            subscriber::check(telemetry);
        }
        let cold_start = is_first && telemetry.was_waited_for();
        let mut attributes = attributes(telemetry, lambda, cold_start);
        let Trigger { name, kind, faas_trigger, attributes: said, upstream, links, answer, .. } =
            detect(telemetry, body, lambda);
        report.expect(answer);
        attributes.push(KeyValue::new("faas.trigger", faas_trigger));
        attributes.extend(said);
        report.asked_by(&attributes);
        overrides.attributes().iter().for_each(|attribute| put(&mut attributes, attribute.clone()));
        let name = overrides.name_of(None).map_or(name, Cow::into_owned);
        let trace = upstream.trace_id.filter(|_| upstream.span.is_none());
        let parent = upstream.into_context(&Context::new().with_value(Arc::clone(&report)));

        let since = clock::monotonic();
        let start = clock::unix_nanos();
        let mut started = Started {
            request_id: lambda.request_id.clone(),
            name: name.clone(),
            kind: kind_number(&kind),
            parent_span_id: Some(parent.span().span_context().span_id())
                .filter(|id| *id != SpanId::INVALID)
                .map(SpanId::to_bytes),
            start_unix_nano: start,
            deadline_unix_millis: lambda.deadline,
            coldstart: cold_start,
            attributes: encoded(&attributes),
            ..Started::default()
        };
        let opening = Opening { name, kind, attributes, links, parent };
        let elsewhere = telemetry.is_sampled_elsewhere();
        let span = in_trace(trace, || InvocationSpan::begin(telemetry.tracer(), opening, elsewhere));
        {
            let span = span.context().span();
            let context = span.span_context();
            started.trace_id = context.trace_id().to_bytes();
            started.span_id = context.span_id().to_bytes();
            started.flags = context.trace_flags().to_u8();
            started.trace_state = context.trace_state().header();
        }
        telemetry.outbox.begin(&report, started);
        Self { telemetry: Arc::clone(telemetry), report, span, began: (start, since) }
    }

    /// Where the handler reports to.
    pub(crate) fn report(&self) -> &Arc<Report> {
        &self.report
    }

    /// Makes the invocation current on this thread, until the guard is dropped.
    pub(crate) fn enter(&self) -> impl Drop + use<'_> {
        self.span.enter()
    }

    /// The handler waits.
    pub(crate) fn pause(&self) {
        self.telemetry.outbox.pause();
    }

    /// Ends the span with what was reported, and sends everything. Returns a handle where that takes time.
    pub(crate) fn close(self) -> Option<Posted> {
        // The wall clock may be set meanwhile: how long it took does not depend on it.
        let (start, since) = self.began;
        let elapsed = clock::monotonic().saturating_duration_since(since).as_nanos();
        let end = start.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX));
        let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(end);
        let told = self.report.take_told();
        let failure = self.report.take_failure();
        let overrides = self.report.overrides();
        let error = failure.is_some() || told.is_error() || overrides.error_type().is_some();
        let span = self.span.context().span();
        span.set_attributes(told.attributes());
        span.set_attributes(self.report.stream.attributes());
        if let Some(Failed { kind, message }) = failure {
            let exception = vec![
                KeyValue::new("exception.type", kind.clone()),
                KeyValue::new("exception.message", message.clone()),
            ];
            span.set_attribute(KeyValue::new("error.type", kind));
            span.add_event_with_timestamp("exception", at, exception);
            span.set_status(Status::error(message));
        } else if error {
            span.set_status(Status::error(""));
        }
        if !overrides.is_empty() {
            if let Some(name) = overrides.name_of(self.report.method()) {
                span.update_name(name);
            }
            span.set_attributes(overrides.attributes().iter().cloned());
            span.set_attributes(
                overrides.error_type().map(|kind| KeyValue::new("error.type", kind.to_owned())),
            );
        }
        let ending_as = Ending { span: span.span_context().span_id(), well: !error };
        ending(ending_as, || span.end_with_timestamp(at));
        let collected = self.telemetry.collect();
        let posted = self.telemetry.outbox.end(
            &self.report,
            Ended { request_id: self.report.request_id.clone(), end_unix_nano: end, error, dropped_spans: 0 },
        );
        posted.or(collected)
    }
}

/// What the event says. An event that was not seen is a direct invocation, as far as anybody can tell.
fn detect(telemetry: &Telemetry, body: Option<&[u8]>, lambda: &lambda_runtime::Context) -> Trigger {
    let event = trigger::Invocation {
        event: body.unwrap_or(b"null"),
        function_name: telemetry.settings.function.name(),
        trace_header: lambda.xray_trace_id.as_deref(),
        client_context: lambda.client_context.as_ref().map(|context| &context.custom),
    };
    trigger::detect(&event, &telemetry.settings.propagators)
}

/// What is known of any invocation, whatever triggered it.
fn attributes(telemetry: &Telemetry, lambda: &lambda_runtime::Context, cold_start: bool) -> Vec<KeyValue> {
    let arn = lambda.invoked_function_arn.as_str();
    let resolved = telemetry.settings.function.resolved_arn(arn);
    let mut attributes = Vec::with_capacity(24);
    attributes.push(KeyValue::new("faas.invocation_id", lambda.request_id.clone()));
    attributes.push(KeyValue::new("faas.coldstart", cold_start));
    if let Some(resolved) = resolved {
        attributes.push(KeyValue::new("cloud.resource_id", resolved));
        attributes.push(KeyValue::new("aws.lambda.invoked_arn", arn.to_owned()));
        attributes.extend(account(arn).map(|account| KeyValue::new("cloud.account.id", account.to_owned())));
    }
    if let Some(tenant) = &lambda.tenant_id {
        attributes.push(KeyValue::new("aws.lambda.tenant_id", tenant.clone()));
    }
    attributes
}

/// The attributes as fields of a `Span` message.
fn encoded(attributes: &[KeyValue]) -> Bytes {
    let mut out = Vec::with_capacity(64 * attributes.len());
    sdk::attributes(&mut out, SPAN_ATTRIBUTES, attributes.iter().map(|pair| (&pair.key, &pair.value)));
    out.into()
}

/// The numbers of OTLP's `Span.SpanKind`.
fn kind_number(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

/// The field number of `Span.attributes`.
pub(crate) const SPAN_ATTRIBUTES: u32 = 9;
