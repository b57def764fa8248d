//! Texts as values, with what would have been right when they are not.

use std::{net::SocketAddr, time::Duration};

use spanlayer_pipeline::{Server, settings::Otlp, stages::ottl::go_nanos};

use super::Kind;
use crate::{
    suggest,
    yaml::{Node, Scalar, Value},
};

/// What is wrong with a single value, if anything: what was expected.
pub(crate) fn fault(kind: &Kind, scalar: &Scalar) -> Option<String> {
    let text = scalar.text.as_str();
    let unless = |right: bool, expected: &str| if right { None } else { Some(expected.to_owned()) };
    match kind {
        Kind::Bool => unless(boolean(text).is_some(), "expected true or false"),
        Kind::Whole(min, max) => {
            let right = text.parse::<u64>().is_ok_and(|n| (min..=max).contains(&&n));
            unless(right, &format!("expected a {}", kind.words()))
        }
        Kind::Number(min, max) => {
            let right = text.parse::<f64>().is_ok_and(|n| (*min..=*max).contains(&n));
            unless(right, &format!("expected a {}", kind.words()))
        }
        Kind::Duration => duration(text).err(),
        Kind::Choice(names) if names.contains(&text) => None,
        Kind::Choice(names) => {
            let meant = suggest::closest(text, names.iter().copied());
            let meant = meant.map(|name| format!(", perhaps {name}")).unwrap_or_default();
            Some(format!("expected {}{meant}", kind.words()))
        }
        Kind::Address => Server::at(text).err(),
        Kind::Target => Otlp::grpc(text).err(),
        Kind::Listen => {
            unless(listen(text).is_some(), "expected an address such as localhost:4318 or 127.0.0.1:4318")
        }
        _ => None,
    }
}

pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "TRUE" => Some(true),
        "false" | "False" | "FALSE" => Some(false),
        _ => None,
    }
}

/// Go's durations: `1h30m`, `1.5s`, `500ms`, `0`; at most a year.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if text.parse::<f64>().is_ok() {
        return Err(format!("expected a duration with a unit, such as {text}s or {text}ms"));
    }
    match go_nanos(text).filter(|nanos| *nanos <= YEAR) {
        Some(nanos) => Ok(Duration::from_secs_f64(nanos / 1e9)),
        None => Err("expected a duration such as 500ms, 30s or 1m30s, at most a year".to_owned()),
    }
}

const YEAR: f64 = 365.0 * 24.0 * 3600e9;

/// Where to listen. A name other than `localhost` is none of this machine's.
pub(crate) fn listen(text: &str) -> Option<SocketAddr> {
    let text =
        text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
    text.parse().ok()
}

/// What a value is, for a message.
pub(crate) const fn name(node: &Node) -> &'static str {
    match &node.value {
        Value::Null => "nothing",
        Value::Scalar(_) | Value::Later(_) | Value::Elsewhere(_) => "a single value",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        let millis = |text| duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("1m30s"), Ok(90_000));
        assert_eq!(millis("1.5s"), Ok(1500));
        assert_eq!(millis("200ms"), Ok(200));
        assert_eq!(millis("1h"), Ok(3_600_000));
        assert_eq!(millis("0"), Ok(0));
        assert_eq!(millis("0s"), Ok(0));
        assert!(millis("5").unwrap_err().contains("such as 5s"));
        for wrong in ["", "s", "soon", "-1s", "1d", "1s2", "9999h9", "99999999h", "1..5s"] {
            assert!(millis(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_listener_is_on_this_machine() {
        assert_eq!(listen("localhost:4318"), "127.0.0.1:4318".parse().ok());
        assert_eq!(listen("0.0.0.0:4318"), "0.0.0.0:4318".parse().ok());
        assert_eq!(listen("[::1]:0"), "[::1]:0".parse().ok());
        for wrong in ["example.com:4318", "4318", "localhost", "http://localhost:4318"] {
            assert_eq!(listen(wrong), None, "{wrong}");
        }
    }
}
