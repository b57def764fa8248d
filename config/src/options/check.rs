//! Options as they are written, held against options as they are declared.

use super::{Fate, Kind, Opt, value};
use crate::{
    problem::{At, Problem},
    suggest,
    yaml::{Key, Node, Value},
};

/// Checks a component's options. Whether it can be used: nothing that it needs is faulty.
pub(crate) fn options(options: &'static [Opt], node: &Node, path: &str, problems: &mut Vec<Problem>) -> bool {
    let entries = match &node.value {
        Value::Null | Value::Later(_) => return true,
        Value::Map(entries) => entries,
        _ => {
            let what = format!("expected options, and found {}", value::name(node));
            let example = options.first().map_or("name", |opt| opt.name);
            problems.push(
                Problem::error(node.at, what, format!("write `{example}: …` on the line below")).about(path),
            );
            return false;
        }
    };
    let mut usable = true;
    for (key, node) in entries {
        usable &= entry(options, key, node, path, problems);
    }
    usable
}

fn entry(options: &'static [Opt], key: &Key, node: &Node, path: &str, problems: &mut Vec<Problem>) -> bool {
    let Some(opt) = options.iter().find(|opt| opt.name == key.name) else {
        let known = || {
            options.iter().filter(|opt| !matches!(opt.fate, Fate::Refused | Fate::Fatal)).map(|opt| opt.name)
        };
        let remedy = match suggest::closest(&key.name, known()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if options.is_empty() => "take it out: there are no options here".to_owned(),
            None => format!("expected {}", listed(known())),
        };
        problems
            .push(Problem::error(key.at, format!("`{}` is no option here", key.name), remedy).about(path));
        return true;
    };
    let path = &format!("{path}::{}", opt.name);
    match opt.fate {
        Fate::Ignored => true,
        // What is refused may be switched off as well.
        Fate::Refused | Fate::Fatal if is_off(node) => true,
        Fate::Refused | Fate::Fatal => {
            problems.push(
                Problem::error(key.at, format!("`{}` is not supported", opt.name), opt.about).about(path),
            );
            opt.fate == Fate::Refused
        }
        Fate::Used | Fate::Needed => value(opt, node, path, problems) || opt.fate == Fate::Used,
    }
}

fn value(opt: &'static Opt, node: &Node, path: &str, problems: &mut Vec<Problem>) -> bool {
    let mut told = |at: At, what: String, remedy: String| {
        let secret = matches!(opt.kind, Kind::Name | Kind::Secret | Kind::Headers);
        problems.push(Problem { secret, ..Problem::error(at, what, remedy).about(path) });
        false
    };
    let may_lie_elsewhere =
        matches!(opt.kind, Kind::Secret | Kind::Headers | Kind::Section(_) | Kind::Sections(_));
    if let Some(kept) = elsewhere(node).filter(|_| !may_lie_elsewhere) {
        let what = "what AWS keeps is fetched for headers and for what authenticates, and not for this";
        let remedy = "let your deployment put the value into a variable, and write ${env:NAME}";
        return told(kept.at, what.to_owned(), remedy.to_owned());
    }
    match (&opt.kind, &node.value) {
        (Kind::Section(within), _) => options(within, node, path, problems),
        (Kind::Sections(_) | Kind::Texts | Kind::Headers, Value::Null) | (Kind::Free, _) => true,
        (Kind::Sections(within), Value::List(items)) => {
            let mut usable = true;
            for (n, item) in items.iter().enumerate() {
                usable &= options(within, item, &format!("{path}::{n}"), problems);
            }
            usable
        }
        (Kind::Texts, Value::List(items)) => {
            let wrong = items.iter().find(|item| !matches!(item.value, Value::Scalar(_) | Value::Later(_)));
            wrong.is_none_or(|item| {
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
            wrong.is_none_or(|(key, node)| {
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
            None => true,
            Some(expected) if scalar.text.is_empty() => {
                told(node.at, "the value is empty".to_owned(), expected)
            }
            Some(expected) => told(node.at, "this value cannot be used".to_owned(), expected),
        },
        (_, Value::Later(_) | Value::Elsewhere(_)) => true,
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

/// `a, b or c`.
pub(crate) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}
