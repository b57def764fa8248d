//! What redaction is to do, as plain values, and how that is compiled.

use super::{Pattern, Recogniser, Redactor};
use regex_lite::Regex;
use ring::hmac;
use std::{fmt, sync::OnceLock};

/// What to look for, and what to do with it. The default is what a user should have without asking: credentials, by
/// look and by name, masked.
#[derive(Clone)]
pub struct Rules {
    /// What is known by its look.
    pub recognisers: Vec<Recogniser>,
    /// Attributes that are secret by name: `password`, `authorization`, `set-cookie`, `api_key` and so on, whatever
    /// stands before them.
    pub credential_keys: bool,
    /// More names, exact or with `*`, in any case.
    pub keys: Vec<String>,
    /// More names, as regular expressions (the Collector's `blocked_key_patterns`).
    pub key_patterns: Vec<String>,
    /// Values, as regular expressions (the Collector's `blocked_values`).
    pub blocked: Vec<String>,
    /// Whether numbers and truth values of attributes and bodies are looked into as well, as the texts that they read as
    /// (the Collector's `redact_all_types`). Only `blocked` is looked for in them.
    pub all_types: bool,
    /// Texts that stay although something else matches (the Collector's `allowed_values`).
    pub permitted: Vec<String>,
    /// The only attributes that may stay; `None` for all (the Collector's `allowed_keys` without `allow_all_keys`).
    pub allowed: Option<Vec<String>>,
    /// Attributes that no rule looks at (the Collector's `ignored_keys`).
    pub ignored: Vec<String>,
    /// What is done.
    pub action: Action,
    /// The key of the hash, if that is what is done. At least 16 bytes.
    pub key: Vec<u8>,
    /// What is told of it in the data.
    pub summary: Summary,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            recognisers: Recogniser::ALL.into_iter().filter(|one| one.is_credential()).collect(),
            credential_keys: true,
            ..Self::none()
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules")
            .field("recognisers", &self.recognisers)
            .field("credential_keys", &self.credential_keys)
            .field("keys", &self.keys)
            .field("key_patterns", &self.key_patterns)
            .field("blocked", &self.blocked)
            .field("all_types", &self.all_types)
            .field("permitted", &self.permitted)
            .field("allowed", &self.allowed)
            .field("ignored", &self.ignored)
            .field("action", &self.action)
            .field("summary", &self.summary)
            .finish_non_exhaustive()
    }
}

/// What becomes of a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Action {
    /// `****` stands in its place.
    #[default]
    Mask,
    /// The attribute goes; in a text that is no attribute, `****` stands in its place.
    Delete,
    /// The first 12 bytes of its HMAC-SHA256, in hexadecimal, so that equal ones can be told, and 4 by which it is known as a
    /// hash of this key.
    Hash,
}

/// What is told of it in the data (the Collector's `summary`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Summary {
    /// Counts and kinds: `redaction.masked.count`, `redaction.masked.kinds`, `redaction.redacted.count`.
    #[default]
    Info,
    /// The attributes' names too: `redaction.masked.keys`, `redaction.redacted.keys`.
    Debug,
    /// Nothing.
    Silent,
}

/// Why rules cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidRules(pub(super) String);

impl fmt::Display for InvalidRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidRules {}

impl Rules {
    /// No rule at all, to add to.
    pub const fn none() -> Self {
        Self {
            recognisers: Vec::new(),
            credential_keys: false,
            keys: Vec::new(),
            key_patterns: Vec::new(),
            blocked: Vec::new(),
            all_types: false,
            permitted: Vec::new(),
            allowed: None,
            ignored: Vec::new(),
            action: Action::Mask,
            key: Vec::new(),
            summary: Summary::Info,
        }
    }

    /// Adds recognisers by their names or by that of a group: `credentials` (with the names of attributes that hold
    /// them), `pii`, `all`.
    ///
    /// # Errors
    ///
    /// Says what is unknown, and what is known.
    pub fn add_named(&mut self, name: &str) -> Result<(), InvalidRules> {
        let mut add = |wanted: fn(&Recogniser) -> bool| {
            for one in Recogniser::ALL.into_iter().filter(wanted) {
                if !self.recognisers.contains(&one) {
                    self.recognisers.push(one);
                }
            }
        };
        match name {
            "all" => add(|_| true),
            "pii" => add(|one| !one.is_credential()),
            "credentials" => add(|one| one.is_credential()),
            "keys" => {}
            _ => match Recogniser::named(name) {
                Some(one) if self.recognisers.contains(&one) => {}
                Some(one) => self.recognisers.push(one),
                None => {
                    let known: Vec<&str> = Recogniser::ALL.iter().map(|one| one.name()).collect();
                    let known = known.join(", ");
                    return Err(InvalidRules(format!(
                        "expected all, credentials, pii, keys, {known}, or off"
                    )));
                }
            },
        }
        self.credential_keys |= matches!(name, "all" | "credentials" | "keys");
        Ok(())
    }

    pub(super) fn compile(self) -> Result<Redactor, InvalidRules> {
        if self.action == Action::Hash && self.key.len() < 16 {
            return Err(InvalidRules("hashing needs a key of at least 16 bytes".to_owned()));
        }
        let keys: Vec<Pattern> = self.keys.iter().map(|key| Pattern::new(key)).collect();
        // Each once, in the order of all.
        let recognisers = Recogniser::ALL.into_iter().filter(|one| self.recognisers.contains(one)).collect();
        Ok(Redactor {
            prefilter: OnceLock::new(),
            recognisers,
            credential_keys: self.credential_keys,
            keys,
            key_patterns: regexes(&self.key_patterns)?,
            all_types: self.all_types && !self.blocked.is_empty(),
            blocked: regexes(&self.blocked)?,
            permitted: regexes(&self.permitted)?,
            allowed: self.allowed.map(|names| names.into_iter().map(Into::into).collect()),
            ignored: self.ignored.into_iter().map(Into::into).collect(),
            action: self.action,
            key: (self.action == Action::Hash).then(|| hmac::Key::new(hmac::HMAC_SHA256, &self.key)),
            summary: self.summary,
        })
    }
}

fn regexes(patterns: &[String]) -> Result<Vec<Regex>, InvalidRules> {
    let one = |pattern: &String| {
        Regex::new(pattern)
            .map_err(|why| InvalidRules(format!("`{pattern}` is no regular expression: {why}")))
    };
    patterns.iter().map(one).collect()
}
