//! Who we say we are, as variables say it.

use reqwest::Url;

use super::{
    Protocol,
    headers::percent_decoded,
    proxy,
    reader::{Names, Reader},
    vars::{AUTH, AUTH_PARAMS, AUTH_SCOPES, AUTH_SECRET, AUTH_TOKEN_URL, AUTH_USER},
};
use crate::{
    Signal,
    auth::{Auth, OAuth2, Value},
};

/// The kinds of `…_AUTH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Auto,
    None,
    Bearer,
    Basic,
    OAuth2,
    SigV4 { service: Option<String>, region: Option<String> },
}

/// Parses `…_AUTH`.
pub(super) fn scheme(text: &str) -> Result<Scheme, String> {
    let mut parts = text.split(':').map(|part| (!part.is_empty()).then(|| part.to_ascii_lowercase()));
    let kind = parts.next().flatten().unwrap_or_default();
    let (service, region, more) = (parts.next().flatten(), parts.next().flatten(), parts.next());
    match kind.as_str() {
        "sigv4" if more.is_none() => Ok(Scheme::SigV4 { service, region }),
        _ if text.contains(':') => Err(EXPECTED.to_owned()),
        "auto" => Ok(Scheme::Auto),
        "none" => Ok(Scheme::None),
        "bearer" => Ok(Scheme::Bearer),
        "basic" => Ok(Scheme::Basic),
        "oauth2" => Ok(Scheme::OAuth2),
        _ => Err(EXPECTED.to_owned()),
    }
}

const EXPECTED: &str = "expected auto, none, bearer, basic, oauth2 or sigv4, or sigv4:<service>:<region>";

/// Parses `…_AUTH_PARAMS`.
pub(super) fn params(text: &str) -> Result<Vec<(String, Value)>, String> {
    let pairs = text.split(',').filter(|pair| !pair.trim().is_empty());
    let pairs = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').ok_or("expected name=value,name=value")?;
        Ok((name.trim().to_owned(), Value::parse(&percent_decoded(value.trim()))?))
    });
    pairs.collect()
}

impl Reader<'_> {
    /// How requests to an address say who sends them. `None`: it cannot be told, and nothing may go there without.
    pub(super) fn auth(
        &mut self,
        signal: Signal,
        names: &dyn Fn(&str) -> Names,
        url: &Url,
        protocol: Protocol,
        has_header: bool,
    ) -> Option<Option<Auth>> {
        let chosen = self.demanded(signal, &names(AUTH.name), &AUTH)?;
        // What is missing is named after the variable that asks for it.
        let asked = names(AUTH.name).into_iter().find(|name| self.vars.get(name).is_some());
        let wrong = |reader: &mut Self, var: &'static str, what: &str| {
            let missing =
                asked.as_ref().and_then(|asked| Some(format!("{asked}{}", var.strip_prefix(AUTH.name)?)));
            let name = missing.unwrap_or_else(|| var.to_owned());
            reader.reading.note(&name, what);
            reader.lost.push((name, signal));
            None
        };
        let known = aws_service(url);
        let auth = match chosen {
            Scheme::None => return Some(None),
            // Whoever brings a header of their own means it (some of AWS's endpoints take bearer tokens as well).
            Scheme::Auto if has_header || known.is_none() || !cfg!(feature = "aws") => return Some(None),
            Scheme::Auto => sigv4(known, None, None),
            Scheme::SigV4 { service, region } => sigv4(known, service, region),
            Scheme::Bearer => match self.first(&names(AUTH_SECRET.name), &AUTH_SECRET) {
                Some(token) => return Some(Some(Auth::Bearer(token))),
                None => return wrong(self, AUTH_SECRET.name, "is needed for bearer: the token"),
            },
            Scheme::Basic => {
                let user = self.first(&names(AUTH_USER.name), &AUTH_USER);
                let password = self.first(&names(AUTH_SECRET.name), &AUTH_SECRET);
                return match (user, password) {
                    (Some(user), Some(password)) => Some(Some(Auth::Basic { user, password })),
                    (None, _) => wrong(self, AUTH_USER.name, "is needed for basic: the user"),
                    (_, None) => wrong(self, AUTH_SECRET.name, "is needed for basic: the password"),
                };
            }
            Scheme::OAuth2 => {
                let Some(token_url) = self.first(&names(AUTH_TOKEN_URL.name), &AUTH_TOKEN_URL) else {
                    return wrong(self, AUTH_TOKEN_URL.name, "is needed for oauth2: where tokens are");
                };
                let Some(id) = self.first(&names(AUTH_USER.name), &AUTH_USER) else {
                    return wrong(self, AUTH_USER.name, "is needed for oauth2: the client's id");
                };
                let Some(secret) = self.first(&names(AUTH_SECRET.name), &AUTH_SECRET) else {
                    return wrong(self, AUTH_SECRET.name, "is needed for oauth2: the client's secret");
                };
                let mut client = OAuth2::at(token_url.clone(), id, secret);
                let scopes = self.first(&names(AUTH_SCOPES.name), &AUTH_SCOPES).unwrap_or_default();
                client.scopes = scopes.split_whitespace().map(str::to_owned).collect();
                client.params = self.first(&names(AUTH_PARAMS.name), &AUTH_PARAMS).unwrap_or_default();
                client.proxy = proxy::for_url(self.vars, &token_url).unwrap_or_default();
                return Some(Some(Auth::OAuth2(client.into())));
            }
        };
        match auth {
            Ok(_) if protocol == Protocol::Grpc => {
                wrong(self, AUTH.name, "sigv4 goes with http/protobuf and http/json; AWS takes no gRPC")
            }
            Ok(auth) => Some(Some(auth)),
            Err(what) => wrong(self, AUTH.name, what),
        }
    }
}

#[cfg(feature = "aws")]
fn aws_service(url: &Url) -> Option<(&'static str, &str)> {
    crate::aws::otlp_service(url.host_str()?)
}

#[cfg(not(feature = "aws"))]
const fn aws_service(_: &Url) -> Option<(&'static str, &str)> {
    None
}

#[cfg(feature = "aws")]
fn sigv4(
    known: Option<(&str, &str)>,
    service: Option<String>,
    region: Option<String>,
) -> Result<Auth, &'static str> {
    let service = service.or_else(|| known.map(|(service, _)| service.to_owned()));
    let service = service.ok_or("the address is none of AWS's; expected sigv4:<service>")?;
    let region = region.or_else(|| known.map(|(_, region)| region.to_owned()));
    Ok(Auth::SigV4 { service, region })
}

#[cfg(not(feature = "aws"))]
fn sigv4(_: Option<(&str, &str)>, _: Option<String>, _: Option<String>) -> Result<Auth, &'static str> {
    Err("sigv4 is not in this build: it needs the cargo feature `aws`")
}
