//! Kafka: Amazon MSK and clusters of one's own.

use super::{
    Event, Found, Source,
    carriers::KafkaHeaders,
    messages::{self, Common, MOST_LINKS, Senders},
    response::Answer,
};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "Kafka (MSK, self-managed)",
    detected_by: "`eventSource` = `aws:kafka` or `SelfManagedKafka`, `records`",
    span_name: "`process {topic}`",
    kind: SpanKind::Consumer,
    faas_trigger: "pubsub",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    if !matches!(&*event.root.text("eventSource")?, "aws:kafka" | "SelfManagedKafka") {
        return None;
    }
    let partitions = event.root.object("records")?;
    let mut senders = Senders::new(event);
    let (mut topic, mut partition) = (Common::Unknown, Common::Unknown);
    let mut first = None;
    let mut total = 0;
    // `"orders-0": [ … ]`: one array per topic and partition.
    for records in partitions.arrays() {
        total += records.total();
        for record in records.iter().take(MOST_LINKS - senders.seen()) {
            topic.add(record.text("topic"));
            partition.add(record.get("partition").and_then(|number| number.integer()));
            let offset = record.get("offset").and_then(|number| number.integer());
            senders.message(&KafkaHeaders::read(record, event.propagators), None, None);
            first.get_or_insert(offset);
        }
    }
    let total = Some(total).filter(|total| *total > 0 && !partitions.may_be_cut());
    let name = topic.only().map(|topic| &**topic);
    let mut attributes = messages::attributes("kafka", name, total);
    let partition = partition.only().filter(|_| name.is_some()).map(ToString::to_string);
    attributes.text("messaging.destination.partition.id", partition);
    if total == Some(1) {
        attributes.integer("messaging.kafka.offset", first.flatten());
    }
    let (upstream, links) = senders.finish(total.unwrap_or(usize::MAX));
    Some(Found {
        name: messages::name(name),
        attributes,
        upstream: Some(upstream),
        links,
        answer: Answer::Batch,
    })
}
