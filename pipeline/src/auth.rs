//! Who we say we are: headers whose values may lie elsewhere, and schemes that make them.
//!
//! | scheme | |
//! |---|---|
//! | any header (API keys) | [`Value`] in the destination's `secret_headers` |
//! | [`Auth::Bearer`], [`Auth::Basic`] | RFC 6750, RFC 7617 |
//! | [`Auth::OAuth2`] | client credentials (RFC 6749, 4.4) |
//! | `Auth::SigV4` | AWS (cargo feature `aws`) |
//!
//! ```
//! use spanlayer_pipeline::{auth::{Auth, Value}, settings::Otlp};
//!
//! let mut otlp = Otlp::http("https://otlp.example.com")?;
//! otlp.auth = Some(Auth::Bearer(Value::parse("${file:/run/secrets/token}")?));
//! otlp.secret_headers.push(("x-tenant".parse().unwrap(), Value::parse("${env:TENANT}")?));
//! # Ok::<(), String>(())
//! ```
//!
//! Nothing is looked up before the first request. Files and the environment are read for every request; what has to be asked
//! for over the network is kept ([`TIME_TO_LIVE`]), asked for again beside a request before that has passed, and at once,
//! and once, when a server answers 401 or 403, or `UNAUTHENTICATED` or `PERMISSION_DENIED`; then the request is repeated.
//! While a value cannot be had, the batch waits as after a 503.

pub(crate) mod cached;
mod oauth2;
mod source;
mod value;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header::AUTHORIZATION};
use spanlayer_otlp::json::text::base64;

pub use oauth2::OAuth2;
pub use source::TIME_TO_LIVE;
pub use value::Value;

#[cfg(feature = "aws")]
pub(crate) use crate::aws::Aws;
use oauth2::Tokens;
use source::Live;

/// How requests say who sends them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Auth {
    /// `Authorization: Bearer …`.
    Bearer(Value),
    /// `Authorization: Basic …`.
    Basic {
        /// The user's name.
        user: Value,
        /// The password.
        password: Value,
    },
    /// `Authorization: Bearer …` with a token from an authorization server.
    OAuth2(Box<OAuth2>),
    /// A signature by an AWS key. Not for gRPC.
    #[cfg(feature = "aws")]
    SigV4 {
        /// As AWS calls it in signatures, such as `xray`.
        service: String,
        /// By default the region that the program runs in.
        region: Option<String>,
    },
}

/// Without AWS, there is nobody to ask.
#[cfg(not(feature = "aws"))]
pub(crate) type Aws = ();

/// Puts the headers on requests that say who we are.
#[derive(Debug)]
pub(crate) struct Authenticator {
    headers: Vec<(HeaderName, Live)>,
    scheme: Scheme,
}

#[derive(Debug)]
enum Scheme {
    None,
    Bearer(Live),
    Basic(Live, Live),
    OAuth2(Tokens),
    #[cfg(feature = "aws")]
    SigV4 {
        aws: Aws,
        service: String,
        region: Option<String>,
    },
}

impl Authenticator {
    pub(crate) fn new(auth: Option<&Auth>, headers: &[(HeaderName, Value)], aws: &Aws) -> Self {
        let live = |value: &Value| Live::new(value, aws);
        let scheme = match auth {
            None => Scheme::None,
            Some(Auth::Bearer(token)) => Scheme::Bearer(live(token)),
            Some(Auth::Basic { user, password }) => Scheme::Basic(live(user), live(password)),
            Some(Auth::OAuth2(settings)) => Scheme::OAuth2(Tokens::new(settings, aws)),
            #[cfg(feature = "aws")]
            Some(Auth::SigV4 { service, region }) => {
                Scheme::SigV4 { aws: aws.clone(), service: service.clone(), region: region.clone() }
            }
        };
        Self { headers: headers.iter().map(|(name, value)| (name.clone(), live(value))).collect(), scheme }
    }

    /// Adds what the server wants to see.
    ///
    /// # Errors
    ///
    /// When a value cannot be had, in words that name where it is from and not what it is.
    pub(crate) async fn apply(
        &self,
        method: &Method,
        url: &str,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<(), String> {
        for (name, live) in &self.headers {
            let text = live.current().await.map_err(|why| format!("no value for {name}: {why}"))?;
            headers.insert(name.clone(), sensitive(name.as_str(), text.reveal())?);
        }
        let authorization = match &self.scheme {
            Scheme::None => return Ok(()),
            Scheme::Bearer(token) => {
                let token = token.current().await.map_err(|why| format!("no bearer token: {why}"))?;
                format!("Bearer {}", token.reveal())
            }
            Scheme::Basic(user, password) => {
                let user = user.current().await.map_err(|why| format!("no user: {why}"))?;
                let password = password.current().await.map_err(|why| format!("no password: {why}"))?;
                let mut text = "Basic ".to_owned();
                base64(&mut text, format!("{}:{}", user.reveal(), password.reveal()).as_bytes());
                text
            }
            Scheme::OAuth2(tokens) => {
                let token = tokens.current().await.map_err(|why| format!("no OAuth2 token: {why}"))?;
                format!("Bearer {}", token.reveal())
            }
            #[cfg(feature = "aws")]
            Scheme::SigV4 { aws, service, region } => {
                let url = reqwest::Url::parse(url).map_err(|_| "the destination's address is wrong")?;
                return aws.sign((service, region.as_deref()), method, &url, headers, body).await;
            }
        };
        #[cfg(not(feature = "aws"))]
        let _ = (method, url, body);
        headers.insert(AUTHORIZATION, sensitive("authorization", &authorization)?);
        Ok(())
    }

    /// The server turned us away: gets everything anew that can be had anew. `Ok(false)`: there is nothing of the kind.
    ///
    /// # Errors
    ///
    /// When it cannot be had now.
    pub(crate) async fn renew(&self) -> Result<bool, String> {
        let mut any = false;
        for (_, live) in &self.headers {
            any |= live.renew().await?;
        }
        any |= match &self.scheme {
            Scheme::None => false,
            Scheme::Bearer(token) => token.renew().await?,
            Scheme::Basic(user, password) => user.renew().await? | password.renew().await?,
            Scheme::OAuth2(tokens) => tokens.renew().await.map(|()| true)?,
            #[cfg(feature = "aws")]
            Scheme::SigV4 { aws, .. } => aws.renew().await.map(|()| true)?,
        };
        Ok(any)
    }

    /// All secrets that requests may have held, for masking.
    pub(crate) fn known(&self) -> Vec<String> {
        let mut known = Vec::new();
        for (_, live) in &self.headers {
            live.known(&mut known);
        }
        match &self.scheme {
            Scheme::None => {}
            Scheme::Bearer(token) => token.known(&mut known),
            Scheme::Basic(user, password) => {
                let (mut users, mut passwords) = (Vec::new(), Vec::new());
                user.known(&mut users);
                password.known(&mut passwords);
                if let (Some(user), Some(password)) = (users.first(), passwords.first()) {
                    let mut text = String::new();
                    base64(&mut text, format!("{user}:{password}").as_bytes());
                    known.push(text);
                }
                known.extend(passwords);
            }
            Scheme::OAuth2(tokens) => tokens.known(&mut known),
            #[cfg(feature = "aws")]
            Scheme::SigV4 { aws, .. } => aws.known(&mut known),
        }
        known
    }
}

fn sensitive(name: &str, text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text.trim());
    let mut value = value.map_err(|_| format!("the value of {name} is not one that HTTP allows"))?;
    value.set_sensitive(true);
    Ok(value)
}
