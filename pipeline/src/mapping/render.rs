//! Filling a template in.

use spanlayer_otlp::json::text::{hex, quoted};

use super::{
    fact::{Fact, Form, Source},
    template::{List, Member, Node},
    time, write,
};
use crate::read::{
    self, Attributes, Event, Link, Log, Metric, Point, PointData, Resource, Scope, Scoped, Span, Status,
    Value,
};

/// The whole body.
pub(super) fn body(node: &Node, request: &[u8], now: u64) -> String {
    // JSON's names and quotes about double the size.
    let mut out = String::with_capacity(request.len() * 2 + 256);
    Scene::of(request, now).node(&mut out, node);
    out
}

/// The elements of the one list that the body is, each on a line; otherwise the body on a line.
pub(super) fn lines(node: &Node, request: &[u8], now: u64) -> String {
    let mut out = String::with_capacity(request.len() * 2 + 256);
    let scene = Scene::of(request, now);
    match node {
        Node::Each(list, template) => scene.each(*list, |element| {
            element.node(&mut out, template);
            out.push('\n');
        }),
        node => {
            scene.node(&mut out, node);
            out.push('\n');
        }
    }
    out
}

/// What is being written, and what is known around it.
#[derive(Clone, Copy)]
struct Scene<'a> {
    now: u64,
    resource: Resource<'a>,
    scope: Scope<'a>,
    at: At<'a>,
}

#[derive(Clone, Copy)]
enum At<'a> {
    Request(&'a [u8]),
    Scope(Scoped<'a>),
    Span(Span<'a>),
    Event(Event<'a>),
    Link(Link<'a>),
    Log(Log<'a>),
    Metric(Metric<'a>),
    Point(Point<'a>),
}

/// What a placeholder came to.
enum Found<'a> {
    Text(&'a str),
    Trace([u8; 16]),
    Id([u8; 8]),
    Nanos(u64),
    Name(&'static str, u8),
    Int(i64),
    Bool(bool),
    Map(Attributes<'a>),
    Value(Value<'a>),
    Measured(PointData<'a>),
}

impl<'a> Scene<'a> {
    fn of(request: &'a [u8], now: u64) -> Self {
        // What is asked of a request is said of its first resource; whoever asks gets requests with one.
        let first = read::scopes(request).next();
        let resource = first.map(|scope| scope.resource).unwrap_or_default();
        let scope = first.map(|scope| scope.scope).unwrap_or_default();
        Self { now, resource, scope, at: At::Request(request) }
    }

    fn node(&self, out: &mut String, node: &Node) {
        match node {
            Node::Literal(json) => out.push_str(json),
            Node::Fact(source) => self.fact(out, source),
            Node::List(parts) => write::list(out, parts.iter(), |out, part| self.node(out, part)),
            Node::Object(members) => self.object(out, members),
            Node::Each(list, template) => {
                out.push('[');
                let mut first = true;
                self.each(*list, |element| {
                    if !std::mem::take(&mut first) {
                        out.push(',');
                    }
                    element.node(out, template);
                });
                out.push(']');
            }
        }
    }

    fn object(&self, out: &mut String, members: &[Member]) {
        let mut open = '{';
        for member in members {
            if member.optional && self.is_nothing(&member.value) {
                continue;
            }
            out.push(open);
            out.push_str(&member.name);
            self.node(out, &member.value);
            open = ',';
        }
        out.push_str(if open == '{' { "{}" } else { "}" });
    }

    /// Whether there is nothing to say: no value, no attribute, no element.
    fn is_nothing(&self, node: &Node) -> bool {
        match node {
            Node::Literal(json) => json == "null",
            Node::Fact(source) => match self.find(source) {
                None => source.default.is_none(),
                Some(Found::Map(map)) => map.is_empty(),
                Some(_) => false,
            },
            Node::List(parts) => parts.is_empty(),
            Node::Object(members) => members.iter().all(|member| self.is_nothing(&member.value)),
            Node::Each(list, _) => {
                let mut empty = true;
                self.each(*list, |_| empty = false);
                empty
            }
        }
    }

    fn each(&self, list: List, mut element: impl FnMut(&Self)) {
        let mut at = |at, resource, scope| element(&Self { at, resource, scope, ..*self });
        match (list, self.at) {
            (List::Scopes, At::Request(request)) => {
                read::scopes(request).for_each(|scope| at(At::Scope(scope), scope.resource, scope.scope));
            }
            (List::Spans, At::Request(request)) => {
                read::spans(request).for_each(|span| at(At::Span(span), span.resource, span.scope));
            }
            (List::Logs, At::Request(request)) => {
                read::logs(request).for_each(|log| at(At::Log(log), log.resource, log.scope));
            }
            (List::Metrics, At::Request(request)) => {
                read::metrics(request)
                    .for_each(|metric| at(At::Metric(metric), metric.resource, metric.scope));
            }
            (List::Spans, At::Scope(scope)) => {
                scope.spans().for_each(|span| at(At::Span(span), span.resource, span.scope));
            }
            (List::Logs, At::Scope(scope)) => {
                scope.logs().for_each(|log| at(At::Log(log), log.resource, log.scope));
            }
            (List::Metrics, At::Scope(scope)) => {
                scope.metrics().for_each(|metric| at(At::Metric(metric), metric.resource, metric.scope));
            }
            (List::Events, At::Span(span)) => {
                span.events.iter().for_each(|event| at(At::Event(event), self.resource, self.scope));
            }
            (List::Links, At::Span(span)) => {
                span.links.iter().for_each(|link| at(At::Link(link), self.resource, self.scope));
            }
            (List::Points, At::Metric(metric)) => {
                metric.points().for_each(|point| at(At::Point(point), self.resource, self.scope));
            }
            // Templates are checked: nothing asks for what is not there.
            _ => {}
        }
    }

    fn fact(&self, out: &mut String, source: &Source) {
        let Some(found) = self.find(source) else {
            match &source.default {
                Some(default) => quoted(out, default),
                None => out.push_str("null"),
            }
            return;
        };
        match (found, source.form) {
            (Found::Text(text), _) => quoted(out, text),
            (Found::Trace(id), _) => identifier(out, &id),
            (Found::Id(id), _) => identifier(out, &id),
            (Found::Nanos(nanos), Form::Units { nanos: unit, decimals }) => {
                time::units(out, nanos, unit, decimals)
            }
            (Found::Nanos(nanos), _) => time::rfc3339(out, nanos),
            (Found::Name(name, _), Form::Lower) => quoted(out, &name.to_ascii_lowercase()),
            (Found::Name(name, _), Form::Upper) => quoted(out, &name.to_ascii_uppercase()),
            (Found::Name(_, number), Form::Number) => write::integer(out, number.into()),
            (Found::Name(name, _), _) => quoted(out, name),
            (Found::Int(number), _) => write::integer(out, number),
            (Found::Bool(flag), _) => out.push_str(if flag { "true" } else { "false" }),
            (Found::Map(map), Form::Text) => write::texts(out, map),
            (Found::Map(map), _) => write::attributes(out, map),
            (Found::Value(value), Form::Text) => quoted(out, &write::plain(value)),
            (Found::Value(value), _) => write::value(out, value),
            (Found::Measured(data), _) => write::measured(out, data),
        }
    }

    fn find(&self, source: &Source) -> Option<Found<'a>> {
        let found = match source.fact {
            Fact::Now => Found::Nanos(self.now),
            Fact::Service => Found::Text(self.resource.service_name()?),
            Fact::Resource => Found::Map(self.resource.attributes),
            Fact::ScopeName => text(self.scope.name)?,
            Fact::ScopeVersion => text(self.scope.version)?,
            fact => match self.at {
                At::Request(_) | At::Scope(_) => return None,
                At::Span(span) => of_span(fact, span)?,
                At::Event(event) => of_event(fact, event)?,
                At::Link(link) => of_link(fact, link)?,
                At::Log(log) => of_log(fact, log)?,
                At::Metric(metric) => of_metric(fact, metric)?,
                At::Point(point) => of_point(fact, point)?,
            },
        };
        match (found, &source.key) {
            (Found::Map(map), Some(key)) => match map.find(key)? {
                Value::Empty => None,
                value => Some(Found::Value(value)),
            },
            (found, _) => Some(found),
        }
    }
}

fn of_span<'a>(fact: Fact, span: Span<'a>) -> Option<Found<'a>> {
    Some(match fact {
        Fact::TraceId => Found::Trace(span.trace_id),
        Fact::SpanId => Found::Id(span.span_id),
        Fact::ParentSpanId => Found::Id(span.parent_span_id?),
        Fact::TraceState => text(span.trace_state)?,
        Fact::Name => Found::Text(span.name),
        Fact::Kind => Found::Name(span.kind.name(), span.kind as u8),
        Fact::Start => Found::Nanos(span.start),
        Fact::End => Found::Nanos(span.end),
        Fact::Duration => Found::Nanos(span.nanos()),
        Fact::Status => Found::Name(span.status.name(), span.status as u8),
        Fact::StatusMessage => text(span.status_message)?,
        Fact::Outcome => Found::Name(if span.status == Status::Error { "error" } else { "ok" }, 0),
        Fact::Attributes => Found::Map(span.attributes),
        _ => return None,
    })
}

fn of_event<'a>(fact: Fact, event: Event<'a>) -> Option<Found<'a>> {
    Some(match fact {
        Fact::Name => Found::Text(event.name),
        Fact::Time => Found::Nanos(event.time),
        Fact::Attributes => Found::Map(event.attributes),
        _ => return None,
    })
}

fn of_link<'a>(fact: Fact, link: Link<'a>) -> Option<Found<'a>> {
    Some(match fact {
        Fact::TraceId => Found::Trace(link.trace_id),
        Fact::SpanId => Found::Id(link.span_id),
        Fact::TraceState => text(link.trace_state)?,
        Fact::Attributes => Found::Map(link.attributes),
        _ => return None,
    })
}

fn of_log<'a>(fact: Fact, log: Log<'a>) -> Option<Found<'a>> {
    Some(match fact {
        Fact::TraceId => Found::Trace(log.trace_id?),
        Fact::SpanId => Found::Id(log.span_id?),
        Fact::Time => moment(log.time)?,
        Fact::Observed => moment(log.observed)?,
        Fact::Severity => Found::Int(log.severity.into()),
        Fact::SeverityText => text(log.severity_text)?,
        Fact::Body if log.body == Value::Empty => return None,
        Fact::Body => Found::Value(log.body),
        Fact::EventName => text(log.event_name)?,
        Fact::Attributes => Found::Map(log.attributes),
        _ => return None,
    })
}

fn of_metric<'a>(fact: Fact, metric: Metric<'a>) -> Option<Found<'a>> {
    Some(match fact {
        Fact::Name => Found::Text(metric.name),
        Fact::Description => text(metric.description)?,
        Fact::Unit => text(metric.unit)?,
        Fact::Type => Found::Name(metric.data.name(), 0),
        Fact::Temporality => Found::Name(metric.data.temporality()?.name(), 0),
        Fact::Monotonic => match metric.data {
            read::Data::Sum { monotonic, .. } => Found::Bool(monotonic),
            _ => return None,
        },
        _ => return None,
    })
}

fn of_point<'a>(fact: Fact, point: Point<'a>) -> Option<Found<'a>> {
    Some(match fact {
        Fact::Start => moment(point.start)?,
        Fact::Time => Found::Nanos(point.time),
        Fact::Value if point.absent => return None,
        Fact::Value => Found::Measured(point.data),
        Fact::Attributes => Found::Map(point.attributes),
        _ => return None,
    })
}

fn text(text: &str) -> Option<Found<'_>> {
    (!text.is_empty()).then_some(Found::Text(text))
}

/// Zero is how OTLP says that a time is unknown, where it may be.
fn moment<'a>(nanos: u64) -> Option<Found<'a>> {
    (nanos > 0).then_some(Found::Nanos(nanos))
}

fn identifier(out: &mut String, id: &[u8]) {
    out.push('"');
    hex(out, id);
    out.push('"');
}
