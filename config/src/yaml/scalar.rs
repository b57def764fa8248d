//! Texts: plain, in single and in double quotes, folded over lines.

use super::{
    Node, Scalar, Value,
    cursor::{Cursor, Read},
};
use crate::problem::Problem;

impl Cursor<'_> {
    /// How many bytes of this line belong to a plain text that begins here; in brackets, it ends at their signs.
    pub(super) fn plain_end(&self, in_flow: bool) -> usize {
        let bytes = self.rest().as_bytes();
        let ends = |next: Option<&u8>| match next {
            None | Some(b' ' | b'\t' | b'\r' | b'\n') => true,
            Some(b',' | b'[' | b']' | b'{' | b'}') => in_flow,
            Some(_) => false,
        };
        let (mut n, mut references) = (0, 0_usize);
        while let Some(&byte) = bytes.get(n) {
            match byte {
                b'\n' => break,
                // `${env:X}` is one text, though braces are signs of YAML's own; defaults may hold references.
                b'{' if n > 0 && bytes[n - 1] == b'$' => references += 1,
                b'}' if references > 0 => references -= 1,
                b',' | b'[' | b']' | b'{' | b'}' if in_flow && references == 0 => break,
                b':' if ends(bytes.get(n + 1)) && references == 0 => break,
                b'#' if n > 0 && matches!(bytes[n - 1], b' ' | b'\t') => break,
                _ => {}
            }
            n += 1;
        }
        n
    }

    /// A plain text in a block, over as many lines as are indented further than its parent.
    pub(super) fn plain(&mut self, parent: isize) -> Read<Node> {
        let (start, at) = (self.pos, self.plain_start()?);
        let end = self.plain_end(false);
        let mut text = self.rest()[..end].trim_end().to_owned();
        self.pos += end;
        let at = self.width(at, start);
        self.no_key_within()?;
        while !self.comment_is_next() {
            let (pos, line, line_start) = (self.pos, self.line, self.line_start);
            let mut breaks = 0;
            while self.peek() == Some(b'\n') {
                self.newline();
                breaks += 1;
                self.blanks();
            }
            if breaks == 0 || self.at_end() || self.indent() <= parent || self.peek() == Some(b'#') {
                (self.pos, self.line, self.line_start) = (pos, line, line_start);
                break;
            }
            fold(&mut text, breaks);
            let end = self.plain_end(false);
            text.push_str(self.rest()[..end].trim_end());
            self.pos += end;
            self.no_key_within()?;
        }
        self.node(meaning(text), at)
    }

    /// A plain text in brackets.
    pub(super) fn plain_flow(&mut self) -> Read<Node> {
        let (start, at) = (self.pos, self.plain_start()?);
        let mut text = String::new();
        let mut breaks = 0;
        loop {
            let end = self.plain_end(true);
            fold(&mut text, breaks);
            text.push_str(self.rest()[..end].trim_end());
            self.pos += end;
            if text.is_empty() {
                return Err(self.fault("a value is missing", "write one, or take the comma away"));
            }
            let before = self.line;
            self.seek_content()?;
            breaks = self.line - before;
            if breaks == 0
                || self.at_end()
                || matches!(self.peek(), Some(b',' | b'[' | b']' | b'{' | b'}' | b':'))
            {
                break;
            }
        }
        let width = text.chars().count();
        let at = crate::problem::At { width: u32::try_from(width).unwrap_or(1), ..at };
        debug_assert!(start <= self.pos);
        self.node(meaning(text), at)
    }

    /// The place where a plain text begins; refuses what none can begin with.
    fn plain_start(&self) -> Read<crate::problem::At> {
        let at = self.here(1);
        match self.peek() {
            Some(byte @ (b'@' | b'`' | b'%')) => {
                let what = format!("a value cannot begin with `{}`", char::from(byte));
                Err(Problem::error(at, what, "put it in quotes"))
            }
            Some(byte @ (b',' | b']' | b'}')) => {
                let what = format!("`{}` without anything that it ends", char::from(byte));
                Err(Problem::error(at, what, "put the value in quotes, or take it away"))
            }
            _ => Ok(at),
        }
    }

    fn comment_is_next(&self) -> bool {
        self.rest().trim_start_matches([' ', '\t']).starts_with('#')
    }

    fn no_key_within(&self) -> Read<()> {
        if self.peek() != Some(b':') {
            return Ok(());
        }
        Err(self.fault(
            "a key cannot stand inside a value",
            "indent it as its siblings, or put a value that holds `: ` in quotes",
        ))
    }

    /// A text in quotes.
    pub(super) fn quoted(&mut self) -> Read<Scalar> {
        let (open, quote) = (self.here(1), self.peek().unwrap_or(b'"'));
        self.pos += 1;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let Some(plain) = rest.find([char::from(quote), '\\', '\n']) else {
                let what = "the text that begins here does not end".to_owned();
                return Err(Problem::error(open, what, format!("close it with {}", char::from(quote))));
            };
            text.push_str(&rest[..plain]);
            self.pos += plain;
            match (self.peek(), self.peek_at(1)) {
                (Some(b'\n'), _) => {
                    text.truncate(text.trim_end_matches([' ', '\t', '\r']).len());
                    let breaks = self.breaks();
                    fold(&mut text, breaks);
                }
                (Some(b'\\'), _) if quote == b'\'' => {
                    text.push('\\');
                    self.pos += 1;
                }
                (Some(b'\\'), _) => self.escape(&mut text)?,
                (_, Some(b'\'')) if quote == b'\'' => {
                    text.push('\'');
                    self.pos += 2;
                }
                _ => {
                    self.pos += 1;
                    return Ok(Scalar::new(text, false));
                }
            }
        }
    }

    /// Goes over line ends and the blanks that the next line begins with; how many there were.
    fn breaks(&mut self) -> u32 {
        let mut breaks = 0;
        while self.peek() == Some(b'\n') {
            self.newline();
            breaks += 1;
            self.blanks();
        }
        breaks
    }

    fn escape(&mut self, text: &mut String) -> Read<()> {
        let at = self.here(2);
        let sign = self.peek_at(1);
        self.pos += 1;
        if self.rest().starts_with(['\n', '\r']) {
            // The line end itself is not part of the text.
            self.blanks();
            self.breaks();
            return Ok(());
        }
        self.pos += usize::from(sign.is_some_and(|byte| byte.is_ascii()));
        let digits = match sign {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let found = match sign {
            _ if digits > 0 => {
                let hex = self.rest().get(..digits).unwrap_or_default();
                self.pos += hex.len();
                u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)
            }
            Some(b'n') => Some('\n'),
            Some(b't' | b'\t') => Some('\t'),
            Some(b'r') => Some('\r'),
            Some(b'0') => Some('\0'),
            Some(b'a') => Some('\x07'),
            Some(b'b') => Some('\x08'),
            Some(b'e') => Some('\x1b'),
            Some(b'f') => Some('\x0c'),
            Some(b'v') => Some('\x0b'),
            Some(b'_') => Some('\u{a0}'),
            Some(b'N') => Some('\u{85}'),
            Some(b'L') => Some('\u{2028}'),
            Some(b'P') => Some('\u{2029}'),
            Some(byte @ (b'"' | b'/' | b'\\' | b' ')) => Some(char::from(byte)),
            _ => None,
        };
        let Some(found) = found else {
            let remedy = "write a backslash twice, or use single quotes, which have no escapes";
            return Err(Problem::error(at, "an escape that YAML does not have", remedy));
        };
        text.push(found);
        Ok(())
    }
}

/// One line end is a blank, more are one less.
fn fold(text: &mut String, breaks: u32) {
    match breaks {
        0 => {}
        1 => text.push(' '),
        _ => text.extend((1..breaks).map(|_| '\n')),
    }
}

/// A plain text, or nothing.
fn meaning(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        _ => Value::Scalar(Scalar::new(text, true)),
    }
}
