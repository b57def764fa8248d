//! Every source against an event of the real shape, and against events that are not what they seem.

mod data;
mod hostile;
mod http;
mod messages;
mod others;

use super::{Invocation, SOURCES, Trigger, detect};
use crate::propagation::{Format, Propagators};
use opentelemetry::{Value, trace::SpanContext};
use std::collections::{BTreeMap, BTreeSet};

/// What most events here name as their sender.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// What Lambda's own header names.
const FROM_LAMBDA: &str =
    "Root=1-67d448e8-3ae320be0e2cdf2f53ccdaba;Parent=aaaaaaaaaaaaaaaa;Sampled=1;Lineage=1:73f724a8:0";

fn seen(event: &str) -> Trigger {
    seen_with(event, &[Format::TraceContext, Format::Baggage])
}

fn seen_with(event: &str, formats: &[Format]) -> Trigger {
    seen_bytes(event.as_bytes(), formats)
}

fn seen_bytes(event: &[u8], formats: &[Format]) -> Trigger {
    let invocation = Invocation {
        event,
        function_name: "my-function",
        trace_header: Some(FROM_LAMBDA),
        client_context: None,
    };
    detect(&invocation, &Propagators::new(formats.to_vec()))
}

impl Trigger {
    /// Source, name, kind and trigger in one line.
    fn outline(&self) -> String {
        format!("{} | {} | {:?} | {}", self.source, self.name, self.kind, self.faas_trigger)
    }

    /// The attributes with their types, sorted, one of each.
    fn listed(&self) -> Vec<String> {
        let written = |value: &Value| match value {
            Value::String(text) => format!("{:?}", text.as_str()),
            other => format!("{other:?}"),
        };
        let by_key: BTreeMap<_, _> =
            self.attributes.iter().map(|kv| (kv.key.as_str(), written(&kv.value))).collect();
        assert_eq!(by_key.len(), self.attributes.len(), "each attribute once: {:?}", self.attributes);
        by_key.iter().map(|(key, value)| format!("{key} = {value}")).collect()
    }

    /// `trace/span` of the parent, or nothing.
    fn parent(&self) -> String {
        self.upstream.span.as_ref().map(spelled).unwrap_or_default()
    }

    /// `trace/span` of each link, with the id of its message.
    fn linked(&self) -> Vec<String> {
        let id = |link: &opentelemetry::trace::Link| {
            link.attributes.iter().map(|kv| format!(" {}={}", kv.key, kv.value.as_str())).collect::<String>()
        };
        self.links.iter().map(|link| spelled(&link.span_context) + &id(link)).collect()
    }
}

fn spelled(span: &SpanContext) -> String {
    format!("{}/{}", span.trace_id(), span.span_id())
}

#[test]
fn every_source_has_a_name_of_its_own_and_a_trigger_of_the_conventions() {
    let names: BTreeSet<_> = SOURCES.iter().map(|source| source.name).collect();
    assert_eq!(names.len(), SOURCES.len());
    for source in SOURCES {
        assert!(
            ["http", "pubsub", "datasource", "timer", "other"].contains(&source.faas_trigger),
            "{}",
            source.name
        );
        assert!(!source.detected_by.is_empty() && !source.span_name.is_empty(), "{}", source.name);
    }
}
