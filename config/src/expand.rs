//! What a file refers to: `${env:X}`, `${env:X:-default}`, `${file:/path}`, and the older `${X}` and `$X`; `$$` is a
//! dollar sign. What `${secretsmanager:X}` and `${ssm:X}` stand for is left to the first request that needs it.
//!
//! What cannot be known now is kept as it is written.

use spanlayer_host::{files, vars::Vars};
use spanlayer_pipeline::auth;

use crate::{
    problem::{At, Problem},
    yaml::{self, Node, Value},
};

/// What references are followed to.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Surroundings<'v> {
    /// Variables.
    pub vars: &'v dyn Vars,
    /// Whether this is where the file is used. Elsewhere a variable that is not set is not known rather than empty, and
    /// files are not read.
    pub in_place: bool,
}

impl<'v> Surroundings<'v> {
    /// Those of the place where the file is used.
    pub const fn here(vars: &'v dyn Vars) -> Self {
        Self { vars, in_place: true }
    }

    /// Those of a place where it is only looked at.
    pub const fn elsewhere(vars: &'v dyn Vars) -> Self {
        Self { vars, in_place: false }
    }
}

pub(crate) struct Expander<'v> {
    pub(crate) around: Surroundings<'v>,
    pub(crate) problems: Vec<Problem>,
    /// Variables that the file names, and that are not known here.
    pub(crate) unset: Vec<String>,
}

impl Expander<'_> {
    /// The same, with references followed.
    pub(crate) fn expand(&mut self, node: &mut Node) {
        match &mut node.value {
            Value::List(items) => items.iter_mut().for_each(|item| self.expand(item)),
            Value::Map(entries) => entries.iter_mut().for_each(|(_, node)| self.expand(node)),
            Value::Scalar(scalar) if scalar.text.contains('$') => {
                let text = scalar.text.clone();
                match self.text(&text, node.at) {
                    Expanded::Later => node.value = Value::Later(text),
                    Expanded::Elsewhere(text) => node.value = Value::Elsewhere(text),
                    Expanded::Text(found, referred) => {
                        let whole = scalar.plain && referred && is_one_reference(&text);
                        scalar.text = found;
                        scalar.literal = !referred;
                        if whole {
                            *node = whole_value(std::mem::replace(
                                node,
                                Node { value: Value::Null, at: node.at },
                            ));
                        }
                    }
                }
            }
            Value::Null | Value::Scalar(_) | Value::Later(_) | Value::Elsewhere(_) => {}
        }
    }

    fn text(&mut self, text: &str, at: At) -> Expanded {
        let (mut out, mut referred, mut later) = (String::new(), false, false);
        // The same with what lies elsewhere, up to here.
        let mut elsewhere: Option<String> = None;
        let mut rest = text;
        while let Some(dollar) = rest.find('$') {
            out.push_str(&rest[..dollar]);
            rest = &rest[dollar + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                out.push('$');
                rest = after;
            } else if let Some(inside) = rest.strip_prefix('{') {
                let Some(end) = closing(inside) else {
                    self.problems.push(Problem::error(
                        at,
                        "a reference that begins with `${` does not end",
                        "close it with `}`, or write `$$` for a dollar sign",
                    ));
                    out.push('$');
                    break;
                };
                match self.reference(&inside[..end], at) {
                    Found::Text(value) => out.push_str(&value),
                    Found::Later => later = true,
                    Found::Elsewhere(reference) => {
                        let whole = elsewhere.get_or_insert_default();
                        whole.push_str(&doubled(&std::mem::take(&mut out)));
                        whole.push_str(&reference);
                    }
                }
                referred = true;
                rest = &inside[end + 1..];
            } else {
                // The Collector once knew `$X`. Only where the variable is there: patterns are full of dollar signs.
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                match Some(&rest[..end])
                    .filter(|name| is_name(name))
                    .and_then(|name| self.around.vars.get(name))
                {
                    Some(value) => {
                        let name = &rest[..end];
                        self.problems.push(Problem::warning(
                            at,
                            format!("`${name}` is an old way to name a variable"),
                            format!("write `${{env:{name}}}`, or `$${name}` for the text itself"),
                        ));
                        out.push_str(&value);
                        referred = true;
                        rest = &rest[end..];
                    }
                    None => out.push('$'),
                }
            }
        }
        out.push_str(rest);
        match elsewhere {
            _ if later => Expanded::Later,
            Some(whole) => Expanded::Elsewhere(whole + &doubled(&out)),
            None => Expanded::Text(out, referred),
        }
    }

    /// What a reference stands for.
    fn reference(&mut self, inside: &str, at: At) -> Found {
        match inside.split_once(':') {
            Some(("env", rest)) => self.variable(rest, at),
            Some(("file", path)) => self.file(path, at).into(),
            Some(("secretsmanager" | "ssm", _)) => {
                let reference = format!("${{{inside}}}");
                match auth::Value::parse(&reference) {
                    Ok(_) => Found::Elsewhere(reference),
                    Err(why) => {
                        let what = "a reference to what AWS keeps is not complete";
                        self.problems.push(Problem::error(at, what, why));
                        Found::Text(String::new())
                    }
                }
            }
            // `${X:-default}` has no provider either.
            _ if inside.split(":-").next().is_some_and(is_name) => self.variable(inside, at),
            _ => {
                let name = inside.split(':').next().unwrap_or_default();
                self.problems.push(Problem::error(
                    at,
                    format!("`${{{name}:…}}` refers to something that is not known"),
                    "expected ${env:NAME}, ${env:NAME:-default}, ${file:/path}, ${secretsmanager:NAME#key} or ${ssm:NAME}",
                ));
                Found::Text(String::new())
            }
        }
    }

    fn variable(&mut self, text: &str, at: At) -> Found {
        let (name, default) = match text.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (text, None),
        };
        if !is_name(name) {
            let remedy = "expected letters, digits and underscores, as in ${env:API_KEY}";
            self.problems.push(Problem::error(at, "this is no name of a variable", remedy));
            return Found::Text(String::new());
        }
        if let Some(value) = self.around.vars.get(name) {
            return Found::Text(value);
        }
        if let Some(default) = default {
            return match self.text(default, at) {
                Expanded::Text(text, _) => Found::Text(text),
                Expanded::Later => Found::Later,
                Expanded::Elsewhere(text) => Found::Elsewhere(text),
            };
        }
        if !self.around.in_place {
            if !self.unset.iter().any(|known| known == name) {
                self.unset.push(name.to_owned());
            }
            return Found::Later;
        }
        let remedy = format!("set it, or write `${{env:{name}:-default}}`");
        self.problems.push(Problem::error(at, format!("the variable {name} is not set"), remedy));
        Found::Text(String::new())
    }

    fn file(&mut self, path: &str, at: At) -> Option<String> {
        if !self.around.in_place {
            return None;
        }
        match files::text(path) {
            // What an editor adds at the end is not meant.
            Ok(text) => Some(text.trim_end_matches(['\n', '\r']).to_owned()),
            Err(why) => {
                self.problems.push(Problem::error(
                    at,
                    format!("{path} {why}"),
                    "put the file into the function's package or a layer",
                ));
                Some(String::new())
            }
        }
    }
}

enum Expanded {
    Text(String, bool),
    Later,
    Elsewhere(String),
}

/// What one reference stands for.
enum Found {
    Text(String),
    /// What is not known now.
    Later,
    /// What AWS keeps, in the syntax of the pipeline's values.
    Elsewhere(String),
}

impl From<Option<String>> for Found {
    fn from(found: Option<String>) -> Self {
        found.map_or(Self::Later, Self::Text)
    }
}

/// A text as the pipeline's values write it.
pub(crate) fn doubled(text: &str) -> String {
    text.replace('$', "$$")
}

/// A value that is one reference is whatever that holds, also a list or a map; but a text stays one.
fn whole_value(node: Node) -> Node {
    let found = node.text().and_then(|text| yaml::parse(text).ok());
    match found {
        Some(found) if matches!(found.value, Value::List(_) | Value::Map(_) | Value::Null) => {
            found.moved(node.at)
        }
        _ => node,
    }
}

fn is_one_reference(text: &str) -> bool {
    text.strip_prefix("${").and_then(closing).is_some_and(|end| end + 3 == text.len())
}

/// Where a reference ends whose inside begins here: a default may hold references, within limits.
fn closing(inside: &str) -> Option<usize> {
    let mut open = 0_usize;
    for (at, c) in inside.char_indices() {
        match c {
            '{' if inside[..at].ends_with('$') => open += 1,
            _ if open > MOST_WITHIN => return None,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// How many defaults within defaults are looked into.
const MOST_WITHIN: usize = 16;

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn expanded(text: &str, in_place: bool) -> (Node, Vec<Problem>, Vec<String>) {
        let vars = HashMap::from([("A", "one"), ("LIST", "[x, y]"), ("N", "5"), ("COLON", "a: b")]);
        let mut node = yaml::parse(text).unwrap();
        let around = Surroundings { vars: &vars, in_place };
        let mut expander = Expander { around, problems: Vec::new(), unset: Vec::new() };
        expander.expand(&mut node);
        (node, expander.problems, expander.unset)
    }

    fn text_of(text: &str) -> String {
        let (node, ..) = expanded(&format!("k: {text}"), true);
        node.get("k").unwrap().text().unwrap_or("(none)").to_owned()
    }

    #[test]
    fn references_are_followed_wherever_they_stand() {
        for (written, meant) in [
            ("${env:A}", "one"),
            ("${A}", "one"),
            ("x-${env:A}-${env:N}", "x-one-5"),
            ("${env:NONE:-two}", "two"),
            ("${NONE:-two:three}", "two:three"),
            ("${env:A:-two}", "one"),
            ("\"${env:NONE:-${env:NEITHER:-two}}\"", "two"),
            ("\"${env:NONE:-http://${env:A}:${N}/}x\"", "http://one:5/x"),
            ("\"${env:A:-${env:NEITHER}}\"", "one"),
            ("${env:NONE:-a$$b}", "a$b"),
            ("'^/health$$'", "^/health$"),
            ("'^/health$'", "^/health$"),
            ("'$1'", "$1"),
            ("$A", "one"),
            ("$NONE", "$NONE"),
            ("$${env:A}", "${env:A}"),
            ("\"${env:COLON}\"", "a: b"),
        ] {
            assert_eq!(text_of(written), meant, "{written}");
        }
    }

    #[test]
    fn a_value_that_is_one_reference_may_be_a_list() {
        let (node, ..) = expanded("k: ${env:LIST}\nq: \"${env:LIST}\"\n", true);
        assert_eq!(node.get("k").unwrap().items().len(), 2);
        assert_eq!(node.get("q").unwrap().text(), Some("[x, y]"));
    }

    #[test]
    fn what_is_not_there_is_empty_in_place_and_unknown_elsewhere() {
        let (node, problems, _) = expanded("k: ${env:NONE}", true);
        assert_eq!(node.get("k").unwrap().text(), None);
        assert!(problems[0].what.contains("NONE is not set"), "{problems:?}");
        let (node, problems, unset) = expanded("k: x-${env:NONE}-${env:A}", false);
        assert_eq!(node.get("k").unwrap().value, Value::Later("x-${env:NONE}-${env:A}".to_owned()));
        assert_eq!((problems.len(), unset), (0, vec!["NONE".to_owned()]));
    }

    #[test]
    fn what_aws_keeps_stays_a_reference_with_everything_else_filled_in() {
        for in_place in [true, false] {
            let (node, problems, _) =
                expanded("k: $${env:A} ${env:A} ${secretsmanager:p/k?stage=S#t}$$", in_place);
            let meant = Value::Elsewhere("$${env:A} one ${secretsmanager:p/k?stage=S#t}$$".to_owned());
            assert_eq!((&node.get("k").unwrap().value, problems.len()), (&meant, 0));
        }
        let (node, problems, _) = expanded("k: \"x ${env:NONE:-${ssm:/a/b}$$}\"", true);
        assert_eq!(
            node.get("k").unwrap().value,
            Value::Elsewhere("x ${ssm:/a/b}$$".to_owned()),
            "{problems:?}"
        );
        let (node, problems, _) = expanded("k: ${ssm:/a/b}${env:NONE}", false);
        assert!(matches!(node.get("k").unwrap().value, Value::Later(_)), "{problems:?}");
    }

    #[test]
    fn defaults_within_defaults_have_an_end() {
        let within = |n: usize| format!("k: \"{}x{}\"", "${env:NONE:-".repeat(n), "}".repeat(n));
        let (node, problems, _) = expanded(&within(MOST_WITHIN), true);
        assert_eq!((node.get("k").unwrap().text(), problems.len()), (Some("x"), 0));
        let (_, problems, _) = expanded(&within(100_000), true);
        assert_eq!(problems.len(), 1, "told once");
    }

    #[test]
    fn providers_that_are_not_there_are_named() {
        for wrong in ["${vault:x}", "${env:a-b}", "${env:A", "${}", "${ssm:}", "${secretsmanager:a?b}"] {
            let (_, problems, _) = expanded(&format!("k: \"{wrong}\""), true);
            assert_eq!(problems.len(), 1, "{wrong}");
        }
    }
}
