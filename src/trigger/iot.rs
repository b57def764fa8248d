//! AWS IoT: custom authorizers, buttons and 1-Click devices. What the action of a rule hands over is whatever its SQL
//! selected: nothing in it says IoT, so it counts as a direct invocation.

use super::{Event, Found, Source};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "AWS IoT",
    detected_by: "`protocolData` and `connectionMetadata`; `serialNumber`, `clickType` and `batteryVoltage`; `deviceEvent` and `placementInfo`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "other",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let root = event.root;
    let authorizer = || root.object("protocolData").is_some() && root.object("connectionMetadata").is_some();
    let button =
        || ["serialNumber", "clickType", "batteryVoltage"].iter().all(|name| root.text(name).is_some());
    let one_click = || root.object("deviceEvent").is_some() && root.object("placementInfo").is_some();
    (authorizer() || button() || one_click()).then(Found::default)
}
