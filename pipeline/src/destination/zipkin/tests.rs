use spanlayer_otlp::{Signal, json::to_protobuf};

use super::*;

fn zipkin(resource: &str, scope: &str, spans: &str) -> String {
    let json = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{resource}]}},"scopeSpans":[{{"scope":{{{scope}}},"spans":[{spans}]}}]}}]}}"#
    );
    Zipkin.render(&to_protobuf(Signal::Traces, json.as_bytes()).unwrap(), 0)
}

const IDS: &str = r#""traceId":"000000000000000000000000000000a1","spanId":"00000000000000b2""#;

/// A span with these other members, as Zipkin gets it, without what all of them begin with.
fn span(members: &str) -> String {
    let json = zipkin("", "", &format!("{{{IDS}{members}}}"));
    let begin = r#"[{"traceId":"000000000000000000000000000000a1","id":"00000000000000b2""#;
    json.strip_prefix(begin).unwrap().strip_suffix("}]").unwrap().to_owned()
}

#[test]
fn a_span_is_what_zipkins_api_prescribes() {
    let json = zipkin(
        r#"{"key":"service.name","value":{"stringValue":"orders"}},{"key":"service.namespace","value":{"stringValue":"shop"}}"#,
        r#""name":"tracing","version":"0.1""#,
        &format!(
            r#"{{{IDS},"parentSpanId":"00000000000000c3","name":"charge","kind":3,
            "startTimeUnixNano":"1767000000123456789","endTimeUnixNano":"1767000000135802467",
            "attributes":[{{"key":"faas.coldstart","value":{{"boolValue":true}}}},
                {{"key":"sizes","value":{{"arrayValue":{{"values":[{{"intValue":"1"}},{{"intValue":"2"}}]}}}}}},
                {{"key":"peer.service","value":{{"stringValue":"bank"}}}}],
            "droppedAttributesCount":1,"droppedEventsCount":2,"droppedLinksCount":3,
            "events":[{{"timeUnixNano":"1767000000130999999","name":"retry",
                "attributes":[{{"key":"attempt","value":{{"intValue":"2"}}}}]}},
                {{"timeUnixNano":"1767000000131000000","name":"done"}}],
            "status":{{"code":2,"message":"timeout"}}}}"#
        ),
    );
    let expected = concat!(
        r#"[{"traceId":"000000000000000000000000000000a1","id":"00000000000000b2","parentId":"00000000000000c3","#,
        r#""name":"charge","kind":"CLIENT","timestamp":1767000000123456,"duration":12345,"#,
        r#""localEndpoint":{"serviceName":"orders"},"remoteEndpoint":{"serviceName":"bank"},"#,
        r#""annotations":[{"timestamp":1767000000130999,"value":"\"retry\": {\"attempt\":2}"},"#,
        r#"{"timestamp":1767000000131000,"value":"done"}],"#,
        r#""tags":{"faas.coldstart":"true","sizes":"[1,2]","peer.service":"bank","service.namespace":"shop","#,
        r#""otel.status_code":"ERROR","error":"timeout","otel.dropped_attributes_count":"1","#,
        r#""otel.dropped_events_count":"2","otel.dropped_links_count":"3","otel.scope.name":"tracing","#,
        r#""otel.library.name":"tracing","otel.scope.version":"0.1","otel.library.version":"0.1"}}]"#,
    );
    assert_eq!(json, expected);
}

#[test]
fn what_a_span_does_not_have_is_left_out() {
    assert_eq!(span(""), r#","localEndpoint":{"serviceName":"unknown_service"}"#);
    assert!(!span(r#","kind":1"#).contains("kind"), "internal is what no kind means");
    assert_eq!(zipkin("", "", ""), "[]");
}

#[test]
fn a_span_shorter_than_zipkin_sees_or_that_ends_before_it_starts_takes_a_microsecond() {
    for end in ["1000001234", "1000000000", "999000000", "0"] {
        let json = span(&format!(r#","startTimeUnixNano":"1000000000","endTimeUnixNano":"{end}""#));
        assert!(json.starts_with(r#","timestamp":1000000,"duration":1,"#), "{end}: {json}");
    }
    let json = span(r#","startTimeUnixNano":"1000000000","endTimeUnixNano":"18446744073709551615""#);
    assert!(json.contains(r#""duration":18446744072709551,"#), "{json}");
}

#[test]
fn only_an_error_has_the_tag_error() {
    let tags = |attribute: &str, status: &str| {
        let json =
            span(&format!(r#","attributes":[{{"key":"error","value":{attribute}}}],"status":{{{status}}}"#));
        json.split_once(r#""tags":"#).map(|(_, tags)| tags.to_owned()).unwrap_or_default()
    };
    assert_eq!(tags(r#"{"boolValue":false}"#, r#""code":2"#), r#"{"otel.status_code":"ERROR","error":""}"#);
    assert_eq!(tags(r#"{"boolValue":false}"#, r#""code":1"#), r#"{"otel.status_code":"OK"}"#);
    assert_eq!(tags(r#"{"stringValue":"false"}"#, ""), "");
    assert_eq!(tags(r#"{"stringValue":"odd"}"#, ""), r#"{"error":"odd"}"#);
}

#[test]
fn whoever_was_asked_is_the_first_attribute_that_says_so() {
    let remote = |kind: u8, attributes: &[(&str, &str)]| {
        let attributes: Vec<String> =
            attributes.iter().map(|(key, value)| format!(r#"{{"key":"{key}","value":{value}}}"#)).collect();
        let json = span(&format!(r#","kind":{kind},"attributes":[{}]"#, attributes.join(",")));
        let (_, rest) = json.split_once(r#""remoteEndpoint":"#)?;
        Some(rest.split_once('}').unwrap().0.to_owned() + "}")
    };
    let name = |name: &str| Some(format!(r#"{{"serviceName":"{name}"}}"#));
    let (bank, host) =
        (("peer.service", r#"{"stringValue":"bank"}"#), ("server.address", r#"{"stringValue":"h"}"#));
    assert_eq!(remote(3, &[host, bank]), name("bank"));
    assert_eq!(remote(4, &[host]), name("h"));
    assert_eq!(remote(2, &[bank]), None, "whoever answers knows no remote service");
    assert_eq!(remote(3, &[("peer.service", r#"{"stringValue":""}"#), host]), name("h"));
    let peer = ("network.peer.address", r#"{"stringValue":"10.0.0.7"}"#);
    let port = ("network.peer.port", r#"{"intValue":"5432"}"#);
    assert_eq!(remote(3, &[port, peer]).as_deref(), Some(r#"{"ipv4":"10.0.0.7","port":5432}"#));
    assert_eq!(
        remote(3, &[("network.peer.port", r#"{"intValue":"65536"}"#), peer]).as_deref(),
        Some(r#"{"ipv4":"10.0.0.7"}"#)
    );
    let six = ("net.sock.peer.addr", r#"{"stringValue":"2001:db8::1"}"#);
    assert_eq!(remote(3, &[six]).as_deref(), Some(r#"{"ipv6":"2001:db8::1"}"#));
    assert_eq!(remote(3, &[("db.name", r#"{"stringValue":"shop"}"#)]), name("shop"));
}
