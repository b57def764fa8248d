//! Texts by indentation: `|` keeps its lines, `>` folds them.

use super::cursor::{Cursor, Read};

impl Cursor<'_> {
    /// The text that is indented below its sign.
    pub(super) fn literal(&mut self, parent: isize) -> Read<String> {
        let folded = self.peek() == Some(b'>');
        self.pos += 1;
        let (mut keep, mut strip, mut extra) = (false, false, None);
        while let Some(byte) = self.peek() {
            match byte {
                b'+' => keep = true,
                b'-' => strip = true,
                b'1'..=b'9' => extra = Some(isize::from((byte - b'0').cast_signed())),
                _ => break,
            }
            self.pos += 1;
        }
        if !self.line_is_over() {
            return Err(self.fault("text follows its sign", "begin the text on the next line"));
        }
        let mut indent = extra.map(|extra| parent.max(0) + extra);
        let mut lines: Vec<&str> = Vec::new();
        while self.peek() == Some(b'\n') {
            let rest = &self.text[self.pos + 1..];
            let line = rest.split('\n').next().unwrap_or_default();
            let line = line.strip_suffix('\r').unwrap_or(line);
            let blanks = line.len() - line.trim_start_matches(' ').len();
            let is_empty = blanks == line.len();
            let own = blanks.cast_signed();
            if !is_empty && (own <= parent || indent.is_some_and(|indent| own < indent)) {
                break;
            }
            if !is_empty {
                indent.get_or_insert(own);
            }
            if rest.is_empty() {
                // What follows the last line end is no line.
                self.newline();
                break;
            }
            self.newline();
            // Empty lines before the first that tells the indentation hold nothing.
            let cut = indent.map_or(line.len(), |indent| indent.cast_unsigned().min(line.len()));
            lines.push(&line[cut..]);
            self.pos += rest.split('\n').next().unwrap_or_default().len();
        }
        Ok(assembled(&lines, folded, keep, strip))
    }
}

fn assembled(lines: &[&str], folded: bool, keep: bool, strip: bool) -> String {
    let last = lines.iter().rposition(|line| !line.is_empty());
    let (content, trailing) = match last {
        Some(last) => (&lines[..=last], lines.len() - last - 1),
        None => (&lines[..0], lines.len()),
    };
    let mut text = String::new();
    if folded {
        fold(&mut text, content);
    } else {
        text.push_str(&content.join("\n"));
    }
    if !content.is_empty() && !strip {
        text.push('\n');
    }
    if keep {
        text.extend((0..trailing).map(|_| '\n'));
    }
    text
}

/// Lines that are indented further, and the line ends around them, stay as they are.
fn fold(text: &mut String, lines: &[&str]) {
    let further = |line: &str| line.starts_with([' ', '\t']);
    let mut empty = 0;
    let mut before: Option<&str> = None;
    for &line in lines {
        if line.is_empty() {
            empty += 1;
            continue;
        }
        if let Some(before) = before {
            let whole = further(before) || further(line);
            match (empty, whole) {
                (0, false) => text.push(' '),
                (n, false) => text.extend((0..n).map(|_| '\n')),
                (n, true) => text.extend((0..=n).map(|_| '\n')),
            }
        } else {
            text.extend((0..empty).map(|_| '\n'));
        }
        text.push_str(line);
        (before, empty) = (Some(line), 0);
    }
}
