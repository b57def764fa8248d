//! Templates: read in order, checked, and made ready for writing.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use spanlayer_otlp::{Signal, json::text::quoted};

use super::fact::{Fact, Of, Source};

/// A template as it was written, members in their order.
pub(super) enum Raw {
    /// Anything but text, as JSON.
    Literal(String),
    Text(String),
    List(Vec<Raw>),
    Object(Vec<(String, Raw)>),
}

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// JSON to copy.
    Literal(String),
    Fact(Source),
    List(Vec<Node>),
    Object(Vec<Member>),
    Each(List, Box<Node>),
}

/// A member of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    /// As JSON: quoted, with the colon.
    pub(super) name: String,
    /// Left out when there is nothing to say.
    pub(super) optional: bool,
    pub(super) value: Node,
}

/// Something of which there may be several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Scopes,
    Spans,
    Logs,
    Metrics,
    Events,
    Links,
    Points,
}

/// Checks a template for what is to be written.
pub(super) fn compile(raw: Raw, of: Of) -> Result<Node, String> {
    Ok(match raw {
        Raw::Literal(json) => Node::Literal(json),
        Raw::Text(text) => match text.strip_prefix('$') {
            None => Node::Literal(json_string(&text)),
            Some(rest) if rest.starts_with('$') => Node::Literal(json_string(rest)),
            Some(rest) => Node::Fact(Source::parse(rest, of)?),
        },
        Raw::List(parts) => {
            Node::List(parts.into_iter().map(|part| compile(part, of)).collect::<Result<_, _>>()?)
        }
        Raw::Object(members) if members.iter().any(|(name, _)| name == "$each") => each(members, of)?,
        Raw::Object(members) => Node::Object(
            members.into_iter().map(|(name, value)| member(&name, value, of)).collect::<Result<_, _>>()?,
        ),
    })
}

fn each(members: Vec<(String, Raw)>, of: Of) -> Result<Node, String> {
    let (mut name, mut template) = (None, None);
    for (member, value) in members {
        match (member.as_str(), value) {
            ("$each", Raw::Text(text)) => name = Some(text),
            ("as", value) => template = Some(value),
            _ => return Err("a list is an object of two members: \"$each\", a text, and \"as\"".to_owned()),
        }
    }
    let (Some(name), Some(template)) = (name, template) else {
        return Err("a list needs both \"$each\" and \"as\"".to_owned());
    };
    let known = LISTS.iter().find(|(known, _, whose, _)| *known == name && whose.contains(&of));
    let Some(&(_, list, _, within)) = known else {
        let lists: Vec<&str> =
            LISTS.iter().filter(|(_, _, whose, _)| whose.contains(&of)).map(|(name, ..)| *name).collect();
        let lists = if lists.is_empty() { "no list".to_owned() } else { lists.join(", ") };
        return Err(format!("`{name}` is no list that {} has; it has {lists}", of.name()));
    };
    Ok(Node::Each(list, Box::new(compile(template, within)?)))
}

fn member(name: &str, value: Raw, of: Of) -> Result<Member, String> {
    let (name, optional) = match name.strip_suffix('?') {
        Some(name) => (name, true),
        None => (name, false),
    };
    Ok(Member { name: json_string(name) + ":", optional, value: compile(value, of)? })
}

/// The one signal whose lists a body has.
pub(super) fn signal(body: &Node) -> Result<Signal, String> {
    let mut found: Vec<Signal> = Vec::new();
    visit(body, &mut |node| {
        let signal = match node {
            Node::Each(List::Spans, _) => Signal::Traces,
            Node::Each(List::Logs, _) => Signal::Logs,
            Node::Each(List::Metrics, _) => Signal::Metrics,
            _ => return,
        };
        if !found.contains(&signal) {
            found.push(signal);
        }
    });
    match found.as_slice() {
        [signal] => Ok(*signal),
        [] => Err("the body has no list of spans, logs or metrics".to_owned()),
        _ => Err("the body has lists of several signals; make a mapping for each".to_owned()),
    }
}

/// Whether the resource is named where there may be several.
pub(super) fn names_resource(body: &Node) -> bool {
    match body {
        Node::Literal(_) | Node::Each(..) => false,
        Node::Fact(source) => matches!(source.fact, Fact::Resource | Fact::Service),
        Node::List(parts) => parts.iter().any(names_resource),
        Node::Object(members) => members.iter().any(|member| names_resource(&member.value)),
    }
}

fn visit(node: &Node, look: &mut impl FnMut(&Node)) {
    look(node);
    match node {
        Node::Literal(_) | Node::Fact(_) => {}
        Node::List(parts) => parts.iter().for_each(|part| visit(part, look)),
        Node::Object(members) => members.iter().for_each(|member| visit(&member.value, look)),
        Node::Each(_, template) => visit(template, look),
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    quoted(&mut out, text);
    out
}

/// Name, list, who has it, and what its elements are.
const LISTS: &[(&str, List, &[Of], Of)] = &[
    ("scopes", List::Scopes, &[Of::Request], Of::Scope),
    ("spans", List::Spans, &[Of::Request, Of::Scope], Of::Span),
    ("logs", List::Logs, &[Of::Request, Of::Scope], Of::Log),
    ("metrics", List::Metrics, &[Of::Request, Of::Scope], Of::Metric),
    ("events", List::Events, &[Of::Span], Of::Event),
    ("links", List::Links, &[Of::Span], Of::Link),
    ("points", List::Points, &[Of::Metric], Of::Point),
];

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a template")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Literal("null".to_owned()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Literal(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Literal(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Literal(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        let mut json = String::new();
        spanlayer_otlp::json::text::double(&mut json, value);
        Ok(Raw::Literal(json))
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(part) = parts.next_element()? {
            list.push(part);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Raw, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Raw::Object(object))
    }
}
