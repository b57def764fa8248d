//! The event as all sources see it: what several of them need is read once.

use super::{
    Invocation,
    skim::{Document, Object, Objects},
};
use crate::propagation::{Propagators, Upstream, carrier::Carrier};
use std::{borrow::Cow, collections::HashMap};

/// One event, opened at the first level.
#[derive(Debug)]
pub(super) struct Event<'t, 'a> {
    /// The event's own fields; none when it is not an object.
    pub(super) root: Object<'t, 'a>,
    /// Those of the first element, when it is an array.
    pub(super) first: Option<Object<'t, 'a>>,
    /// `requestContext`, which everything with an HTTP front has.
    pub(super) request_context: Object<'t, 'a>,
    /// The `custom` part of the client context.
    pub(super) client_context: Option<&'a HashMap<String, String>>,
    pub(super) propagators: &'a Propagators,
    records: Option<Records<'t, 'a>>,
    trace_header: Option<&'a str>,
}

#[derive(Debug)]
struct Records<'t, 'a> {
    source: Cow<'a, str>,
    objects: Objects<'t, 'a>,
}

impl<'t, 'a> Event<'t, 'a> {
    /// Looks at an event; `document` is what was read of it, if it is JSON.
    pub(super) fn new(
        document: &'t Document<'a>,
        invocation: &Invocation<'a>,
        propagators: &'a Propagators,
    ) -> Self {
        let root = document.root();
        Self {
            root,
            first: document.first(),
            request_context: root.object("requestContext").unwrap_or_default(),
            records: Records::read(root),
            client_context: invocation.client_context,
            propagators,
            trace_header: invocation.trace_header,
        }
    }

    /// The elements of `Records` if the first one comes from `source`.
    pub(super) fn records(&self, source: &str) -> Option<Objects<'t, 'a>> {
        self.records.as_ref().filter(|records| records.source == source).map(|records| records.objects)
    }

    /// The context that `carrier` and the invocation itself name.
    pub(super) fn upstream(&self, carrier: &dyn Carrier) -> Upstream {
        self.propagators.extract(carrier, self.trace_header)
    }
}

impl<'t, 'a> Records<'t, 'a> {
    fn read(root: Object<'t, 'a>) -> Option<Self> {
        let objects = root.objects("Records")?;
        let first = objects.iter().next()?;
        // SNS writes its fields in another case than everybody else.
        let source = first.text("eventSource").or_else(|| first.text("EventSource"))?;
        Some(Self { source, objects })
    }
}
