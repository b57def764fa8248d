//! `attributes` and `resource`.

use spanlayer_pipeline::stages::stage::{Act, Actions, Convert, From, On, Select, Stage};

use super::{Maker, value};
use crate::{options::section::Section, yaml::Value};

impl Maker<'_> {
    pub(super) fn attributes(&mut self, section: Section<'_>) -> Option<Stage> {
        let select = self.select(section);
        self.actions(section, "actions", On::Items, select)
    }

    pub(super) fn resource(&mut self, section: Section<'_>) -> Option<Stage> {
        self.actions(section, "attributes", On::Resources, Select::default())
    }

    fn actions(&mut self, section: Section<'_>, option: &str, on: On, select: Select) -> Option<Stage> {
        let acts: Vec<Act> = section.sections(option).filter_map(|one| self.act(one, option)).collect();
        if section.sections(option).next().is_none() {
            let remedy = format!("add `{option}: [{{key: …, value: …, action: upsert}}]`");
            self.wrong(section.at(option), option, "nothing is to be done", remedy);
        }
        Some(Stage::Actions(Actions { on, select, acts }))
    }

    fn act(&mut self, one: Section<'_>, option: &str) -> Option<Act> {
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
            return Some(if action == "hash" { Act::Hash(key, pattern) } else { Act::Delete(key, pattern) });
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
                Some(Act::Extract(key, pattern))
            }
            "convert" => match one.text("converted_type").as_deref() {
                Some("int") => Some(Act::Convert(key, Convert::Int)),
                Some("double") => Some(Act::Convert(key, Convert::Double)),
                Some(_) => Some(Act::Convert(key, Convert::Text)),
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
                let from = match (one.node("value"), one.text("from_attribute")) {
                    (Some(node), _) if matches!(node.value, Value::Later(_) | Value::Elsewhere(_)) => {
                        self.known(node, option)?;
                        return None;
                    }
                    (Some(node), _) => From::Value(value(node)),
                    (None, Some(name)) => From::Attribute(name),
                    (None, None) => {
                        let what = format!("`{action}` does not say which value");
                        self.wrong(at, option, what, "add `value: …` or `from_attribute: …`");
                        return None;
                    }
                };
                Some(match action.as_str() {
                    "insert" => Act::Insert(key, from),
                    "update" => Act::Update(key, from),
                    _ => Act::Upsert(key, from),
                })
            }
        }
    }
}
