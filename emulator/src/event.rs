//! What an invocation brings along: the payload, and what the headers of `/next` say about it.

use crate::ids;
use bytes::Bytes;

/// One event for the function, with everything that may come with it.
///
/// ```
/// use spanlayer_emulator::{Event, TraceHeader};
///
/// let event = Event::new(r#"{"answer":42}"#)
///     .trace_header(TraceHeader::Value("Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Sampled=1".to_owned()))
///     .tenant("tenant-a");
/// # let _ = event;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Event {
    pub(crate) payload: Bytes,
    pub(crate) trace: Option<TraceHeader>,
    pub(crate) client_context: Option<String>,
    pub(crate) cognito: Option<(String, String)>,
    pub(crate) tenant: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) arn: Option<String>,
}

impl Event {
    /// An event with this payload and nothing else.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }

    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// The request id, where one was given; a handler in this process always finds it.
    pub fn id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The trace header of this invocation, instead of the emulator's default.
    #[must_use]
    pub fn trace_header(mut self, header: TraceHeader) -> Self {
        self.trace = Some(header);
        self
    }

    /// JSON for `Lambda-Runtime-Client-Context`.
    #[must_use]
    pub fn client_context(mut self, json: impl Into<String>) -> Self {
        self.client_context = Some(json.into());
        self
    }

    /// The caller's Cognito identity and its pool, for `Lambda-Runtime-Cognito-Identity`.
    #[must_use]
    pub fn cognito_identity(mut self, id: impl Into<String>, pool: impl Into<String>) -> Self {
        self.cognito = Some((id.into(), pool.into()));
        self
    }

    /// The tenant of a function with tenant isolation, for `Lambda-Runtime-Aws-Tenant-Id`.
    #[must_use]
    pub fn tenant(mut self, id: impl Into<String>) -> Self {
        self.tenant = Some(id.into());
        self
    }

    /// The request id, instead of a random one.
    #[must_use]
    pub fn request_id(mut self, id: impl Into<String>) -> Self {
        self.request_id = Some(id.into());
        self
    }

    /// The ARN as invoked (function, version or alias), instead of the function's own.
    #[must_use]
    pub fn invoked_arn(mut self, arn: impl Into<String>) -> Self {
        self.arn = Some(arn.into());
        self
    }
}

impl From<Bytes> for Event {
    fn from(payload: Bytes) -> Self {
        Self::new(payload)
    }
}

impl From<Vec<u8>> for Event {
    fn from(payload: Vec<u8>) -> Self {
        Self::new(payload)
    }
}

impl From<String> for Event {
    fn from(payload: String) -> Self {
        Self::new(payload)
    }
}

impl From<&str> for Event {
    fn from(payload: &str) -> Self {
        Self::new(payload.to_owned())
    }
}

impl From<&[u8]> for Event {
    fn from(payload: &[u8]) -> Self {
        Self::new(payload.to_vec())
    }
}

impl From<serde_json::Value> for Event {
    fn from(payload: serde_json::Value) -> Self {
        Self::new(payload.to_string())
    }
}

/// What `Lambda-Runtime-Trace-Id` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TraceHeader {
    /// Tracing mode PassThrough and no trace context upstream, the default of Lambda: a new root with neither parent
    /// nor sampling decision.
    #[default]
    PassThrough,
    /// Active tracing: a new root, Lambda's own segment as the parent, and the decision.
    Active {
        /// Whether X-Ray samples the invocation.
        sampled: bool,
    },
    /// This text.
    Value(String),
    /// No header at all.
    Absent,
}

/// A trace header as made for one invocation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub(crate) header: Option<String>,
    /// The id of Lambda's own segment, known under active tracing.
    pub(crate) segment: Option<String>,
}

impl TraceHeader {
    pub(crate) fn make(&self) -> Trace {
        match self {
            Self::PassThrough => {
                let header = format!("Root={};Lineage=1:{}:0", ids::xray_root(), ids::short());
                Trace { header: Some(header), segment: None }
            }
            Self::Active { sampled } => {
                let segment = ids::span();
                let (root, lineage, sampled) = (ids::xray_root(), ids::short(), u8::from(*sampled));
                let header = format!("Root={root};Parent={segment};Sampled={sampled};Lineage=1:{lineage}:0");
                Trace { header: Some(header), segment: Some(segment) }
            }
            Self::Value(text) => Trace { header: Some(text.clone()), segment: None },
            Self::Absent => Trace::default(),
        }
    }
}
