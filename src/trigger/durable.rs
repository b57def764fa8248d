//! Durable functions: one execution is many invocations, each an envelope with the operations so far. What they have in
//! common is the execution's ARN.

use super::{
    Event, Found, Source,
    attributes::Attributes,
    carriers::{Chain, Fields},
};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "Durable function",
    detected_by: "`DurableExecutionArn`, `CheckpointToken` and `InitialExecutionState`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let execution = event.root.text("DurableExecutionArn").filter(|arn| arn.starts_with("arn:"))?;
    event.root.text("CheckpointToken")?;
    event.root.object("InitialExecutionState")?;
    let mut attributes = Attributes::new();
    attributes.text("aws.lambda.durable_execution.arn", Some(&execution));
    Some(Found {
        attributes,
        upstream: Some(event.upstream(&Chain(&[&Fields(event.root)]))),
        ..Found::default()
    })
}
