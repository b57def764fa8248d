//! Options as they are written, held against options as they are declared.

use super::{Fate, Kind, Opt, listed, value};
use crate::{
    problem::{At, Problem},
    suggest,
    yaml::{Key, Node, Value},
};

/// What options come to, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// Something that is needed is faulty.
    Faulty,
    /// All that is known can be read, but something is written that is not known.
    Misspelt,
    /// They can be used.
    Sound,
}

/// Checks a component's options. With `all`, everything that is written is needed: what is misspelt may be what was to
/// be hidden, left out, or sent to somebody else.
pub(crate) fn options(
    options: &'static [Opt],
    node: &Node,
    path: &str,
    all: bool,
    problems: &mut Vec<Problem>,
) -> Verdict {
    let entries = match &node.value {
        Value::Null | Value::Later(_) => return Verdict::Sound,
        Value::Map(entries) => entries,
        _ => {
            let what = format!("expected options, and found {}", value::name(node));
            let example = options.first().map_or("name", |opt| opt.name);
            problems.push(
                Problem::error(node.at, what, format!("write `{example}: …` on the line below")).about(path),
            );
            return Verdict::Faulty;
        }
    };
    let each = entries.iter().map(|(key, node)| entry(options, key, node, path, all, problems));
    each.fold(Verdict::Sound, Verdict::min)
}

fn entry(
    options: &'static [Opt],
    key: &Key,
    node: &Node,
    path: &str,
    all: bool,
    problems: &mut Vec<Problem>,
) -> Verdict {
    let Some(opt) = options.iter().find(|opt| opt.name == key.name) else {
        let known = options.iter().filter(|opt| !matches!(opt.fate, Fate::Refused | Fate::Fatal));
        problems.push(unknown(key, known.map(|opt| opt.name)).about(path));
        return if all { Verdict::Misspelt } else { Verdict::Sound };
    };
    let path = &format!("{path}::{}", opt.name);
    match opt.fate {
        Fate::Ignored => Verdict::Sound,
        // What is refused may be switched off as well.
        Fate::Refused | Fate::Fatal if is_off(node) => Verdict::Sound,
        Fate::Refused | Fate::Fatal => {
            problems.push(
                Problem::error(key.at, format!("`{}` is not supported", opt.name), opt.about).about(path),
            );
            if opt.fate == Fate::Refused { Verdict::Sound } else { Verdict::Faulty }
        }
        Fate::Used => {
            value(opt, node, path, false, problems);
            Verdict::Sound
        }
        Fate::Needed => value(opt, node, path, true, problems),
    }
}

/// What is wrong with a key that is none of those that are known.
pub(crate) fn unknown<'k>(key: &Key, known: impl IntoIterator<Item = &'k str>) -> Problem {
    let known: Vec<&str> = known.into_iter().collect();
    let remedy = suggest::did_you_mean(&key.name, known.iter().copied(), || match known.as_slice() {
        [] => "take it out: there are no options here".to_owned(),
        known => format!("expected {}", listed(known.iter().copied())),
    });
    Problem::error(key.at, format!("`{}` is no option here", key.name), remedy)
}

fn value(opt: &'static Opt, node: &Node, path: &str, all: bool, problems: &mut Vec<Problem>) -> Verdict {
    let mut told = |at: At, what: String, remedy: String| {
        let secret = matches!(opt.kind, Kind::Name | Kind::Secret | Kind::Headers);
        problems.push(Problem { secret, ..Problem::error(at, what, remedy).about(path) });
        Verdict::Faulty
    };
    let may_lie_elsewhere =
        matches!(opt.kind, Kind::Secret | Kind::Headers | Kind::Section(_) | Kind::Sections(_));
    if let Some(kept) = elsewhere(node).filter(|_| !may_lie_elsewhere) {
        let what = "what AWS keeps is fetched for headers and for what authenticates, and not for this";
        let remedy = "let your deployment put the value into a variable, and write ${env:NAME}";
        return told(kept.at, what.to_owned(), remedy.to_owned());
    }
    match (&opt.kind, &node.value) {
        (Kind::Section(within), _) => options(within, node, path, all, problems),
        (Kind::Sections(_) | Kind::Texts | Kind::Headers, Value::Null) | (Kind::Free, _) => Verdict::Sound,
        (Kind::Sections(within), Value::List(items)) => {
            let each = items.iter().enumerate();
            each.map(|(n, item)| options(within, item, &format!("{path}::{n}"), all, problems))
                .fold(Verdict::Sound, Verdict::min)
        }
        (Kind::Texts, Value::List(items)) => {
            let wrong = items.iter().find(|item| !matches!(item.value, Value::Scalar(_) | Value::Later(_)));
            wrong.map_or(Verdict::Sound, |item| {
                told(
                    item.at,
                    format!("expected a text, and found {}", value::name(item)),
                    "put it in quotes".to_owned(),
                )
            })
        }
        (Kind::Headers, Value::Map(entries)) => {
            let wrong = entries.iter().find(|(_, node)| {
                !matches!(node.value, Value::Scalar(_) | Value::Later(_) | Value::Elsewhere(_))
            });
            wrong.map_or(Verdict::Sound, |(key, node)| {
                let what = format!("the value of {} is {}", key.name, value::name(node));
                told(node.at, what, "expected a text: `name: value`".to_owned())
            })
        }
        (Kind::Sections(_) | Kind::Texts, _) => told(
            node.at,
            format!("expected a list, and found {}", value::name(node)),
            "write `[…]`".to_owned(),
        ),
        (Kind::Headers, Value::List(_)) => told(
            node.at,
            "expected names with values, and found a list".to_owned(),
            "write each as `name: value`, without a dash".to_owned(),
        ),
        (Kind::Headers, _) => told(
            node.at,
            "expected names with values".to_owned(),
            "write each as `name: value` on a line".to_owned(),
        ),
        (_, Value::Null) => told(node.at, "a value is missing".to_owned(), expected(&opt.kind)),
        (kind, Value::Scalar(scalar)) => match value::fault(kind, scalar) {
            None => Verdict::Sound,
            Some(expected) if scalar.text.is_empty() => {
                told(node.at, "the value is empty".to_owned(), expected)
            }
            Some(expected) => told(node.at, "this value cannot be used".to_owned(), expected),
        },
        (_, Value::Later(_) | Value::Elsewhere(_)) => Verdict::Sound,
        (kind, Value::List(_) | Value::Map(_)) => {
            let what = format!("expected a single value, and found {}", value::name(node));
            told(node.at, what, expected(kind))
        }
    }
}

/// A part of which something lies with AWS.
fn elsewhere(node: &Node) -> Option<&Node> {
    match &node.value {
        Value::Elsewhere(_) => Some(node),
        Value::List(items) => items.iter().find_map(elsewhere),
        Value::Map(entries) => entries.iter().find_map(|(_, node)| elsewhere(node)),
        Value::Null | Value::Scalar(_) | Value::Later(_) => None,
    }
}

fn expected(kind: &Kind) -> String {
    format!("expected {}", kind.words())
}

fn is_off(node: &Node) -> bool {
    node.is_null()
        || node.text().is_some_and(|text| matches!(text, "false" | "" | "0"))
        || node.get("enabled").and_then(Node::text) == Some("false")
}
