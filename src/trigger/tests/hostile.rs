//! Events that only look like a trigger, that are broken, or that are enormous: never a panic, never a wrong claim.

use super::*;

/// Every event of this folder.
const EVENTS: &[&str] = &[
    include_str!("events/alb.json"),
    include_str!("events/alb_multi_value.json"),
    include_str!("events/api_gateway_http.json"),
    include_str!("events/api_gateway_rest.json"),
    include_str!("events/appsync.json"),
    include_str!("events/appsync_authorizer.json"),
    include_str!("events/authorizer.json"),
    include_str!("events/cloudformation.json"),
    include_str!("events/cloudwatch_logs.json"),
    include_str!("events/cognito.json"),
    include_str!("events/destination.json"),
    include_str!("events/durable.json"),
    include_str!("events/dynamodb.json"),
    include_str!("events/eventbridge.json"),
    include_str!("events/function_url.json"),
    include_str!("events/iot_1_click.json"),
    include_str!("events/iot_authorizer.json"),
    include_str!("events/iot_button.json"),
    include_str!("events/kafka_msk.json"),
    include_str!("events/kafka_self_managed.json"),
    include_str!("events/kinesis.json"),
    include_str!("events/s3.json"),
    include_str!("events/scheduled_rule.json"),
    include_str!("events/scheduler.json"),
    include_str!("events/sns.json"),
    include_str!("events/sqs.json"),
    include_str!("events/sqs_eventbridge.json"),
    include_str!("events/sqs_sns.json"),
    include_str!("events/step_functions.json"),
    include_str!("events/websocket.json"),
];

const ALL: &[Format] =
    &[Format::TraceContext, Format::Baggage, Format::XRayLambda, Format::B3, Format::B3Multi];

fn assert_direct(event: &str) {
    let trigger = seen(event);
    let start: String = event.chars().take(200).collect();
    assert_eq!(trigger.outline(), "Direct invocation | my-function | Server | other", "{start}");
    assert!(trigger.attributes.is_empty() && trigger.links.is_empty(), "{start}");
}

#[test]
fn every_source_has_an_event_here() {
    let met: BTreeSet<_> = EVENTS.iter().map(|event| seen(event).source).chain([seen("{}").source]).collect();
    assert_eq!(met, SOURCES.iter().map(|source| source.name).collect());
}

#[test]
fn what_only_looks_like_a_trigger_is_a_direct_invocation() {
    for event in [
        // A model of our user's own that shares field names with somebody's events.
        r#"{"Records":[{"title":"Blue Train","eventSource":"discogs"}]}"#,
        r#"{"Records":["aws:sqs"]}"#,
        r#"{"Records":{"eventSource":"aws:sqs"}}"#,
        r#"{"records":[{"eventSource":"aws:sqs"}]}"#,
        r#"{"httpMethod":"GET","path":"/"}"#,
        r#"{"httpMethod":"GET","resource":"/","requestContext":{}}"#,
        r#"{"version":"2.0","rawPath":"/","requestContext":"http"}"#,
        r#"{"version":2.0,"rawPath":"/","requestContext":{"http":{"method":"GET"}}}"#,
        r#"{"requestContext":{"elb":{}},"httpMethod":"GET"}"#,
        r#"{"requestContext":{"connectionId":"x","eventType":"LUNCH"}}"#,
        r#"{"source":"aws.events","detail-type":"Scheduled Events"}"#,
        r#"{"source":"x","detail":{}}"#,
        r#"{"eventSource":"aws:kafka"}"#,
        r#"{"eventSource":"aws:kafka","records":[]}"#,
        r#"{"RequestType":"Destroy","StackId":"x","LogicalResourceId":"y"}"#,
        r#"{"Execution":{"Id":"arn:aws:states:us-east-1:1:execution:a:b"}}"#,
        r#"{"Execution":"arn:aws:states:us-east-1:1:execution:a:b","State":{}}"#,
        r#"{"info":{"fieldName":"a","parentTypeName":"b"}}"#,
        r#"{"awslogs":"data"}"#,
        r#"{"triggerSource":"x","request":{}}"#,
    ] {
        assert_direct(event);
    }
}

#[test]
fn what_is_no_object_is_a_direct_invocation() {
    for event in
        ["", " ", "null", "true", "0", "\"Records\"", "[]", "[1]", "[{}]", "[[{}]]", "{", "}", "\u{0}", "{}}"]
    {
        assert_direct(event);
    }
}

#[test]
fn null_where_a_list_or_an_object_is_expected_is_nothing() {
    assert_direct(r#"{"Records":null}"#);
    assert_direct(r#"{"Records":[null]}"#);
    assert_direct(r#"{"Records":[]}"#);
    assert_direct(r#"{"requestContext":null,"httpMethod":"GET","resource":"/","headers":null}"#);
    let sqs = seen(
        r#"{"Records":[{"eventSource":"aws:sqs","eventSourceARN":null,"messageId":null,"body":null,"attributes":null,
            "messageAttributes":null},null]}"#,
    );
    assert_eq!(sqs.outline(), "SQS | my-function | Consumer | pubsub");
    let kafka = seen(r#"{"eventSource":"aws:kafka","records":{"a-0":null,"b-0":[null]}}"#);
    assert_eq!(kafka.outline(), "Kafka (MSK, self-managed) | my-function | Consumer | pubsub");
    assert!(!kafka.listed().concat().contains("message_count"), "nothing was counted");
    let v2 = seen(
        r#"{"version":"2.0","rawPath":"/","headers":null,"routeKey":null,"requestContext":{"http":{"method":"GET"}}}"#,
    );
    assert_eq!(v2.outline(), "API Gateway HTTP API | GET | Server | http");
}

#[test]
fn a_cut_event_is_never_claimed() {
    for event in EVENTS {
        let event = event.trim_end();
        for end in 0..event.len() {
            let trigger = seen_bytes(&event.as_bytes()[..end], ALL);
            assert_eq!(trigger.source, "Direct invocation", "{}", &event[..end]);
            assert!(trigger.attributes.is_empty() && trigger.links.is_empty());
        }
    }
}

#[test]
fn no_mutation_makes_it_panic_or_the_name_explode() {
    let mut random = Random(0x5eed);
    for round in 0..400 {
        for event in EVENTS {
            let mut bytes = event.as_bytes().to_vec();
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                match random.below(5) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = b"\"\\{}[],:0-nu\xff"[random.below(13)],
                    2 => drop(bytes.remove(at)),
                    3 => bytes.insert(at, b"\"\\{}[],:0-nu\x80"[random.below(13)]),
                    _ => {
                        let end = (at + random.below(64)).min(bytes.len());
                        let piece = bytes[at..end].to_vec();
                        bytes.splice(at..at, piece);
                    }
                }
            }
            let trigger = seen_bytes(&bytes, ALL);
            assert!(trigger.name.len() < 512, "round {round}: {}", trigger.name);
            assert!(trigger.upstream.span.is_none_or(|span| span.is_valid() && span.is_remote()));
        }
    }
}

#[test]
fn duplicate_and_escaped_keys_are_read_as_a_parser_would() {
    let event =
        include_str!("events/sqs.json").replacen("\"Records\"", r#""Records":null,"\u0052ecord\u0073""#, 1);
    assert_eq!(seen(&event).outline(), "SQS | process orders | Consumer | pubsub");
    let event = include_str!("events/sqs.json").trim_end().strip_suffix('}').unwrap().to_owned()
        + r#","Records":[]}"#;
    assert_direct(&event);
}

#[test]
fn invalid_utf8_costs_only_what_it_is_in() {
    let event = include_str!("events/api_gateway_http.json").replace("curl/8.5.0", "curl\u{1}");
    let mut bytes = event.into_bytes();
    for byte in &mut bytes {
        if *byte == 1 {
            *byte = 0xff;
        }
    }
    let trigger = seen_bytes(&bytes, ALL);
    assert_eq!(trigger.name, "POST /orders/{id}");
    assert!(!trigger.listed().concat().contains("user_agent"));
}

#[test]
fn six_megabytes_of_depth_cost_no_stack() {
    let deep = "[".repeat(3 << 20) + &"]".repeat(3 << 20);
    assert_direct(&deep);
    assert_direct(&format!(r#"{{"Records":{deep}}}"#));
    assert_direct(&"[".repeat(6 << 20));
    assert_direct(&"{\"a\":".repeat(1 << 20));
    let body = include_str!("events/api_gateway_http.json").replacen(
        '{',
        &format!(r#"{{"stageVariables":{deep},"#),
        1,
    );
    assert_eq!(seen(&body).name, "POST /orders/{id}");
}

#[test]
fn six_megabytes_of_body_change_nothing() {
    let small = include_str!("events/api_gateway_http.json");
    let large = small.replace(r#"{\"amount\": 3}"#, &r#"{\"amount\": 3}, "#.repeat(6 << 16));
    assert!(large.len() > 6_000_000);
    let (small, large) = (seen(small), seen(&large));
    assert_eq!(
        (small.outline(), small.listed(), small.parent()),
        (large.outline(), large.listed(), large.parent())
    );
}

/// xorshift64*: the same numbers on every machine and in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap_or_default() % end.max(1)
    }
}
