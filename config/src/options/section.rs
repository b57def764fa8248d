//! Options read: what is written, or the default.

use std::time::Duration;

use super::{Kind, Opt, value};
use crate::{
    expand::doubled,
    problem::At,
    yaml::{Node, Value},
};

/// A component's options.
#[derive(Clone, Copy)]
pub(crate) struct Section<'n> {
    pub(crate) options: &'static [Opt],
    pub(crate) node: Option<&'n Node>,
}

impl<'n> Section<'n> {
    pub(crate) const fn new(options: &'static [Opt], node: Option<&'n Node>) -> Self {
        Self { options, node }
    }

    /// Whether there is such an option: some components have it, and some do not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|opt| opt.name == name)
    }

    /// What is written.
    pub(crate) fn node(&self, name: &str) -> Option<&'n Node> {
        self.node?.get(name).filter(|node| !node.is_null())
    }

    /// Where it is written; where the section is, if it is not.
    pub(crate) fn at(&self, name: &str) -> At {
        self.node(name).or(self.node).map(|node| node.at).unwrap_or_default()
    }

    /// The options of its own that an option has.
    pub(crate) fn section(&self, name: &str) -> Section<'n> {
        let options = self.opt(name).map_or(&[][..], |opt| opt.kind.within());
        Section { options, node: self.node(name) }
    }

    /// Each of a list of such.
    pub(crate) fn sections(&self, name: &str) -> impl Iterator<Item = Section<'n>> {
        let options = self.opt(name).map_or(&[][..], |opt| opt.kind.within());
        let items = self.node(name).map(Node::items).unwrap_or_default();
        items.iter().map(move |item| Section { options, node: Some(item) })
    }

    /// The text that is written and right, or the default; nothing if there is neither.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let opt = self.opt(name)?;
        let written = match self.node(name).map(|node| &node.value) {
            Some(Value::Scalar(scalar)) if value::fault(&opt.kind, scalar).is_none() => {
                Some(scalar.text.clone())
            }
            // Something to go on with, where a file is only checked.
            Some(Value::Later(_)) => match opt.kind {
                Kind::Address | Kind::Target => Some("https://later.invalid".to_owned()),
                Kind::Text | Kind::Name | Kind::Secret => Some("later".to_owned()),
                _ => None,
            },
            _ => None,
        };
        written.or_else(|| Some(opt.default.to_owned()).filter(|text| !text.is_empty()))
    }

    /// A secret in the syntax of the pipeline's values: parts of it may lie elsewhere.
    pub(crate) fn value(&self, name: &str) -> Option<String> {
        match self.node(name).map(|node| &node.value) {
            Some(Value::Elsewhere(text)) => Some(text.clone()),
            _ => self.text(name).map(|text| doubled(&text)),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name).and_then(|text| value::boolean(&text)).unwrap_or_default()
    }

    pub(crate) fn whole(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    pub(crate) fn duration(&self, name: &str) -> Option<Duration> {
        value::duration(&self.text(name)?).ok()
    }

    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let items = self.node(name).map(Node::items).unwrap_or_default();
        items.iter().filter_map(Node::text).map(str::to_owned).collect()
    }

    /// Whether it is not known before it is used.
    pub(crate) fn is_later(&self, name: &str) -> bool {
        self.node(name).is_some_and(|node| matches!(node.value, Value::Later(_)))
    }

    /// Everything that holds, as `name` and value; secrets are not shown.
    pub(crate) fn effective(&self, prefix: &str, out: &mut Vec<(String, String)>) {
        for opt in self.options {
            if !matches!(opt.fate, super::Fate::Used | super::Fate::Needed) {
                continue;
            }
            let path = format!("{prefix}::{}", opt.name);
            match opt.kind {
                // Some are off unless they are named, if only with nothing behind it.
                Kind::Section(_)
                    if !opt.default.is_empty()
                        && self.node.is_none_or(|node| node.get(opt.name).is_none()) =>
                {
                    out.push((path, opt.default.to_owned()));
                }
                Kind::Section(_) => self.section(opt.name).effective(&path, out),
                Kind::Sections(_) => {
                    for (n, section) in self.sections(opt.name).enumerate() {
                        section.effective(&format!("{path}::{n}"), out);
                    }
                }
                _ => {
                    let value = match self.node(opt.name) {
                        Some(node) => shown(node, &opt.kind),
                        None if opt.default.is_empty() => continue,
                        None => opt.default.to_owned(),
                    };
                    out.push((path, value));
                }
            }
        }
    }

    fn opt(&self, name: &str) -> Option<&'static Opt> {
        debug_assert!(self.options.is_empty() || self.has(name), "{name}");
        self.options.iter().find(|opt| opt.name == name)
    }
}

/// What stands for a secret in what is shown.
pub const MASKED: &str = "•••";

/// A value in one line.
fn shown(node: &Node, kind: &Kind) -> String {
    let secret = matches!(kind, Kind::Secret | Kind::Headers);
    match &node.value {
        Value::Null => "null".to_owned(),
        // Also what it refers to: the same file has the same fingerprint where variables are set and where they are not.
        Value::Scalar(_) | Value::Later(_) | Value::Elsewhere(_) if secret => MASKED.to_owned(),
        Value::Later(text) | Value::Elsewhere(text) => text.clone(),
        // Patterns and statements may look like addresses, and count to the last character.
        Value::Scalar(scalar) if matches!(kind, Kind::Address | Kind::Target) => {
            without_userinfo(&scalar.text)
        }
        Value::Scalar(scalar) => scalar.text.clone(),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item, kind)).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Map(entries) => {
            let entry =
                |(key, node): &(crate::yaml::Key, Node)| format!("{}: {}", key.name, shown(node, kind));
            format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
        }
    }
}

/// An address without what may be a password or a key.
fn without_userinfo(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}
