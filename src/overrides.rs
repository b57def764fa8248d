//! What the user says about an invocation, over what its event says: in the attribute's arguments, on the
//! [`Layer`](crate::Layer), or from inside the handler.

use std::borrow::Cow;

use opentelemetry::{Key, KeyValue, Value};

/// `faas.trigger`: what kind of thing invokes the function (semantic conventions, *FaaS*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trigger {
    /// A change in a database or a bucket.
    Datasource,
    /// A request that is waited for.
    Http,
    /// Messages from a queue, a topic or a stream.
    Pubsub,
    /// A schedule.
    Timer,
    /// Anything else.
    Other,
}

impl Trigger {
    /// The value of `faas.trigger`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Datasource => "datasource",
            Self::Http => "http",
            Self::Pubsub => "pubsub",
            Self::Timer => "timer",
            Self::Other => "other",
        }
    }
}

/// What is to be said of an invocation's span, whatever the event says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    name: Option<Cow<'static, str>>,
    /// The path's pattern, which makes a name together with the request's method.
    route: Option<String>,
    error_type: Option<Cow<'static, str>>,
    /// Each key once.
    attributes: Vec<KeyValue>,
}

impl Overrides {
    /// None.
    pub const fn new() -> Self {
        Self { name: None, route: None, error_type: None, attributes: Vec::new() }
    }

    /// The span's name.
    #[must_use]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.set_name(name.into());
        self
    }

    /// `faas.trigger`.
    #[must_use]
    pub fn trigger(self, trigger: Trigger) -> Self {
        self.attribute("faas.trigger", trigger.as_str())
    }

    /// An attribute of the span.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
        put(&mut self.attributes, KeyValue::new(key, value));
        self
    }

    pub(crate) fn set_name(&mut self, name: Cow<'static, str>) {
        self.name = Some(name);
    }

    pub(crate) fn set_route(&mut self, route: String) {
        put(&mut self.attributes, KeyValue::new("http.route", route.clone()));
        self.route = Some(route);
    }

    pub(crate) fn set_error_type(&mut self, error_type: Cow<'static, str>) {
        self.error_type = Some(error_type);
    }

    pub(crate) fn set(&mut self, attribute: KeyValue) {
        put(&mut self.attributes, attribute);
    }

    /// Whether there is nothing to override.
    pub(crate) fn is_empty(&self) -> bool {
        self.name.is_none() && self.attributes.is_empty() && self.error_type.is_none()
    }

    /// The name to use, if there is one: as said, or made of the route as the conventions for HTTP make it.
    pub(crate) fn name_of(&self, method: Option<&str>) -> Option<Cow<'static, str>> {
        self.name.clone().or_else(|| {
            let route = self.route.as_ref()?;
            Some(method.map_or_else(|| route.clone(), |method| format!("{method} {route}")).into())
        })
    }

    pub(crate) fn error_type(&self) -> Option<&str> {
        self.error_type.as_deref()
    }

    pub(crate) fn attributes(&self) -> &[KeyValue] {
        &self.attributes
    }

    /// Takes over what `later` says.
    pub(crate) fn extend(&mut self, later: Self) {
        self.name = later.name.or(self.name.take());
        self.route = later.route.or(self.route.take());
        self.error_type = later.error_type.or(self.error_type.take());
        later.attributes.into_iter().for_each(|attribute| put(&mut self.attributes, attribute));
    }
}

/// Sets an attribute among others: a key has one value.
pub(crate) fn put(attributes: &mut Vec<KeyValue>, attribute: KeyValue) {
    match attributes.iter_mut().find(|known| known.key == attribute.key) {
        Some(known) => known.value = attribute.value,
        None => attributes.push(attribute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_as_said_and_else_made_of_the_route() {
        let mut overrides = Overrides::new();
        assert!(overrides.is_empty() && overrides.name_of(Some("GET")).is_none());
        overrides.set_route("/orders/{id}".to_owned());
        assert_eq!(overrides.name_of(Some("GET")).as_deref(), Some("GET /orders/{id}"));
        assert_eq!(overrides.name_of(None).as_deref(), Some("/orders/{id}"));
        assert_eq!(overrides.name("orders").name_of(Some("GET")).as_deref(), Some("orders"));
    }

    #[test]
    fn the_last_word_counts_and_a_key_has_one_value() {
        let mut overrides = Overrides::new().name("a").attribute("n", 1).trigger(Trigger::Timer);
        overrides.extend(Overrides::new().attribute("n", 2).trigger(Trigger::Pubsub));
        assert_eq!(overrides.name_of(None).as_deref(), Some("a"));
        assert_eq!(overrides.attributes(), [KeyValue::new("n", 2), KeyValue::new("faas.trigger", "pubsub")]);
    }
}
