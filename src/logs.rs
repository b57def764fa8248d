//! `tracing` events as OTLP log records: typed attributes, the ids of the span and the invocation around them, sent with
//! the invocation they belong to.

mod record;

use std::{borrow::Cow, sync::Arc};

use opentelemetry::{Context, InstrumentationScope, trace::TraceContextExt as _};
use spanlayer_host::clock;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context as LayerContext, Layer};

use crate::{outbox::Outbox, report::Report, settings::RecordLimits};
use record::Record;

/// Makes log records of events and puts them into the outbox.
#[derive(Clone, Debug)]
pub(crate) struct Records {
    outbox: Arc<Outbox>,
    limits: RecordLimits,
}

impl Records {
    pub(crate) fn new(outbox: &Arc<Outbox>, limits: RecordLimits) -> Self {
        Self { outbox: Arc::clone(outbox), limits }
    }

    /// Takes an event.
    pub(crate) fn take(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        // Read before anything is locked: a value's own `Debug` may do whatever it likes, also log.
        let mut record = Record::new(metadata, clock::unix_nanos(), self.limits);
        event.record(&mut record);
        if let Some(report) = Report::current() {
            record.text("faas.invocation_id", &report.request_id);
        }
        Context::map_current(|context| record.tie(context.span().span_context()));
        let (target, record) = record.finish();
        // The target is the scope's name, as in OpenTelemetry's own bridge.
        let scope =
            InstrumentationScope::builder(target.map_or_else(|| metadata.target().into(), Cow::Owned));
        self.outbox.push_log(&scope.build(), &record, *metadata.level() == Level::ERROR);
    }
}

impl<S: Subscriber> Layer<S> for Records {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        self.take(event);
    }
}
