//! Lambda destinations: the record of another function's asynchronous invocation.

use super::{Event, Found, Source, attributes::Attributes};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "Lambda destination",
    detected_by: "`requestContext.functionArn`, `requestContext.condition`, `requestPayload`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let context = event.request_context;
    let (function, condition) = (context.text("functionArn")?, context.text("condition")?);
    event.root.get("requestPayload")?;
    let mut attributes = Attributes::new();
    attributes.text("aws.lambda.destination.source_arn", Some(function));
    attributes.text("aws.lambda.destination.condition", Some(condition));
    let attempts = context.get("approximateInvokeCount").and_then(|count| count.integer());
    attributes.integer("aws.lambda.destination.invoke_count", attempts);
    Some(Found { attributes, ..Found::default() })
}
