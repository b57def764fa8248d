//! Cognito user pools: the triggers around signing up, signing in and tokens.

use super::{Event, Found, Source, attributes::Attributes};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "Cognito user pool",
    detected_by: "`triggerSource`, `userPoolId`, `request`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let root = event.root;
    let (trigger, pool) = (root.text("triggerSource")?, root.text("userPoolId")?);
    root.object("request")?;
    // Who signs in is nobody's business here: neither name nor attributes of the user.
    let mut attributes = Attributes::new();
    attributes.text("aws.cognito.trigger_source", Some(trigger));
    attributes.text("aws.cognito.user_pool.id", Some(pool));
    Some(Found { attributes, ..Found::default() })
}
