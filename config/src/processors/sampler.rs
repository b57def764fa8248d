//! `probabilistic_sampler`.

use spanlayer_pipeline::stages::stage::{Mode, Share, Stage};

use super::Maker;
use crate::{options::section::Section, problem::At};

impl Maker<'_> {
    pub(super) fn sampler(&mut self, section: Section<'_>, at: At) -> Option<Stage> {
        let Some(percentage) = section.text("sampling_percentage").and_then(|text| text.parse::<f64>().ok())
        else {
            let remedy = "add `sampling_percentage: 15`, or another share from 0 to 100";
            self.wrong(at, "", "`sampling_percentage` is missing, so nothing would be kept", remedy);
            return None;
        };
        let seed = section.whole("hash_seed").and_then(|seed| u32::try_from(seed).ok()).unwrap_or_default();
        let mode = match section.text("mode").as_deref() {
            Some("hash_seed") => Mode::Seed(seed),
            Some("equalizing") => Mode::Equalizing,
            Some("proportional") => Mode::Proportional,
            _ if seed != 0 => Mode::Seed(seed),
            _ => Mode::Proportional,
        };
        let hashes = section.text("attribute_source").as_deref() == Some("record");
        let from_attribute = section.text("from_attribute").filter(|_| hashes);
        if hashes && from_attribute.is_none() {
            let remedy = "add `from_attribute: …`, or take `attribute_source` out";
            self.wrong(section.at("attribute_source"), "attribute_source", "no attribute is named", remedy);
        }
        Some(Stage::Share(Share {
            probability: percentage / 100.0,
            mode,
            digits: section
                .whole("sampling_precision")
                .and_then(|digits| u32::try_from(digits).ok())
                .unwrap_or(4),
            closed: section.flag("fail_closed"),
            from_attribute,
            priority: section.text("sampling_priority"),
        }))
    }
}
