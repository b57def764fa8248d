//! Functions that change something, under their names in the Collector.

use super::{
    Failed,
    eval::{self, Expr},
    functions::{Param, choice, keys, option, pattern, takes, text, whole},
    path::Path,
    types::{ANY, INT, LIST, MAP, TEXT, Types},
};
use crate::{record::Value, scene::Scene};
use regex_lite::Regex;
use spanlayer_process::glob;

/// An editor with what it is given.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) editor: &'static Editor,
    pub(super) target: Path,
    pub(super) args: Vec<Option<Expr>>,
    pub(super) pattern: Option<Regex>,
}

/// What an editor takes beside its target, and what it does.
#[derive(Debug)]
pub(super) struct Editor {
    pub(super) name: &'static str,
    /// What its target is.
    pub(super) target: Types,
    pub(super) params: &'static [Param],
    run: Run,
}

/// What it makes of the target's value; `None` to leave it.
type Run = fn(Value, &[Value], Option<&Regex>) -> Result<Option<Value>, Failed>;

const fn of(name: &'static str, target: Types, params: &'static [Param], run: Run) -> Editor {
    Editor { name, target, params, run }
}

impl Edit {
    /// Why it does nothing whatever its target is, if so.
    pub(super) fn fails(&self) -> Option<Failed> {
        let args = eval::constants(&self.args)?;
        (self.editor.run)(Value::Map(Vec::new()), &args, self.pattern.as_ref()).err()
    }

    pub(super) fn run(&self, scene: &mut Scene<'_>) -> Result<(), Failed> {
        let args = eval::values(&self.args, scene)?;
        match (self.editor.run)(self.target.get(scene), &args, self.pattern.as_ref())? {
            Some(value) => self.target.set(scene, value),
            None => Ok(()),
        }
    }
}

type Entries = Vec<(String, Value)>;

pub(super) const ALL: &[Editor] = &[
    of("set", ANY, &[takes("value", ANY)], |_, args, _| Ok(Some(args[0].clone()))),
    of("delete_key", MAP, &[takes("key", TEXT)], |target, args, _| {
        let gone = text(&args[0])?;
        on_map(target, |entries| entries.retain(|(key, _)| key != gone))
    }),
    of("delete_matching_keys", MAP, &[pattern("pattern")], |target, _, pattern| {
        on_map(target, |entries| entries.retain(|(key, _)| !matches(pattern, key)))
    }),
    of("keep_keys", MAP, &[keys("keys")], |target, args, _| {
        let Value::List(keys) = &args[0] else { return Err(Failed("expected a list of keys".to_owned())) };
        on_map(target, |entries| entries.retain(|(key, _)| keys.iter().any(|one| one.as_text() == Some(key))))
    }),
    of("keep_matching_keys", MAP, &[pattern("pattern")], |target, _, pattern| {
        on_map(target, |entries| entries.retain(|(key, _)| matches(pattern, key)))
    }),
    of("replace_pattern", TEXT, &[pattern("regex"), takes("replacement", TEXT)], |target, args, pattern| {
        let new = text(&args[0])?;
        Ok(target.as_text().and_then(|text| replaced(pattern, text, new)).map(Value::Text))
    }),
    of(
        "replace_all_patterns",
        MAP,
        &[choice("mode", &["key", "value"]), pattern("regex"), takes("replacement", TEXT)],
        |target, args, pattern| {
            let (mode, new) = (text(&args[0])?, text(&args[1])?);
            on_map(target, |entries| {
                for (key, value) in entries {
                    if mode == "key" {
                        *key = replaced(pattern, key, new).unwrap_or_else(|| std::mem::take(key));
                    } else if let Some(changed) =
                        value.as_text().and_then(|text| replaced(pattern, text, new))
                    {
                        *value = Value::Text(changed);
                    }
                }
            })
        },
    ),
    of("replace_match", TEXT, &[takes("pattern", TEXT), takes("replacement", TEXT)], |target, args, _| {
        let (pattern, new) = (text(&args[0])?, text(&args[1])?);
        Ok(target.as_text().filter(|text| fits(pattern, text)).map(|_| Value::Text(new.to_owned())))
    }),
    of(
        "replace_all_matches",
        MAP,
        &[takes("pattern", TEXT), takes("replacement", TEXT)],
        |target, args, _| {
            let (pattern, new) = (text(&args[0])?, text(&args[1])?);
            on_map(target, |entries| {
                for (_, value) in entries
                    .iter_mut()
                    .filter(|(_, value)| value.as_text().is_some_and(|text| fits(pattern, text)))
                {
                    *value = Value::Text(new.to_owned());
                }
            })
        },
    ),
    of("truncate_all", MAP, &[takes("limit", INT)], |target, args, _| {
        let limit = whole(&args[0])?;
        on_map(target, |entries| {
            for (_, value) in entries {
                if matches!(value, Value::Text(_)) {
                    value.cut(limit);
                }
            }
        })
    }),
    of(
        "limit",
        MAP,
        &[takes("limit", INT), Param { items: TEXT, ..option("priority_keys", LIST) }],
        |target, args, _| {
            let limit = whole(&args[0])?;
            let first: &[Value] = match &args[1] {
                Value::List(keys) => keys,
                _ => &[],
            };
            if first.len() > limit {
                return Err(Failed("there are more priority keys than the limit".to_owned()));
            }
            on_map(target, |entries| {
                if entries.len() > limit {
                    let is_first = |key: &str| first.iter().any(|one| one.as_text() == Some(key));
                    let mut room = limit - entries.iter().filter(|(key, _)| is_first(key)).count();
                    entries.retain(|(key, _)| {
                        let fits = is_first(key) || room > 0;
                        room -= usize::from(fits && !is_first(key));
                        fits
                    });
                }
            })
        },
    ),
    of(
        "merge_maps",
        MAP,
        &[takes("source", MAP), choice("strategy", &["insert", "update", "upsert"])],
        |target, args, _| {
            let Value::Map(source) = &args[0] else {
                return Err(Failed("expected a map to merge".to_owned()));
            };
            let strategy = text(&args[1])?;
            on_map(target, |entries| {
                for (key, value) in source {
                    match entries.iter_mut().find(|(name, _)| name == key) {
                        Some((_, old)) if strategy != "insert" => old.clone_from(value),
                        None if strategy != "update" => entries.push((key.clone(), value.clone())),
                        _ => {}
                    }
                }
            })
        },
    ),
];

/// Changes a map; what is no map is left.
fn on_map(target: Value, change: impl FnOnce(&mut Entries)) -> Result<Option<Value>, Failed> {
    let Value::Map(mut entries) = target else { return Ok(None) };
    let before = entries.clone();
    change(&mut entries);
    Ok((entries != before).then_some(Value::Map(entries)))
}

fn matches(pattern: Option<&Regex>, text: &str) -> bool {
    pattern.is_some_and(|pattern| pattern.is_match(text))
}

fn replaced(pattern: Option<&Regex>, text: &str, new: &str) -> Option<String> {
    let pattern = pattern.filter(|pattern| pattern.is_match(text))?;
    Some(pattern.replace_all(text, new).into_owned())
}

/// Whether a text matches a pattern with `*` and `?`.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    glob(&pattern, &text, '*', |one, other| one == '?' || one == other)
}
