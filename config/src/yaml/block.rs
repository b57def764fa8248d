//! What indentation holds together: `key: value` and `- element`.

use super::{
    Key, Node, Scalar, Value,
    cursor::{Cursor, Read},
};
use crate::problem::Problem;

impl Cursor<'_> {
    /// What begins here, in a collection that is indented by `parent`. Block collections may begin here.
    pub(super) fn block(&mut self, parent: isize) -> Read<Node> {
        self.deeper(|this| {
            let properties = this.properties()?;
            if properties.any() && this.line_is_over() {
                let node = this.below(parent, false)?;
                return this.finish(properties, node);
            }
            let indent = this.indent();
            if this.at_dash() {
                let node = this.list(indent)?;
                return this.finish(properties, node);
            }
            if this.at_key()? {
                if properties.any() {
                    return Err(this.fault("a key has an anchor or a tag", "put it behind the colon"));
                }
                return this.map(indent);
            }
            let node = this.inline(parent)?;
            this.finish(properties, node)
        })
    }

    /// What is indented below the line that just ended; nothing if nothing is. The elements of a member may begin
    /// where its name does.
    fn below(&mut self, parent: isize, is_member: bool) -> Read<Node> {
        let nothing = self.here(1);
        self.seek_content()?;
        let indent = self.indent();
        if !self.at_end() && (indent > parent || is_member && indent == parent && self.at_dash()) {
            return self.block(parent);
        }
        self.node(Value::Null, nothing)
    }

    fn map(&mut self, indent: isize) -> Read<Node> {
        let at = self.here(1);
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let key = self.key(&entries)?;
            let node = self.deeper(|this| this.member(indent))?;
            entries.push((key, node));
            if self.another(indent)? {
                if self.at_dash() || !self.at_key()? {
                    let width = self.rest().lines().next().unwrap_or_default().trim_end().chars().count();
                    return Err(Problem::error(
                        self.here(width),
                        "expected `key: value`",
                        "put a colon and a space behind the key, or indent the line as part of what is above",
                    ));
                }
                continue;
            }
            let entries = self.merged(entries)?;
            return self.node(Value::Map(entries), at);
        }
    }

    /// What is behind a colon.
    fn member(&mut self, indent: isize) -> Read<Node> {
        self.blanks_checked()?;
        let properties = self.properties()?;
        let node = if self.line_is_over() { self.below(indent, true)? } else { self.inline(indent)? };
        self.finish(properties, node)
    }

    fn list(&mut self, indent: isize) -> Read<Node> {
        let at = self.here(1);
        let mut items = Vec::new();
        loop {
            self.pos += 1; // the dash
            let over = self.line_is_over();
            let item = if over { self.below(indent, false)? } else { self.block(indent)? };
            items.push(item);
            if self.another(indent)? && self.at_dash() {
                continue;
            }
            // A key beside the dashes belongs to the map that the list is a member of.
            return self.node(Value::List(items), at);
        }
    }

    /// Whether the collection goes on at this indentation.
    fn another(&mut self, indent: isize) -> Read<bool> {
        self.seek_content()?;
        if self.at_end() || self.indent() < indent {
            return Ok(false);
        }
        if self.indent() > indent {
            return Err(self.fault(
                "this line is indented further than what it could belong to",
                "indent it as the lines beside it",
            ));
        }
        Ok(true)
    }

    /// The key that begins here, with its colon.
    fn key(&mut self, known: &[(Key, Node)]) -> Read<Key> {
        let start = self.pos;
        let scalar = self.key_text()?;
        let at = self.place(start, self.text[start..self.pos].trim_end().chars().count());
        let key = Key { name: scalar.text, at };
        self.blanks();
        self.pos += 1; // the colon
        once(known, &key)?;
        Ok(key)
    }

    fn key_text(&mut self) -> Read<Scalar> {
        match self.peek() {
            Some(b'"' | b'\'') => self.quoted(),
            _ => {
                let end = self.plain_end(false);
                let text = self.rest()[..end].trim_end().to_owned();
                self.pos += end;
                Ok(Scalar::new(text, true))
            }
        }
    }

    /// Whether `key:` begins here.
    pub(super) fn at_key(&mut self) -> Read<bool> {
        match self.peek() {
            Some(b'?') if self.blank_at(1) => {
                Err(self.fault("a key of several parts", "write the key as a text: `key: value`"))
            }
            Some(b'"' | b'\'') => {
                let (pos, line, line_start) = (self.pos, self.line, self.line_start);
                let scalar = self.quoted();
                self.blanks();
                let found = scalar.is_ok() && self.line == line && self.at_colon();
                (self.pos, self.line, self.line_start) = (pos, line, line_start);
                Ok(found)
            }
            Some(b'[' | b'{' | b'|' | b'>' | b'#' | b'&' | b'!') | None => Ok(false),
            _ => {
                let pos = self.pos;
                self.pos += self.plain_end(false);
                let found = self.at_colon();
                self.pos = pos;
                Ok(found)
            }
        }
    }

    fn at_colon(&self) -> bool {
        self.peek() == Some(b':') && self.blank_at(1)
    }

    pub(super) fn at_dash(&self) -> bool {
        self.peek() == Some(b'-') && self.blank_at(1)
    }

    pub(super) fn blank_at(&self, ahead: usize) -> bool {
        matches!(self.peek_at(ahead), None | Some(b' ' | b'\t' | b'\r' | b'\n'))
    }

    /// Skips blanks, where a list must not begin.
    fn blanks_checked(&mut self) -> Read<()> {
        self.blanks();
        if self.at_dash() {
            return Err(self.fault("a list begins behind a key", "begin it on the next line, or write `[…]`"));
        }
        Ok(())
    }
}

/// Refuses a key that is there already.
pub(super) fn once(known: &[(Key, Node)], key: &Key) -> Read<()> {
    let Some((first, _)) = known.iter().find(|(other, _)| other.name == key.name) else { return Ok(()) };
    let what = format!("`{}` is set twice: first in line {}", key.name, first.at.line);
    Err(Problem::error(key.at, what, "keep one of them"))
}
