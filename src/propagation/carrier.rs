//! Where trace context is read from: anything that has text under names.

use opentelemetry::propagation::Extractor;
use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

/// A set of named texts: HTTP headers, message attributes, a client context.
pub(crate) trait Carrier {
    /// The text under `name`, which is given in lower case and matches in any case. Several texts under one name come
    /// joined with commas, as with HTTP headers.
    fn get(&self, name: &str) -> Option<Cow<'_, str>>;
}

/// A carrier of nothing.
pub(crate) struct Nothing;

impl Carrier for Nothing {
    fn get(&self, _: &str) -> Option<Cow<'_, str>> {
        None
    }
}

impl<S: BuildHasher> Carrier for HashMap<String, String, S> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        let exact = HashMap::get(self, name);
        let found =
            exact.or_else(|| self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v));
        found.map(|value| Cow::Borrowed(value.as_str()))
    }
}

/// What OpenTelemetry's interface hands to a propagator.
pub(crate) struct Extracted<'a>(pub(crate) &'a dyn Extractor);

impl Carrier for Extracted<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        match self.0.get_all(name)?.as_slice() {
            [] => None,
            [one] => Some(Cow::Borrowed(one)),
            several => Some(Cow::Owned(several.join(","))),
        }
    }
}

/// One text by itself, as a carrier for propagators that are not ours.
pub(crate) fn only(name: &str, value: &str) -> HashMap<String, String, RandomState> {
    HashMap::from([(name.to_owned(), value.to_owned())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_map_match_in_any_case() {
        let map = HashMap::from([("TraceParent".to_owned(), "x".to_owned())]);
        assert_eq!(Carrier::get(&map, "traceparent").as_deref(), Some("x"));
        assert_eq!(Carrier::get(&map, "tracestate"), None);
    }
}
