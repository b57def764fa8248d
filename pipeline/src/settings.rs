//! What a pipeline is made of, as plain values; [`Settings::from_vars`] reads them from environment variables.

mod endpoint;
mod headers;
mod proxy;
mod vars;

use std::{fmt, path::PathBuf, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue};
use spanlayer_host::vars::Problem;
use spanlayer_otlp::Signal;

pub use endpoint::Address;
pub use vars::TABLE;

use crate::{Backoff, BreakerSettings, Compression, Export, Observer, Secret, export::Custom};

/// Everything a pipeline is made from.
#[derive(Clone)]
pub struct Settings {
    /// What the queue may hold, in bytes, over all signals and destinations.
    pub limit: usize,
    /// What a sender is told when nothing can be given up for its data.
    pub when_full: WhenFull,
    /// Where data goes. A signal may go to several destinations, or to none.
    pub destinations: Vec<Destination>,
    /// How failing attempts are repeated within one flush.
    pub backoff: Backoff,
    /// When a failing destination is left alone.
    pub breaker: BreakerSettings,
    /// Receives what a log should say; by default nobody.
    pub observer: Option<Observer>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limit: 16 << 20,
            when_full: WhenFull::Partial,
            destinations: Vec::new(),
            backoff: Backoff::default(),
            breaker: BreakerSettings::default(),
            observer: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("limit", &self.limit)
            .field("when_full", &self.when_full)
            .field("destinations", &self.destinations)
            .field("backoff", &self.backoff)
            .field("breaker", &self.breaker)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// The signals that no destination takes.
    pub fn unserved(&self) -> Vec<Signal> {
        let served = |signal| self.destinations.iter().any(|one| one.takes(signal));
        Signal::ALL.into_iter().filter(|signal| !served(*signal)).collect()
    }
}

/// What reading the environment came to.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What can be used; a signal whose destination is faulty has none.
    pub settings: Settings,
    /// Every variable that is wrong, and what would be right.
    pub problems: Vec<Problem>,
    /// Things that are right but may surprise.
    pub hints: Vec<String>,
}

/// What happens when the queue is full of data at least as important as a newcomer. (What is less important, or as
/// important and older, is given up for it; that is counted.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The sender gets a success that says how much was not taken (`partial_success`). For senders that must not be
    /// slowed down: SDKs sleep on a 429.
    Partial,
    /// The sender is asked to come again. For senders that can wait.
    Busy {
        /// When to come again.
        retry_after: Duration,
    },
}

/// The largest batch to form. A larger payload is split; a single item that is larger by itself is sent alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchLimits {
    /// Encoded bytes, before compression.
    pub bytes: usize,
    /// Spans, data points or log records.
    pub items: usize,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { bytes: 2 << 20, items: 8192 }
    }
}

/// One place that data goes to.
#[derive(Clone, Debug)]
pub struct Destination {
    /// What logs and figures call it.
    pub name: Arc<str>,
    /// What it takes.
    pub signals: Vec<Signal>,
    /// How much at a time.
    pub batch: BatchLimits,
    /// Limit of each attempt; `None` for no limit but the deadline.
    pub timeout: Option<Duration>,
    pub(crate) kind: Kind,
}

/// What a destination speaks.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    OtlpHttp(Box<OtlpHttp>),
    Stdout,
    Custom(Custom),
}

impl Destination {
    /// An OTLP/HTTP receiver that takes the signals that `http` has an address for.
    pub fn otlp_http(http: OtlpHttp, timeout: Option<Duration>) -> Self {
        let addresses = Signal::ALL.map(|signal| http.url(signal).map(|url| (signal, url)));
        let name = addresses.iter().flatten().map(|(_, url)| url.origin()).next().unwrap_or_default();
        let signals = addresses.iter().flatten().map(|(signal, _)| *signal).collect();
        Self {
            name: name.into(),
            signals,
            batch: BatchLimits::default(),
            timeout,
            kind: Kind::OtlpHttp(Box::new(http)),
        }
    }

    /// OTLP/JSON lines on standard output. Each begins with [`STDOUT_MARKER`], so that whoever collects the output can
    /// tell them from a program's own.
    pub fn stdout(signals: impl IntoIterator<Item = Signal>) -> Self {
        Self {
            name: "standard output".into(),
            signals: signals.into_iter().collect(),
            // A line of a log is cut by most collectors above some 200 KB; JSON is up to three times the protobuf.
            batch: BatchLimits { bytes: 64 << 10, items: 8192 },
            timeout: Some(Duration::from_secs(10)),
            kind: Kind::Stdout,
        }
    }

    /// Any other export, with the same queue, retries and circuit breaker around it.
    pub fn custom(
        name: impl Into<Arc<str>>,
        signals: impl IntoIterator<Item = Signal>,
        export: impl Export + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            signals: signals.into_iter().collect(),
            batch: BatchLimits::default(),
            timeout: Some(Duration::from_secs(10)),
            kind: Kind::Custom(Custom(Arc::new(export))),
        }
    }

    /// Whether it takes a signal.
    pub fn takes(&self, signal: Signal) -> bool {
        self.signals.contains(&signal)
    }
}

/// An OTLP/HTTP receiver: where, and how it wants to be spoken to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtlpHttp {
    /// Full addresses, in the order of [`Signal::ALL`]; a signal without one is not sent.
    pub urls: [Option<Address>; 3],
    /// Sent with every request. Their values are marked sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Of the requests' bodies.
    pub compression: Compression,
    /// Trust the certificates of this PEM file, and no others; by default Mozilla's, which are built in.
    pub certificate: Option<PathBuf>,
    /// PEM files of the certificate chain and the key to present.
    pub client: Option<ClientCertificate>,
    /// Ask this HTTP proxy.
    pub proxy: Option<Proxy>,
}

impl OtlpHttp {
    /// All three signals to one server: `v1/traces` and so on below this address.
    ///
    /// # Errors
    ///
    /// When it is not an `http` or `https` address.
    pub fn to(base: &str) -> Result<Self, String> {
        let base = endpoint::parse(base)?;
        Ok(Self {
            urls: Signal::ALL.map(|signal| Some(Address::new(endpoint::below(&base, signal)))),
            ..Self::default()
        })
    }

    /// Where a signal goes.
    pub const fn url(&self, signal: Signal) -> Option<&Address> {
        self.urls[signal as usize].as_ref()
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

/// An HTTP proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its address, which may hold a password.
    pub address: Secret,
    /// Hosts that are asked directly, as in `NO_PROXY`.
    pub except: String,
}

/// What every line of [`Destination::stdout`] begins with. The key is unknown to OTLP/JSON, whose readers ignore
/// unknown keys, so that the whole line is still OTLP/JSON.
pub const STDOUT_MARKER: &str = r#"{"spanlayer":"#;

#[cfg(test)]
mod tests;
