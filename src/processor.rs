//! The SDK's end: every span that ends is encoded at once and put into the outbox.

use std::{cell::Cell, fmt, sync::Arc, time::Duration};

use opentelemetry::{
    Context, KeyValue, StringValue, Value,
    trace::{Span as _, SpanId, Status},
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{Span, SpanData},
};

use crate::{outbox::Outbox, report::Report};

/// Sends the spans of a tracer provider the way of this crate: [`span_processor`](crate::span_processor) makes one for
/// a provider of your own.
#[derive(Clone)]
pub struct SpanProcessor {
    outbox: Arc<Outbox>,
    value_length: Option<usize>,
}

impl SpanProcessor {
    pub(crate) fn new(outbox: Arc<Outbox>, value_length: Option<usize>) -> Self {
        Self { outbox, value_length }
    }
}

/// Without what is inside: the SDK wants this of every processor, and it would keep the means to print all there is in
/// every function.
impl fmt::Debug for SpanProcessor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SpanProcessor")
    }
}

impl opentelemetry_sdk::trace::SpanProcessor for SpanProcessor {
    fn on_start(&self, span: &mut Span, context: &Context) {
        if let Some(report) = context.get::<Arc<Report>>()
            && span.span_context().is_sampled()
        {
            self.outbox.opened(report, || span.exported_data());
        }
    }

    fn on_end(&self, mut span: SpanData) {
        if !span.span_context.is_sampled() {
            return;
        }
        let ending = ENDING.get().filter(|ending| ending.span == span.span_context.span_id());
        if let Some(ending) = ending {
            if ending.well {
                span.status = Status::Unset;
            }
            keep_last(&mut span.attributes);
        }
        if let Some(limit) = self.value_length {
            shorten(&mut span.attributes, limit);
        }
        self.outbox.push(&span, ending.is_some());
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.outbox.flush();
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        self.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.outbox.use_resource(resource);
    }
}

/// How an invocation's span ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    pub(crate) span: SpanId,
    /// With no status: an error that was only logged on the way does not make an answered invocation a failed one,
    /// though the SDK has no way of taking a status back.
    pub(crate) well: bool,
}

/// Ends an invocation's span by `end`, with corrections that the SDK has no way of making.
pub(crate) fn ending(how: Ending, end: impl FnOnce()) {
    ENDING.set(Some(how));
    end();
    ENDING.set(None);
}

thread_local! {
    static ENDING: Cell<Option<Ending>> = const { Cell::new(None) };
}

/// The last value of each key: the SDK keeps what was set twice twice.
fn keep_last(attributes: &mut Vec<KeyValue>) {
    let mut at = 0;
    while at < attributes.len() {
        let (one, later) = attributes[at..].split_at_mut(1);
        if later.iter().any(|later| later.key == one[0].key) {
            attributes.remove(at);
        } else {
            at += 1;
        }
    }
}

fn shorten(attributes: &mut [KeyValue], limit: usize) {
    for attribute in attributes {
        if let Value::String(text) = &attribute.value
            && let Some((end, _)) = text.as_str().char_indices().nth(limit)
        {
            attribute.value = Value::String(StringValue::from(text.as_str()[..end].to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_was_set_twice_the_last_value_is_kept() {
        let mut attributes =
            vec![KeyValue::new("a", 1), KeyValue::new("b", 2), KeyValue::new("a", 3), KeyValue::new("a", 4)];
        keep_last(&mut attributes);
        assert_eq!(attributes, [KeyValue::new("b", 2), KeyValue::new("a", 4)]);
    }

    #[test]
    fn values_are_cut_between_characters() {
        let mut attributes = [KeyValue::new("name", "äöü"), KeyValue::new("count", 12345)];
        shorten(&mut attributes, 2);
        assert_eq!(attributes, [KeyValue::new("name", "äö"), KeyValue::new("count", 12345)]);
    }
}
