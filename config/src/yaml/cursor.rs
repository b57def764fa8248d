//! Where the reader is, and what comes next.

use super::{Node, Value, refer::Anchors};
use crate::problem::{At, Problem};

/// A result, or what is wrong with the text.
pub(super) type Read<T> = Result<T, Problem>;

/// The reader's place in a text.
pub(super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(super) pos: usize,
    pub(super) line: u32,
    /// Where the current line begins.
    pub(super) line_start: usize,
    pub(super) depth: usize,
    /// Nodes made, so that aliases cannot blow a small file up.
    pub(super) made: usize,
    pub(super) anchors: Anchors,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self { text, pos: 0, line: 1, line_start: 0, depth: 0, made: 0, anchors: Anchors::default() }
    }

    /// The whole text as one document.
    pub(super) fn document(mut self) -> Read<Node> {
        self.no_tab()?;
        self.seek_content()?;
        if self.peek() == Some(b'%') {
            return Err(self.fault("a directive", "leave the line out: files are YAML 1.2"));
        }
        if self.at_marker("---") {
            self.pos += 3;
            self.blanks();
        }
        let start = self.here(1);
        // Something on the marker's own line is a document too.
        self.seek_content()?;
        let root = if self.at_end() { Node { value: Value::Null, at: start } } else { self.block(-1)? };
        self.seek_content()?;
        if self.at_marker("...") {
            self.pos += 3;
            self.seek_content()?;
        }
        if self.pos == self.text.len() {
            return Ok(root);
        }
        if self.at_marker("---") {
            return Err(self.fault("a second document begins here", "keep one document in the file"));
        }
        Err(self.fault("nothing can follow here", "check the indentation of this line and of those above"))
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.pos..]
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.pos).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.pos + ahead).copied()
    }

    /// How far the next character is from its line's beginning.
    pub(super) fn indent(&self) -> isize {
        (self.pos - self.line_start).cast_signed()
    }

    /// The next characters' place.
    pub(super) fn here(&self, width: usize) -> At {
        self.place(self.pos, width)
    }

    /// A place on the current line.
    pub(super) fn place(&self, pos: usize, width: usize) -> At {
        let before = self.text[self.line_start..pos].chars().count();
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        At { line: self.line, column: count(before + 1), width: count(width.max(1)) }
    }

    pub(super) fn fault(&self, what: &str, remedy: &str) -> Problem {
        Problem::error(self.here(1), what, remedy)
    }

    /// Whether the document, or the text, ends here.
    pub(super) fn at_end(&self) -> bool {
        self.pos == self.text.len() || self.at_marker("---") || self.at_marker("...")
    }

    fn at_marker(&self, marker: &str) -> bool {
        self.indent() == 0
            && self
                .rest()
                .strip_prefix(marker)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '\r']))
    }

    /// Skips blanks on this line.
    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.pos += 1;
        }
    }

    pub(super) fn newline(&mut self) {
        self.pos += 1;
        self.line += 1;
        self.line_start = self.pos;
    }

    /// Skips blanks and a comment up to the line's end; whether that is all there is on it.
    pub(super) fn line_is_over(&mut self) -> bool {
        let before = self.pos;
        self.blanks();
        match self.peek() {
            Some(b'#') if self.pos > before || self.pos == self.line_start || self.before_is_blank() => {
                self.pos += self.rest().find('\n').unwrap_or(self.rest().len());
                true
            }
            None | Some(b'\n') => true,
            _ => false,
        }
    }

    fn before_is_blank(&self) -> bool {
        matches!(self.text.as_bytes()[self.pos - 1], b' ' | b'\t')
    }

    /// Goes to the next thing that is neither blank nor comment, on this line or a later one.
    pub(super) fn seek_content(&mut self) -> Read<()> {
        while self.line_is_over() {
            if self.peek().is_none() {
                return Ok(());
            }
            self.newline();
            self.no_tab()?;
        }
        Ok(())
    }

    /// A tab among the blanks that a line begins with has no width that all agree on.
    fn no_tab(&mut self) -> Read<()> {
        let blanks = self.rest().trim_start_matches(' ');
        let line = blanks.lines().next().unwrap_or_default();
        let content = line.trim_start();
        if !line.starts_with('\t') || content.is_empty() || content.starts_with('#') {
            return Ok(());
        }
        self.pos += self.rest().len() - blanks.len();
        Err(self.fault("a tab indents this line", "indent with spaces"))
    }

    /// Counts a node, and refuses what is too much.
    pub(super) fn node(&mut self, value: Value, at: At) -> Read<Node> {
        self.count(1, at)?;
        Ok(Node { value, at })
    }

    pub(super) fn count(&mut self, nodes: usize, at: At) -> Read<()> {
        self.made += nodes;
        if self.made > MOST_NODES {
            return Err(Problem::error(at, "the file holds too much", "keep it below 20000 values"));
        }
        Ok(())
    }

    /// Does something one level further in.
    pub(super) fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == DEEPEST {
            return Err(self.fault("this is nested too deeply", "keep it within 64 levels"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}

/// Far more than any configuration has.
const MOST_NODES: usize = 20_000;

const DEEPEST: usize = 64;
