//! SQS queues, whose messages may wrap those of SNS topics and EventBridge buses.

use super::{
    Event, Found, Source,
    arn::Arn,
    carriers::{Chain, Fields, Tagged},
    eventbridge,
    messages::{self, Common, Senders},
    response::Answer,
    skim::{Document, Member, Raw},
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
    let total = records.total();
    let mut senders = Senders::new(event);
    let mut queue = Common::Unknown;
    let mut first = None;
    let mut to_unwrap = MOST_TO_UNWRAP;
    for record in records.iter() {
        let [arn, id, own, system, body] =
            record.members(["eventSourceARN", "messageId", "messageAttributes", "attributes", "body"]);
        queue.add(arn.text());
        let id = id.text();
        let message = Message { own, system, body };
        let topic = message.sender(&mut senders, &mut to_unwrap, id.as_deref(), total == 1);
        first.get_or_insert((id, topic));
    }
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

/// The parts of a message that may tell its sender.
struct Message<'t, 'a> {
    own: Member<'t, 'a>,
    system: Member<'t, 'a>,
    body: Member<'t, 'a>,
}

impl Message<'_, '_> {
    /// Takes one message: its context is in its own attributes, else in `AWSTraceHeader`, else in what it wraps. It is
    /// linked to `AWSTraceHeader` in any case, as the conventions ask, also where nothing else is read from X-Ray.
    /// Returns the topic that it came through, if that is `wanted`.
    fn sender(
        &self,
        senders: &mut Senders<'_, '_, '_>,
        to_unwrap: &mut usize,
        id: Option<&str>,
        wanted: bool,
    ) -> Option<String> {
        let own = Tagged { object: self.own.object().unwrap_or_default(), tag: "stringValue" };
        let header = self.system.object().and_then(|system| system.text("AWSTraceHeader"));
        let otherwise = header.as_deref().and_then(xray_span);
        let header = TraceHeader(header.as_deref());
        let body = self.body.value().filter(|body| wraps(*body, to_unwrap));
        let quoted = body.and_then(|body| Document::quoted(body.escaped()?));
        let text = body.filter(|_| quoted.is_none()).and_then(Raw::text);
        let Some(wrapped) = quoted.or_else(|| Document::whole(text.as_deref()?.as_bytes())) else {
            senders.message(&Chain(&[&own, &header]), otherwise, id);
            return None;
        };
        let [attributes, detail, topic] = wrapped.root().members(["MessageAttributes", "detail", "TopicArn"]);
        let attributes = Tagged { object: attributes.object().unwrap_or_default(), tag: "Value" };
        let detail = detail.object().unwrap_or_default();
        let metadata = Fields(eventbridge::metadata(detail));
        senders.message(&Chain(&[&own, &header, &attributes, &Fields(detail), &metadata]), otherwise, id);
        wanted.then(|| topic.text().map(Cow::into_owned))?
    }
}

/// `AWSTraceHeader` as a carrier.
struct TraceHeader<'a>(Option<&'a str>);

impl Carrier for TraceHeader<'_> {
    fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.filter(|_| name == XRAY_HEADER).map(Cow::Borrowed)
    }
}

/// Whether a body begins like a notification of SNS (`{"Type" : "Notification"`) or an event of EventBridge
/// (`{"version":"0"`). Bodies are escaped and may be large: one that begins otherwise is not touched, and of the others
/// no more than `to_unwrap` bytes in all.
fn wraps(body: Raw<'_>, to_unwrap: &mut usize) -> bool {
    let Some(text) = body.escaped().filter(|text| text.starts_with(b"{")) else { return false };
    let head = &text[..text.len().min(ENVELOPE_HEAD)];
    let is_mark = |window: &[u8; 11]| window.starts_with(NOTIFICATION) || window == BUS_EVENT;
    if !head.windows(11).any(|window| window.first_chunk().is_some_and(is_mark)) {
        return false;
    }
    let left = to_unwrap.checked_sub(text.len());
    *to_unwrap = left.unwrap_or(*to_unwrap);
    left.is_some()
}

/// The queue's URL, which the conventions want and the event only implies.
fn url(arn: Arn<'_>) -> String {
    let domain = if arn.partition == "aws-cn" { ".amazonaws.com.cn/" } else { ".amazonaws.com/" };
    ["https://sqs.", arn.region, domain, arn.account, "/", arn.resource].concat()
}

const NOTIFICATION: &[u8; 8] = br#"\"Type\""#;
const BUS_EVENT: &[u8; 11] = br#"\"version\""#;
const ENVELOPE_HEAD: usize = 35;
/// Bytes of a batch's envelopes. A batch of ordinary notifications fits; in megabytes of them, looking for senders
/// would cost more than they are worth.
const MOST_TO_UNWRAP: usize = 256 * 1024;
