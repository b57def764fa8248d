//! Lambda authorizers of API Gateway: they look like the request they decide about, but answer with a policy.

use super::{Event, Found, Source, attributes::Attributes, carriers::Headers};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "API Gateway authorizer",
    detected_by: "`type` = `REQUEST` or `TOKEN`, and `methodArn` or `routeArn`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    if !matches!(&*event.root.text("type")?, "REQUEST" | "TOKEN") {
        return None;
    }
    event.root.text("methodArn").or_else(|| event.root.text("routeArn"))?;
    Some(Found {
        attributes: Attributes::default(),
        upstream: Some(event.upstream(&Headers::read(event.root))),
        ..Found::default()
    })
}
