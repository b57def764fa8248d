//! Application Load Balancers, with single and with multi-value headers.

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
    name: "Application Load Balancer",
    detected_by: "`requestContext.elb.targetGroupArn`, `httpMethod`",
    // A load balancer matches rules, not routes; the event does not even say which.
    span_name: "`{method}`",
    kind: SpanKind::Server,
    faas_trigger: "http",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    event.request_context.object("elb")?.text("targetGroupArn")?;
    let method = event.root.text("httpMethod")?;
    let headers = Headers::read(event.root);
    let forwarded = headers.one("x-forwarded-for");
    let request = Request {
        method,
        path: event.root.text("path"),
        query: from_parameters(event.root, Parameters::Encoded)
            .filter(|query| !query.is_empty())
            .map(Cow::Owned),
        route: None,
        scheme: headers.one("x-forwarded-proto"),
        host: headers.one("x-forwarded-host").or_else(|| headers.one("host")),
        port: headers.one("x-forwarded-port"),
        client: forwarded.as_deref().and_then(first_forwarded).map(Cow::Borrowed),
        agent: headers.one("user-agent"),
        protocol: None,
    };
    Some(Found {
        name: Some(request.name()),
        attributes: request.attributes(),
        upstream: Some(event.upstream(&headers)),
        answer: Answer::Http { implied: None },
        ..Found::default()
    })
}
