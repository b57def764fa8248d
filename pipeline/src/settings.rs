//! What a pipeline is made of, as plain values; [`Settings::from_vars`] reads them from environment variables.

mod auth;
#[cfg(feature = "aws")]
mod aws;
#[cfg(feature = "aws")]
mod bucket;
mod endpoint;
pub(crate) mod headers;
mod otlp;
pub(crate) mod proxy;
mod reader;
mod vars;

use std::{fmt, sync::Arc, time::Duration};

use spanlayer_host::vars::Problem;
use spanlayer_otlp::Signal;
use spanlayer_process::Redactor;

pub use endpoint::Address;
pub use headers::is_set_by_exporters;
pub(crate) use headers::{form_encoded, percent_decoded};
pub use otlp::{ClientCertificate, Otlp, OwnClient, Protocol, Proxy};
pub use vars::TABLE;

pub use crate::spool::settings::Spool;
use crate::{Backoff, BreakerSettings, Export, Observer, export::Custom, letters::Letters};

/// Everything a pipeline is made from.
///
/// ```
/// use spanlayer_pipeline::{Destination, Settings, WhenFull};
/// use std::time::Duration;
///
/// let mut settings = Settings::to([Destination::file("/tmp/spans.jsonl")]);
/// settings.limit = 64 << 20;
/// settings.when_full = WhenFull::Busy { retry_after: Duration::from_secs(5) };
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Settings {
    /// What the queue may hold, in bytes, over all signals and destinations.
    pub limit: usize,
    /// What a sender is told when nothing can be given up for its data.
    pub when_full: WhenFull,
    /// Where data goes. A signal may go to several destinations, or to none.
    pub destinations: Vec<Destination>,
    /// Destinations are told of later, by [`Pipeline::attach`](crate::Pipeline::attach): until then nothing should be
    /// accepted.
    pub late: bool,
    /// How failing attempts are repeated within one flush.
    pub backoff: Backoff,
    /// When a failing destination is left alone. By default [`BreakerSettings::eager`].
    pub breaker: BreakerSettings,
    /// Where what was accepted is also kept until it is settled, so that the next process finds it if this one is killed.
    /// By default nowhere. Begins with [`Pipeline::recover`](crate::Pipeline::recover).
    pub spool: Option<Spool>,
    /// Where goes what a destination refuses for good, and what a shutdown cannot deliver in time. By default nowhere.
    pub letters: Letters,
    /// What must not leave is taken out before anything is held; by default nothing is.
    pub redactor: Option<Arc<Redactor>>,
    /// Receives what a log should say; by default nobody.
    pub observer: Option<Observer>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limit: 16 << 20,
            when_full: WhenFull::Partial,
            destinations: Vec::new(),
            late: false,
            backoff: Backoff::default(),
            breaker: BreakerSettings::eager(),
            spool: None,
            letters: Letters::Off,
            redactor: None,
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
            .field("spool", &self.spool)
            .field("letters", &self.letters)
            .field("redactor", &self.redactor)
            .finish_non_exhaustive()
    }
}

impl Settings {
    /// To these destinations, and otherwise by default: 16 MiB are held, in memory only; what finds no room is told to the
    /// sender as a partial success; nothing is redacted, nobody is told of anything, and what is refused is counted.
    pub fn to(destinations: impl IntoIterator<Item = Destination>) -> Self {
        Self { destinations: destinations.into_iter().collect(), ..Self::default() }
    }

    /// The signals that no destination takes.
    pub fn unserved(&self) -> Vec<Signal> {
        let served = |signal| self.destinations.iter().any(|one| one.takes(signal));
        Signal::ALL.into_iter().filter(|signal| !served(*signal)).collect()
    }
}

/// What reading the environment came to.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// What can be used; a signal whose destination is faulty has none.
    pub settings: Settings,
    /// Every variable that is wrong, and what would be right.
    pub problems: Vec<Problem>,
    /// Things that are right but may surprise.
    pub hints: Vec<String>,
}

/// Settings with which nothing is wrong.
impl From<Settings> for Loaded {
    fn from(settings: Settings) -> Self {
        Self { settings, problems: Vec::new(), hints: Vec::new() }
    }
}

/// What happens when the queue is full of data at least as important as a newcomer. (What is less important is given up
/// for it; that is counted.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WhenFull {
    /// What is as important and older is given up, too. If that does not help, the sender gets a success that says how much
    /// was not taken (`partial_success`). For senders that must not be slowed down: SDKs sleep on a 429.
    Partial,
    /// The sender is asked to come again, and what was taken from others who came as early is kept. For senders that can
    /// wait.
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
    /// How failing attempts are repeated, if not as [`Settings::backoff`] has it.
    pub backoff: Option<Backoff>,
    /// What one flush could not deliver is given up, like what is refused, rather than kept for the next. By default it is
    /// kept: delivery is at least once. (What a deadline cut short is kept all the same: nobody knows yet.)
    pub best_effort: bool,
    /// What is meant for it alone must not crowd out what is meant for others: when room runs out, it gives way first if it
    /// holds more than its part of the queue. For tenants.
    pub apart: bool,
    pub(crate) kind: Kind,
}

/// A server's name and port.
pub(crate) type Server = (Arc<str>, u16);

/// What a destination speaks.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Otlp(Box<Otlp>),
    Stdout,
    Custom {
        export: Custom,
        /// Whether a batch must not hold more than one resource.
        one_resource: bool,
        /// As the type of its [metrics'](crate::metrics) component begins.
        speaks: &'static str,
        /// Where it is, if it is one server.
        server: Option<Server>,
    },
}

impl Kind {
    pub(crate) const fn keeps_resources_apart(&self) -> bool {
        matches!(self, Self::Custom { one_resource: true, .. })
    }

    /// What it speaks, by the conventions' words for exporters where they have one.
    pub(crate) fn speaks(&self) -> &'static str {
        match self {
            Self::Otlp(otlp) => match otlp.protocol {
                Protocol::Grpc => "otlp_grpc",
                Protocol::HttpProtobuf => "otlp_http",
                Protocol::HttpJson => "otlp_http_json",
            },
            Self::Stdout => "spanlayer_stdout",
            Self::Custom { speaks, .. } => speaks,
        }
    }

    /// The server that gets a signal, if there is one.
    pub(crate) fn server(&self, signal: Signal) -> Option<Server> {
        match self {
            Self::Otlp(otlp) => otlp.url(signal)?.server(),
            Self::Stdout => None,
            Self::Custom { server, .. } => server.clone(),
        }
    }
}

impl Destination {
    /// An OTLP receiver that takes the signals that `otlp` has an address for: a Collector, Jaeger (ports 4317 and 4318),
    /// AWS's own endpoints, and every vendor that speaks OTLP. OTLP/HTTP with protobuf or JSON, or OTLP/gRPC: as the
    /// settings' [`protocol`](Otlp::protocol) says (OTLP specification 1.11.0).
    ///
    /// | | default |
    /// |---|---|
    /// | limit of an attempt | `timeout`; the specification has 10 s |
    /// | batch | 2 MiB before compression, 8,192 items; AWS's endpoints less |
    /// | compression | gzip, level 2 |
    /// | sent again | OTLP/HTTP: after 429, 502, 503, 504 or no answer; gRPC: after the codes that the specification names, and `RESOURCE_EXHAUSTED` with a delay |
    /// | refused | everything else; after 400 and 413 in halves, until the culprit is alone |
    /// | partial success | counted, and never sent again |
    ///
    /// ```
    /// use spanlayer_pipeline::{Compression, Destination, Pipeline, Settings, settings::Otlp};
    /// use std::time::Duration;
    ///
    /// let mut jaeger = Otlp::grpc("http://localhost:4317")?;
    /// jaeger.compression = Compression::ZSTD;
    /// let jaeger = Destination::otlp(jaeger, Some(Duration::from_secs(10)));
    /// let pipeline = Pipeline::new(Settings::to([jaeger]));
    /// # Ok::<(), String>(())
    /// ```
    pub fn otlp(otlp: Otlp, timeout: Option<Duration>) -> Self {
        let addresses = Signal::ALL.map(|signal| otlp.url(signal).map(|url| (signal, url)));
        let origin = addresses.iter().flatten().map(|(_, url)| url.origin()).next();
        let name = origin.unwrap_or_else(|| "an OTLP receiver without an address".to_owned());
        let signals = addresses.iter().flatten().map(|(signal, _)| *signal).collect();
        Self {
            name: name.into(),
            signals,
            batch: otlp.limits(),
            timeout,
            backoff: None,
            best_effort: false,
            apart: false,
            kind: Kind::Otlp(Box::new(otlp)),
        }
    }

    /// OTLP/JSON lines on standard output (OpenTelemetry specification, *OpenTelemetry Protocol File Exporter*). Each begins
    /// with [`STDOUT_MARKER`], so that whoever collects the output can tell them from a program's own. An empty batch is no
    /// line.
    ///
    /// | | |
    /// |---|---|
    /// | a line | one `Export*ServiceRequest` as OTLP/JSON |
    /// | batch | 64 KiB before it became JSON, 8,192 items |
    /// | limit of an attempt | 10 s |
    /// | sent again | after any error of writing |
    ///
    /// ```
    /// use spanlayer_pipeline::{Deadline, Destination, Payload, Pipeline, Settings, Signal};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let stdout = Destination::stdout([Signal::Traces]);
    /// let pipeline = Pipeline::new(Settings::to([stdout]));
    /// pipeline.accept(Payload::scan(Signal::Traces, Default::default())?);
    /// assert_eq!(pipeline.flush(Deadline::never()).await.left, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdout(signals: impl IntoIterator<Item = Signal>) -> Self {
        Self {
            name: "standard output".into(),
            signals: signals.into_iter().collect(),
            // A line of a log is cut by most collectors above some 200 KB; JSON is up to three times the protobuf.
            batch: BatchLimits { bytes: 64 << 10, items: 8192 },
            timeout: Some(Duration::from_secs(10)),
            backoff: None,
            best_effort: false,
            apart: false,
            kind: Kind::Stdout,
        }
    }

    /// Any other export, with the same queue, retries and circuit breaker around it. Batches hold at most 2 MiB and 8,192
    /// items, and an attempt takes at most 10 s, unless the fields say otherwise.
    ///
    /// ```
    /// use spanlayer_pipeline::{Batch, Deadline, Destination, Export, Outcome, Pipeline, Settings, Signal, read};
    ///
    /// /// Prints names.
    /// struct Names;
    ///
    /// impl Export for Names {
    ///     async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
    ///         read::spans(&batch.request()).for_each(|span| println!("{}", span.name));
    ///         Outcome::DELIVERED
    ///     }
    /// }
    ///
    /// let names = Destination::custom("names", [Signal::Traces], Names);
    /// let pipeline = Pipeline::new(Settings::to([names]));
    /// ```
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
            backoff: None,
            best_effort: false,
            apart: false,
            kind: Kind::Custom {
                export: Custom(Arc::new(export)),
                one_resource: false,
                speaks: "spanlayer_custom",
                server: None,
            },
        }
    }

    /// The same, that speaks this to a server.
    pub(crate) fn speaking(mut self, what: &'static str, to: Option<Server>) -> Self {
        if let Kind::Custom { speaks, server, .. } = &mut self.kind {
            (*speaks, *server) = (what, to);
        }
        self
    }

    /// The same, with batches that are each of one resource.
    pub(crate) fn with_resources_apart(mut self, apart: bool) -> Self {
        if let Kind::Custom { one_resource, .. } = &mut self.kind {
            *one_resource = apart;
        }
        self
    }

    /// Whether it takes a signal.
    pub fn takes(&self, signal: Signal) -> bool {
        self.signals.contains(&signal)
    }
}

/// What every line of [`Destination::stdout`] begins with. The key is unknown to OTLP/JSON, whose readers ignore
/// unknown keys, so that the whole line is still OTLP/JSON.
pub const STDOUT_MARKER: &str = r#"{"spanlayer":"#;

#[cfg(test)]
mod tests;
