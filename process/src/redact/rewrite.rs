//! The walk: down to the places where a rule might apply, and copying everything else as it is.

use super::{Action, Redactor, Summary, Tally, prefilter::Places};
use spanlayer_otlp::{
    schema::{Field, Kind, Message},
    wire::{self, Fields},
};
use std::ops::Range;

pub(super) struct Rewrite<'r> {
    pub(super) rules: &'r Redactor,
    pub(super) places: &'r Places,
    pub(super) tally: Tally,
}

/// What becomes of a field.
enum Fate {
    Stays,
    /// A field of this number.
    Becomes(u32, Vec<u8>),
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
                (None, _) if self.rules.all_types && message.name == "AnyValue" => self.scalar(&field),
                _ => Fate::Stays,
            };
            match fate {
                Fate::Stays => {
                    if let Some(out) = &mut out {
                        out.extend_from_slice(&body[field.range]);
                    }
                }
                Fate::Becomes(number, value) => {
                    let out = out.get_or_insert_with(|| body[..field.range.start].to_vec());
                    wire::bytes_field(out, number, &value);
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
        let becomes =
            |value: Option<Vec<u8>>| value.map_or(Fate::Stays, |value| Fate::Becomes(field.number, value));
        match field.kind {
            Kind::Message(message) if message.name == "KeyValue" => {
                self.pair(message, field.number, value, at, names)
            }
            Kind::Message(message) => becomes(self.message(message, value, at)),
            Kind::String | Kind::Bytes => becomes(self.text(value, at)),
            _ => Fate::Stays,
        }
    }

    /// A value that is no text, as the text that it reads as.
    fn scalar(&mut self, field: &wire::Field<'_>) -> Fate {
        let text = match (field.number, field.value) {
            (BOOL, wire::Value::Varint(bits)) => (bits != 0).to_string(),
            (INT, wire::Value::Varint(bits)) => bits.cast_signed().to_string(),
            (DOUBLE, wire::Value::Fixed64(bits)) => f64::from_bits(bits).to_string(),
            _ => return Fate::Stays,
        };
        let cleaned = self.rules.cleaned(&text, &mut self.tally);
        cleaned.map_or(Fate::Stays, |text| Fate::Becomes(TEXT, text.into_bytes()))
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
    fn pair(
        &mut self,
        message: &'static Message,
        number: u32,
        body: &[u8],
        at: usize,
        names: &mut Vec<String>,
    ) -> Fate {
        if !self.places.touch(&(at..at + body.len())) {
            return Fate::Stays;
        }
        let key = last(body, 1).and_then(|key| str::from_utf8(key).ok()).unwrap_or_default();
        if !self.rules.is_allowed(key) {
            self.tally.deleted += 1;
            self.name(key, names);
            return Fate::Goes;
        }
        if self.rules.ignored.contains(key) {
            return Fate::Stays;
        }
        if self.rules.is_secret_key(key)
            && let Some(fate) = self.secret(key, number, last(body, 2).unwrap_or_default(), names)
        {
            return fate;
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
        changed.map_or(Fate::Stays, |value| Fate::Becomes(number, value))
    }

    /// An attribute that is secret by its name, whatever its value is. `None` if there is nothing to hide, or somebody
    /// did.
    fn secret(&mut self, key: &str, number: u32, value: &[u8], names: &mut Vec<String>) -> Option<Fate> {
        let text = Fields::new(value)
            .map_while(Result::ok)
            .find(|one| one.number == TEXT)
            .and_then(|one| one.bytes());
        if value.is_empty() || text.is_some_and(|text| text.is_empty() || self.rules.is_replacement(text)) {
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
        wire::message_field(&mut out, 2, |any| wire::bytes_field(any, TEXT, shown.as_bytes()));
        Some(Fate::Becomes(number, out))
    }

    fn name(&self, key: &str, names: &mut Vec<String>) {
        if self.rules.summary == Summary::Debug && !names.iter().any(|name| name == key) {
            names.push(key.to_owned());
        }
    }

    /// Appends the attributes that tell what was done.
    fn summarise(&self, done: &Tally, names: &[String], number: u32, out: &mut Vec<u8>) {
        // What an earlier redactor told is told with it: a key stands once.
        let mut say = |key: &str, mut count: u64, list: &[&str]| {
            if count == 0 && list.is_empty() {
                return;
            }
            let mut all = String::new();
            while let Some((range, value)) = attribute(out, number, key) {
                for field in Fields::new(&value).map_while(Result::ok) {
                    match field.value {
                        wire::Value::Varint(bits) => count = count.saturating_add(bits),
                        wire::Value::Bytes(text) => all.push_str(&String::from_utf8_lossy(text)),
                        _ => {}
                    }
                }
                out.drain(range);
            }
            for one in list {
                if !all.split(',').any(|told| told == *one) {
                    all.push_str(if all.is_empty() { "" } else { "," });
                    all.push_str(one);
                }
            }
            wire::message_field(out, number, |pair| {
                wire::bytes_field(pair, 1, key.as_bytes());
                wire::message_field(pair, 2, |any| match count {
                    0 => wire::bytes_field(any, 1, all.as_bytes()),
                    _ => wire::varint_field(any, 3, count),
                });
            });
        };
        if self.rules.summary == Summary::Silent {
            return;
        }
        let kinds: Vec<&str> = done.counts().map(|(kind, _)| kind).collect();
        say("redaction.masked.count", done.masked(), &[]);
        say("redaction.masked.kinds", 0, &kinds);
        say("redaction.redacted.count", done.deleted, &[]);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let key = if done.deleted > 0 { "redaction.redacted.keys" } else { "redaction.masked.keys" };
        say(key, 0, &names);
    }
}

/// Where an attribute stands, and its value, encoded.
fn attribute(message: &[u8], number: u32, key: &str) -> Option<(Range<usize>, Vec<u8>)> {
    Fields::new(message).map_while(Result::ok).find_map(|field| {
        let pair = field.bytes().filter(|_| field.number == number)?;
        let is_it = last(pair, 1).is_some_and(|found| found == key.as_bytes());
        is_it.then(|| (field.range, last(pair, 2).unwrap_or_default().to_vec()))
    })
}

/// The last field of a number, which is the one that counts.
fn last(message: &[u8], number: u32) -> Option<&[u8]> {
    Fields::new(message).map_while(Result::ok).filter(|one| one.number == number).last()?.bytes()
}

/// What an `AnyValue` holds, by number.
const TEXT: u32 = 1;
const BOOL: u32 = 2;
const INT: u32 = 3;
const DOUBLE: u32 = 4;

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
