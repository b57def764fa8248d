//! The walk: down to the places where a rule might apply, and copying everything else as it is.

use super::{Action, Redactor, Summary, Tally, prefilter::Places};
use spanlayer_otlp::{
    schema::{Field, Kind, Message},
    wire::{self, Fields},
};

pub(super) struct Rewrite<'r> {
    pub(super) rules: &'r Redactor,
    pub(super) places: &'r Places,
    pub(super) tally: Tally,
}

/// What becomes of a field.
enum Fate {
    Stays,
    Becomes(Vec<u8>),
    Goes,
}

impl Rewrite<'_> {
    /// The body of a message that lies at `base` in the payload, changed; `None` if nothing in it is to be changed.
    pub(super) fn message(&mut self, message: &'static Message, body: &[u8], base: usize) -> Option<Vec<u8>> {
        if !self.places.touch(&(base..base + body.len())) {
            return None;
        }
        let before = self.tally;
        let mut names = Vec::new();
        let mut out: Option<Vec<u8>> = None;
        for field in Fields::new(body).map_while(Result::ok) {
            let fate = match (field.bytes(), message.field(field.number)) {
                (Some(value), Some(known)) => {
                    let at = base + field.range.end - value.len();
                    self.field(known, value, at, &mut names)
                }
                _ => Fate::Stays,
            };
            match fate {
                Fate::Stays => {
                    if let Some(out) = &mut out {
                        out.extend_from_slice(&body[field.range]);
                    }
                }
                Fate::Becomes(value) => {
                    let out = out.get_or_insert_with(|| body[..field.range.start].to_vec());
                    wire::bytes_field(out, field.number, &value);
                }
                Fate::Goes => {
                    out.get_or_insert_with(|| body[..field.range.start].to_vec());
                }
            }
        }
        if let Some(out) = &mut out
            && SUMMARISED.contains(&message.name)
            && let Some(attributes) = message.field_named("attributes")
        {
            self.summarise(&self.tally.since(&before), &names, attributes.number, out);
        }
        out
    }

    fn field(&mut self, field: &Field, value: &[u8], at: usize, names: &mut Vec<String>) -> Fate {
        let becomes = |value: Option<Vec<u8>>| value.map_or(Fate::Stays, Fate::Becomes);
        match field.kind {
            Kind::Message(message) if message.name == "KeyValue" => self.pair(message, value, at, names),
            Kind::Message(message) => becomes(self.message(message, value, at)),
            Kind::String | Kind::Bytes => becomes(self.text(value, at)),
            _ => Fate::Stays,
        }
    }

    fn text(&mut self, value: &[u8], at: usize) -> Option<Vec<u8>> {
        if !self.places.touch(&(at..at + value.len())) {
            return None;
        }
        // Bytes that are no text are no secret that anybody could read here either.
        let text = str::from_utf8(value).ok()?;
        self.rules.cleaned(text, &mut self.tally).map(String::into_bytes)
    }

    /// An attribute, or an entry of a map.
    fn pair(&mut self, message: &'static Message, body: &[u8], at: usize, names: &mut Vec<String>) -> Fate {
        if !self.places.touch(&(at..at + body.len())) {
            return Fate::Stays;
        }
        let last = |number| Fields::new(body).map_while(Result::ok).filter(|one| one.number == number).last();
        let key = last(1).and_then(|one| str::from_utf8(one.bytes()?).ok()).unwrap_or_default();
        if !self.rules.is_allowed(key) {
            self.tally.deleted += 1;
            self.name(key, names);
            return Fate::Goes;
        }
        if self.rules.ignored.contains(key) {
            return Fate::Stays;
        }
        if self.rules.is_secret_key(key) {
            let value = last(2).and_then(|one| one.bytes()).unwrap_or_default();
            if let Some(fate) = self.secret(key, value, names) {
                return fate;
            }
        }
        let before = self.tally.masked();
        let changed = self.message(message, body, at);
        if self.tally.masked() > before {
            self.name(key, names);
            if self.rules.action == Action::Delete {
                self.tally.deleted += 1;
                return Fate::Goes;
            }
        }
        changed.map_or(Fate::Stays, Fate::Becomes)
    }

    /// An attribute that is secret by its name, whatever its value is. `None` if there is nothing to hide, or somebody
    /// did.
    fn secret(&mut self, key: &str, value: &[u8], names: &mut Vec<String>) -> Option<Fate> {
        let text =
            Fields::new(value).map_while(Result::ok).find(|one| one.number == 1).and_then(|one| one.bytes());
        if value.is_empty() || matches!(text, Some(b"" | b"****")) {
            return None;
        }
        self.tally.by_key += 1;
        self.name(key, names);
        if self.rules.action == Action::Delete {
            self.tally.deleted += 1;
            return Some(Fate::Goes);
        }
        let mut out = Vec::new();
        let clean = self.rules.cleaned(key, &mut self.tally);
        wire::bytes_field(&mut out, 1, clean.as_deref().unwrap_or(key).as_bytes());
        let shown = self.rules.replacement(text.unwrap_or(value));
        wire::message_field(&mut out, 2, |any| wire::bytes_field(any, 1, shown.as_bytes()));
        Some(Fate::Becomes(out))
    }

    fn name(&self, key: &str, names: &mut Vec<String>) {
        if self.rules.summary == Summary::Debug && !names.iter().any(|name| name == key) {
            names.push(key.to_owned());
        }
    }

    /// Appends the attributes that tell what was done.
    fn summarise(&self, done: &Tally, names: &[String], number: u32, out: &mut Vec<u8>) {
        let mut say = |key: &str, value: &dyn Fn(&mut Vec<u8>)| {
            wire::message_field(out, number, |pair| {
                wire::bytes_field(pair, 1, key.as_bytes());
                wire::message_field(pair, 2, |any| value(any));
            });
        };
        if self.rules.summary == Summary::Silent {
            return;
        }
        if done.masked() > 0 {
            let kinds: Vec<&str> = done.counts().map(|(kind, _)| kind).collect();
            say("redaction.masked.count", &|any| wire::varint_field(any, 3, done.masked()));
            say("redaction.masked.kinds", &|any| wire::bytes_field(any, 1, kinds.join(",").as_bytes()));
        }
        if done.deleted > 0 {
            say("redaction.redacted.count", &|any| wire::varint_field(any, 3, done.deleted));
        }
        if !names.is_empty() {
            let key = if done.deleted > 0 { "redaction.redacted.keys" } else { "redaction.masked.keys" };
            say(key, &|any| wire::bytes_field(any, 1, names.join(",").as_bytes()));
        }
    }
}

/// Where a summary stands: with what has attributes of its own, and not again within it.
const SUMMARISED: &[&str] = &[
    "Resource",
    "InstrumentationScope",
    "Span",
    "LogRecord",
    "NumberDataPoint",
    "HistogramDataPoint",
    "ExponentialHistogramDataPoint",
    "SummaryDataPoint",
];
