//! Where events keep the context of their senders.

use super::skim::{Items, Object, Raw};
use crate::propagation::carrier::Carrier;
use std::borrow::Cow;

/// The text fields of an object.
pub(super) struct Fields<'e, 'a>(pub(super) &'e Object<'a>);

impl Carrier for Fields<'_, '_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get_any_case(name)?.text()
    }
}

/// Objects that hold a text each under a fixed name, as message attributes do.
pub(super) struct Tagged<'e, 'a> {
    pub(super) object: &'e Object<'a>,
    /// `stringValue` with SQS, `Value` with SNS.
    pub(super) tag: &'static str,
}

impl Carrier for Tagged<'_, '_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.object.get_any_case(name)?.object()?.text(self.tag)
    }
}

/// HTTP headers: `headers` with the last value of each, `multiValueHeaders` with all of them, or either.
#[derive(Debug, Default)]
pub(super) struct Headers<'a> {
    last: Object<'a>,
    all: Object<'a>,
}

impl<'a> Headers<'a> {
    /// Reads both kinds of headers of an event.
    pub(super) fn read(event: &Object<'a>) -> Self {
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

impl Carrier for Headers<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let Some(all) = self.all.get_any_case(name).and_then(Raw::items) else {
            return self.last.get_any_case(name)?.text();
        };
        let mut values = all.filter_map(Raw::text);
        let first = values.next()?;
        Some(values.fold(first, |joined, value| joined + "," + value))
    }
}

/// The headers of a Kafka record: objects of one field each, whose value is the bytes of a text as numbers.
pub(super) struct KafkaHeaders<'a>(pub(super) Option<Items<'a>>);

impl Carrier for KafkaHeaders<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut headers = self.0.clone()?.take(MOST_KAFKA_HEADERS);
        let bytes = headers.find_map(|header| header.object()?.get_any_case(name)?.items())?;
        // Java's bytes have signs.
        let byte = |number: Raw<'_>| {
            number.integer().filter(|n| (-128..256).contains(n)).map(|n| n.to_le_bytes()[0])
        };
        let text: Option<Vec<u8>> = bytes.take(LONGEST_KAFKA_HEADER).map(byte).collect();
        String::from_utf8(text?).ok().map(Cow::Owned)
    }
}

/// The first of several carriers that knows a name.
pub(super) struct Chain<'e>(pub(super) &'e [&'e dyn Carrier]);

impl Carrier for Chain<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.iter().find_map(|carrier| carrier.get(name))
    }
}

const MOST_KAFKA_HEADERS: usize = 64;
const LONGEST_KAFKA_HEADER: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_values_of_a_header_are_joined_and_the_last_alone_is_the_fallback() {
        let event = br#"{"headers":{"A":"2","b":"3"},"multiValueHeaders":{"a":["1","2"]}}"#;
        let headers = Headers::read(&Object::whole(event).unwrap());
        assert_eq!(headers.get("a").as_deref(), Some("1,2"));
        assert_eq!(headers.one("a").as_deref(), Some("2"));
        assert_eq!(headers.get("b").as_deref(), Some("3"));
        assert_eq!(headers.get("c"), None);
    }

    #[test]
    fn kafka_headers_are_bytes_with_or_without_sign() {
        let object =
            Object::whole(br#"{"headers":[{"x":[-61,-87]},{"y":[195,169]},{"z":[999]},7]}"#).unwrap();
        let headers = KafkaHeaders(object.items("headers"));
        assert_eq!(headers.get("x").as_deref(), Some("é"));
        assert_eq!(headers.get("y").as_deref(), Some("é"));
        assert_eq!(headers.get("z"), None);
    }
}
