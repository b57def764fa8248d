//! API Gateway HTTP APIs (payload format 2.0) and Lambda function URLs, which send the same.

use super::{Event, Found, Source, carriers::Headers, http::Request, response::Answer, skim::Object};
use opentelemetry::trace::SpanKind;
use std::borrow::Cow;

pub(super) const HTTP_API: Source = Source {
    name: "API Gateway HTTP API",
    detected_by: "`version` = `2.0`, `rawPath`, `requestContext.http`",
    span_name: "`{method} {route}`; `{method}` for `$default`",
    kind: SpanKind::Server,
    faas_trigger: "http",
    read: |event| if is_function_url(event.request_context) { None } else { read(event) },
};

pub(super) const FUNCTION_URL: Source = Source {
    name: "Lambda function URL",
    detected_by: "the same, and `requestContext.domainName` in `.lambda-url.`",
    span_name: "`{method}`",
    kind: SpanKind::Server,
    faas_trigger: "http",
    read: |event| if is_function_url(event.request_context) { read(event) } else { None },
};

fn is_function_url(context: Object<'_, '_>) -> bool {
    context.text("domainName").is_some_and(|domain| domain.contains(".lambda-url."))
}

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let root = event.root;
    let path = root.text("rawPath")?;
    // The request of an authorizer looks the same but for its ARN.
    if root.text("version")? != "2.0" || root.has("routeArn") {
        return None;
    }
    let http = event.request_context.object("http")?;
    let headers = Headers::read(root);
    let request = Request {
        method: http.text("method")?,
        path: Some(path),
        query: root.text("rawQueryString").filter(|query| !query.is_empty()),
        route: route(root.text("routeKey")),
        // Neither front speaks anything but TLS.
        scheme: headers.one("x-forwarded-proto").or(Some(Cow::Borrowed("https"))),
        host: event.request_context.text("domainName"),
        port: headers.one("x-forwarded-port"),
        client: http.text("sourceIp"),
        agent: http.text("userAgent"),
        protocol: http.text("protocol"),
    };
    Some(Found {
        name: Some(request.name()),
        attributes: request.attributes(),
        upstream: Some(event.upstream(&headers)),
        // A response without a status code is the body of a 200.
        answer: Answer::Http { implied: Some(200) },
        ..Found::default()
    })
}

/// The path of `GET /pets/{id}`; `$default` has none.
fn route(key: Option<Cow<'_, str>>) -> Option<Cow<'_, str>> {
    let key = key?;
    let (_, path) = key.split_once(' ')?;
    path.starts_with('/').then(|| Cow::Owned(path.to_owned()))
}
