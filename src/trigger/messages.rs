//! What all sources of messages have in common: who sent them, as links and perhaps as parent.

use super::{
    Event,
    attributes::{Attributes, count},
    skim::MOST_ELEMENTS,
};
use crate::propagation::{
    Upstream,
    carrier::{Carrier, Nothing},
};
use opentelemetry::{
    KeyValue,
    trace::{Link, SpanContext},
};

/// As many messages are looked at for their senders; it is also how many links the SDK keeps for a span.
pub(crate) const MOST_LINKS: usize = MOST_ELEMENTS;

/// The senders of a batch.
///
/// Each message gives one link. If every message of the batch names a span of one and the same trace (as a single
/// message does), the first of them is the parent too, so that a chain of functions over a queue is one trace.
#[derive(Debug)]
pub(super) struct Senders<'e, 't, 'a> {
    event: &'e Event<'t, 'a>,
    links: Vec<Link>,
    parent: Option<Upstream>,
    agreed: bool,
    seen: usize,
}

impl<'e, 't, 'a> Senders<'e, 't, 'a> {
    pub(super) fn new(event: &'e Event<'t, 'a>) -> Self {
        Self { event, links: Vec::new(), parent: None, agreed: true, seen: 0 }
    }

    /// How many messages were looked at.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// Takes one message. Its context is in `carrier`; `otherwise` is a span that it is at least linked to.
    pub(super) fn message(
        &mut self,
        carrier: &dyn Carrier,
        otherwise: Option<SpanContext>,
        id: Option<&str>,
    ) {
        self.seen += 1;
        if self.event.propagators.off() {
            return;
        }
        let own = self.event.propagators.extract(carrier, None);
        if self.seen == 1 {
            let with_lambda = self.event.propagators.reads_lambda().then(|| self.event.upstream(carrier));
            self.parent = Some(with_lambda.unwrap_or_else(|| own.clone()));
        }
        let own = own.span;
        let trace = self.parent.as_ref().and_then(|parent| parent.span.as_ref()).map(SpanContext::trace_id);
        self.agreed &= own.as_ref().is_some_and(|own| self.seen == 1 || Some(own.trace_id()) == trace);
        if let Some(span) = own.or(otherwise) {
            let attributes =
                id.map(|id| KeyValue::new("messaging.message.id", id.to_owned())).into_iter().collect();
            self.links.push(Link::new(span, attributes, 0));
        }
    }

    /// The parent, and the links. `total` is the number of messages in the batch.
    pub(super) fn finish(self, total: usize) -> (Upstream, Vec<Link>) {
        let all_agree = self.agreed && total == self.seen;
        let upstream = match self.parent.filter(|_| all_agree) {
            Some(mut parent) => {
                if self.seen > 1 {
                    // One trace, but each message may have baggage of its own.
                    parent.baggage = None;
                }
                parent
            }
            None => self.event.upstream(&Nothing),
        };
        (upstream, self.links)
    }
}

/// The attributes that every batch has. `destination` is what all messages have in common.
pub(super) fn attributes(
    system: &'static str,
    destination: Option<&str>,
    total: Option<usize>,
) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.word("messaging.system", system);
    attributes.word("messaging.operation.type", "process");
    attributes.word("messaging.operation.name", "process");
    attributes.text("messaging.destination.name", destination);
    attributes.integer("messaging.batch.message_count", total.map(count));
    attributes
}

/// `process {destination}`, as the messaging conventions name spans: the operation, then what it works on.
pub(super) fn name(destination: Option<&str>) -> Option<String> {
    destination.map(|destination| ["process ", destination].concat())
}

/// The one value that all messages agree on.
#[derive(Debug)]
pub(super) enum Common<T> {
    /// No message was looked at yet.
    Unknown,
    /// All had this.
    Only(T),
    /// They differ.
    Mixed,
    /// One had none.
    Missing,
}

impl<T: PartialEq> Common<T> {
    pub(super) fn add(&mut self, value: Option<T>) {
        *self = match (std::mem::replace(self, Self::Missing), value) {
            (Self::Missing, _) | (_, None) => Self::Missing,
            (Self::Unknown, Some(value)) => Self::Only(value),
            (Self::Only(known), Some(value)) if known == value => Self::Only(known),
            _ => Self::Mixed,
        };
    }

    pub(super) fn only(&self) -> Option<&T> {
        match self {
            Self::Only(value) => Some(value),
            _ => None,
        }
    }
}
