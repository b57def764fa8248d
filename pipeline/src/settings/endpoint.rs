//! Addresses of destinations (OpenTelemetry specification, *OpenTelemetry Protocol Exporter*, "Configuration Options"
//! for gRPC and "Endpoint URLs for OTLP/HTTP").

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    str::FromStr,
};

#[cfg(feature = "aws")]
use http::{HeaderName, HeaderValue};
use reqwest::Url;
use spanlayer_host::vars::Vars;
use spanlayer_otlp::Signal;

use super::{Proxy, proxy};

/// Where requests go. May hold a password or a key, so that only its harmless parts are ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

impl Address {
    pub(crate) const fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole of it, for the one place that sends there.
    pub(crate) fn reveal(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Host and port.
    pub(crate) fn server(&self) -> Option<super::Server> {
        Some((self.0.host_str()?.into(), self.0.port_or_known_default()?))
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        origin(&self.0)
    }

    /// Whether what is sent there can be read on the way: no TLS, and not within this machine.
    pub fn is_in_the_clear(&self) -> bool {
        !self.is_https() && !is_loopback(&self.0)
    }

    /// Whether it is one of these, which are on this machine.
    pub fn is_one_of(&self, receivers: &[SocketAddr]) -> bool {
        is_own(&self.0, receivers)
    }

    /// The proxy that the usual variables (`HTTPS_PROXY` and so on) name for it.
    ///
    /// # Errors
    ///
    /// The variable's name and what would be right, when its value is no HTTP proxy.
    pub fn proxy(&self, vars: &dyn Vars) -> Result<Option<Proxy>, (&'static str, String)> {
        proxy::for_url(vars, &self.0)
    }
}

#[cfg(feature = "aws")]
impl Address {
    /// The service and the region of one of AWS's own OTLP endpoints (*CloudWatch User Guide*, "OTLP Endpoints").
    pub fn aws_service(&self) -> Option<(&'static str, &str)> {
        crate::aws::otlp_service(self.0.host_str()?)
    }

    /// Whether zstd may be sent there: AWS's own endpoints take gzip or nothing.
    pub fn takes_zstd(&self) -> bool {
        self.aws_service().is_none()
    }

    /// What AWS's endpoint for logs has to be told; in Lambda, the function's own group and stream. Nothing for any other
    /// address.
    pub fn log_headers(&self, vars: &dyn Vars) -> Vec<(HeaderName, HeaderValue)> {
        if !matches!(self.aws_service(), Some(("logs", _))) {
            return Vec::new();
        }
        let headers = [
            ("x-aws-log-group", "AWS_LAMBDA_LOG_GROUP_NAME"),
            ("x-aws-log-stream", "AWS_LAMBDA_LOG_STREAM_NAME"),
        ];
        let headers = headers.into_iter().filter_map(|(header, var)| {
            let value = HeaderValue::from_str(&vars.get(var)?).ok()?;
            Some((HeaderName::from_static(header), value))
        });
        headers.collect()
    }
}

impl FromStr for Address {
    type Err = String;

    /// Reads a complete address, which is used as it is.
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map(Self)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin(), self.0.path())
    }
}

/// Parses an address. What is wrong is said without repeating the address, which may hold a password.
pub(super) fn parse(text: &str) -> Result<Url, String> {
    let wrong = || "expected an address such as https://otlp.example.com or http://10.0.0.7:4318".to_owned();
    let url = Url::parse(text).map_err(|_| wrong())?;
    let usable = matches!(url.scheme(), "http" | "https") && url.has_host();
    if usable { Ok(url) } else { Err(wrong()) }
}

/// The same, or a bucket of S3: `s3://bucket/prefix`.
pub(super) fn parse_or_bucket(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if url.scheme() == "s3" => bucket(url),
        _ => parse(text),
    }
}

#[cfg(feature = "aws")]
fn bucket(url: Url) -> Result<Url, String> {
    let usable = url.has_host() && url.port().is_none() && url.query().is_none();
    if usable { Ok(url) } else { Err("expected a bucket such as s3://telemetry-archive/prod/".to_owned()) }
}

#[cfg(not(feature = "aws"))]
fn bucket(_: Url) -> Result<Url, String> {
    Err("s3:// is not in this build: it needs the cargo feature `aws`".to_owned())
}

/// Parses what gRPC is given as its target: an address, or a host without a scheme, which is secure.
pub(super) fn parse_grpc(text: &str) -> Result<Url, String> {
    target(text, "https")
}

/// The same, but a host without a scheme is spoken to in the clear.
pub(super) fn parse_grpc_insecure(text: &str) -> Result<Url, String> {
    target(text, "http")
}

fn target(text: &str, scheme: &str) -> Result<Url, String> {
    if !cfg!(feature = "grpc") {
        return Err("OTLP/gRPC is not in this build: it needs the cargo feature `grpc`".to_owned());
    }
    let bare = !text.contains("://");
    let url = if bare { parse(&format!("{scheme}://{text}")) } else { parse(text) };
    // gRPC's own names (`dns:///host`, `unix:/path`) would pass for a host with a strange port or path.
    url.ok().filter(|url| !bare || matches!(url.path(), "" | "/")).ok_or_else(|| {
        "expected an address such as https://otlp.example.com:4317, or a host such as 10.0.0.7:4317"
            .to_owned()
    })
}

/// Where gRPC has a signal: the target's own path does not count.
pub(super) fn service(target: &Url, signal: Signal) -> Url {
    let mut url = target.clone();
    url.set_path(signal.grpc_path());
    url.set_query(None);
    url.set_fragment(None);
    url
}

/// Where a signal goes below a base address, whose own path is kept.
pub(super) fn below(base: &Url, signal: Signal) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{}", base.path().trim_end_matches('/'), signal.path()));
    url
}

/// Scheme, host and port: what is shown of an address.
pub(super) fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

/// Whether the host is this machine itself.
pub(super) fn is_loopback(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    match address(host) {
        Some(address) => address.is_loopback() || address.is_unspecified(),
        None => host == "localhost" || host.ends_with(".localhost"),
    }
}

/// Whether the address is one of our own receivers.
pub(super) fn is_own(url: &Url, receivers: &[SocketAddr]) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    let same_port = receivers.iter().filter(|receiver| receiver.port() == port);
    // Lambda's name for the inside of an environment is as good as localhost to a receiver on all interfaces.
    let inside = is_loopback(url) || host == "sandbox.localdomain" || host == "sandbox";
    same_port.into_iter().any(|receiver| inside || address(host) == Some(receiver.ip().to_canonical()))
}

/// An IPv4 address that is written as one of IPv6 (`::ffff:127.0.0.1`) is the IPv4 address.
fn address(host: &str) -> Option<IpAddr> {
    let address: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(address.to_canonical())
}
