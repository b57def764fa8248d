//! Tokens of an authorization server, for client credentials (RFC 6749, 4.4).

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use reqwest::Url;
use serde_json::Value as Json;
use spanlayer_host::clock;
use spanlayer_otlp::json::text::base64;

use super::{
    Aws, Value,
    cached::{BoxFuture, Cached, Fetch, Lease},
    source::Live,
};
use crate::{
    Secret,
    destination::http::{Answer, HttpClient, Transport, quote},
    settings::{Address, Proxy, form_encoded},
};

/// A client of an authorization server. Tokens are kept until shortly before they expire, and renewed beside requests
/// in the last fifth of their time.
///
/// The client shows its secret as RFC 6749 prefers, by Basic authentication; a server that turns that away is shown it in
/// the body.
///
/// ```
/// use spanlayer_pipeline::auth::{OAuth2, Value};
///
/// let mut client = OAuth2::new("https://login.example.com/oauth/token", "telemetry", Value::parse("${env:CLIENT_SECRET}")?)?;
/// client.scopes = vec!["otlp.write".to_owned()];
/// client.params = vec![("audience".to_owned(), Value::text("https://otlp.example.com"))];
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OAuth2 {
    pub(crate) token_url: Address,
    /// The client's name.
    pub client_id: Value,
    /// The client's secret.
    pub client_secret: Value,
    /// What the token should be good for.
    pub scopes: Vec<String>,
    /// What else the server wants to be told, such as `audience` or `resource`.
    pub params: Vec<(String, Value)>,
    /// Trust the certificates of this PEM file at the server, and no others.
    pub certificate: Option<std::path::PathBuf>,
    /// Ask this HTTP proxy.
    pub proxy: Option<Proxy>,
}

impl OAuth2 {
    /// A client of the server whose tokens are at `token_url`. The name is read as [`Value::parse`] does.
    ///
    /// # Errors
    ///
    /// When `token_url` is no `http` or `https` address, or `client_id` no value.
    pub fn new(token_url: &str, client_id: &str, client_secret: Value) -> Result<Self, String> {
        let url = Url::parse(token_url)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url = url.ok_or("expected an address such as https://login.example.com/oauth/token")?;
        Ok(Self::at(url, Value::parse(client_id)?, client_secret))
    }

    pub(crate) const fn at(url: Url, client_id: Value, client_secret: Value) -> Self {
        Self {
            token_url: Address::new(url),
            client_id,
            client_secret,
            scopes: Vec::new(),
            params: Vec::new(),
            certificate: None,
            proxy: None,
        }
    }
}

/// The current token.
pub(super) struct Tokens(Cached<Secret>);

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    pub(super) fn new(settings: &OAuth2, aws: &Aws) -> Self {
        let live = |value: &Value| Live::new(value, aws);
        let transport = Transport {
            tls: settings.token_url.is_https(),
            certificate: settings.certificate.clone(),
            proxy: settings.proxy.clone(),
            ..Transport::default()
        };
        Self(Cached::new(Client {
            url: Secret::new(settings.token_url.reveal()),
            origin: settings.token_url.origin(),
            id: live(&settings.client_id),
            secret: live(&settings.client_secret),
            scope: settings.scopes.join(" "),
            params: settings.params.iter().map(|(name, value)| (name.clone(), live(value))).collect(),
            http: HttpClient::new(transport),
        }))
    }

    pub(super) async fn current(&self) -> Result<Secret, String> {
        self.0.current().await
    }

    pub(super) async fn renew(&self) -> Result<(), String> {
        self.0.renew().await
    }

    pub(super) fn known(&self, into: &mut Vec<String>) {
        into.extend(self.0.last().map(|token| token.reveal().to_owned()));
    }
}

struct Client {
    url: Secret,
    origin: String,
    id: Live,
    secret: Live,
    scope: String,
    params: Vec<(String, Live)>,
    http: HttpClient,
}

impl Fetch<Secret> for Client {
    fn fetch(&self) -> BoxFuture<'_, Result<Lease<Secret>, String>> {
        Box::pin(async move {
            let id = self.id.current().await.map_err(|why| format!("client id: {why}"))?;
            let secret = self.secret.current().await.map_err(|why| format!("client secret: {why}"))?;
            let mut params = Vec::new();
            for (name, live) in &self.params {
                params.push((&**name, live.current().await.map_err(|why| format!("{name}: {why}"))?));
            }
            let mut pair = String::new();
            base64(
                &mut pair,
                format!("{}:{}", form_encoded(id.reveal()), form_encoded(secret.reveal())).as_bytes(),
            );
            let shown = Shown { id, secret, pair: Secret::new(pair), params };
            let mut answer = self.ask(&shown, true).await?;
            if matches!(answer.status.as_u16(), 400 | 401) {
                // Which of the two a server takes cannot be known beforehand.
                let second = self.ask(&shown, false).await?;
                if second.status.is_success() {
                    answer = second;
                }
            }
            read(&answer, &shown.secrets()).map_err(|why| format!("{}: {why}", self.origin))
        })
    }
}

/// What the server is told.
struct Shown<'c> {
    id: Secret,
    secret: Secret,
    /// Both, as Basic authentication has them.
    pair: Secret,
    params: Vec<(&'c str, Secret)>,
}

impl Shown<'_> {
    /// What must not be repeated, whatever the server echoes.
    fn secrets(&self) -> Vec<&str> {
        let params = self.params.iter().map(|(_, value)| value);
        [&self.secret, &self.pair].into_iter().chain(params).map(Secret::reveal).collect()
    }
}

impl Client {
    async fn ask(&self, shown: &Shown<'_>, basic: bool) -> Result<Answer, String> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut form = vec![("grant_type", "client_credentials".to_owned())];
        if !self.scope.is_empty() {
            form.push(("scope", self.scope.clone()));
        }
        if basic {
            let text = format!("Basic {}", shown.pair.reveal());
            let mut value =
                HeaderValue::from_str(&text).map_err(|_| "the client's name or secret cannot be sent")?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        } else {
            form.push(("client_id", shown.id.reveal().to_owned()));
            form.push(("client_secret", shown.secret.reveal().to_owned()));
        }
        form.extend(shown.params.iter().map(|(name, value)| (*name, value.reveal().to_owned())));
        let body = form.iter().map(|(name, value)| format!("{}={}", form_encoded(name), form_encoded(value)));
        let body = Bytes::from(body.collect::<Vec<_>>().join("&"));
        let answer = self.http.request(Method::POST, self.url.reveal(), headers, body).await;
        answer.map_err(|why| format!("{}: {why}", self.origin))
    }
}

/// The token of an answer (RFC 6749, 5.1), or what is wrong (5.2).
fn read(answer: &Answer, secrets: &[&str]) -> Result<Lease<Secret>, String> {
    let json: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
    if !answer.status.is_success() {
        let said = format!(
            "{} {}",
            json["error"].as_str().unwrap_or_default(),
            json["error_description"].as_str().unwrap_or_default()
        );
        return Err(format!("{}: {}", answer.status, quote(&said, secrets.iter().copied())));
    }
    let token = json["access_token"].as_str().filter(|token| !token.is_empty());
    let token = Secret::new(token.ok_or("the answer holds no access_token")?);
    // Some servers write the number as text.
    let seconds = &json["expires_in"];
    let seconds = seconds.as_u64().or_else(|| seconds.as_str()?.parse().ok());
    Ok(match seconds {
        Some(seconds) => Lease::until(token, clock::unix() + Duration::from_secs(seconds.min(YEAR))),
        None => Lease::lasting(token, UNSAID),
    })
}

const YEAR: u64 = 365 * 24 * 3600;

/// A token whose time is not said.
const UNSAID: Duration = Duration::from_secs(3600);
