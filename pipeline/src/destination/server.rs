//! Servers that take JSON: where they are, how they want to be spoken to, and what their answers mean.

use std::{fmt, ops::RangeInclusive, path::PathBuf};

use http::{HeaderName, HeaderValue};
use reqwest::Url;

use crate::{
    Compression, Secret,
    auth::{self, Auth, Value},
    settings::{Address, ClientCertificate, OwnClient, Proxy, headers},
};

/// A server that takes requests over HTTP.
///
/// ```
/// use spanlayer_pipeline::{Compression, Server};
///
/// let mut server = Server::at("https://ingest.example.com")?
///     .header("Authorization", "ApiKey s3cr3t")?
///     .header("X-Project-ID", "shop")?;
/// server.compression = Compression::GZIP;
/// assert!(!format!("{server:?}").contains("s3cr3t"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    pub(crate) address: Address,
    /// Sent with every request, of whatever scheme of authentication. Never shown: values are marked sensitive, and
    /// what the server repeats of them is masked.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The same, with values that may lie elsewhere: asked for at the first request.
    pub secret_headers: Vec<(HeaderName, Value)>,
    /// How requests say who sends them, beside the headers.
    pub auth: Option<Auth>,
    /// Whose credentials sign, and where secrets are kept.
    #[cfg(feature = "aws")]
    pub aws: crate::aws::Aws,
    /// Of the requests' bodies; none by default.
    pub compression: Compression,
    /// Trust the certificates of this PEM file, and no others; by default Mozilla's, which are built in.
    pub certificate: Option<PathBuf>,
    /// PEM files of the certificate chain and the key to present.
    pub client: Option<ClientCertificate>,
    /// Ask this HTTP proxy.
    pub proxy: Option<Proxy>,
    /// Send over this client, with its own certificates and proxies instead of those above.
    pub http: Option<OwnClient>,
    /// The answers after which a request is sent again.
    pub retry: RetryOn,
}

impl Server {
    /// A server at an address, without headers or compression.
    ///
    /// # Errors
    ///
    /// When it is not an `http` or `https` address. The address is not repeated: it may hold a password.
    pub fn at(address: &str) -> Result<Self, String> {
        let url =
            Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        let url =
            url.ok_or("expected an address such as https://ingest.example.com or http://10.0.0.7:9411")?;
        Ok(Self {
            address: Address::new(url),
            headers: Vec::new(),
            secret_headers: Vec::new(),
            auth: None,
            #[cfg(feature = "aws")]
            aws: crate::aws::Aws::default(),
            compression: Compression::None,
            certificate: None,
            client: None,
            proxy: None,
            http: None,
            retry: RetryOn::default(),
        })
    }

    /// Sends a header with every request, in the place of one of the same name.
    ///
    /// # Errors
    ///
    /// When HTTP does not allow the name or the value, or the header describes the request itself, in words that do not
    /// repeat the value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, String> {
        headers::set(&mut self.headers, name, value)?;
        Ok(self)
    }

    pub(crate) fn aws(&self) -> auth::Aws {
        #[cfg(feature = "aws")]
        return self.aws.clone();
        #[cfg(not(feature = "aws"))]
        ()
    }

    /// Sends over a client of the caller's making (`reqwest` 0.13), which then decides about certificates, proxies and
    /// connections. Making one takes a cryptography provider, unless `reqwest` is built with its own:
    /// `rustls::crypto::ring::default_provider().install_default()`.
    #[must_use]
    pub fn over(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client.into());
        self
    }

    /// Where it is.
    pub const fn address(&self) -> &Address {
        &self.address
    }

    /// The address with a path below its own, unless it ends with that path already.
    pub(crate) fn below(&self, path: &str) -> Secret {
        let Ok(mut url) = Url::parse(self.address.reveal()) else { return Secret::new("") };
        let path = path.trim_matches('/');
        let base = url.path().trim_end_matches('/');
        if !path.is_empty() && !base.ends_with(&format!("/{path}")) {
            url.set_path(&format!("{base}/{path}"));
        }
        Secret::new(url)
    }
}

/// Status codes after which a request may be sent again. By default 429 and every 5xx; everything else is final.
/// (Without an answer, it may always be sent again.)
///
/// ```
/// use spanlayer_pipeline::RetryOn;
///
/// let timeouts_too = RetryOn::default().and(408..=408);
/// assert!(timeouts_too.contains(408) && timeouts_too.contains(503) && !timeouts_too.contains(404));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RetryOn(Vec<RangeInclusive<u16>>);

impl RetryOn {
    /// These and no others.
    pub fn only(codes: impl IntoIterator<Item = RangeInclusive<u16>>) -> Self {
        Self(codes.into_iter().collect())
    }

    /// These as well.
    #[must_use]
    pub fn and(mut self, codes: RangeInclusive<u16>) -> Self {
        self.0.push(codes);
        self
    }

    /// Whether a request may be sent again after this code.
    pub fn contains(&self, code: u16) -> bool {
        self.0.iter().any(|codes| codes.contains(&code))
    }
}

impl Default for RetryOn {
    fn default() -> Self {
        Self::only([429..=429, 500..=599])
    }
}

impl fmt::Debug for RetryOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_goes_below_the_addresss_own_and_is_not_doubled() {
        let below = |address: &str, path: &str| Server::at(address).unwrap().below(path).reveal().to_owned();
        assert_eq!(below("http://h:9411", "/api/v2/spans"), "http://h:9411/api/v2/spans");
        assert_eq!(below("http://h:9411/zipkin/", "/api/v2/spans"), "http://h:9411/zipkin/api/v2/spans");
        assert_eq!(below("http://h:9411/api/v2/spans", "/api/v2/spans"), "http://h:9411/api/v2/spans");
        assert_eq!(below("http://h/in?key=7", ""), "http://h/in?key=7");
        assert_eq!(below("http://h/in?key=7", "v1/x"), "http://h/in/v1/x?key=7");
    }

    #[test]
    fn what_is_wrong_is_told_without_repeating_a_secret() {
        for wrong in ["s3cret", "ftp://u:s3cret@h", "http://", ""] {
            let told = Server::at(wrong).unwrap_err();
            assert!(!told.contains("s3cret") && told.contains("expected an address"), "{told}");
        }
        let server = Server::at("http://h").unwrap();
        let told = server.clone().header("x-key", "s3cret\n").unwrap_err();
        assert!(!told.contains("s3cret") && told.contains("x-key"), "{told}");
        assert!(server.clone().header("x key", "1").is_err());
        let twice = server.header("X-Key", "1").unwrap().header("x-key", "2").unwrap();
        assert_eq!(twice.headers.len(), 1);
    }
}
