//! S3 event notifications.

use super::{Event, Found, Source, attributes::Attributes, messages::Common, query};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "S3",
    detected_by: "`Records[].eventSource` = `aws:s3`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "datasource",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let records = event.records("aws:s3")?;
    let (mut bucket, mut operation) = (Common::Unknown, Common::Unknown);
    let mut first = None;
    let mut seen = 0;
    for record in records.iter() {
        let s3 = record.object("s3").unwrap_or_default();
        bucket.add(s3.object("bucket").and_then(|bucket| bucket.text("name")));
        operation.add(record.text("eventName").map(|name| document_operation(&name)));
        if seen == 0 {
            let key = s3.object("object").and_then(|object| object.text("key"));
            first = Some((key, record.text("eventTime")));
        }
        seen += 1;
    }
    let total = records.total();
    let mut attributes = Attributes::new();
    attributes.text("faas.document.collection", bucket.only());
    if let (Some(operation), true) = (operation.only(), total == seen) {
        attributes.word("faas.document.operation", operation);
    }
    attributes.text("aws.s3.bucket", bucket.only());
    if let (Some((key, time)), 1) = (first, total) {
        // Keys come encoded as in a form.
        let key = key.map(|key| query::decode(&key.replace('+', " ")).into_owned());
        attributes.text("faas.document.name", key.as_ref());
        attributes.text("aws.s3.key", key);
        attributes.text("faas.document.time", time);
    }
    Some(Found { attributes, ..Found::default() })
}

/// `ObjectCreated:Put`, `ObjectRemoved:Delete`, `LifecycleExpiration:Delete`, `ObjectTagging:Put` …
fn document_operation(event_name: &str) -> &'static str {
    let kind = event_name.strip_prefix("s3:").unwrap_or(event_name);
    match kind.split(':').next() {
        Some("ObjectCreated") => "insert",
        Some("ObjectRemoved" | "LifecycleExpiration") => "delete",
        _ => "edit",
    }
}
