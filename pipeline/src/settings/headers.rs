//! Headers as a variable holds them: `k1=v1,k2=v2`, values percent-encoded (W3C Baggage without properties).

use http::{HeaderName, HeaderValue};
use reqwest::Url;

use crate::auth::Value;

/// What a variable came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Headers {
    pub(super) good: Vec<(HeaderName, HeaderValue)>,
    /// Those whose values lie elsewhere, in whole or in part.
    pub(super) elsewhere: Vec<(HeaderName, Value)>,
    /// What is wrong with the others, without their values.
    pub(super) faults: Vec<String>,
}

/// Parses all pairs; one that is wrong costs only itself.
pub(super) fn parse(text: &str) -> Result<Headers, String> {
    let mut headers = Headers::default();
    for (n, pair) in (1..).zip(text.split(',')).filter(|(_, pair)| !pair.trim().is_empty()) {
        match one(pair) {
            // The last of several with the same name counts, as in a map.
            Ok((name, value)) => {
                headers.good.retain(|(other, _)| *other != name);
                headers.elsewhere.retain(|(other, _)| *other != name);
                match value {
                    Found::Here(value) => headers.good.push((name, value)),
                    Found::Elsewhere(value) => headers.elsewhere.push((name, value)),
                }
            }
            Err(fault) => headers.faults.push(format!("header {n}: {fault}")),
        }
    }
    Ok(headers)
}

enum Found {
    Here(HeaderValue),
    Elsewhere(Value),
}

fn one(pair: &str) -> Result<(HeaderName, Found), String> {
    // Without a name there is no telling what is a secret, so nothing of the pair is repeated.
    let (name, value) = pair.split_once('=').ok_or("expected name=value")?;
    let name: HeaderName = name.trim().parse().map_err(|_| "its name is not one that HTTP allows")?;
    if is_set_by_exporters(&name) {
        return Err(format!("{name} is set by the exporter itself"));
    }
    let value = decode(value.trim());
    if let Some(text) = std::str::from_utf8(&value).ok().filter(|text| text.contains("${")) {
        let value = Value::parse(text).map_err(|why| format!("the value of {name}: {why}"))?;
        return Ok((name, Found::Elsewhere(value)));
    }
    let mut value = HeaderValue::from_bytes(&value)
        .map_err(|_| format!("the value of {name} is not one that HTTP allows"))?;
    value.set_sensitive(true);
    Ok((name, Found::Here(value)))
}

/// Undoes percent-encoding. A percent sign that begins none is taken as it is, since keys are often pasted in unencoded.
fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let byte = (first == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        out.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &tail[2..] } else { tail };
    }
    out
}

/// The same for what is text.
pub(crate) fn percent_decoded(text: &str) -> String {
    String::from_utf8_lossy(&decode(text)).into_owned()
}

/// Whether a header describes the request itself, so that exporters set it and nobody else may.
pub fn is_set_by_exporters(name: &HeaderName) -> bool {
    OURS.contains(&name.as_str()) || name.as_str().starts_with("grpc-")
}

/// Headers that describe the request itself.
const OURS: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "idempotency-key",
    "te",
    "transfer-encoding",
    "user-agent",
];

/// Adds a header, in the place of one of the same name. Its value is marked sensitive.
pub(crate) fn set(
    headers: &mut Vec<(HeaderName, HeaderValue)>,
    name: &str,
    value: &str,
) -> Result<(), String> {
    let name: HeaderName = name.parse().map_err(|_| format!("`{name}` is no name that HTTP allows"))?;
    if is_set_by_exporters(&name) {
        return Err(format!("{name} is set by the exporter itself"));
    }
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| format!("the value of {name} is not one that HTTP allows"))?;
    value.set_sensitive(true);
    headers.retain(|(other, _)| *other != name);
    headers.push((name, value));
    Ok(())
}

/// `application/x-www-form-urlencoded`.
pub(crate) fn form_encoded(text: &str) -> String {
    Url::parse("x:").map_or_else(
        |_| String::new(),
        |mut url| {
            url.query_pairs_mut().append_key_only(text);
            url.query().unwrap_or_default().to_owned()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good(text: &str) -> Vec<(String, String)> {
        let headers = parse(text).unwrap();
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        headers.good.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
    }

    #[test]
    fn pairs_are_trimmed_and_values_percent_decoded() {
        let pairs = good(" Authorization = Bearer%20abc%3D%3d , x-team=a=b,, x-empty=");
        let expected = [("authorization", "Bearer abc=="), ("x-team", "a=b"), ("x-empty", "")];
        assert_eq!(pairs, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(good("k=100%,l=%zz"), [("k".into(), "100%".into()), ("l".into(), "%zz".into())]);
        assert_eq!(good("a=1,A=2"), [("a".to_owned(), "2".to_owned())], "names do not care about case");
    }

    #[test]
    fn a_faulty_pair_costs_only_itself_and_is_told_without_its_value() {
        let headers = parse("s3cret,b ad=s3cret,ok=1,nl=s3cret%0A,content-length=5,Grpc-Timeout=1S").unwrap();
        assert_eq!(headers.good.len(), 1);
        assert_eq!(headers.faults.len(), 5);
        let told = headers.faults.join("; ");
        assert!(!told.contains("s3cret"), "{told}");
        assert!(
            told.contains("header 1") && told.contains("nl") && told.contains("content-length"),
            "{told}"
        );
    }

    #[test]
    fn a_value_may_lie_elsewhere_and_is_not_looked_up_here() {
        let headers =
            parse("authorization=Bearer%20${secretsmanager:otlp#token},x=pa$$word,y=${vault:s3cret}")
                .unwrap();
        assert_eq!(
            format!("{:?}", headers.elsewhere),
            r#"[("authorization", ***${secretsmanager:otlp#token})]"#
        );
        assert_eq!(headers.good[0].1, "pa$$word", "what holds no reference is as it is written");
        assert!(headers.faults[0].contains("${env:…}") && !headers.faults[0].contains("s3cret"));
        let headers = parse("a=${env:A},a=1").unwrap();
        assert_eq!((headers.good.len(), headers.elsewhere.len()), (1, 0), "the last counts");
    }

    #[test]
    fn what_describes_the_request_itself_is_for_the_exporter_to_say() {
        for name in ["Content-Length", "content-encoding", "Host", "Idempotency-Key", "TE", "grpc-timeout"] {
            let told = set(&mut Vec::new(), name, "1").unwrap_err();
            assert_eq!(told, format!("{} is set by the exporter itself", name.to_ascii_lowercase()));
        }
        assert_eq!(set(&mut Vec::new(), "x y", "s3cret").unwrap_err(), "`x y` is no name that HTTP allows");
    }

    #[test]
    fn values_are_not_shown_by_debug_output() {
        let headers = parse("authorization=s3cret").unwrap();
        assert!(!format!("{headers:?}").contains("s3cret"));
    }
}
