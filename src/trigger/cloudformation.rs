//! CloudFormation custom resources.

use super::{Event, Found, Source, attributes::Attributes};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "CloudFormation custom resource",
    detected_by: "`RequestType` = `Create`, `Update` or `Delete`, `StackId`, `LogicalResourceId`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let root = event.root;
    let request =
        root.text("RequestType").filter(|kind| matches!(&**kind, "Create" | "Update" | "Delete"))?;
    let (stack, resource) = (root.text("StackId")?, root.text("LogicalResourceId")?);
    // Not `ResponseURL`: whoever has it can answer in the function's place.
    let mut attributes = Attributes::new();
    attributes.text("aws.cloudformation.request_type", Some(request));
    attributes.text("aws.cloudformation.resource_type", root.text("ResourceType"));
    attributes.text("aws.cloudformation.logical_resource_id", Some(resource));
    attributes.text("aws.cloudformation.stack.id", Some(stack));
    Some(Found { attributes, ..Found::default() })
}
