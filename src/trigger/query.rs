//! Query strings: put together where an event has them in pieces, and freed of secrets.

use super::skim::{Object, Raw};
use std::borrow::Cow;

/// How an event's query parameters are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parameters {
    /// As in the URL (load balancers).
    Encoded,
    /// Decoded (API Gateway).
    Decoded,
}

/// The query string of an event that has its parameters in `multiValueQueryStringParameters`, or one each in
/// `queryStringParameters`.
pub(super) fn from_parameters(event: Object<'_, '_>, parameters: Parameters) -> Option<String> {
    let mut query = String::new();
    let mut push = |name: &str, value: &str| {
        if !query.is_empty() {
            query.push('&');
        }
        for (part, end) in [(name, "="), (value, "")] {
            match parameters {
                Parameters::Encoded => query.push_str(part),
                Parameters::Decoded => encode(part, &mut query),
            }
            query.push_str(end);
        }
        query.len() < LONGEST
    };
    if let Some(several) = event.object("multiValueQueryStringParameters") {
        several.iter().all(|(name, values)| {
            let mut values = values.items().into_iter().flatten().filter_map(Raw::text);
            values.all(|value| push(&name, &value))
        });
    } else {
        let single = event.object("queryStringParameters")?;
        single.iter().all(|(name, value)| value.text().is_none_or(|value| push(&name, &value)));
    }
    Some(query)
}

/// The query string with the values of the keys that sign requests replaced, as the conventions ask.
pub(crate) fn redact(query: &str) -> Cow<'_, str> {
    if query.split('&').all(|pair| secret_key(pair).is_none()) {
        return Cow::Borrowed(query);
    }
    let pairs = query.split('&').map(|pair| match secret_key(pair) {
        Some(key) => Cow::Owned(format!("{key}=REDACTED")),
        None => Cow::Borrowed(pair),
    });
    Cow::Owned(pairs.collect::<Vec<_>>().join("&"))
}

/// The key of a pair whose value is secret.
fn secret_key(pair: &str) -> Option<&str> {
    let (key, _) = pair.split_once('=')?;
    let plain = decode(key);
    SECRET.iter().any(|secret| plain.eq_ignore_ascii_case(secret)).then_some(key)
}

/// Decodes `%XX`; what is no such escape stays as it is.
pub(super) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| {
        bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16)).and_then(|d| u8::try_from(d).ok())
    };
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high << 4) | low);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    Cow::Owned(String::from_utf8_lossy(&plain).into_owned())
}

fn encode(text: &str, out: &mut String) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~!$'()*,;:@/?".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

/// The conventions' list (`url.query`).
const SECRET: &[&str] = &[
    "X-Amz-Signature",
    "X-Amz-Credential",
    "X-Amz-Security-Token",
    "AWSAccessKeyId",
    "Signature",
    "sig",
    "X-Goog-Signature",
];

/// An attribute is cut well before this many bytes.
const LONGEST: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::{super::skim::Document, *};

    #[test]
    fn signatures_are_replaced_in_any_spelling_and_the_rest_stays() {
        assert_eq!(
            redact("a=1&X-Amz-Signature=abc&x%2Damz%2Dcredential=AKIA&SIG=z&design=y&sig&b"),
            "a=1&X-Amz-Signature=REDACTED&x%2Damz%2Dcredential=REDACTED&SIG=REDACTED&design=y&sig&b"
        );
        assert!(matches!(redact("a=1&b"), Cow::Borrowed(_)));
    }

    #[test]
    fn parameters_make_a_query_again() {
        let read = |event: &str, parameters| {
            from_parameters(Document::whole(event.as_bytes()).unwrap().root(), parameters)
        };
        let several = r#"{"multiValueQueryStringParameters":{"q":["a b&c","é"],"x":["1"],"n":null}}"#;
        assert_eq!(read(several, Parameters::Decoded).as_deref(), Some("q=a%20b%26c&q=%C3%A9&x=1"));
        let single = r#"{"multiValueQueryStringParameters":null,"queryStringParameters":{"q":"a%20b"}}"#;
        assert_eq!(read(single, Parameters::Encoded).as_deref(), Some("q=a%20b"));
        assert_eq!(read("{}", Parameters::Decoded), None);
    }

    #[test]
    fn decoding_leaves_what_is_no_escape() {
        assert_eq!(decode("a%20b%2"), "a b%2");
        assert_eq!(decode("%zz%é%C3%A9"), "%zz%éé");
    }
}
