//! Text to tokens.

use super::{Fault, functions::unhex};
use crate::record::Value;

/// One token, and where it stands: its first character and how many it has.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: (usize, usize),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A name, a keyword, or a symbol in capitals.
    Word(String),
    /// A text, number or bytes.
    Literal(Value),
    /// `==` and the like, brackets, commas.
    Sign(&'static str),
    /// There is no more.
    End,
}

/// Longer ones first.
const SIGNS: [&str; 20] =
    ["==", "!=", "<=", ">=", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ".", ":", "+", "-", "*", "/"];

pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Fault> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let from = at;
        let rest = &chars[at..];
        let run = |of: fn(char) -> bool| rest.iter().take_while(|one| of(**one)).count();
        let kind = match rest[0] {
            one if one.is_whitespace() => {
                at += 1;
                continue;
            }
            '"' => {
                let (text, length) = quoted(rest, from)?;
                at += length;
                Kind::Literal(Value::Text(text))
            }
            '0' if rest.get(1) == Some(&'x') => {
                let digits: String =
                    rest[2..].iter().copied().take_while(char::is_ascii_alphanumeric).collect();
                at += 2 + digits.len();
                let bytes = unhex(&digits).ok_or_else(|| {
                    Fault::new(
                        (from, at - from),
                        "these are no bytes",
                        "write two hexadecimal digits for each byte",
                    )
                })?;
                Kind::Literal(Value::Bytes(bytes))
            }
            one if one.is_ascii_digit() || one == '.' && rest.get(1).is_some_and(char::is_ascii_digit) => {
                let mut length = run(|one| one.is_ascii_digit() || one == '.');
                if matches!(rest.get(length), Some('e' | 'E')) {
                    let sign = usize::from(matches!(rest.get(length + 1), Some('+' | '-')));
                    let digits =
                        rest[length + 1 + sign..].iter().take_while(|one| one.is_ascii_digit()).count();
                    length += if digits > 0 { 1 + sign + digits } else { 0 };
                }
                at += length;
                let text: String = rest[..length].iter().collect();
                let whole = text.parse().ok().map(Value::Int);
                let number = whole.or_else(|| text.parse().ok().map(Value::Double));
                Kind::Literal(number.ok_or_else(|| {
                    Fault::new((from, length), "this is no number", "write it as 1, 1.5 or 1e9")
                })?)
            }
            one if one.is_ascii_alphabetic() || one == '_' => {
                at += run(|one| one.is_ascii_alphanumeric() || one == '_');
                Kind::Word(chars[from..at].iter().collect())
            }
            one => {
                let starts = |sign: &&&str| sign.chars().enumerate().all(|(n, c)| rest.get(n) == Some(&c));
                let Some(sign) = SIGNS.iter().find(starts) else {
                    let remedy = match one {
                        '\'' | '`' | '“' => "put texts in double quotes: \"…\"",
                        '&' => "write `and`",
                        '|' => "write `or`",
                        '!' => "write `not`",
                        _ => "take it out, or put the text that it belongs to in double quotes",
                    };
                    return Err(Fault::new((from, 1), format!("`{one}` means nothing here"), remedy));
                };
                at += sign.len();
                Kind::Sign(sign)
            }
        };
        out.push(Token { kind, at: (from, at - from) });
    }
    out.push(Token { kind: Kind::End, at: (chars.len(), 1) });
    Ok(out)
}

/// A text in double quotes with Go's escapes, and how many characters it takes.
fn quoted(rest: &[char], from: usize) -> Result<(String, usize), Fault> {
    let mut out = String::new();
    let mut at = 1;
    loop {
        let open = || Fault::new((from, rest.len()), "this text has no end", "close it with a double quote");
        let one = *rest.get(at).ok_or_else(open)?;
        at += 1;
        match one {
            '"' => return Ok((out, at)),
            '\\' => {
                let escape = *rest.get(at).ok_or_else(open)?;
                at += 1;
                let code = |length: usize| {
                    let digits: Option<String> =
                        rest.get(at..at + length).map(|digits| digits.iter().collect());
                    digits.and_then(|digits| u32::from_str_radix(&digits, 16).ok()).and_then(char::from_u32)
                };
                let (plain, more) = match escape {
                    'a' => (Some('\x07'), 0),
                    'b' => (Some('\x08'), 0),
                    'f' => (Some('\x0c'), 0),
                    'n' => (Some('\n'), 0),
                    'r' => (Some('\r'), 0),
                    't' => (Some('\t'), 0),
                    'v' => (Some('\x0b'), 0),
                    '\\' | '"' => (Some(escape), 0),
                    'x' => (code(2), 2),
                    'u' => (code(4), 4),
                    'U' => (code(8), 8),
                    _ => (None, 0),
                };
                out.push(plain.ok_or_else(|| {
                    let what = format!("`\\{escape}` is no escape");
                    Fault::new(
                        (from + at - 2, 2),
                        what,
                        format!("write `\\\\{escape}` for a backslash and `{escape}`"),
                    )
                })?);
                at += more;
            }
            one => out.push(one),
        }
    }
}
