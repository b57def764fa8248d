//! `span`.

use spanlayer_pipeline::stages::stage::{Naming, Stage};

use super::Maker;
use crate::options::section::Section;

impl Maker<'_> {
    pub(super) fn span(&mut self, section: Section<'_>) -> Option<Stage> {
        let select = self.select(section);
        let name = section.section("name");
        let to = name.section("to_attributes");
        let rules = self.regexes(to.node("rules"), "name::to_attributes::rules");
        if let Some(rule) = rules.iter().find(|rule| rule.capture_names().flatten().next().is_none()) {
            let what = format!("the rule `{rule}` names nothing");
            let remedy = "name what is to be taken from the span's name: `(?P<name>…)`";
            self.wrong(to.at("rules"), "name::to_attributes::rules", what, remedy);
        }
        let status = section.section("status");
        let status = status.text("code").map(|code| {
            let code = ["Unset", "Ok", "Error"].iter().position(|name| *name == code).unwrap_or_default();
            (code as u64, status.text("description").unwrap_or_default())
        });
        let from = name.texts("from_attributes");
        if from.is_empty() && rules.is_empty() && status.is_none() {
            let remedy = "add `name: {from_attributes: […]}`, `name: {to_attributes: {rules: […]}}` or `status: {code: …}`";
            self.wrong(section.at(""), "", "nothing is to be done", remedy);
        }
        Some(Stage::Naming(Naming {
            select,
            from,
            separator: name.text("separator").unwrap_or_default(),
            rules,
            once: to.flag("break_after_match"),
            keep: to.flag("keep_original_name"),
            status,
        }))
    }
}
