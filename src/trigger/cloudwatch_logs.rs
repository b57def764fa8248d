//! CloudWatch Logs subscription filters. Which log group sent it is compressed inside `data`, which is left alone.

use super::{Event, Found, Source};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "CloudWatch Logs",
    detected_by: "`awslogs.data`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    event.root.object("awslogs")?.get("data")?.escaped()?;
    Some(Found::default())
}
