//! `span`: names from attributes, and attributes from names.

use super::select::Select;
use crate::{
    fields::{
        span::{ATTRIBUTES, NAME, STATUS},
        status,
    },
    record::{Held, Record, Value},
    scene::{Level, walk},
};
use regex_lite::Regex;
use spanlayer_otlp::Signal;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Naming {
    /// Which spans.
    pub select: Select,
    /// The attributes that make up the name. One that lacks leaves the name as it is.
    pub from: Vec<String>,
    /// What stands between them.
    pub separator: String,
    /// What is taken from the name: a span attribute for each named group.
    pub rules: Vec<Regex>,
    /// Whether the first rule that matches is the last.
    pub once: bool,
    /// Whether the name stays as it is when attributes are taken from it.
    pub keep: bool,
    /// A status: its code, and a description.
    pub status: Option<(u64, String)>,
}

impl Naming {
    pub(super) fn run(&self, root: &mut Record) -> bool {
        walk(Signal::Traces, root, Level::Item, &mut |scene| {
            if self.select.takes(Signal::Traces, scene)
                && let Some(span) = scene.item.as_deref_mut()
            {
                scene.changed |= self.name(span) | self.extract(span) | self.mark(span);
            }
            true
        })
    }

    fn name(&self, span: &mut Record) -> bool {
        let mut parts = Vec::new();
        for key in &self.from {
            match span.attribute(ATTRIBUTES, key) {
                Value::Nil => return false,
                value => parts.push(value.to_text()),
            }
        }
        if parts.is_empty() {
            return false;
        }
        span.set_bytes(NAME, parts.join(&self.separator));
        true
    }

    fn extract(&self, span: &mut Record) -> bool {
        let mut changed = false;
        for rule in &self.rules {
            let name = span.text(NAME).to_owned();
            let Some(found) = rule.captures(&name) else { continue };
            let (mut renamed, mut copied) = (String::new(), 0);
            for (group, part) in rule.capture_names().zip(found.iter()) {
                let (Some(group), Some(part)) = (group, part) else { continue };
                span.attributes(ATTRIBUTES).set(group, &Value::Text(part.as_str().to_owned()));
                // Groups within groups stay part of the outer one.
                if part.start() >= copied {
                    renamed.push_str(&name[copied..part.start()]);
                    renamed.push_str(&format!("{{{group}}}"));
                    copied = part.end();
                }
            }
            changed = true;
            if !self.keep {
                renamed.push_str(&name[copied..]);
                span.set_bytes(NAME, renamed);
            }
            if self.once {
                break;
            }
        }
        changed
    }

    fn mark(&self, span: &mut Record) -> bool {
        let Some((code, description)) = &self.status else { return false };
        let mut body = Record::default();
        body.set_bytes(status::MESSAGE, description.clone());
        body.set(status::CODE, Held::Varint(*code));
        span.set(STATUS, Held::Bytes(body.encode().into()));
        true
    }
}
