//! Zipkin's tags: attributes as text, and what OpenTelemetry has but Zipkin has not.

use spanlayer_otlp::json::text::quoted;

use crate::{
    mapping::write::plain,
    read::{Span, Status, Value},
};

/// Appends `tags`, if there are any.
pub(super) fn write(out: &mut String, span: &Span<'_>) {
    let mut tags = Tags { out, open: ",\"tags\":{" };
    for attribute in span.attributes.iter() {
        // The status decides what is an error: the tag alone makes a span red, whatever its value.
        if attribute.key == "error" && (span.status == Status::Error || is_false(attribute.value)) {
            continue;
        }
        tags.add(attribute.key, &plain(attribute.value));
    }
    if let Some(namespace) = span.resource.attributes.find("service.namespace") {
        tags.add("service.namespace", &plain(namespace));
    }
    if span.status != Status::Unset {
        tags.add("otel.status_code", span.status.name());
    }
    if span.status == Status::Error {
        tags.add("error", span.status_message);
    }
    for (key, dropped) in [
        ("otel.dropped_attributes_count", span.dropped_attributes),
        ("otel.dropped_events_count", span.dropped_events),
        ("otel.dropped_links_count", span.dropped_links),
    ] {
        if dropped > 0 {
            tags.add(key, &dropped.to_string());
        }
    }
    // The scope goes by its former name as well, which is what servers of some age look for.
    for (keys, text) in [
        (["otel.scope.name", "otel.library.name"], span.scope.name),
        (["otel.scope.version", "otel.library.version"], span.scope.version),
    ] {
        for key in keys.iter().filter(|_| !text.is_empty()) {
            tags.add(key, text);
        }
    }
    tags.close();
}

fn is_false(value: Value<'_>) -> bool {
    matches!(value, Value::Bool(false) | Value::Text("false"))
}

struct Tags<'o> {
    out: &'o mut String,
    open: &'static str,
}

impl Tags<'_> {
    fn add(&mut self, key: &str, value: &str) {
        self.out.push_str(self.open);
        quoted(self.out, key);
        self.out.push(':');
        quoted(self.out, value);
        self.open = ",";
    }

    fn close(self) {
        if self.open == "," {
            self.out.push('}');
        }
    }
}
