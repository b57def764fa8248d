//! Spans, their events and their links.

use super::{
    Attributes, Resource, Scope,
    field::{self, Message, Repeated, View},
};

/// A span.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Span<'a> {
    /// What produced it.
    pub resource: Resource<'a>,
    /// What recorded it.
    pub scope: Scope<'a>,
    /// The trace it belongs to.
    pub trace_id: [u8; 16],
    /// Its own id.
    pub span_id: [u8; 8],
    /// The span it is a child of; `None` for a root.
    pub parent_span_id: Option<[u8; 8]>,
    /// W3C's `tracestate`.
    pub trace_state: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its role.
    pub kind: Kind,
    /// Start, Unix time in nanoseconds.
    pub start: u64,
    /// End, Unix time in nanoseconds; before the start when clocks disagree.
    pub end: u64,
    /// How it went.
    pub status: Status,
    /// What its status says; empty when it says nothing.
    pub status_message: &'a str,
    /// Its attributes.
    pub attributes: Attributes<'a>,
    /// What happened during it.
    pub events: Repeated<'a, Event<'a>>,
    /// Spans elsewhere that it has to do with.
    pub links: Repeated<'a, Link<'a>>,
    /// Attributes that were not recorded, for want of room.
    pub dropped_attributes: u32,
    /// Events that were not recorded, for want of room.
    pub dropped_events: u32,
    /// Links that were not recorded, for want of room.
    pub dropped_links: u32,
}

impl Span<'_> {
    /// How long it took, in nanoseconds; zero when it ends before it starts.
    pub const fn nanos(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

impl<'a> View<'a> for Span<'a> {
    fn read(message: Message<'a>) -> Self {
        let mut span = Self {
            attributes: message.attributes(9),
            events: message.repeated(11),
            links: message.repeated(13),
            ..Self::default()
        };
        for field in message.fields() {
            match field.number {
                1 => span.trace_id = field::id(&field).unwrap_or_default(),
                2 => span.span_id = field::id(&field).unwrap_or_default(),
                3 => span.trace_state = field::text(&field),
                4 => span.parent_span_id = field::id(&field),
                5 => span.name = field::text(&field),
                6 => span.kind = Kind::of(field::bits(&field)),
                7 => span.start = field::bits(&field),
                8 => span.end = field::bits(&field),
                10 => span.dropped_attributes = field::bits(&field) as u32,
                12 => span.dropped_events = field::bits(&field) as u32,
                14 => span.dropped_links = field::bits(&field) as u32,
                15 => {
                    let fields = field::message(&field).unwrap_or_default().fields();
                    for field in fields {
                        match field.number {
                            2 => span.status_message = field::text(&field),
                            3 => span.status = Status::of(field::bits(&field)),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        span
    }
}

/// The role of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Nobody said, or it is one that this version does not know.
    #[default]
    Unspecified = 0,
    /// Within the process.
    Internal = 1,
    /// Answers a request.
    Server = 2,
    /// Makes a request.
    Client = 3,
    /// Sends a message.
    Producer = 4,
    /// Handles a message.
    Consumer = 5,
}

impl Kind {
    const fn of(number: u64) -> Self {
        match number {
            1 => Self::Internal,
            2 => Self::Server,
            3 => Self::Client,
            4 => Self::Producer,
            5 => Self::Consumer,
            _ => Self::Unspecified,
        }
    }

    /// In capitals, as the specification has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "UNSPECIFIED",
            Self::Internal => "INTERNAL",
            Self::Server => "SERVER",
            Self::Client => "CLIENT",
            Self::Producer => "PRODUCER",
            Self::Consumer => "CONSUMER",
        }
    }
}

/// How a span went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nobody said, which is what success looks like.
    #[default]
    Unset = 0,
    /// Somebody declared it a success.
    Ok = 1,
    /// It failed.
    Error = 2,
}

impl Status {
    const fn of(number: u64) -> Self {
        match number {
            1 => Self::Ok,
            2 => Self::Error,
            _ => Self::Unset,
        }
    }

    /// In capitals, as the specification has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unset => "UNSET",
            Self::Ok => "OK",
            Self::Error => "ERROR",
        }
    }
}

/// Something that happened during a span.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Event<'a> {
    /// Its name.
    pub name: &'a str,
    /// When, Unix time in nanoseconds.
    pub time: u64,
    /// Its attributes.
    pub attributes: Attributes<'a>,
}

impl<'a> View<'a> for Event<'a> {
    fn read(message: Message<'a>) -> Self {
        let mut event = Self { attributes: message.attributes(3), ..Self::default() };
        for field in message.fields() {
            match field.number {
                1 => event.time = field::bits(&field),
                2 => event.name = field::text(&field),
                _ => {}
            }
        }
        event
    }
}

/// A span elsewhere that this one has to do with.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Link<'a> {
    /// Its trace.
    pub trace_id: [u8; 16],
    /// Its id.
    pub span_id: [u8; 8],
    /// W3C's `tracestate`.
    pub trace_state: &'a str,
    /// The link's own attributes.
    pub attributes: Attributes<'a>,
}

impl<'a> View<'a> for Link<'a> {
    fn read(message: Message<'a>) -> Self {
        let mut link = Self { attributes: message.attributes(4), ..Self::default() };
        for field in message.fields() {
            match field.number {
                1 => link.trace_id = field::id(&field).unwrap_or_default(),
                2 => link.span_id = field::id(&field).unwrap_or_default(),
                3 => link.trace_state = field::text(&field),
                _ => {}
            }
        }
        link
    }
}
