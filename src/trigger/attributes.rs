//! Attributes as they are collected: what an event does not say is left out.

use opentelemetry::{Array, KeyValue, StringValue, Value};

/// The attributes found so far.
#[derive(Debug, Default)]
pub(super) struct Attributes(Vec<KeyValue>);

impl Attributes {
    /// Room for as many as an HTTP request has.
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(TYPICAL))
    }

    /// A text from the event, if it is there and not empty. A monstrous one is cut: nobody reads it in a span, and the
    /// whole of it is the handler's business.
    pub(super) fn text(&mut self, key: &'static str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value.as_ref().map(AsRef::as_ref).filter(|value| !value.is_empty()) {
            self.0.push(KeyValue::new(key, cut(value).to_owned()));
        }
    }

    /// A text that is always the same.
    pub(super) fn word(&mut self, key: &'static str, value: &'static str) {
        self.0.push(KeyValue::new(key, value));
    }

    /// A whole number, if it is there.
    pub(super) fn integer(&mut self, key: &'static str, value: Option<i64>) {
        self.0.extend(value.map(|value| KeyValue::new(key, value)));
    }

    /// A list of one text, for attributes that are lists by convention.
    pub(super) fn only(&mut self, key: &'static str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            let list = vec![StringValue::from(cut(value.as_ref()).to_owned())];
            self.0.push(KeyValue::new(key, Value::Array(Array::String(list))));
        }
    }

    pub(super) fn into_vec(self) -> Vec<KeyValue> {
        self.0
    }
}

/// A number of things as an attribute's value.
pub(super) fn count(things: usize) -> i64 {
    i64::try_from(things).unwrap_or(i64::MAX)
}

/// The longest beginning that is not too long.
pub(super) fn cut(text: &str) -> &str {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

const TYPICAL: usize = 16;
/// Bytes of one value. Gateways take request lines and headers of at most 10 KB in all.
const LONGEST: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_monstrous_text_is_cut_between_characters() {
        let mut attributes = Attributes::new();
        attributes.text("a", Some("é".repeat(6_000_000)));
        attributes.text("b", Some(""));
        let vec = attributes.into_vec();
        assert_eq!((vec.len(), vec[0].value.as_str().len()), (1, LONGEST));
    }
}
