//! SQS queues, whose messages may wrap those of SNS topics and EventBridge buses.

use super::{
    Event, Found, Source,
    arn::Arn,
    carriers::{Chain, Fields, Tagged},
    eventbridge,
    messages::{self, Common, Senders},
    response::Answer,
    skim::{Object, Raw},
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

fn read(event: &Event<'_>) -> Option<Found> {
    let mut records = event.records("aws:sqs")?;
    let mut senders = Senders::new(event);
    let mut queue = Common::Unknown;
    let mut first = None;
    while senders.wants_more()
        && let Some(record) = records.next_object()
    {
        queue.add(record.text("eventSourceARN"));
        let id = record.text("messageId");
        let message = Message::read(&record);
        message.sender(&mut senders, id.as_deref());
        first.get_or_insert((id, message.topic()));
    }
    let total = records.count_rest().map(|rest| rest + senders.seen());
    let arn = queue.only().and_then(|arn| Arn::parse(arn));
    let name = match queue {
        Common::Mixed => Some("multiple_sources"),
        _ => arn.map(|arn| arn.resource),
    };
    let mut attributes = messages::attributes("aws_sqs", arn.map(|arn| arn.resource), total);
    attributes.text("aws.sqs.queue.url", arn.map(url));
    if let (Some(1), Some((id, topic))) = (total, first) {
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

/// The parts of a record that may name its sender.
struct Message<'a> {
    attributes: Object<'a>,
    trace_header: Option<Cow<'a, str>>,
    /// The body's text, if it looks like the envelope of another service.
    envelope: Option<String>,
}

impl<'a> Message<'a> {
    fn read(record: &Object<'a>) -> Self {
        Self {
            attributes: record.object("messageAttributes").unwrap_or_default(),
            trace_header: record.object("attributes").and_then(|system| system.text("AWSTraceHeader")),
            envelope: record.get("body").and_then(envelope),
        }
    }

    /// Looks for the context in the message's own attributes, then in what it wraps. `AWSTraceHeader` counts as the
    /// X-Ray header; it is linked to in any case, as the conventions ask, also where nothing else is read from X-Ray.
    fn sender(&self, senders: &mut Senders<'_, '_>, id: Option<&str>) {
        let own = Tagged { object: &self.attributes, tag: "stringValue" };
        let header = TraceHeader(self.trace_header.as_deref());
        let otherwise = self.trace_header.as_deref().and_then(xray_span);
        match self.envelope.as_deref().and_then(|text| Object::whole(text.as_bytes())) {
            None => senders.message(&Chain(&[&own, &header]), otherwise, id),
            Some(wrapped) => {
                let topic = wrapped.object("MessageAttributes").unwrap_or_default();
                let topic = Tagged { object: &topic, tag: "Value" };
                let detail = wrapped.object("detail").unwrap_or_default();
                let metadata = eventbridge::metadata(&detail);
                let (detail, metadata) = (Fields(&detail), Fields(&metadata));
                senders.message(&Chain(&[&own, &header, &topic, &detail, &metadata]), otherwise, id);
            }
        }
    }

    /// The topic that the message came through.
    fn topic(&self) -> Option<String> {
        let wrapped = Object::whole(self.envelope.as_deref()?.as_bytes())?;
        wrapped.text("TopicArn").map(Cow::into_owned)
    }
}

/// `AWSTraceHeader` as a carrier.
struct TraceHeader<'a>(Option<&'a str>);

impl Carrier for TraceHeader<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.filter(|_| name == XRAY_HEADER).map(Cow::Borrowed)
    }
}

/// The text of a body that begins like a notification of SNS (`{"Type" : "Notification"`) or an event of EventBridge
/// (`{"version":"0"`). Bodies are escaped twice and may be large: one that begins otherwise is not touched.
fn envelope(body: Raw<'_>) -> Option<String> {
    let text = body.escaped().filter(|text| text.len() <= LARGEST_ENVELOPE)?;
    let head = &text[..text.len().min(ENVELOPE_HEAD)];
    let wraps = head.starts_with(b"{")
        && ENVELOPES.iter().any(|mark| head.windows(mark.len()).any(|window| window == *mark));
    if wraps { body.text().map(Cow::into_owned) } else { None }
}

/// The queue's URL, which the conventions want and the event only implies.
fn url(arn: Arn<'_>) -> String {
    let domain = if arn.partition == "aws-cn" { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("https://sqs.{}.{domain}/{}/{}", arn.region, arn.account, arn.resource)
}

const ENVELOPES: [&[u8]; 2] = [br#"\"Type\""#, br#"\"version\""#];
const ENVELOPE_HEAD: usize = 32;
/// What SQS, SNS and EventBridge took for decades; larger ones are not worth the time.
const LARGEST_ENVELOPE: usize = 256 * 1024;
