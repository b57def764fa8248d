//! SQS queues, whose messages may wrap those of SNS topics and EventBridge buses.

use super::{
    Event, Found, Source,
    arn::Arn,
    carriers::{Chain, Fields, Tagged},
    eventbridge,
    messages::{self, Common, Senders},
    response::Answer,
    skim::{Document, Object, Raw},
};
use crate::propagation::{XRAY_HEADER, carrier::Carrier, xray_span};
use opentelemetry::trace::SpanKind;
use std::borrow::Cow;

pub(super) const SOURCE: Source = Source {
    name: "SQS",
    detected_by: "`Records[].eventSource` = `aws:sqs`",
    span_name: "`process {queue}`",
    kind: SpanKind::Consumer,
    faas_trigger: "pubsub",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let records = event.records("aws:sqs")?;
    let mut senders = Senders::new(event);
    let mut queue = Common::Unknown;
    let mut first = None;
    let mut to_unwrap = MOST_TO_UNWRAP;
    for record in records.iter() {
        queue.add(record.text("eventSourceARN"));
        let id = record.text("messageId");
        let topic = sender(record, &mut senders, &mut to_unwrap, id.as_deref());
        first.get_or_insert((id, topic));
    }
    let total = records.total();
    let arn = queue.only().and_then(|arn| Arn::parse(arn));
    let name = match queue {
        Common::Mixed => Some("multiple_sources"),
        _ => arn.map(|arn| arn.resource),
    };
    let mut attributes = messages::attributes("aws_sqs", arn.map(|arn| arn.resource), Some(total));
    attributes.text("aws.sqs.queue.url", arn.map(url));
    if let (1, Some((id, topic))) = (total, first) {
        attributes.text("messaging.message.id", id);
        attributes.text("aws.sns.topic.arn", topic);
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

/// Takes one message: its context is in its own attributes, else in `AWSTraceHeader`, else in what it wraps. It is
/// linked to `AWSTraceHeader` in any case, as the conventions ask, also where nothing else is read from X-Ray.
/// Returns the topic that it came through.
fn sender(
    record: Object<'_, '_>,
    senders: &mut Senders<'_, '_, '_>,
    to_unwrap: &mut usize,
    id: Option<&str>,
) -> Option<String> {
    let own = Tagged { object: record.object("messageAttributes").unwrap_or_default(), tag: "stringValue" };
    let header = record.object("attributes").and_then(|system| system.text("AWSTraceHeader"));
    let otherwise = header.as_deref().and_then(xray_span);
    let header = TraceHeader(header.as_deref());
    let text = record.get("body").and_then(|body| envelope(body, to_unwrap));
    let Some(wrapped) = text.as_deref().and_then(|text| Document::whole(text.as_bytes())) else {
        senders.message(&Chain(&[&own, &header]), otherwise, id);
        return None;
    };
    let wrapped = wrapped.root();
    let topic = Tagged { object: wrapped.object("MessageAttributes").unwrap_or_default(), tag: "Value" };
    let detail = wrapped.object("detail").unwrap_or_default();
    let metadata = Fields(eventbridge::metadata(detail));
    senders.message(&Chain(&[&own, &header, &topic, &Fields(detail), &metadata]), otherwise, id);
    wrapped.text("TopicArn").map(Cow::into_owned)
}

/// `AWSTraceHeader` as a carrier.
struct TraceHeader<'a>(Option<&'a str>);

impl Carrier for TraceHeader<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.filter(|_| name == XRAY_HEADER).map(Cow::Borrowed)
    }
}

/// The text of a body that begins like a notification of SNS (`{"Type" : "Notification"`) or an event of EventBridge
/// (`{"version":"0"`). Bodies are escaped and may be large: one that begins otherwise is not touched, and of the others
/// no more than `to_unwrap` bytes in all.
fn envelope(body: Raw<'_>, to_unwrap: &mut usize) -> Option<String> {
    let text = body.escaped()?;
    let head = &text[..text.len().min(ENVELOPE_HEAD)];
    let wraps = head.starts_with(b"{")
        && ENVELOPES.iter().any(|mark| head.windows(mark.len()).any(|window| window == *mark));
    if !wraps {
        return None;
    }
    *to_unwrap = to_unwrap.checked_sub(text.len())?;
    body.text().map(Cow::into_owned)
}

/// The queue's URL, which the conventions want and the event only implies.
fn url(arn: Arn<'_>) -> String {
    let domain = if arn.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sqs.{}.{domain}/{}/{}", arn.region, arn.account, arn.resource)
}

const ENVELOPES: [&[u8]; 2] = [br#"\"Type\""#, br#"\"version\""#];
const ENVELOPE_HEAD: usize = 32;
/// Bytes of a batch's envelopes. A batch of ordinary notifications fits; in megabytes of them, looking for senders
/// would cost more than they are worth.
const MOST_TO_UNWRAP: usize = 256 * 1024;
