//! What all servers have in common: headers, certificates, proxies.

use std::path::PathBuf;

use http::{HeaderName, HeaderValue};
use spanlayer_pipeline::{
    Secret, auth,
    settings::{Address, ClientCertificate, Proxy, is_set_by_exporters},
};

use super::Maker;
use crate::{
    declared::Declared,
    options::section::Section,
    problem::{At, Problem},
    yaml::Value,
};

/// Headers, and those of which a part lies elsewhere.
#[derive(Default)]
pub(super) struct Headers {
    pub(super) here: Vec<(HeaderName, HeaderValue)>,
    pub(super) elsewhere: Vec<(HeaderName, auth::Value)>,
}

/// One of them.
pub(super) enum Header {
    Here(HeaderName, HeaderValue),
    Elsewhere(HeaderName, auth::Value),
}

impl Headers {
    /// Adds a header, in the place of one of the same name.
    pub(super) fn put(&mut self, header: Header) {
        let (Header::Here(name, _) | Header::Elsewhere(name, _)) = &header;
        self.here.retain(|(other, _)| other != name);
        self.elsewhere.retain(|(other, _)| other != name);
        match header {
            Header::Here(name, value) => self.here.push((name, value)),
            Header::Elsewhere(name, value) => self.elsewhere.push((name, value)),
        }
    }

    pub(super) fn put_all(&mut self, others: Self) {
        others.here.into_iter().for_each(|(name, value)| self.put(Header::Here(name, value)));
        others.elsewhere.into_iter().for_each(|(name, value)| self.put(Header::Elsewhere(name, value)));
    }

    pub(super) fn has(&self, name: &HeaderName) -> bool {
        let mut names =
            self.here.iter().map(|(name, _)| name).chain(self.elsewhere.iter().map(|(name, _)| name));
        names.any(|other| other == name)
    }
}

pub(super) struct Connection {
    pub(super) certificate: Option<PathBuf>,
    pub(super) client: Option<ClientCertificate>,
    pub(super) proxy: Option<Proxy>,
}

impl Maker<'_, '_> {
    pub(super) fn connection(
        &mut self,
        one: &Declared<'_>,
        section: Section<'_>,
        address: Option<&Address>,
    ) -> Option<Connection> {
        let tls = section.section("tls");
        let path = format!("{}::tls", one.path());
        let client = match (tls.text("cert_file"), tls.text("key_file")) {
            (Some(chain), Some(key)) => Some(ClientCertificate { chain: chain.into(), key: key.into() }),
            (None, None) => None,
            (chain, _) => {
                let (there, missing) =
                    if chain.is_some() { ("cert_file", "key_file") } else { ("key_file", "cert_file") };
                let what = format!("`{there}` needs `{missing}`");
                self.problems.push(Problem::error(tls.at(there), what, "name both files").about(path));
                return None;
            }
        };
        let own = section.has("proxy_url").then(|| section.text("proxy_url")).flatten();
        let proxy = match (own, address) {
            (Some(own), _) => Some(Proxy { address: Secret::new(own), except: String::new() }),
            (None, Some(address)) => address.proxy(self.around.vars).unwrap_or_else(|(name, what)| {
                self.problems.push(
                    Problem::error(one.at, format!("the variable {name} cannot be used"), what)
                        .about(one.path()),
                );
                None
            }),
            (None, None) => None,
        };
        Some(Connection { certificate: tls.text("ca_file").map(PathBuf::from), client, proxy })
    }
}

/// The headers that are written; `None` if one of them cannot be sent.
pub(super) fn headers(
    one: &Declared<'_>,
    section: Section<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Headers> {
    let mut made = Headers::default();
    let Some(node) = section.node("headers") else { return Some(made) };
    for (key, node) in node.entries() {
        let path = format!("{}::headers::{}", one.path(), key.name);
        if !matches!(node.value, Value::Later(_)) {
            made.put(header(&key.name, &node.value_text(), node.at, &path, problems)?);
        }
    }
    Some(made)
}

/// One header, whose value is in the syntax of the pipeline's values.
pub(super) fn header(
    name: &str,
    value: &str,
    at: At,
    path: &str,
    problems: &mut Vec<Problem>,
) -> Option<Header> {
    let mut fault = |what: String, remedy: &str| {
        problems.push(Problem { secret: true, ..Problem::error(at, what, remedy).about(path) });
    };
    let Ok(header) = name.parse::<HeaderName>() else {
        fault(format!("`{name}` is no name that HTTP allows"), "use letters, digits and dashes");
        return None;
    };
    if is_set_by_exporters(&header) {
        fault(format!("{name} is set by the exporter itself"), "take it out");
        return None;
    }
    // References were found good when they were read.
    let value = auth::Value::parse(value).ok()?;
    let Some(text) = value.as_text() else { return Some(Header::Elsewhere(header, value)) };
    let Ok(mut value) = HeaderValue::from_str(text) else {
        fault(
            format!("the value of {name} is not one that HTTP allows"),
            "take line ends out: write it on one line",
        );
        return None;
    };
    value.set_sensitive(true);
    Some(Header::Here(header, value))
}
