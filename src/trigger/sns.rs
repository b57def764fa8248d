//! SNS topics.

use super::{
    Event, Found, Source,
    arn::Arn,
    carriers::Tagged,
    messages::{self, Common, Senders},
};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "SNS",
    detected_by: "`Records[].EventSource` = `aws:sns`",
    span_name: "`process {topic}`",
    kind: SpanKind::Consumer,
    faas_trigger: "pubsub",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let records = event.records("aws:sns")?;
    let mut senders = Senders::new(event);
    let mut topic = Common::Unknown;
    let mut first = None;
    for record in records.iter() {
        let message = record.object("Sns").unwrap_or_default();
        topic.add(message.text("TopicArn"));
        let id = message.text("MessageId");
        let attributes = message.object("MessageAttributes").unwrap_or_default();
        senders.message(&Tagged { object: attributes, tag: "Value" }, None, id.as_deref());
        first.get_or_insert(id);
    }
    let total = records.total();
    let name = topic.only().and_then(|arn| Arn::parse(arn)).map(|arn| arn.resource);
    // SNS hands over one message at a time, so a count of one would say nothing.
    let mut attributes = messages::attributes("aws.sns", name, Some(total).filter(|total| *total > 1));
    attributes.text("aws.sns.topic.arn", topic.only());
    if total == 1 {
        attributes.text("messaging.message.id", first.flatten());
    }
    let (upstream, links) = senders.finish(total);
    Some(Found {
        name: messages::name(name),
        attributes,
        upstream: Some(upstream),
        links,
        ..Found::default()
    })
}
