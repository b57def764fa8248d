//! The event as all sources see it: what several of them need is read once.

use super::{
    Invocation,
    skim::{Items, Object, Raw},
};
use crate::propagation::{Propagators, Upstream, carrier::Carrier};
use std::{borrow::Cow, collections::HashMap};

/// One event, opened at the first level.
#[derive(Debug)]
pub(super) struct Event<'a> {
    /// The event's own fields; none when it is not an object.
    pub(super) root: Object<'a>,
    /// `requestContext`, which everything with an HTTP front has.
    pub(super) request_context: Object<'a>,
    /// The first element of an event that is an array.
    pub(super) first: Option<Object<'a>>,
    /// The `custom` part of the client context.
    pub(super) client_context: Option<&'a HashMap<String, String>>,
    pub(super) propagators: &'a Propagators,
    records: Option<Records<'a>>,
    trace_header: Option<&'a str>,
}

#[derive(Debug)]
struct Records<'a> {
    source: Cow<'a, str>,
    items: Items<'a>,
}

impl<'a> Event<'a> {
    pub(super) fn read(invocation: &Invocation<'a>, propagators: &'a Propagators) -> Self {
        let root = Object::whole(invocation.event);
        let first = if root.is_none() { first_of_array(invocation.event) } else { None };
        let root = root.unwrap_or_default();
        Self {
            request_context: root.object("requestContext").unwrap_or_default(),
            records: Records::read(&root),
            first,
            client_context: invocation.client_context,
            propagators,
            trace_header: invocation.trace_header,
            root,
        }
    }

    /// The elements of `Records` if the first one comes from `source`.
    pub(super) fn records(&self, source: &str) -> Option<Items<'a>> {
        self.records.as_ref().filter(|records| records.source == source).map(|records| records.items.clone())
    }

    /// The context that `carrier` and the invocation itself name.
    pub(super) fn upstream(&self, carrier: &dyn Carrier) -> Upstream {
        self.propagators.extract(carrier, self.trace_header)
    }
}

impl<'a> Records<'a> {
    fn read(root: &Object<'a>) -> Option<Self> {
        let items = root.items("Records")?;
        let first = items.clone().next_object()?;
        // SNS writes its fields in another case than everybody else.
        let source = first.text("eventSource").or_else(|| first.text("EventSource"))?;
        Some(Self { source, items })
    }
}

fn first_of_array(event: &[u8]) -> Option<Object<'_>> {
    Raw::whole(event)?.items()?.next_object()
}
