//! `include` and `exclude`.

use spanlayer_pipeline::stages::stage::{Match, Pattern, Select};

use super::{Maker, value};
use crate::{options::section::Section, yaml::Node};

impl Maker<'_> {
    pub(super) fn select(&mut self, section: Section<'_>) -> Select {
        let include = section.node("include").map(|_| self.matching(section.section("include"), "include"));
        let exclude = section.node("exclude").map(|_| self.matching(section.section("exclude"), "exclude"));
        Select { include, exclude }
    }

    fn matching(&mut self, one: Section<'_>, option: &str) -> Match {
        let regex = match one.text("match_type").as_deref() {
            Some("regexp") => true,
            Some(_) => false,
            None => {
                let remedy = "add `match_type: strict` or `match_type: regexp`";
                self.wrong(one.at(""), option, "`match_type` is missing", remedy);
                false
            }
        };
        let mut list = |name: &str| -> Vec<Pattern> {
            let items = one.node(name).map(Node::items).unwrap_or_default();
            items.iter().filter_map(|node| self.pattern(node, regex, option)).collect()
        };
        let mut names = list("span_names");
        names.extend(list("metric_names"));
        Match {
            services: list("services"),
            names,
            kinds: list("span_kinds"),
            bodies: list("log_bodies"),
            severities: list("log_severity_texts"),
            attributes: self.pairs(one, "attributes", regex, option),
            resources: self.pairs(one, "resources", regex, option),
            libraries: {
                let library = |one: Section<'_>| {
                    let name = one.node("name").and_then(|node| self.pattern(node, regex, option))?;
                    Some((name, one.node("version").and_then(|node| self.pattern(node, regex, option))))
                };
                one.sections("libraries").filter_map(library).collect()
            },
        }
    }

    fn pairs(
        &mut self,
        one: Section<'_>,
        name: &str,
        regex: bool,
        option: &str,
    ) -> Vec<(String, Option<Pattern>)> {
        let mut pairs = Vec::new();
        for one in one.sections(name) {
            let Some(key) = one.text("key") else {
                self.wrong(one.at("key"), option, "`key` is missing", "add the attribute's name: `key: …`");
                continue;
            };
            pairs.push((key, one.node("value").and_then(|node| self.pattern(node, regex, option))));
        }
        pairs
    }

    fn pattern(&mut self, node: &Node, regex: bool, option: &str) -> Option<Pattern> {
        match regex {
            true => self.regex(node, option).map(Pattern::Regex),
            false => Some(Pattern::Exact(value(node))),
        }
    }
}
