//! Queues, topics and streams.

use super::*;
use crate::trigger::response::Answer;

#[test]
fn a_queue_links_every_message_that_has_a_sender_and_has_no_parent_when_they_differ() {
    let trigger = seen(include_str!("events/sqs.json"));
    assert_eq!(trigger.outline(), "SQS | process orders | Consumer | pubsub");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.sqs.queue.url = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders""#,
            "messaging.batch.message_count = I64(3)",
            r#"messaging.destination.name = "orders""#,
            r#"messaging.operation.name = "process""#,
            r#"messaging.operation.type = "process""#,
            r#"messaging.system = "aws_sqs""#,
        ]
    );
    assert_eq!(
        trigger.linked(),
        [
            format!("{TRACE}/{PARENT} messaging.message.id=059f36b4-87a3-44ab-83d2-661975830a7d"),
            "5759e988bd862e3fe1be46a994272793/3995c3f42cd8ad85 \
             messaging.message.id=2e1424d4-f796-459a-8184-9c92662be6da"
                .to_owned(),
        ]
    );
    assert_eq!(trigger.parent(), "");
    assert_eq!(trigger.answer, Answer::Batch);
}

#[test]
fn a_single_message_has_its_sender_as_parent_and_as_link() {
    let event = include_str!("events/sqs_sns.json");
    let trigger = seen(event);
    assert_eq!(trigger.outline(), "SQS | process orders | Consumer | pubsub");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.sns.topic.arn = "arn:aws:sns:eu-west-1:123456789012:news""#,
            r#"aws.sqs.queue.url = "https://sqs.eu-west-1.amazonaws.com/123456789012/orders""#,
            "messaging.batch.message_count = I64(1)",
            r#"messaging.destination.name = "orders""#,
            r#"messaging.message.id = "059f36b4-87a3-44ab-83d2-661975830a7d""#,
            r#"messaging.operation.name = "process""#,
            r#"messaging.operation.type = "process""#,
            r#"messaging.system = "aws_sqs""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    assert_eq!(trigger.links.len(), 1);
}

#[test]
fn a_queue_carries_the_context_of_events_from_a_bus() {
    let trigger = seen(include_str!("events/sqs_eventbridge.json"));
    assert_eq!(trigger.outline(), "SQS | process orders | Consumer | pubsub");
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
}

#[test]
fn what_a_message_wraps_is_found_however_its_characters_are_written() {
    let event = include_str!("events/sqs_sns.json");
    let topic = "arn:aws:sns:eu-west-1:123456789012:news";
    for (plain, written) in [
        (r#"\\\"order\\\""#, r#"\\\"\u00fcber\\\""#),
        (r#"\\\"order\\\""#, r#"\\\"{\\\\\\\"\\n\\\""#),
        (r#"{\\\"order\\\": 1}"#, r"{\\\u0022order\u005c\u0022: \u00fc}"),
        (r#"\"traceparent\""#, r#"\u0022traceparent\u0022"#),
        (r#"\"TopicArn\""#, r#"\"Topic\\u0041rn\""#),
        ("arn:aws:sns", r"arn:aws:\u0073ns"),
        ("arn:aws:sns", r"arn:aws:\\u0073ns"),
        (r"\n", r"\t\r "),
    ] {
        assert!(event.contains(plain), "{plain}");
        let trigger = seen(&event.replace(plain, written));
        assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"), "{written}");
        let arn = format!("aws.sns.topic.arn = {topic:?}");
        assert!(trigger.listed().contains(&arn), "{written}: {:?}", trigger.listed());
    }
    let unsound = seen(&event.replace(r#"\"Type\" :"#, r#"\"Type\" "#));
    assert_eq!((unsound.parent().as_str(), unsound.links.len()), ("", 0));
}

#[test]
fn messages_of_one_trace_share_its_first_span_as_parent() {
    let record = |span: &str| {
        format!(
            r#"{{"messageId":"m","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q",
            "messageAttributes":{{"traceparent":{{"stringValue":"00-{TRACE}-{span}-01"}},
            "baggage":{{"stringValue":"user=alice"}}}}}}"#
        )
    };
    let event = format!(r#"{{"Records":[{},{}]}}"#, record(PARENT), record("1111111111111111"));
    let trigger = seen(&event);
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    assert_eq!(trigger.links.len(), 2);
    assert_eq!(trigger.upstream.baggage, None, "whose would it be?");
}

#[test]
fn a_queues_trace_header_is_a_parent_only_where_x_ray_is_read() {
    let event = format!(
        r#"{{"Records":[{{"messageId":"m","eventSource":"aws:sqs","eventSourceARN":"arn:aws-cn:sqs:cn-north-1:1:q",
            "attributes":{{"AWSTraceHeader":"Root=1-0af76519-16cd43dd8448eb211c80319c;Parent={PARENT};Sampled=0"}}}}]}}"#
    );
    let sender = format!("{TRACE}/{PARENT}");
    let plain = seen(&event);
    assert_eq!((plain.parent(), plain.links.len()), (String::new(), 1));
    assert!(
        plain
            .listed()
            .contains(&r#"aws.sqs.queue.url = "https://sqs.cn-north-1.amazonaws.com.cn/1/q""#.to_owned())
    );
    let xray = seen_with(&event, &[Format::TraceContext, Format::XRay]);
    assert_eq!((xray.parent(), xray.links.len()), (sender.clone(), 1));
    assert!(xray.upstream.span.unwrap().is_sampled());
    let lambda = seen_with(&event, &[Format::XRayLambda]);
    assert_eq!(lambda.parent(), "67d448e83ae320be0e2cdf2f53ccdaba/aaaaaaaaaaaaaaaa");
    assert_eq!(lambda.linked(), [sender + " messaging.message.id=m"]);
    let off = seen_with(&event, &[]);
    assert_eq!((off.parent(), off.links.len()), (String::new(), 0));
}

#[test]
fn a_batch_of_several_queues_names_none() {
    let record = |queue: &str| {
        format!(r#"{{"eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:{queue}"}}"#)
    };
    let trigger = seen(&format!(r#"{{"Records":[{},{}]}}"#, record("a"), record("b")));
    assert_eq!(trigger.name, "process multiple_sources");
    assert!(!trigger.listed().concat().contains("messaging.destination.name"));
}

#[test]
fn ten_thousand_messages_are_counted_and_the_first_128_linked() {
    let record = format!(
        r#"{{"messageId":"m","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q",
        "messageAttributes":{{"traceparent":{{"stringValue":"{TRACEPARENT}"}}}}}}"#
    );
    let trigger = seen(&format!(r#"{{"Records":[{}]}}"#, vec![record; 10_000].join(",")));
    assert_eq!(trigger.links.len(), 128);
    assert!(trigger.listed().contains(&"messaging.batch.message_count = I64(10000)".to_owned()));
    assert_eq!(trigger.parent(), "", "nobody looked at the rest");
}

#[test]
fn a_topic_is_named_and_followed_by_its_message_attributes() {
    let trigger = seen(include_str!("events/sns.json"));
    assert_eq!(trigger.outline(), "SNS | process news | Consumer | pubsub");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.sns.topic.arn = "arn:aws:sns:us-east-2:123456789012:news""#,
            r#"messaging.destination.name = "news""#,
            r#"messaging.message.id = "95df01b4-ee98-5cb9-9903-4c221d41eb5e""#,
            r#"messaging.operation.name = "process""#,
            r#"messaging.operation.type = "process""#,
            r#"messaging.system = "aws.sns""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    assert_eq!(
        trigger.linked(),
        [format!("{TRACE}/{PARENT} messaging.message.id=95df01b4-ee98-5cb9-9903-4c221d41eb5e")]
    );
    assert_eq!(trigger.answer, Answer::Opaque);
}
