//! What is known of values before there are any. The Collector refuses a literal that a function cannot take, and finds the
//! rest out at work: so literals are refused, and there is a warning of what a path can never be.

use super::{Fault, eval::Expr, functions::Param, path::Path};
use crate::record::{KINDS, Value};

/// A set of kinds of values.
pub(super) type Types = u16;

pub(super) const NIL: Types = 1;
pub(super) const BOOL: Types = 1 << 1;
pub(super) const INT: Types = 1 << 2;
pub(super) const DOUBLE: Types = 1 << 3;
pub(super) const TEXT: Types = 1 << 4;
pub(super) const BYTES: Types = 1 << 5;
pub(super) const ID: Types = 1 << 6;
pub(super) const TIME: Types = 1 << 7;
pub(super) const DURATION: Types = 1 << 8;
pub(super) const LIST: Types = 1 << 9;
pub(super) const MAP: Types = 1 << 10;
pub(super) const ANY: Types = (1 << 11) - 1;
pub(super) const NUMBER: Types = INT | DOUBLE;
/// What can be reckoned with.
pub(super) const AMOUNT: Types = NUMBER | TIME | DURATION;

pub(super) const fn of(value: &Value) -> Types {
    1 << value.kind()
}

/// In words.
pub(super) fn names(types: Types) -> String {
    let all = KINDS.iter().enumerate().filter(|(kind, _)| types & 1 << kind != 0);
    all.map(|(_, name)| *name).collect::<Vec<_>>().join(" or ")
}

/// What values are compared with: numbers with all numbers, everything else with its like.
pub(super) const fn alike(types: Types) -> Types {
    if types & NUMBER == 0 { types } else { types | NUMBER }
}

/// Why an argument is not what is taken, if so.
pub(super) fn unfit(param: &Param, given: &Expr, at: (usize, usize)) -> Option<Fault> {
    let fault = |what: String, remedy: String| Some(Fault::new(at, what, remedy));
    let types = given.types();
    if types & param.types == 0 {
        let what = format!("`{}` is {}, and this is {}", param.name, names(param.types), names(types));
        return fault(what, instead(None, param.types, given));
    }
    if let Expr::List(items) = given
        && items.iter().any(|item| item.types() & param.items == 0)
    {
        return fault(format!("`{}` is a list of texts", param.name), "put each in double quotes".to_owned());
    }
    let word = match given {
        Expr::Literal(Value::Text(text)) => text.as_str(),
        _ => "",
    };
    if !param.words.is_empty() && !param.words.contains(&word) {
        let remedy = format!("write \"{}\"", param.words.join("\" or \""));
        return fault(format!("`{}` is one of a few words", param.name), remedy);
    }
    None
}

/// What to write where something of another kind is wanted, for a path or for what a function takes.
pub(super) fn instead(path: Option<&Path>, wanted: Types, given: &Expr) -> String {
    let literal = match given {
        Expr::Literal(Value::Text(text)) => Some(text),
        _ => None,
    };
    let symbols = path.map(Path::symbols).unwrap_or_default();
    if let (Some(text), Some((some, _))) = (literal, symbols.last()) {
        // `SPAN_KIND_SERVER`, `server`.
        let text = text.to_ascii_uppercase();
        let is_meant =
            |name: &str| name.strip_suffix(&text).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
        return match symbols.iter().find(|(name, _)| is_meant(name)) {
            Some((name, _)) => format!("write `{name}`, without quotes"),
            None => format!("write a symbol, such as `{some}`"),
        };
    }
    match given.types() {
        NIL if path.is_some() => "what is absent is empty or zero here: write that".to_owned(),
        TEXT if wanted & LIST != 0 => "put it in brackets: `[\"…\"]`".to_owned(),
        TEXT if wanted & NUMBER != 0 && literal.is_some_and(|text| text.parse::<f64>().is_ok()) => {
            "write it without quotes".to_owned()
        }
        _ if wanted & TEXT != 0 && matches!(given, Expr::Literal(_)) => "put it in double quotes".to_owned(),
        _ if wanted & TEXT != 0 => "write `String(…)`".to_owned(),
        _ if wanted & ID != 0 => {
            "write `TraceID(0x…)` or `SpanID(0x…)`, or `.string` after the path".to_owned()
        }
        _ if wanted & DURATION != 0 => "write `Duration(\"1s\")`, or one time minus another".to_owned(),
        _ => format!("write {}", names(wanted)),
    }
}
