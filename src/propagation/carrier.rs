//! Where trace context is read from: anything that has text under names.

use opentelemetry::propagation::Extractor;
use std::{borrow::Cow, collections::HashMap};

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

impl<S> Carrier for HashMap<String, String, S> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        // A client context has a handful of names: looking at each is less than hashing.
        let exact = self.iter().find(|(key, _)| *key == name);
        let (_, value) = exact.or_else(|| self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)))?;
        Some(Cow::Borrowed(value))
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

/// One text by itself under its name, for propagators that are not ours.
pub(crate) struct Only<'a>(pub(crate) &'a str, pub(crate) &'a str);

impl Extractor for Only<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        (name == self.0).then_some(self.1)
    }

    fn keys(&self) -> Vec<&str> {
        vec![self.0]
    }
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
