//! AppSync: direct resolvers, one by one and in batches, and its authorizers.

use super::{
    Event, Found, Source,
    attributes::Attributes,
    carriers::{Fields, Headers},
    skim::Object,
};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "AppSync",
    detected_by: "`info.fieldName`, `info.parentTypeName`, `arguments`; or `authorizationToken` and \
                  `requestContext.queryString`",
    span_name: "`{parentTypeName}.{fieldName}`, such as `Query.post`; function name for an authorizer",
    kind: SpanKind::Server,
    faas_trigger: "http",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    // A batch is an array of contexts, all of the same field.
    let context = event.first.unwrap_or(event.root);
    resolver(event, context).or_else(|| authorizer(event))
}

fn resolver(event: &Event<'_, '_>, context: Object<'_, '_>) -> Option<Found> {
    let info = context.object("info")?;
    let (parent, field) = (info.text("parentTypeName")?, info.text("fieldName")?);
    context.object("arguments")?;
    let request = context.object("request").unwrap_or_default();
    let headers = Headers::read(request);
    let mut attributes = Attributes::new();
    // Only the three root types say which kind of operation it is; below them are types of the user's.
    match &*parent {
        "Query" => attributes.word("graphql.operation.type", "query"),
        "Mutation" => attributes.word("graphql.operation.type", "mutation"),
        "Subscription" => attributes.word("graphql.operation.type", "subscription"),
        _ => {}
    }
    attributes.text("server.address", headers.one("host"));
    attributes.text("user_agent.original", headers.one("user-agent"));
    Some(Found {
        name: Some(format!("{parent}.{field}")),
        attributes,
        upstream: Some(event.upstream(&headers)),
        ..Found::default()
    })
}

fn authorizer(event: &Event<'_, '_>) -> Option<Found> {
    event.root.text("authorizationToken")?;
    event.request_context.text("apiId")?;
    event.request_context.text("queryString")?;
    let headers = event.root.object("requestHeaders").unwrap_or_default();
    Some(Found { upstream: Some(event.upstream(&Fields(headers))), ..Found::default() })
}
