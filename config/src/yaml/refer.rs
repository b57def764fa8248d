//! What is written once and used again: `&anchor`, `*alias`, `<<: *alias`; and the tags that say nothing new.

use super::{
    Key, Node, Scalar, Value,
    cursor::{Cursor, Read},
};
use crate::problem::{At, Problem};

/// What has a name, and how much it holds.
pub(super) type Anchors = Vec<(String, Node, usize)>;

/// What may stand before a value.
pub(super) struct Properties {
    anchor: Option<String>,
    tag: Option<(String, At)>,
}

impl Properties {
    pub(super) const fn any(&self) -> bool {
        self.anchor.is_some() || self.tag.is_some()
    }
}

impl Cursor<'_> {
    pub(super) fn properties(&mut self) -> Read<Properties> {
        let mut found = Properties { anchor: None, tag: None };
        loop {
            let at = self.here(1);
            match self.peek() {
                Some(b'&') => found.anchor = Some(self.name()?),
                Some(b'!') => found.tag = Some((self.name()?, at)),
                _ => return Ok(found),
            }
            self.blanks();
        }
    }

    /// Gives a value its name and its tag.
    pub(super) fn finish(&mut self, properties: Properties, mut node: Node) -> Read<Node> {
        if let Some((tag, at)) = properties.tag {
            match (tag.as_str(), &mut node.value) {
                ("!str" | "", Value::Scalar(scalar)) => scalar.plain = false,
                ("!str" | "", value @ Value::Null) => {
                    *value = Value::Scalar(Scalar::new(String::new(), false));
                }
                ("!int" | "!bool" | "!float" | "!null", Value::Scalar(_) | Value::Null)
                | ("!map", Value::Map(_))
                | ("!seq", Value::List(_)) => {}
                _ => {
                    let what = format!("the tag `!{tag}` is not read");
                    return Err(Problem::error(at, what, "leave it out: an option knows what it takes"));
                }
            }
        }
        if let Some(name) = properties.anchor {
            let size = size(&node);
            // Kept once more, as what is within it may be.
            self.count(size, node.at)?;
            self.anchors.push((name, node.clone(), size));
        }
        Ok(node)
    }

    /// What has a name already.
    pub(super) fn alias(&mut self) -> Read<Node> {
        let (start, at) = (self.pos, self.here(1));
        let name = self.name()?;
        let at = self.width(at, start);
        let Some((_, node, size)) = self.anchors.iter().rev().find(|(known, ..)| *known == name) else {
            let what = format!("`*{name}` stands for nothing");
            return Err(Problem::error(at, what, format!("put `&{name}` before a value further up")));
        };
        let (node, size) = (node.clone(), *size);
        self.count(size, at)?;
        Ok(node.moved(at))
    }

    /// The name behind a sign.
    fn name(&mut self) -> Read<String> {
        self.pos += 1;
        let ends = [' ', '\t', '\r', '\n', ',', '[', ']', '{', '}'];
        let end = self.rest().find(ends).unwrap_or(self.rest().len());
        let name = self.rest()[..end].to_owned();
        let is_tag = self.text.as_bytes()[self.pos - 1] == b'!';
        if name.is_empty() && !is_tag {
            return Err(
                self.fault("a name is missing behind `&` or `*`", "put a text that begins so in quotes")
            );
        }
        self.pos += end;
        Ok(name)
    }

    /// Members that `<<` adds, unless they are there.
    pub(super) fn merged(&mut self, mut entries: Vec<(Key, Node)>) -> Read<Vec<(Key, Node)>> {
        let Some(place) = entries.iter().position(|(key, _)| key.name == "<<") else { return Ok(entries) };
        let (key, node) = entries.remove(place);
        let sources = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        for source in sources {
            let Value::Map(more) = source.value else {
                return Err(Problem::error(key.at, "`<<` takes members of a map", "write `<<: *name`"));
            };
            for (key, node) in more {
                if !entries.iter().any(|(known, _)| known.name == key.name) {
                    entries.push((key, node));
                }
            }
        }
        Ok(entries)
    }
}

/// How much it takes to have it again: values, and long texts as so many more.
fn size(node: &Node) -> usize {
    let text = node.text().map_or(0, |text| text.len() / TEXT);
    let items: usize = node.items().iter().map(size).sum();
    let entries: usize = node.entries().iter().map(|(key, node)| key.name.len() / TEXT + size(node)).sum();
    1 + text + items + entries
}

/// The bytes of a text that weigh as much as a value.
const TEXT: usize = 64;
