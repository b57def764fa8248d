//! `attributes` and `resource`.

use spanlayer_pipeline::stages::stage::{Action, Actions, Convert, Select, Source, Stage, Target};

use super::{Maker, value};
use crate::{options::section::Section, yaml::Value};

impl Maker<'_> {
    pub(super) fn attributes(&mut self, section: Section<'_>) -> Option<Stage> {
        let select = self.select(section);
        self.actions(section, "actions", Target::Items, select)
    }

    pub(super) fn resource(&mut self, section: Section<'_>) -> Option<Stage> {
        self.actions(section, "attributes", Target::Resources, Select::default())
    }

    fn actions(
        &mut self,
        section: Section<'_>,
        option: &str,
        target: Target,
        select: Select,
    ) -> Option<Stage> {
        let actions: Vec<Action> =
            section.sections(option).filter_map(|one| self.action(one, option)).collect();
        if section.sections(option).next().is_none() {
            let remedy = format!("add `{option}: [{{key: …, value: …, action: upsert}}]`");
            self.wrong(section.at(option), option, "nothing is to be done", remedy);
        }
        Some(Stage::Actions(Actions { target, select, actions }))
    }

    fn action(&mut self, one: Section<'_>, option: &str) -> Option<Action> {
        let at = one.node.map(|node| node.at).unwrap_or_default();
        let key = one.node("key").and_then(|node| self.known(node, option)).map(str::to_owned);
        let pattern = one.node("pattern").and_then(|node| self.regex(node, option));
        let Some(action) = one.text("action") else {
            self.wrong(at, option, "`action` is missing", "add `action: upsert`, or another");
            return None;
        };
        if matches!(action.as_str(), "delete" | "hash") {
            if key.is_none() && one.node("pattern").is_none() {
                self.wrong(
                    at,
                    option,
                    format!("`{action}` does not say what"),
                    "add `key: …` or `pattern: …`",
                );
            }
            return Some(if action == "hash" {
                Action::Hash(key, pattern)
            } else {
                Action::Delete(key, pattern)
            });
        }
        let Some(key) = key else {
            self.wrong(at, option, "`key` is missing", "add the attribute's name: `key: …`");
            return None;
        };
        match action.as_str() {
            "extract" => {
                let Some(pattern) = pattern else {
                    // What is wrong with one that is there was told above.
                    if one.node("pattern").is_none() {
                        let remedy = "add `pattern: '^(?P<name>…)'`";
                        self.wrong(one.at("pattern"), option, "`extract` has no pattern", remedy);
                    }
                    return None;
                };
                if pattern.capture_names().flatten().next().is_none() {
                    let remedy = "name what is to be extracted: `(?P<name>…)`";
                    self.wrong(one.at("pattern"), option, "the pattern names nothing", remedy);
                }
                Some(Action::Extract(key, pattern))
            }
            "convert" => match one.text("converted_type").as_deref() {
                Some("int") => Some(Action::Convert(key, Convert::Int)),
                Some("double") => Some(Action::Convert(key, Convert::Double)),
                Some(_) => Some(Action::Convert(key, Convert::Text)),
                None => {
                    self.wrong(
                        at,
                        option,
                        "`converted_type` is missing",
                        "add `converted_type: int`, double or string",
                    );
                    None
                }
            },
            _ => {
                let source = match (one.node("value"), one.text("from_attribute")) {
                    (Some(node), _) if matches!(node.value, Value::Later(_) | Value::Elsewhere(_)) => {
                        self.known(node, option)?;
                        return None;
                    }
                    (Some(node), _) => Source::Value(value(node)),
                    (None, Some(name)) => Source::Attribute(name),
                    (None, None) => {
                        let what = format!("`{action}` does not say which value");
                        self.wrong(at, option, what, "add `value: …` or `from_attribute: …`");
                        return None;
                    }
                };
                Some(match action.as_str() {
                    "insert" => Action::Insert(key, source),
                    "update" => Action::Update(key, source),
                    _ => Action::Upsert(key, source),
                })
            }
        }
    }
}
