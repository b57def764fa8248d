//! `redaction`.

use spanlayer_pipeline::{
    Redactor,
    process::redact::{Action, Rules, Summary},
    stages::stage::Stage,
};

use super::Maker;
use crate::{options::section::Section, problem::Problem, yaml::Value};

impl Maker<'_> {
    pub(super) fn redaction(&mut self, section: Section<'_>) -> Option<Stage> {
        for name in ["blocked_values", "allowed_values", "blocked_key_patterns"] {
            self.regexes(section.node(name), name);
        }
        let hashes = section.text("hash_function").is_some();
        let key = section.text("hmac_key").unwrap_or_default();
        if section.node("hmac_key").is_some_and(|node| matches!(node.value, Value::Elsewhere(_))) {
            let remedy =
                "write `${env:NAME}` or `${file:/path}`: data is hashed before anything can be fetched";
            self.wrong(section.at("hmac_key"), "hmac_key", "the key is not known when it is needed", remedy);
            return None;
        }
        if hashes && key.len() < 16 && !section.is_later("hmac_key") {
            let at = section.at("hmac_key");
            self.wrong(
                at,
                "hmac_key",
                "hashing needs a key",
                "add `hmac_key: ${env:NAME}`, at least 16 bytes",
            );
        }
        let rules = Rules {
            allowed: (!section.flag("allow_all_keys")).then(|| section.texts("allowed_keys")),
            ignored: section.texts("ignored_keys"),
            blocked: section.texts("blocked_values"),
            all_types: section.flag("redact_all_types"),
            permitted: section.texts("allowed_values"),
            key_patterns: section.texts("blocked_key_patterns"),
            action: if hashes { Action::Hash } else { Action::Mask },
            key: key.into_bytes(),
            summary: match section.text("summary").as_deref() {
                Some("debug") => Summary::Debug,
                Some("silent") => Summary::Silent,
                _ => Summary::Info,
            },
            ..Rules::none()
        };
        if rules.allowed.as_ref().is_some_and(Vec::is_empty) && rules.ignored.is_empty() {
            let at = section.at("");
            self.problems.push(
                Problem::warning(
                    at,
                    "no attribute stays",
                    "add `allowed_keys: […]`, or `allow_all_keys: true`",
                )
                .about(self.path.clone()),
            );
        }
        // What is wrong with it was told above.
        Redactor::new(rules).ok().map(|redactor| Stage::Redact(Box::new(redactor)))
    }
}
