//! Kafka: Amazon MSK and clusters of one's own.

use super::{
    Event, Found, Source,
    carriers::KafkaHeaders,
    messages::{self, Common, Senders},
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

fn read(event: &Event<'_>) -> Option<Found> {
    if !matches!(&*event.root.text("eventSource")?, "aws:kafka" | "SelfManagedKafka") {
        return None;
    }
    let partitions = event.root.object("records")?;
    let mut senders = Senders::new(event);
    let (mut topic, mut partition) = (Common::Unknown, Common::Unknown);
    let mut first = None;
    let mut total = Some(0);
    // `"orders-0": [ … ]`: one array per topic and partition.
    for (_, records) in partitions.iter() {
        let Some(mut records) = records.items() else { continue };
        let mut seen = 0;
        while senders.wants_more()
            && let Some(record) = records.next_object()
        {
            seen += 1;
            topic.add(record.text("topic"));
            partition.add(record.get("partition").and_then(|number| number.integer()));
            let offset = record.get("offset").and_then(|number| number.integer());
            senders.message(&KafkaHeaders(record.items("headers")), None, None);
            first.get_or_insert(offset);
        }
        total = total.zip(records.count_rest()).map(|(total, rest)| total + seen + rest);
    }
    let name = topic.only().map(|topic| &**topic);
    let mut attributes = messages::attributes("kafka", name, total);
    let partition = partition.only().filter(|_| name.is_some()).map(ToString::to_string);
    attributes.text("messaging.destination.partition.id", partition);
    if total == Some(1) {
        attributes.integer("messaging.kafka.offset", first.flatten());
    }
    let (upstream, links) = senders.finish(total);
    Some(Found {
        name: messages::name(name),
        attributes,
        upstream: Some(upstream),
        links,
        answer: Answer::Batch,
    })
}
