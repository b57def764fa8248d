//! What stands on a line: quoted and plain texts, `[…]` and `{…}`.

use super::{
    Key, Node, Scalar, Value,
    block::once,
    cursor::{Cursor, Read},
};
use crate::problem::{At, Problem};

impl Cursor<'_> {
    /// What begins here and is no block collection.
    pub(super) fn inline(&mut self, parent: isize) -> Read<Node> {
        let at = self.here(1);
        let node = match self.peek() {
            Some(b'[' | b'{') => self.flow(),
            Some(b'"' | b'\'') => {
                let start = self.pos;
                let scalar = self.quoted()?;
                let at = self.width(at, start);
                self.node(Value::Scalar(scalar), at)
            }
            Some(b'|' | b'>') => {
                let text = self.literal(parent)?;
                return self.node(Value::Scalar(Scalar::new(text, false)), at);
            }
            Some(b'*') => self.alias(),
            _ => return self.plain(parent),
        }?;
        let line = self.line;
        if !self.line_is_over() {
            let colon = self.peek() == Some(b':');
            return Err(self.fault(
                if colon { "a key cannot begin here" } else { "the value is over, and more follows" },
                if colon {
                    "put the key on a line of its own"
                } else {
                    "put all of it in one pair of quotes"
                },
            ));
        }
        debug_assert_eq!(line, self.line);
        Ok(node)
    }

    /// `[…]` or `{…}`, over as many lines as it takes.
    fn flow(&mut self) -> Read<Node> {
        self.deeper(|this| {
            let (at, is_list) = (this.here(1), this.peek() == Some(b'['));
            let close = if is_list { b']' } else { b'}' };
            this.pos += 1;
            let (mut items, mut entries) = (Vec::new(), Vec::new());
            loop {
                this.seek_in_flow(at, close)?;
                if this.peek() == Some(close) {
                    this.pos += 1;
                    break;
                }
                if is_list {
                    items.push(this.element()?);
                } else {
                    let entry = this.pair(at, close)?;
                    once(&entries, &entry.0)?;
                    entries.push(entry);
                }
                this.seek_in_flow(at, close)?;
                match this.peek() {
                    Some(b',') => this.pos += 1,
                    Some(byte) if byte == close => {}
                    // On a later line, it is rather the bracket that was forgotten.
                    _ if this.line > at.line => {
                        let what = format!("`{}` is missing", char::from(close));
                        return Err(Problem::error(at, what, "close the bracket that opens here"));
                    }
                    _ => {
                        let what = format!("expected `,` or `{}`", char::from(close));
                        return Err(this.fault(&what, "separate elements with commas"));
                    }
                }
            }
            let value = if is_list { Value::List(items) } else { Value::Map(this.merged(entries)?) };
            this.node(value, at)
        })
    }

    /// An element of `[…]`; `key: value` is one with a single member.
    fn element(&mut self) -> Read<Node> {
        let node = self.flow_node()?;
        self.blanks();
        let Value::Scalar(Scalar { text, .. }) = &node.value else { return Ok(node) };
        if self.peek() != Some(b':') {
            return Ok(node);
        }
        let key = Key { name: text.clone(), at: node.at };
        self.pos += 1;
        self.seek_content()?;
        let value = self.flow_value(node.at)?;
        self.node(Value::Map(vec![(key, value)]), node.at)
    }

    /// A member of `{…}`.
    fn pair(&mut self, open: At, close: u8) -> Read<(Key, Node)> {
        let node = self.flow_node()?;
        let Value::Scalar(Scalar { text, .. }) = node.value else {
            return Err(Problem::error(node.at, "a key must be a text", "write `{key: value}`"));
        };
        let key = Key { name: text, at: node.at };
        self.seek_in_flow(open, close)?;
        if self.peek() != Some(b':') {
            let value = self.node(Value::Null, key.at)?;
            return Ok((key, value));
        }
        self.pos += 1;
        self.seek_in_flow(open, close)?;
        let value = self.flow_value(key.at)?;
        Ok((key, value))
    }

    /// A value, or nothing before `,` and the like.
    fn flow_value(&mut self, at: At) -> Read<Node> {
        match self.peek() {
            Some(b',' | b']' | b'}') => self.node(Value::Null, at),
            _ => self.flow_node(),
        }
    }

    fn flow_node(&mut self) -> Read<Node> {
        let properties = self.properties()?;
        let at = self.here(1);
        let start = self.pos;
        let node = match self.peek() {
            Some(b'[' | b'{') => self.flow()?,
            Some(b'"' | b'\'') => {
                let scalar = self.quoted()?;
                let at = self.width(at, start);
                self.node(Value::Scalar(scalar), at)?
            }
            Some(b'*') => self.alias()?,
            _ => self.plain_flow()?,
        };
        self.finish(properties, node)
    }

    /// Goes to the next thing inside brackets, which must be closed somewhere.
    fn seek_in_flow(&mut self, open: At, close: u8) -> Read<()> {
        self.seek_content()?;
        if self.at_end() {
            let what = format!("`{}` is missing", char::from(close));
            return Err(Problem::error(open, what, "close the bracket that opens here"));
        }
        Ok(())
    }

    /// The place of what began at `start` and has just ended.
    pub(super) fn width(&self, at: At, start: usize) -> At {
        let first = self.text[start..self.pos].lines().next().unwrap_or_default();
        At { width: u32::try_from(first.chars().count().max(1)).unwrap_or(u32::MAX), ..at }
    }
}
