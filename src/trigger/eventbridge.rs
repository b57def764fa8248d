//! EventBridge: events of a bus, rules that fire by the clock, and the Scheduler.

use super::{
    Event, Found, Source,
    attributes::Attributes,
    carriers::{Chain, Fields},
    messages,
    skim::Object,
};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "EventBridge",
    detected_by: "`detail-type`, `source`, `detail`",
    span_name: "`process {detail-type}`",
    kind: SpanKind::Consumer,
    faas_trigger: "pubsub",
    read: event,
};

pub(super) const SCHEDULED_RULE: Source = Source {
    name: "EventBridge scheduled rule",
    detected_by: "`detail-type` = `Scheduled Event`, `source` = `aws.events`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "timer",
    read: |event| scheduled(event, "aws.events"),
};

pub(super) const SCHEDULER: Source = Source {
    name: "EventBridge Scheduler",
    detected_by: "`detail-type` = `Scheduled Event`, `source` = `aws.scheduler`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "timer",
    read: |event| scheduled(event, "aws.scheduler"),
};

fn event(event: &Event<'_, '_>) -> Option<Found> {
    let root = event.root;
    let (kind, source, detail) = (root.text("detail-type")?, root.text("source")?, root.object("detail")?);
    root.text("id")?;
    // The registry names no system for EventBridge; this follows its `aws.sns`. An event does not name its bus.
    let mut attributes = messages::attributes("aws.eventbridge", None, None);
    attributes.text("messaging.message.id", root.text("id"));
    attributes.text("aws.eventbridge.source", Some(source));
    attributes.text("aws.eventbridge.detail_type", Some(&kind));
    let metadata = metadata(detail);
    let upstream = event.upstream(&Chain(&[&Fields(detail), &Fields(metadata)]));
    Some(Found {
        name: messages::name(Some(&kind)),
        attributes,
        upstream: Some(upstream),
        ..Found::default()
    })
}

fn scheduled(event: &Event<'_, '_>, source: &str) -> Option<Found> {
    let root = event.root;
    if root.text("source")? != source || root.text("detail-type")? != "Scheduled Event" {
        return None;
    }
    let mut attributes = Attributes::new();
    // The time that was asked for, not the one at which the function came to run.
    attributes.text("faas.time", root.text("time"));
    let resource = root.items("resources").and_then(|mut resources| resources.next()?.text());
    attributes.text("aws.eventbridge.rule.arn", resource.as_ref().filter(|_| source == "aws.events"));
    attributes.text("aws.scheduler.schedule.arn", resource.as_ref().filter(|_| source == "aws.scheduler"));
    Some(Found { attributes, ..Found::default() })
}

/// Where events that have a payload proper beside them keep what is about the event.
pub(super) fn metadata<'t, 'a>(detail: Object<'t, 'a>) -> Object<'t, 'a> {
    detail.object("metadata").unwrap_or_default()
}
