//! API Gateway WebSocket APIs: connect, message and disconnect.

use super::{Event, Found, Source, attributes::Attributes, carriers::Headers, response::Answer};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "API Gateway WebSocket API",
    detected_by: "`requestContext.connectionId`, `requestContext.eventType` = `CONNECT`, `MESSAGE` or `DISCONNECT`",
    span_name: "`{routeKey}`, such as `$connect`",
    kind: SpanKind::Server,
    faas_trigger: "http",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let context = event.request_context;
    context.text("connectionId")?;
    if !matches!(&*context.text("eventType")?, "CONNECT" | "MESSAGE" | "DISCONNECT") {
        return None;
    }
    // Only the request to connect has headers; a message belongs to whoever connected.
    let headers = Headers::read(event.root);
    let identity = context.object("identity").unwrap_or_default();
    let mut attributes = Attributes::new();
    attributes.word("network.protocol.name", "websocket");
    attributes.word("url.scheme", "wss");
    attributes.text("server.address", context.text("domainName"));
    attributes.text("client.address", identity.text("sourceIp"));
    attributes.text("user_agent.original", identity.text("userAgent").or_else(|| headers.one("user-agent")));
    Some(Found {
        name: context.text("routeKey").map(|key| key.into_owned()),
        attributes,
        upstream: Some(event.upstream(&headers)),
        answer: Answer::Http { implied: None },
        ..Found::default()
    })
}
