//! Kinesis data streams.

use super::{
    Event, Found, Source,
    arn::{Arn, at_colon},
    base64,
    carriers::Fields,
    messages::{self, Common, Senders},
    response::Answer,
    skim::{Document, Raw},
};
use opentelemetry::trace::SpanKind;
use std::borrow::Cow;

pub(super) const SOURCE: Source = Source {
    name: "Kinesis",
    detected_by: "`Records[].eventSource` = `aws:kinesis`",
    span_name: "`process {stream}`",
    kind: SpanKind::Consumer,
    faas_trigger: "pubsub",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let records = event.records("aws:kinesis")?;
    let mut senders = Senders::new(event);
    let mut stream = Common::Unknown;
    let mut shard = Common::Unknown;
    let mut first = None;
    for record in records.iter() {
        let [arn, id, kinesis] = record.members(["eventSourceARN", "eventID", "kinesis"]);
        stream.add(arn.text());
        let id = id.text();
        // `shardId-000000000006:49545115243490985018280067714973144582180062593244200961`
        shard.add(id.clone().and_then(until_colon));
        let data = kinesis.object().and_then(|kinesis| kinesis.get("data")).and_then(payload);
        let payload = data.as_deref().and_then(Document::whole).unwrap_or_default();
        senders.message(&Fields(payload.root()), None, id.as_deref());
        first.get_or_insert(id);
    }
    let total = records.total();
    let name = stream.only().and_then(|arn| Arn::parse(arn)?.name_of("stream"));
    // The registry names no system for Kinesis; this follows its `aws.sns`.
    let mut attributes = messages::attributes("aws.kinesis", name, Some(total));
    attributes.text("messaging.destination.partition.id", shard.only());
    attributes.text("aws.kinesis.stream_name", name);
    if total == 1 {
        attributes.text("messaging.message.id", first.flatten());
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

fn until_colon(id: Cow<'_, str>) -> Option<Cow<'_, str>> {
    match id {
        Cow::Borrowed(id) => Some(Cow::Borrowed(at_colon(id)?.0)),
        Cow::Owned(id) => Some(Cow::Owned(at_colon(&id)?.0.to_owned())),
    }
}

/// A record has no room for attributes: senders who want to be followed put `traceparent` into a JSON object. Only
/// small records that begin like one are decoded.
fn payload(data: Raw<'_>) -> Option<Vec<u8>> {
    let text = data.escaped().filter(|text| text.len() <= LARGEST && text.starts_with(OPENING_BRACE))?;
    base64::decode(text)
}

/// `{"`, and the like, in base 64.
const OPENING_BRACE: &[u8] = b"e";
const LARGEST: usize = 4 * 1024;
