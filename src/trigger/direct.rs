//! Direct invocations, and everything that no other source claims.

use super::{
    Event, Found, Source,
    carriers::{Chain, Fields},
};
use crate::propagation::carrier::{Carrier, Nothing};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "Direct invocation",
    detected_by: "nothing else",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    // The client context is made for this; where it cannot be set, callers put the same names into the payload.
    let client_context = event.client_context.map_or(&Nothing as &dyn Carrier, |custom| custom);
    let carrier = Chain(&[client_context, &Fields(event.root)]);
    Some(Found { upstream: Some(event.upstream(&carrier)), ..Found::default() })
}
