//! API Gateway REST APIs, and HTTP APIs that send payload format 1.0.

use super::{
    Event, Found, Source,
    carriers::Headers,
    http::{Request, first_forwarded},
    query::{Parameters, from_parameters},
    response::Answer,
};
use opentelemetry::trace::SpanKind;
use std::borrow::Cow;

pub(super) const SOURCE: Source = Source {
    name: "API Gateway REST API",
    detected_by: "`resource`, `httpMethod`, `requestContext.stage`",
    span_name: "`{method} {resource}`",
    kind: SpanKind::Server,
    faas_trigger: "http",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let method = event.root.text("httpMethod")?;
    let resource = event.root.text("resource")?;
    let context = event.request_context;
    context.text("stage")?;
    let headers = Headers::read(event.root);
    let identity = context.object("identity").unwrap_or_default();
    let forwarded = headers.one("x-forwarded-for");
    let request = Request {
        method,
        path: event.root.text("path"),
        query: from_parameters(event.root, Parameters::Decoded).map(Cow::Owned),
        route: Some(resource).filter(|resource| !resource.is_empty()),
        // API Gateway speaks nothing but TLS.
        scheme: headers.one("x-forwarded-proto").or(Some(Cow::Borrowed("https"))),
        host: headers
            .one("x-forwarded-host")
            .or_else(|| headers.one("host"))
            .or_else(|| context.text("domainName")),
        port: headers.one("x-forwarded-port"),
        client: forwarded
            .as_deref()
            .and_then(first_forwarded)
            .map(Cow::Borrowed)
            .or_else(|| identity.text("sourceIp")),
        agent: headers.one("user-agent").or_else(|| identity.text("userAgent")),
        protocol: context.text("protocol"),
    };
    Some(Found {
        name: Some(request.name()),
        attributes: request.attributes(),
        upstream: Some(event.upstream(&headers)),
        answer: Answer::Http { implied: None },
        ..Found::default()
    })
}
