//! Redaction: what must not leave is found in every place of every signal, and made unreadable before anything is
//! stored.
//!
//! ```text
//! bytes ─▶ prefilter ── nothing ──────────────▶ the same bytes
//!              └─ places ─▶ rewrite: only the messages that hold one, only where a rule applies
//! ```

mod keys;
mod prefilter;
mod recognise;
mod rewrite;
mod rules;
mod tally;
mod text;

pub use recognise::Recogniser;
pub use rules::{Action, InvalidRules, Rules, Summary};
pub use tally::Tally;

use keys::Pattern;
use prefilter::Prefilter;
use regex_lite::Regex;
use ring::hmac;
use spanlayer_otlp::{Signal, json::text::to_hex, schema::request};
use std::{collections::HashSet, fmt, sync::OnceLock};

/// Rules, compiled.
pub struct Redactor {
    /// Made at the first look: a few thousand hashes, which are in the way of a process that is starting.
    prefilter: OnceLock<Prefilter>,
    recognisers: Vec<Recogniser>,
    credential_keys: bool,
    keys: Vec<Pattern>,
    key_patterns: Vec<Regex>,
    blocked: Vec<Regex>,
    all_types: bool,
    permitted: Vec<Regex>,
    allowed: Option<HashSet<Box<str>>>,
    ignored: HashSet<Box<str>>,
    action: Action,
    key: Option<hmac::Key>,
    summary: Summary,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor").field("recognisers", &self.recognisers).finish_non_exhaustive()
    }
}

impl Redactor {
    /// Compiles rules.
    ///
    /// # Errors
    ///
    /// Names the pattern that is no regular expression, or says that there is no key to hash with.
    pub fn new(rules: Rules) -> Result<Self, InvalidRules> {
        rules.compile()
    }

    /// The request without what must not leave, and what was done; `None` if nothing was to be done. The bytes must be
    /// a valid request.
    pub fn redact(&self, signal: Signal, bytes: &[u8]) -> Option<(Vec<u8>, Tally)> {
        let places = self.prefilter().places(bytes);
        if places.is_empty() {
            return None;
        }
        let mut rewrite = rewrite::Rewrite { rules: self, places: &places, tally: Tally::default() };
        let changed = rewrite.message(request(signal), bytes, 0)?;
        Some((changed, rewrite.tally))
    }

    /// A text without what must not leave; `None` if there is nothing of that in it.
    pub fn redact_text(&self, text: &str) -> Option<String> {
        let places = self.prefilter().places(text.as_bytes());
        if places.is_empty() {
            return None;
        }
        self.cleaned(text, &mut Tally::default())
    }

    fn prefilter(&self) -> &Prefilter {
        self.prefilter.get_or_init(|| self.announced())
    }

    /// What the rules' secrets cannot do without.
    fn announced(&self) -> Prefilter {
        let mut prefilter = Prefilter::new();
        let has = |one| self.recognisers.contains(&one);
        self.recognisers.iter().flat_map(|one| one.literals()).for_each(|literal| prefilter.literal(literal));
        if has(Recogniser::Email) || has(Recogniser::UrlCredentials) {
            prefilter.at_sign();
        }
        if has(Recogniser::Card) {
            prefilter.long_numbers();
        }
        if self.credential_keys {
            keys::LITERALS.iter().for_each(|literal| prefilter.literal(literal));
        }
        self.keys.iter().for_each(|pattern| prefilter.literal(pattern.literal()));
        if self.allowed.is_some() || !self.blocked.is_empty() || !self.key_patterns.is_empty() {
            prefilter.everything();
        }
        prefilter
    }

    /// Whether an attribute is secret by its name.
    fn is_secret_key(&self, key: &str) -> bool {
        self.credential_keys && keys::is_credential(key)
            || self.keys.iter().any(|pattern| pattern.matches(key))
            || self.key_patterns.iter().any(|pattern| pattern.is_match(key))
    }

    /// Whether an attribute may stay at all.
    fn is_allowed(&self, key: &str) -> bool {
        let Some(allowed) = &self.allowed else { return true };
        allowed.contains(key) || self.ignored.contains(key) || key.starts_with("redaction.")
    }

    /// What stands in the place of a secret.
    fn replacement(&self, secret: &[u8]) -> String {
        match &self.key {
            None => MASK.to_owned(),
            Some(key) => {
                let hash = to_hex(&hmac::sign(key, secret).as_ref()[..12]);
                let check = check(key, hash.as_bytes());
                hash + &check
            }
        }
    }

    /// Whether this stands in the place of a secret already: what is redacted twice is what it is after the first time.
    fn is_replacement(&self, text: &[u8]) -> bool {
        let ours = |key| text.len() == 32 && check(key, &text[..24]).as_bytes() == &text[24..];
        text == MASK.as_bytes() || self.key.as_ref().is_some_and(ours)
    }
}

/// By what a hash is known as one of this key.
fn check(key: &hmac::Key, hash: &[u8]) -> String {
    to_hex(&hmac::sign(key, hash).as_ref()[..4])
}

/// As the Collector's redaction processor has it.
const MASK: &str = "****";

#[cfg(test)]
mod tests;
