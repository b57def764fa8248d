//! Streams, buckets, tables, buses and clocks.

use super::*;
use crate::trigger::response::Answer;

#[test]
fn a_stream_is_followed_by_the_payloads_of_its_records() {
    let trigger = seen(include_str!("events/kinesis.json"));
    assert_eq!(trigger.outline(), "Kinesis | process clicks | Consumer | pubsub");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.kinesis.stream_name = "clicks""#,
            "messaging.batch.message_count = I64(2)",
            r#"messaging.destination.name = "clicks""#,
            r#"messaging.destination.partition.id = "shardId-000000000006""#,
            r#"messaging.operation.name = "process""#,
            r#"messaging.operation.type = "process""#,
            r#"messaging.system = "aws.kinesis""#,
        ]
    );
    assert_eq!(
        trigger.linked(),
        [format!(
            "{TRACE}/{PARENT} messaging.message.id=shardId-000000000006:\
             49590338271490256608559692538361571095921575989136588898"
        )]
    );
    assert_eq!(trigger.parent(), "", "the other record has another sender, or none");
    assert_eq!(trigger.answer, Answer::Batch);
}

#[test]
fn both_kinds_of_kafka_are_followed_by_the_headers_of_their_records() {
    let trigger = seen(include_str!("events/kafka_msk.json"));
    assert_eq!(trigger.outline(), "Kafka (MSK, self-managed) | process orders | Consumer | pubsub");
    assert_eq!(
        trigger.listed(),
        [
            "messaging.batch.message_count = I64(2)",
            r#"messaging.destination.name = "orders""#,
            r#"messaging.operation.name = "process""#,
            r#"messaging.operation.type = "process""#,
            r#"messaging.system = "kafka""#,
        ]
    );
    assert_eq!((trigger.linked(), trigger.parent()), (vec![format!("{TRACE}/{PARENT}")], String::new()));

    let trigger = seen(include_str!("events/kafka_self_managed.json"));
    assert_eq!(trigger.outline(), "Kafka (MSK, self-managed) | process orders | Consumer | pubsub");
    assert_eq!(
        trigger.listed(),
        [
            "messaging.batch.message_count = I64(1)",
            r#"messaging.destination.name = "orders""#,
            r#"messaging.destination.partition.id = "4""#,
            "messaging.kafka.offset = I64(15)",
            r#"messaging.operation.name = "process""#,
            r#"messaging.operation.type = "process""#,
            r#"messaging.system = "kafka""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
}

#[test]
fn a_table_says_what_happened_to_it() {
    let event = include_str!("events/dynamodb.json");
    let trigger = seen(event);
    assert_eq!(trigger.outline(), "DynamoDB stream | my-function | Server | datasource");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.dynamodb.table_names = Array(String([Owned("orders")]))"#,
            r#"faas.document.collection = "orders""#,
            r#"faas.document.operation = "insert""#,
            r#"faas.document.time = "2016-12-02T01:27:00Z""#,
            "messaging.batch.message_count = I64(2)",
        ]
    );
    assert_eq!(trigger.answer, Answer::Batch);
    assert_eq!((trigger.parent(), trigger.links.len()), (String::new(), 0));

    let mixed = seen(&event.replacen("INSERT", "REMOVE", 1)).listed().concat();
    assert!(!mixed.contains("faas.document.operation"), "{mixed}");
}

#[test]
fn a_bucket_says_which_object_and_what_happened_to_it() {
    let event = include_str!("events/s3.json");
    let trigger = seen(event);
    assert_eq!(trigger.outline(), "S3 | my-function | Server | datasource");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.s3.bucket = "uploads""#,
            r#"aws.s3.key = "b21b84d6 f9e/Happy Face.jpg""#,
            r#"faas.document.collection = "uploads""#,
            r#"faas.document.name = "b21b84d6 f9e/Happy Face.jpg""#,
            r#"faas.document.operation = "insert""#,
            r#"faas.document.time = "2019-09-03T19:37:27.192Z""#,
        ]
    );
    for (name, operation) in [
        ("ObjectRemoved:DeleteMarkerCreated", "delete"),
        ("LifecycleExpiration:Delete", "delete"),
        ("ObjectTagging:Put", "edit"),
    ] {
        let listed = seen(&event.replace("ObjectCreated:Put", name)).listed();
        assert!(listed.contains(&format!("faas.document.operation = {operation:?}")), "{name}");
    }
}

#[test]
fn an_event_of_a_bus_is_named_by_its_kind_and_followed_by_its_detail() {
    let event = include_str!("events/eventbridge.json");
    let trigger = seen(event);
    assert_eq!(trigger.outline(), "EventBridge | process OrderPlaced | Consumer | pubsub");
    assert_eq!(
        trigger.listed(),
        [
            r#"aws.eventbridge.detail_type = "OrderPlaced""#,
            r#"aws.eventbridge.source = "com.example.shop""#,
            r#"messaging.message.id = "6a7e8feb-b491-4cf7-a9f1-bf3703467718""#,
            r#"messaging.operation.name = "process""#,
            r#"messaging.operation.type = "process""#,
            r#"messaging.system = "aws.eventbridge""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    let flat = event.replace(r#""metadata": {"#, r#""x":1,"#).replacen("-01\" }", "-01\"", 1);
    assert_eq!(seen(&flat).parent(), format!("{TRACE}/{PARENT}"), "{flat}");
}

#[test]
fn clocks_of_both_kinds_say_when_they_meant_to_fire() {
    let rule = seen(include_str!("events/scheduled_rule.json"));
    assert_eq!(rule.outline(), "EventBridge scheduled rule | my-function | Server | timer");
    assert_eq!(
        rule.listed(),
        [
            r#"aws.eventbridge.rule.arn = "arn:aws:events:us-east-1:123456789012:rule/my-scheduled-rule""#,
            r#"faas.time = "2015-10-08T16:53:06Z""#,
        ]
    );
    let schedule = seen(include_str!("events/scheduler.json"));
    assert_eq!(schedule.outline(), "EventBridge Scheduler | my-function | Server | timer");
    assert_eq!(
        schedule.listed(),
        [
            r#"aws.scheduler.schedule.arn = "arn:aws:scheduler:us-east-1:123456789012:schedule/default/nightly""#,
            r#"faas.time = "2023-03-16T14:44:00Z""#,
        ]
    );
}
