//! What all HTTP fronts have in common: a request becomes a name and attributes.

use super::{attributes::Attributes, query};
use std::borrow::Cow;

/// A request as a front describes it.
#[derive(Debug, Default)]
pub(super) struct Request<'a> {
    pub(super) method: Cow<'a, str>,
    pub(super) path: Option<Cow<'a, str>>,
    pub(super) query: Option<Cow<'a, str>>,
    /// The pattern that the front matched, if it has one.
    pub(super) route: Option<Cow<'a, str>>,
    pub(super) scheme: Option<Cow<'a, str>>,
    /// With or without a port.
    pub(super) host: Option<Cow<'a, str>>,
    pub(super) port: Option<Cow<'a, str>>,
    pub(super) client: Option<Cow<'a, str>>,
    pub(super) agent: Option<Cow<'a, str>>,
    /// Such as `HTTP/1.1`.
    pub(super) protocol: Option<Cow<'a, str>>,
}

impl Request<'_> {
    /// `{method} {route}`, and without a route only the method: a path would make a name of every request.
    pub(super) fn name(&self) -> String {
        // The conventions' stand-in for a method that nobody knows, which a client could make up by the thousand.
        let method = self.known_method().unwrap_or("HTTP");
        match &self.route {
            Some(route) => [method, " ", route].concat(),
            None => method.to_owned(),
        }
    }

    pub(super) fn attributes(&self) -> Attributes {
        let mut attributes = Attributes::new();
        match self.known_method() {
            Some(method) => attributes.word("http.request.method", method),
            None => attributes.word("http.request.method", "_OTHER"),
        }
        // Methods are case-sensitive: one that was read as another says what it was.
        let original = Some(&self.method).filter(|method| self.known_method() != Some(&***method));
        attributes.text("http.request.method_original", original);
        attributes.text("http.route", self.route.as_ref());
        attributes.text("url.path", self.path.as_ref());
        attributes.text("url.query", self.query.as_deref().map(query::redact));
        attributes.text("url.scheme", self.scheme.as_ref());
        let (host, port) = self.host.as_deref().map(host_and_port).unwrap_or_default();
        attributes.text("server.address", Some(host));
        let port = self.port.as_deref().or(port).and_then(|port| port.trim().parse::<u16>().ok());
        attributes.integer("server.port", port.filter(|port| *port != 0).map(i64::from));
        attributes.text("client.address", self.client.as_ref());
        attributes.text("user_agent.original", self.agent.as_ref());
        attributes.text("network.protocol.version", self.protocol.as_deref().and_then(version));
        attributes
    }

    fn known_method(&self) -> Option<&'static str> {
        METHODS.iter().find(|method| self.method.eq_ignore_ascii_case(method)).copied()
    }
}

/// The client's own address in `X-Forwarded-For`, to which every proxy appends.
pub(super) fn first_forwarded(header: &str) -> Option<&str> {
    header.split(',').next().map(str::trim).filter(|address| !address.is_empty())
}

/// Splits a `Host` header; brackets around an IPv6 address are not part of it.
fn host_and_port(host: &str) -> (&str, Option<&str>) {
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        return (address, rest.strip_prefix(':'));
    }
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => (name, Some(port)),
        _ => (host, None),
    }
}

/// The version in `HTTP/1.1`; of versions without minor ones only the major (`2`, `3`), as the conventions write them.
fn version(protocol: &str) -> Option<&str> {
    let version = protocol.strip_prefix("HTTP/")?;
    Some(match version {
        "2.0" => "2",
        "3.0" => "3",
        other => other,
    })
}

/// The methods that the conventions know (RFC 9110, RFC 5789, and QUERY).
const METHODS: &[&str] =
    &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE", "QUERY"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_split_from_their_ports() {
        assert_eq!(host_and_port("example.com:8443"), ("example.com", Some("8443")));
        assert_eq!(host_and_port("example.com"), ("example.com", None));
        assert_eq!(host_and_port("[::1]:80"), ("::1", Some("80")));
        assert_eq!(host_and_port("::1"), ("::1", None));
    }

    #[test]
    fn a_made_up_method_does_not_make_a_name() {
        let request =
            Request { method: "BREW".into(), route: Some("/pots/{id}".into()), ..Request::default() };
        assert_eq!(request.name(), "HTTP /pots/{id}");
        let attributes = request.attributes().into_vec();
        assert_eq!(attributes[0].value.as_str(), "_OTHER");
        assert_eq!(attributes[1].value.as_str(), "BREW");
    }

    #[test]
    fn a_method_in_small_letters_is_read_and_kept() {
        let request = Request { method: "get".into(), ..Request::default() };
        assert_eq!(request.name(), "GET");
        let values: Vec<_> =
            request.attributes().into_vec().iter().map(|pair| pair.value.as_str().into_owned()).collect();
        assert_eq!(values, ["GET", "get"]);
    }
}
