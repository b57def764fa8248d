//! How an OTLP receiver is reached and spoken to.

use std::{path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use spanlayer_otlp::Signal;

use super::{
    endpoint::{self, Address},
    headers,
};
use crate::{
    BatchLimits, Compression, Destination, Encoding, Format, Secret, Single,
    auth::{self, Auth, Value},
};

/// An OTLP receiver: where, and how it wants to be spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Otlp {
    /// Full addresses, in the order of [`Signal::ALL`]; a signal without one is not sent.
    pub urls: [Option<Address>; 3],
    /// What is spoken at these addresses. The constructors choose both together.
    pub protocol: Protocol,
    /// Sent with every request; in gRPC they are called metadata. Their values are marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The same, with values that may lie elsewhere: asked for at the first request.
    pub secret_headers: Vec<(HeaderName, Value)>,
    /// How requests say who sends them, beside the headers.
    pub auth: Option<Auth>,
    /// Whose credentials sign, and where secrets are kept.
    #[cfg(feature = "aws")]
    pub aws: crate::aws::Aws,
    /// Of the requests' bodies; in gRPC, of the messages.
    pub compression: Compression,
    /// Trust the certificates of this PEM file, and no others; by default Mozilla's, which are built in.
    pub certificate: Option<PathBuf>,
    /// PEM files of the certificate chain and the key to present.
    pub client: Option<ClientCertificate>,
    /// Ask this HTTP proxy.
    pub proxy: Option<Proxy>,
    /// Send over this client, with its own certificates and proxies instead of those above.
    pub http: Option<OwnClient>,
}

impl Otlp {
    /// All three signals to one server by OTLP/HTTP: `v1/traces` and so on below this address. Protobuf, unless the
    /// protocol is set to [`Protocol::HttpJson`].
    ///
    /// # Errors
    ///
    /// When it is not an `http` or `https` address.
    pub fn http(base: &str) -> Result<Self, String> {
        let base = endpoint::parse(base)?;
        let url = |signal| Some(Address::new(endpoint::below(&base, signal)));
        Ok(Self { urls: Signal::ALL.map(url), ..Self::default() })
    }

    /// All three signals to one server by OTLP/gRPC. The address has no path of its own, and without a scheme it means
    /// `https`.
    ///
    /// # Errors
    ///
    /// When it is neither an `http` or `https` address nor a host with a port.
    pub fn grpc(target: &str) -> Result<Self, String> {
        let base = endpoint::parse_grpc(target)?;
        let url = |signal| Some(Address::new(endpoint::service(&base, signal)));
        Ok(Self { urls: Signal::ALL.map(url), protocol: Protocol::Grpc, ..Self::default() })
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

    /// Sends over a client of the caller's making (`reqwest` 0.13), which then decides about certificates, proxies and
    /// connections. Making one takes a cryptography provider, unless `reqwest` is built with its own:
    /// `rustls::crypto::ring::default_provider().install_default()`. For
    /// [gRPC](Self::grpc) it must speak HTTP/2 (`http2_prior_knowledge`).
    #[must_use]
    pub fn over(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client.into());
        self
    }

    /// The receiver by itself, with a limit of 10 s for each attempt (OTLP specification, *OTLP Exporter Configuration*).
    /// See [`Destination::exporter`].
    pub fn exporter(self) -> Single {
        Destination::otlp(self, Some(Duration::from_secs(10))).exporter()
    }

    /// [`grpc`](Self::grpc), but without a scheme the target is spoken to in the clear.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn grpc_insecure(target: &str) -> Result<Self, String> {
        if target.contains("://") { Self::grpc(target) } else { Self::grpc(&format!("http://{target}")) }
    }

    /// Where a signal goes.
    pub const fn url(&self, signal: Signal) -> Option<&Address> {
        self.urls[signal as usize].as_ref()
    }

    /// The largest batch that is taken: AWS's own endpoints have limits of their own (*CloudWatch User Guide*, "OTLP
    /// Endpoints").
    pub(crate) fn limits(&self) -> BatchLimits {
        let common = BatchLimits::default();
        #[cfg(feature = "aws")]
        if let Some(Auth::SigV4 { service, .. }) = &self.auth {
            return match service.as_str() {
                // 1,048,576 bytes, to which 26 are added for each record.
                "logs" => BatchLimits { bytes: 768 << 10, ..common },
                // 1 MB and 1,000 data points.
                "monitoring" => BatchLimits { bytes: 960 << 10, items: 1000 },
                // 5 MB and 10,000 spans.
                _ => common,
            };
        }
        common
    }

    pub(crate) fn aws(&self) -> auth::Aws {
        #[cfg(feature = "aws")]
        return self.aws.clone();
        #[cfg(not(feature = "aws"))]
        ()
    }

    /// What requests are turned into.
    pub(crate) const fn encoding(&self) -> Encoding {
        Encoding::new(self.protocol.format(), self.compression)
    }
}

/// The three forms of OTLP, under the names of `OTEL_EXPORTER_OTLP_PROTOCOL`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// `http/protobuf`: over HTTP/1.1.
    #[default]
    HttpProtobuf,
    /// `http/json`: over HTTP/1.1.
    HttpJson,
    /// `grpc` (cargo feature `grpc`): over HTTP/2, at once where there is no TLS, agreed upon by ALPN where there is.
    Grpc,
}

impl Protocol {
    /// How messages are written.
    pub const fn format(self) -> Format {
        match self {
            Self::HttpProtobuf | Self::Grpc => Format::Protobuf,
            Self::HttpJson => Format::Json,
        }
    }
}

/// What to show to a server that asks who we are (mTLS).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// PEM file with our certificate and what leads up to the root.
    pub chain: PathBuf,
    /// PEM file with our private key.
    pub key: PathBuf,
}

/// An HTTP client of the caller's making (`reqwest` 0.13). Equal to itself and its clones only.
#[derive(Clone, Debug)]
pub struct OwnClient(Arc<reqwest::Client>);

impl OwnClient {
    pub(crate) fn client(&self) -> reqwest::Client {
        reqwest::Client::clone(&self.0)
    }
}

impl From<reqwest::Client> for OwnClient {
    fn from(client: reqwest::Client) -> Self {
        Self(Arc::new(client))
    }
}

impl PartialEq for OwnClient {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for OwnClient {}

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its address, which may hold a password.
    pub address: Secret,
    /// Hosts that are asked directly, as in `NO_PROXY`.
    pub except: String,
}
