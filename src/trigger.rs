//! What invoked the function, read from the raw event: span name, kind, attributes, parent, links. [`SOURCES`] is the
//! table of what is told apart.
//!
//! One file per source, tried in the table's order. To add one, write a file with a `SOURCE` and list it. A source claims an event only by fields that nothing else has, and leaves out what the event
//! does not say; an event that nobody claims is a direct invocation. An event that is not JSON is claimed by nobody,
//! whatever it looked like up to there: the handler cannot read it either.

mod alb;
mod appsync;
mod arn;
mod attributes;
mod authorizer;
pub(crate) mod base64;
mod carriers;
mod cloudformation;
mod cloudwatch_logs;
mod cognito;
mod destination;
mod direct;
mod durable;
mod dynamodb;
mod event;
mod eventbridge;
mod http;
mod http_v1;
mod http_v2;
mod iot;
mod kafka;
mod kinesis;
mod messages;
pub(crate) mod query;
pub(crate) mod response;
mod s3;
mod skim;
mod sns;
mod sqs;
mod step_functions;
mod websocket;

#[cfg(test)]
mod tests;

use self::{attributes::Attributes, event::Event, response::Answer, skim::Document};
use crate::propagation::{Propagators, Upstream, carrier::Nothing};
use opentelemetry::{
    KeyValue,
    trace::{Link, SpanKind},
};
use std::collections::HashMap;

/// What Lambda handed over for one invocation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invocation<'a> {
    /// The raw event.
    pub(crate) event: &'a [u8],
    /// Names the span where the event has no better name of low cardinality.
    pub(crate) function_name: &'a str,
    /// `Lambda-Runtime-Trace-Id` of this invocation. (Not the environment variable of that purpose: it belongs to the
    /// process, so under concurrency to another invocation.)
    pub(crate) trace_header: Option<&'a str>,
    /// The `custom` part of the client context.
    pub(crate) client_context: Option<&'a HashMap<String, String>>,
}

/// What is known of an invocation before the handler runs.
#[derive(Debug)]
pub(crate) struct Trigger {
    /// [`Source::name`] of the source that claimed the event.
    #[cfg_attr(not(test), expect(dead_code, reason = "only tests ask who claimed an event"))]
    pub(crate) source: &'static str,
    /// The span's name; of low cardinality.
    pub(crate) name: String,
    /// The span's kind.
    pub(crate) kind: SpanKind,
    /// `faas.trigger`; not among the attributes.
    pub(crate) faas_trigger: &'static str,
    /// What the event says in terms of the semantic conventions.
    pub(crate) attributes: Vec<KeyValue>,
    /// The parent, or less.
    pub(crate) upstream: Upstream,
    /// The spans that sent the messages of a batch, at most [`messages::MOST_LINKS`].
    pub(crate) links: Vec<Link>,
    /// What the response will tell.
    pub(crate) answer: Answer,
}

/// A service that invokes functions: how its events are told from others, and what becomes of them.
#[derive(Debug)]
pub struct Source {
    /// The name of the service.
    pub name: &'static str,
    /// The fields that give it away, for the reader.
    pub detected_by: &'static str,
    /// The pattern of the span's name, for the reader.
    pub span_name: &'static str,
    /// The span's kind.
    pub kind: SpanKind,
    /// `faas.trigger`: `http`, `pubsub`, `datasource`, `timer` or `other`.
    pub faas_trigger: &'static str,
    /// Reads an event of this source; `None` for all others.
    read: fn(&Event<'_, '_>) -> Option<Found>,
}

/// What a source found in its event.
#[derive(Debug, Default)]
struct Found {
    /// `None`: the function's name.
    name: Option<String>,
    attributes: Attributes,
    /// `None`: the event carries no context of its own.
    upstream: Option<Upstream>,
    links: Vec<Link>,
    answer: Answer,
}

/// Every source, in the order in which they are tried: those of `Records` first, which were looked at once for all of them,
/// then the frequent ones, the direct invocation last.
pub const SOURCES: &[&Source] = &[
    &sqs::SOURCE,
    &sns::SOURCE,
    &kinesis::SOURCE,
    &dynamodb::SOURCE,
    &s3::SOURCE,
    &http_v2::HTTP_API,
    &http_v2::FUNCTION_URL,
    &authorizer::SOURCE,
    &websocket::SOURCE,
    &http_v1::SOURCE,
    &alb::SOURCE,
    &kafka::SOURCE,
    &eventbridge::SCHEDULER,
    &eventbridge::SCHEDULED_RULE,
    &eventbridge::SOURCE,
    &appsync::SOURCE,
    &cognito::SOURCE,
    &cloudwatch_logs::SOURCE,
    &cloudformation::SOURCE,
    &destination::SOURCE,
    &iot::SOURCE,
    &durable::SOURCE,
    &step_functions::SOURCE,
    &direct::SOURCE,
];

/// Finds out what invoked the function. Never fails: what cannot be read is not claimed.
pub(crate) fn detect(invocation: &Invocation<'_>, propagators: &Propagators) -> Trigger {
    let document = Document::whole(invocation.event).unwrap_or_default();
    let event = Event::new(&document, invocation, propagators);
    let (source, found) = SOURCES
        .iter()
        .find_map(|source| Some((*source, (source.read)(&event)?)))
        .unwrap_or_else(|| (&direct::SOURCE, Found::default()));
    Trigger {
        source: source.name,
        name: found.name.unwrap_or_else(|| invocation.function_name.to_owned()),
        kind: source.kind.clone(),
        faas_trigger: source.faas_trigger,
        attributes: found.attributes.into_vec(),
        upstream: found.upstream.unwrap_or_else(|| event.upstream(&Nothing)),
        links: found.links,
        answer: found.answer,
    }
}
