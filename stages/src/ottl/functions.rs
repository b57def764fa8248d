//! Functions that give a value, under their names in the Collector.

use super::{
    Failed,
    types::{ANY, BOOL, BYTES, DOUBLE, DURATION, ID, INT, LIST, MAP, NIL, NUMBER, TEXT, TIME, Types},
};
use crate::{
    fields::{metric, span},
    record::Value,
    scene::Scene,
};
use bytes::Bytes;
use regex_lite::Regex;
use ring::digest;
use spanlayer_otlp::json::text as json;

/// A function: what it takes, and what it does.
#[derive(Debug)]
pub(super) struct Converter {
    pub(super) name: &'static str,
    pub(super) params: &'static [Param],
    /// What it may come to.
    pub(super) gives: Types,
    pub(super) run: Run,
}

type Run = fn(&[Value], Option<&Regex>, &mut Scene<'_>) -> Result<Value, Failed>;

/// One thing that a function or an editor takes.
#[derive(Debug)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) needs: Needs,
    pub(super) types: Types,
    /// Of a list, what is in it.
    pub(super) items: Types,
    /// The only texts that it may be, each as it is written; any, if there are none.
    pub(super) words: &'static [&'static str],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// A value.
    Value,
    /// A value, or nothing.
    Option,
    /// A regular expression, which is compiled once.
    Pattern,
}

pub(super) const fn takes(name: &'static str, types: Types) -> Param {
    Param { name, needs: Needs::Value, types, items: ANY, words: &[] }
}

pub(super) const fn option(name: &'static str, types: Types) -> Param {
    Param { needs: Needs::Option, ..takes(name, types) }
}

pub(super) const fn keys(name: &'static str) -> Param {
    Param { items: TEXT, ..takes(name, LIST) }
}

pub(super) const fn choice(name: &'static str, words: &'static [&'static str]) -> Param {
    Param { words, ..takes(name, TEXT) }
}

pub(super) const fn pattern(name: &'static str) -> Param {
    Param { needs: Needs::Pattern, ..takes(name, TEXT) }
}

const fn of(name: &'static str, params: &'static [Param], gives: Types, run: Run) -> Converter {
    Converter { name, params, gives, run }
}

/// What is made a number or truth value.
const PLAIN: Types = NIL | BOOL | NUMBER | TEXT;

pub(super) const ALL: &[Converter] = &[
    of("Bool", &[takes("value", PLAIN)], BOOL | NIL, |args, _, _| {
        Ok(match &args[0] {
            Value::Bool(flag) => Value::Bool(*flag),
            Value::Int(number) => Value::Bool(*number != 0),
            Value::Double(number) => Value::Bool(*number != 0.0),
            Value::Text(text) => match text.as_str() {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Value::Bool(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Value::Bool(false),
                _ => return Err(Failed("this text is no truth value".to_owned())),
            },
            Value::Nil => Value::Nil,
            other => return Err(expected("a number, text or truth value", other)),
        })
    }),
    of("Concat", &[takes("vals", LIST), takes("delimiter", TEXT)], TEXT, |args, _, _| {
        let Value::List(values) = &args[0] else { return Err(expected("a list", &args[0])) };
        let between = text(&args[1])?;
        // What is not there is told, as the Collector does.
        let each = |value: &Value| if *value == Value::Nil { "<nil>".to_owned() } else { value.to_text() };
        let texts: Vec<String> = values.iter().map(each).collect();
        Ok(Value::Text(texts.join(between)))
    }),
    of(
        "ConvertCase",
        &[takes("target", TEXT), choice("toCase", &["lower", "upper", "snake", "camel"])],
        TEXT,
        |args, _, _| {
            let (source, to) = (text(&args[0])?, text(&args[1])?);
            Ok(Value::Text(match to {
                "lower" => source.to_lowercase(),
                "upper" => source.to_uppercase(),
                "snake" => words(source).join("_").to_lowercase(),
                _ => words(source).iter().map(|word| capital(word)).collect(),
            }))
        },
    ),
    of("Double", &[takes("value", PLAIN)], DOUBLE | NIL, |args, _, _| {
        Ok(match &args[0] {
            Value::Double(number) => Value::Double(*number),
            Value::Int(number) => Value::Double(*number as f64),
            Value::Bool(flag) => Value::Double(f64::from(u8::from(*flag))),
            Value::Text(text) => text.parse().map(Value::Double).map_err(|_| no_number())?,
            Value::Nil => Value::Nil,
            other => return Err(expected("a number, text or truth value", other)),
        })
    }),
    of("Duration", &[takes("duration", TEXT)], DURATION, |args, _, _| {
        let nanos = duration(text(&args[0])?);
        nanos.map(Value::Duration).ok_or_else(|| Failed("this is no duration such as 1m30s".to_owned()))
    }),
    of("FNV", &[takes("target", TEXT)], INT, |args, _, _| {
        Ok(Value::Int(crate::fnv(text(&args[0])?.as_bytes()).cast_signed()))
    }),
    of("HasAttrKeyOnDatapoint", &[takes("key", TEXT)], BOOL, |args, _, scene| {
        let key = text(&args[0])?.to_owned();
        Ok(Value::Bool(any_point(scene, &|value| value != Value::Nil, &key)))
    }),
    of("HasAttrOnDatapoint", &[takes("key", TEXT), takes("value", TEXT)], BOOL, |args, _, scene| {
        let (key, wanted) = (text(&args[0])?.to_owned(), text(&args[1])?.to_owned());
        Ok(Value::Bool(any_point(scene, &|value| value.as_text() == Some(&wanted), &key)))
    }),
    of("HasPrefix", &[takes("value", TEXT), takes("prefix", TEXT)], BOOL, |args, _, _| {
        Ok(Value::Bool(text(&args[0])?.starts_with(text(&args[1])?)))
    }),
    of("HasSuffix", &[takes("value", TEXT), takes("suffix", TEXT)], BOOL, |args, _, _| {
        Ok(Value::Bool(text(&args[0])?.ends_with(text(&args[1])?)))
    }),
    of("Hours", &[takes("duration", DURATION)], DOUBLE, |args, _, _| {
        nanos(&args[0]).map(|n| Value::Double(n as f64 / 3600e9))
    }),
    of("Int", &[takes("value", PLAIN)], INT | NIL, |args, _, _| {
        Ok(match &args[0] {
            Value::Int(number) => Value::Int(*number),
            Value::Double(number) => Value::Int(*number as i64),
            Value::Bool(flag) => Value::Int(i64::from(*flag)),
            Value::Text(text) => text.parse().map(Value::Int).map_err(|_| no_number())?,
            Value::Nil => Value::Nil,
            other => return Err(expected("a number, text or truth value", other)),
        })
    }),
    of("IsBool", &[takes("value", ANY)], BOOL, |args, _, _| {
        Ok(Value::Bool(matches!(args[0], Value::Bool(_))))
    }),
    of("IsDouble", &[takes("value", ANY)], BOOL, |args, _, _| {
        Ok(Value::Bool(matches!(args[0], Value::Double(_))))
    }),
    of("IsInt", &[takes("value", ANY)], BOOL, |args, _, _| Ok(Value::Bool(matches!(args[0], Value::Int(_))))),
    of("IsList", &[takes("value", ANY)], BOOL, |args, _, _| {
        Ok(Value::Bool(matches!(args[0], Value::List(_))))
    }),
    of("IsMap", &[takes("value", ANY)], BOOL, |args, _, _| Ok(Value::Bool(matches!(args[0], Value::Map(_))))),
    of("IsMatch", &[takes("target", ANY), pattern("pattern")], BOOL, |args, pattern, _| {
        Ok(Value::Bool(match (&args[0], pattern) {
            // What is not there matches nothing.
            (Value::Nil, _) | (_, None) => false,
            (Value::Text(text), Some(pattern)) => pattern.is_match(text),
            (other, Some(pattern)) => pattern.is_match(&other.to_text()),
        }))
    }),
    of("IsRootSpan", &[], BOOL, |_, _, scene| {
        let root =
            scene.item.as_deref().is_some_and(|one| one.bytes(span::PARENT).iter().all(|byte| *byte == 0));
        Ok(Value::Bool(root))
    }),
    of("IsString", &[takes("value", ANY)], BOOL, |args, _, _| {
        Ok(Value::Bool(matches!(args[0], Value::Text(_))))
    }),
    of("Len", &[takes("target", TEXT | BYTES | ID | LIST | MAP)], INT, |args, _, _| {
        let length = match &args[0] {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) | Value::Id(bytes) => bytes.len(),
            Value::List(values) => values.len(),
            Value::Map(entries) => entries.len(),
            other => return Err(expected("a text, list or map", other)),
        };
        Ok(Value::Int(length as i64))
    }),
    of("Milliseconds", &[takes("duration", DURATION)], INT, |args, _, _| {
        nanos(&args[0]).map(|n| Value::Int(n / 1_000_000))
    }),
    of("Minutes", &[takes("duration", DURATION)], DOUBLE, |args, _, _| {
        nanos(&args[0]).map(|n| Value::Double(n as f64 / 60e9))
    }),
    of("Nanoseconds", &[takes("duration", DURATION)], INT, |args, _, _| nanos(&args[0]).map(Value::Int)),
    of("SHA256", &[takes("value", TEXT)], TEXT, |args, _, _| {
        let digest = digest::digest(&digest::SHA256, text(&args[0])?.as_bytes());
        Ok(Value::Text(json::to_hex(digest.as_ref())))
    }),
    of("Seconds", &[takes("duration", DURATION)], DOUBLE, |args, _, _| {
        nanos(&args[0]).map(|n| Value::Double(n as f64 / 1e9))
    }),
    of("SpanID", &[takes("bytes", BYTES | TEXT)], ID, |args, _, _| id(&args[0], 8)),
    of("String", &[takes("value", ANY)], TEXT | NIL, |args, _, _| {
        Ok(if args[0] == Value::Nil { Value::Nil } else { Value::Text(args[0].to_text()) })
    }),
    of(
        "Substring",
        &[takes("target", TEXT), takes("start", INT), takes("length", INT)],
        TEXT,
        |args, _, _| {
            let (source, start, length) = (text(&args[0])?, whole(&args[1])?, whole(&args[2])?);
            let end = start.checked_add(length).filter(|_| length > 0);
            let part = end.and_then(|end| source.as_bytes().get(start..end));
            let part = part.ok_or_else(|| Failed("this part of the text does not exist".to_owned()))?;
            Ok(Value::Text(String::from_utf8_lossy(part).into_owned()))
        },
    ),
    of("TraceID", &[takes("bytes", BYTES | TEXT)], ID, |args, _, _| id(&args[0], 16)),
    of("Trim", &[takes("target", TEXT), option("replacement", TEXT)], TEXT, |args, _, _| {
        let what = if args[1] == Value::Nil { " " } else { text(&args[1])? };
        Ok(Value::Text(text(&args[0])?.trim_matches(|c| what.contains(c)).to_owned()))
    }),
    of("UnixMilli", &[takes("time", TIME)], INT, |args, _, _| {
        moment(&args[0]).map(|n| Value::Int(n / 1_000_000))
    }),
    of("UnixNano", &[takes("time", TIME)], INT, |args, _, _| moment(&args[0]).map(Value::Int)),
    of("UnixSeconds", &[takes("time", TIME)], INT, |args, _, _| {
        moment(&args[0]).map(|n| Value::Int(n / 1_000_000_000))
    }),
];

fn expected(what: &str, found: &Value) -> Failed {
    Failed(format!("expected {what}, and found {}", found.name()))
}

pub(super) fn text(value: &Value) -> Result<&str, Failed> {
    value.as_text().ok_or_else(|| expected("a text", value))
}

pub(super) fn whole(value: &Value) -> Result<usize, Failed> {
    match value {
        Value::Int(number) => usize::try_from(*number).map_err(|_| Failed("a count is negative".to_owned())),
        other => Err(expected("a whole number", other)),
    }
}

fn no_number() -> Failed {
    Failed("this text is no number".to_owned())
}

fn nanos(value: &Value) -> Result<i64, Failed> {
    match value {
        Value::Duration(nanos) => Ok(*nanos),
        other => Err(expected("a duration", other)),
    }
}

fn moment(value: &Value) -> Result<i64, Failed> {
    match value {
        Value::Time(nanos) => Ok(*nanos),
        other => Err(expected("a time", other)),
    }
}

fn id(value: &Value, length: usize) -> Result<Value, Failed> {
    let bytes = match value {
        Value::Text(text) => unhex(text),
        Value::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    };
    let bytes = bytes.filter(|bytes| bytes.len() == length);
    bytes.map(Value::Id).ok_or_else(|| Failed(format!("an id has {length} bytes")))
}

/// The bytes of hexadecimal digits.
pub(super) fn unhex(text: &str) -> Option<Bytes> {
    let mut bytes = vec![0; text.len() / 2];
    json::unhex(text, &mut bytes)?;
    Some(bytes.into())
}

/// Whether any data point of the metric has such an attribute.
fn any_point(scene: &mut Scene<'_>, test: &dyn Fn(Value) -> bool, key: &str) -> bool {
    let Some(item) = scene.item.as_deref() else { return false };
    metric::POINTS.into_iter().any(|(number, shape)| {
        let mut data = item.look(number);
        data.take(1).iter().any(|point| test(point.attribute(metric::POINT_ATTRIBUTES[shape], key)))
    })
}

/// Go's durations, with their sign, in nanoseconds.
fn duration(text: &str) -> Option<i64> {
    let (sign, rest) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let nanos = if rest == "0" { 0.0 } else { go_nanos(rest)? };
    Some((sign * nanos) as i64)
}

/// The nanoseconds of a duration as Go writes them (`time.ParseDuration`), without a sign: `1h30m`, `1.5s`, `500ms`. `None`
/// for what is none, and for a number without a unit.
pub fn go_nanos(text: &str) -> Option<f64> {
    let (mut rest, mut nanos) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let scale = match unit {
            "ns" => 1.0,
            "us" | "µs" | "μs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3600e9,
            _ => return None,
        };
        nanos += number.parse::<f64>().ok()? * scale;
        rest = after;
    }
    (!text.is_empty()).then_some(nanos)
}

/// The words of a name: at separators, and where a capital follows a small letter.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in text.chars() {
        let apart = !letter.is_alphanumeric();
        if (apart || letter.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()))
            && words.last().is_some_and(|word| !word.is_empty())
        {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| !apart) {
            word.push(letter);
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
