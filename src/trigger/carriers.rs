//! Where events keep the context of their senders.

use super::skim::{Object, Objects, Raw};
use crate::propagation::{Propagators, carrier::Carrier};
use opentelemetry::propagation::TextMapPropagator;
use std::borrow::Cow;

/// The text fields of an object.
pub(super) struct Fields<'t, 'a>(pub(super) Object<'t, 'a>);

impl Carrier for Fields<'_, '_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get_any_case(name)?.text()
    }
}

/// Objects that hold a text each under a fixed name, as message attributes do.
pub(super) struct Tagged<'t, 'a> {
    pub(super) object: Object<'t, 'a>,
    /// `stringValue` with SQS, `Value` with SNS.
    pub(super) tag: &'static str,
}

impl Carrier for Tagged<'_, '_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.object.object_any_case(name)?.text(self.tag)
    }
}

/// HTTP headers: `headers` with the last value of each, `multiValueHeaders` with all of them, or either.
#[derive(Debug, Default)]
pub(super) struct Headers<'t, 'a> {
    last: Object<'t, 'a>,
    all: Object<'t, 'a>,
}

impl<'t, 'a> Headers<'t, 'a> {
    /// Reads both kinds of headers of an event.
    pub(super) fn read(event: Object<'t, 'a>) -> Self {
        Self {
            last: event.object("headers").unwrap_or_default(),
            all: event.object("multiValueHeaders").unwrap_or_default(),
        }
    }

    /// One value of a header.
    pub(super) fn one(&self, name: &str) -> Option<Cow<'a, str>> {
        match self.last.get_any_case(name) {
            Some(value) => value.text(),
            None => self.all.get_any_case(name)?.items()?.next()?.text(),
        }
    }
}

impl Carrier for Headers<'_, '_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let Some(all) = self.all.get_any_case(name).and_then(Raw::items) else {
            return self.last.get_any_case(name)?.text();
        };
        let mut values = all.filter_map(Raw::text);
        let first = values.next()?;
        Some(values.fold(first, |joined, value| joined + "," + value))
    }
}

/// The headers of a Kafka record: objects of one field each, whose value is the bytes of a text as numbers. Those that
/// carry trace context are decoded at once, in one pass.
pub(super) struct KafkaHeaders<'a>(Vec<(Cow<'a, str>, String)>);

impl<'a> KafkaHeaders<'a> {
    /// Reads those headers of a record that `propagators` may ask for.
    pub(super) fn read(record: Object<'_, 'a>, propagators: &Propagators) -> Self {
        let mut wanted = Vec::new();
        for header in record.objects("headers").into_iter().flat_map(Objects::iter) {
            let Some((name, bytes)) = header.iter().next() else { continue };
            if propagators.fields().any(|field| field.eq_ignore_ascii_case(&name)) {
                wanted.extend(text_of_bytes(bytes).map(|text| (name, text)));
            }
        }
        Self(wanted)
    }
}

impl Carrier for KafkaHeaders<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, text) = self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(Cow::Borrowed(text))
    }
}

/// A text whose bytes are written as numbers. Java's have signs.
fn text_of_bytes(numbers: Raw<'_>) -> Option<String> {
    let text = numbers.scalars()?;
    let text = &text[..text.len().min(LONGEST_KAFKA_HEADER)];
    let mut bytes = Vec::with_capacity(text.len() / 2);
    let (mut value, mut digits, mut negative) = (0_i16, 0, false);
    for &symbol in text.iter().chain(b",") {
        match symbol {
            b'0'..=b'9' if digits < 3 => {
                value = value * 10 + i16::from(symbol - b'0');
                digits += 1;
            }
            b',' if digits > 0 => {
                let signed = if negative { -value } else { value };
                bytes.push(
                    u8::try_from(signed).or_else(|_| i8::try_from(signed).map(i8::cast_unsigned)).ok()?,
                );
                (value, digits, negative) = (0, 0, false);
            }
            b'-' if digits == 0 && !negative => negative = true,
            b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => return None,
        }
    }
    String::from_utf8(bytes).ok()
}

/// The first of several carriers that knows a name.
pub(super) struct Chain<'e>(pub(super) &'e [&'e dyn Carrier]);

impl Carrier for Chain<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.iter().find_map(|carrier| carrier.get(name))
    }
}

/// Bytes of the numbers; a longer header is not one that carries a context.
const LONGEST_KAFKA_HEADER: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::{super::skim::Document, *};
    use crate::propagation::Format;

    #[test]
    fn several_values_of_a_header_are_joined_and_the_last_alone_is_the_fallback() {
        let event = br#"{"headers":{"A":"2","b":"3"},"multiValueHeaders":{"a":["1","2"]}}"#;
        let event = Document::whole(event).unwrap();
        let headers = Headers::read(event.root());
        assert_eq!(headers.get("a").as_deref(), Some("1,2"));
        assert_eq!(headers.one("a").as_deref(), Some("2"));
        assert_eq!(headers.get("b").as_deref(), Some("3"));
        assert_eq!(headers.get("c"), None);
    }

    #[test]
    fn kafka_headers_are_bytes_with_or_without_sign() {
        let propagators = Propagators::new(vec![Format::TraceContext, Format::Baggage]);
        let read = |bytes: &str| {
            let record = format!(r#"{{"headers":[{{"other":[1]}},7,{{"Baggage":{bytes}}}]}}"#);
            let record = Document::whole(record.as_bytes()).unwrap();
            KafkaHeaders::read(record.root(), &propagators).get("baggage").map(Cow::into_owned)
        };
        assert_eq!(read("[-61,-87]").as_deref(), Some("é"));
        assert_eq!(read("[195,169]").as_deref(), Some("é"));
        for wrong in ["[999]", "[195]", "null", "\"text\"", "[null]"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
