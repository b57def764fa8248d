//! What a drawing needs to know of a span.

/// One span, free of any wire format.
#[derive(Clone, Debug, Default)]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: [u8; 16],
    /// Its own id.
    pub span_id: [u8; 8],
    /// The span it is a child of, which may not be among those drawn.
    pub parent_id: Option<[u8; 8]>,
    /// Its name, drawn with control characters replaced.
    pub name: String,
    /// Its role.
    pub kind: Kind,
    /// Start, Unix time in nanoseconds; 0 when unknown.
    pub start: u64,
    /// End, Unix time in nanoseconds; before the start when clocks disagree.
    pub end: u64,
    /// How it went.
    pub status: Status,
    /// `service.name` of its resource; empty when unknown.
    pub service: String,
    /// Attributes, values as text.
    pub attributes: Vec<(String, String)>,
    /// Events, in the order they were recorded.
    pub events: Vec<Event>,
    /// Links to other spans.
    pub links: Vec<Link>,
}

impl Span {
    /// How long it took, in nanoseconds; 0 when it ends before it starts.
    pub fn nanos(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }
}

/// The role of a span (OTLP `SpanKind`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Within the process.
    #[default]
    Internal,
    /// Answers a request.
    Server,
    /// Makes a request.
    Client,
    /// Sends a message.
    Producer,
    /// Handles a message.
    Consumer,
}

/// How a span went (OTLP `Status`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nobody said, which is what success looks like.
    #[default]
    Unset,
    /// Somebody declared it a success.
    Ok,
    /// It failed; the message may be empty.
    Error(String),
}

/// Something that happened during a span.
#[derive(Clone, Debug, Default)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// When, Unix time in nanoseconds.
    pub time: u64,
    /// Attributes, values as text.
    pub attributes: Vec<(String, String)>,
}

/// A span elsewhere that this one has to do with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Link {
    /// Its trace.
    pub trace_id: [u8; 16],
    /// Its id.
    pub span_id: [u8; 8],
}
