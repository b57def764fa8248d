//! `limits`, `clock` and `schema`.

use std::time::Duration;

use spanlayer_pipeline::stages::stage::{KNOWN, Limits, Schema, Skew, Stage, version};

use super::Maker;
use crate::options::section::Section;

impl Maker<'_> {
    pub(super) fn limits(&mut self, section: Section<'_>) -> Option<Stage> {
        let most = |name: &str| section.whole(name).and_then(|most| usize::try_from(most).ok());
        let limits = Limits {
            attributes: most("max_attributes"),
            length: most("max_value_length"),
            names: most("max_span_names"),
            window: section.duration("window").unwrap_or_default(),
            placeholder: section.text("placeholder").unwrap_or_default(),
            ..Limits::default()
        };
        if limits.attributes.or(limits.length).or(limits.names).is_none() {
            let remedy = "add `max_attributes`, `max_value_length` or `max_span_names`";
            self.wrong(section.at(""), "", "nothing is limited", remedy);
        }
        Some(Stage::Limits(limits))
    }

    pub(super) fn clock(section: Section<'_>) -> Stage {
        let tolerance = section.duration("tolerance").unwrap_or(Duration::ZERO);
        Stage::Skew(Skew { tolerance, correct: section.flag("correct") })
    }

    pub(super) fn schema(&mut self, section: Section<'_>) -> Option<Stage> {
        let mut target: Option<(u32, String)> = None;
        for node in section.node("targets").map(crate::yaml::Node::items).unwrap_or_default() {
            let Some(address) = self.known(node, "targets").map(str::to_owned) else { continue };
            match version(&address) {
                _ if target.is_some() => {
                    let remedy = "leave one: all of this data is OpenTelemetry's";
                    self.wrong(node.at, "targets", "there is another target of the same schemas", remedy);
                }
                Some(minor) if minor > KNOWN => {
                    let what = format!("of versions after 1.{KNOWN}.0 nothing is known");
                    let remedy = format!("write https://opentelemetry.io/schemas/1.{KNOWN}.0");
                    self.wrong(node.at, "targets", what, remedy);
                }
                Some(minor) => target = Some((minor, address)),
                None => self.wrong(node.at, "targets", NOT_KNOWN, EXAMPLE),
            }
        }
        let assumed = section.node("assumed").and_then(|node| {
            let address = self.known(node, "assumed").map(str::to_owned)?;
            let found = version(&address);
            if found.is_none() {
                self.wrong(node.at, "assumed", NOT_KNOWN, EXAMPLE);
            }
            found
        });
        let mut renames = Vec::new();
        for one in section.sections("renames") {
            match (one.text("from"), one.text("to")) {
                (Some(from), Some(to)) => renames.push((from, to)),
                _ => {
                    self.wrong(one.at(""), "renames", "`from` or `to` is missing", "write `{from: …, to: …}`")
                }
            }
        }
        let reports = section.flag("report");
        let asked = ["targets", "renames"].into_iter().any(|name| section.node(name).is_some());
        if !asked && !reports {
            let remedy =
                "add `targets: [https://opentelemetry.io/schemas/1.27.0]`, `renames: […]` or `report: true`";
            self.wrong(section.at(""), "", "nothing is to be done", remedy);
        }
        Some(Stage::Schema(Box::new(Schema { target, assumed, renames, reports, ..Schema::default() })))
    }
}

const NOT_KNOWN: &str = "this is none of OpenTelemetry's own schemas, which are all that is known";
const EXAMPLE: &str = "write an address such as https://opentelemetry.io/schemas/1.27.0";
