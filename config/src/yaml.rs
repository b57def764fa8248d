//! YAML with positions: the part of YAML 1.2 that configuration is written in.
//!
//! Block and flow collections, all five kinds of scalars, comments, anchors, aliases and merge keys are read. What is
//! not (several documents, tags of one's own, keys that are not plain text) is refused by name. Texts are kept as they
//! are written, since what a text means depends on the option that it is given to.
//!
//! An own reader because a general one is larger than the rest of this crate; tests hold it to one.

mod block;
mod cursor;
mod flow;
mod literal;
mod refer;
mod scalar;

use crate::{
    expand::doubled,
    problem::{At, Problem},
};

/// A value and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Where it begins.
    pub at: At,
}

/// What can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// Text, numbers, truth values: what they are is up to the reader.
    Scalar(Scalar),
    /// `- …` or `[…]`.
    List(Vec<Node>),
    /// `key: …` or `{…}`, in the order written, each key once.
    Map(Vec<(Key, Node)>),
    /// A text with references that are not followed now (`expand`), as it is written.
    Later(String),
    /// A text of which a part lies with AWS, and is fetched by the first request that needs it, in the syntax of the
    /// pipeline's values: everything else is filled in, and dollar signs are doubled.
    Elsewhere(String),
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar {
    /// With escapes undone and lines folded.
    pub text: String,
    /// Whether it stands without quotes, so that it may also be a number or a truth value.
    pub plain: bool,
    /// Whether it stands in the file itself, and not in what the file refers to.
    pub literal: bool,
}

impl Node {
    /// A text in the syntax of the pipeline's values; empty for what is none.
    pub(crate) fn value_text(&self) -> String {
        match &self.value {
            Value::Scalar(scalar) => doubled(&scalar.text),
            Value::Elsewhere(text) => text.clone(),
            _ => String::new(),
        }
    }
}

impl Scalar {
    const fn new(text: String, plain: bool) -> Self {
        Self { text, plain, literal: true }
    }
}

/// The name of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name.
    pub name: String,
    /// Where it is written.
    pub at: At,
}

impl Node {
    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<&Self> {
        self.entries().iter().find(|(key, _)| key.name == name).map(|(_, node)| node)
    }

    /// The members; none if it is not a map.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Whether anything in it is only known where the file is used.
    pub(crate) fn is_open(&self) -> bool {
        match &self.value {
            Value::Later(_) => true,
            Value::List(items) => items.iter().any(Self::is_open),
            Value::Map(entries) => entries.iter().any(|(_, node)| node.is_open()),
            Value::Null | Value::Scalar(_) | Value::Elsewhere(_) => false,
        }
    }

    /// Whether a text that is known stands at this place.
    pub(crate) fn is_known_at(&self, at: At) -> bool {
        match &self.value {
            Value::Scalar(_) => {
                let columns = self.at.column..self.at.column + self.at.width.max(1);
                self.at.line == at.line && columns.contains(&at.column)
            }
            Value::List(items) => items.iter().any(|item| item.is_known_at(at)),
            Value::Map(entries) => entries.iter().any(|(_, node)| node.is_known_at(at)),
            Value::Null | Value::Later(_) | Value::Elsewhere(_) => false,
        }
    }

    /// The elements; none if it is not a list.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Whether there is nothing.
    pub fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Puts it and everything in it at one place: what an alias or a variable stands for is where that is written.
    pub(crate) fn moved(mut self, at: At) -> Self {
        self.at = at;
        match &mut self.value {
            Value::List(items) => {
                for item in items {
                    *item = std::mem::replace(item, NOWHERE).moved(at);
                }
            }
            Value::Map(entries) => {
                for (key, node) in entries {
                    key.at = at;
                    *node = std::mem::replace(node, NOWHERE).moved(at);
                }
            }
            Value::Null | Value::Scalar(_) | Value::Later(_) | Value::Elsewhere(_) => {}
        }
        self
    }
}

const NOWHERE: Node = Node { value: Value::Null, at: At { line: 0, column: 0, width: 0 } };

/// Reads a document.
///
/// # Errors
///
/// The first thing that is not YAML, or not read here.
pub fn parse(text: &str) -> Result<Node, Problem> {
    cursor::Cursor::new(text).document()
}

#[cfg(test)]
mod tests;
