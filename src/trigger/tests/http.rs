//! Everything with an HTTP front.

use super::*;
use crate::trigger::response::Answer;

#[test]
fn a_rest_api_names_the_span_by_method_and_resource() {
    let trigger = seen(include_str!("events/api_gateway_rest.json"));
    assert_eq!(trigger.outline(), "API Gateway REST API | GET /pets/{petId} | Server | http");
    assert_eq!(
        trigger.listed(),
        [
            r#"client.address = "203.0.113.7""#,
            r#"http.request.method = "GET""#,
            r#"http.route = "/pets/{petId}""#,
            r#"network.protocol.version = "1.1""#,
            r#"server.address = "api.example.com""#,
            "server.port = I64(443)",
            r#"url.path = "/pets/10""#,
            r#"url.query = "tag=a&tag=b%20c&X-Amz-Signature=REDACTED""#,
            r#"url.scheme = "https""#,
            r#"user_agent.original = "okhttp/3.0""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    assert_eq!(trigger.upstream.span.as_ref().unwrap().trace_state().header(), "rojo=1,vendor=2");
    assert!(trigger.links.is_empty());
    assert_eq!(trigger.answer, Answer::Http { implied: None });
}

#[test]
fn a_test_from_the_console_without_any_headers_is_still_a_request() {
    let trigger = seen(
        r#"{"resource":"/myPath","path":"/myPath","httpMethod":"POST","headers":null,"multiValueHeaders":null,
            "queryStringParameters":null,"multiValueQueryStringParameters":null,"body":"{\r\n}","requestContext":
            {"stage":"test-invoke-stage","domainName":"testPrefix.testDomainName","protocol":"HTTP/1.1",
            "identity":{"sourceIp":"test-invoke-source-ip","userAgent":"aws-internal/3"}}}"#,
    );
    assert_eq!(trigger.name, "POST /myPath");
    assert_eq!(
        trigger.listed(),
        [
            r#"client.address = "test-invoke-source-ip""#,
            r#"http.request.method = "POST""#,
            r#"http.route = "/myPath""#,
            r#"network.protocol.version = "1.1""#,
            r#"server.address = "testPrefix.testDomainName""#,
            r#"url.path = "/myPath""#,
            r#"url.scheme = "https""#,
            r#"user_agent.original = "aws-internal/3""#,
        ]
    );
}

#[test]
fn an_http_api_with_payload_1_0_is_read_as_a_rest_api() {
    let event = include_str!("events/api_gateway_rest.json").replacen('{', r#"{"version":"1.0","#, 1);
    assert_eq!(seen(&event).outline(), "API Gateway REST API | GET /pets/{petId} | Server | http");
}

#[test]
fn an_http_api_names_the_span_by_its_route() {
    let trigger = seen(include_str!("events/api_gateway_http.json"));
    assert_eq!(trigger.outline(), "API Gateway HTTP API | POST /orders/{id} | Server | http");
    assert_eq!(
        trigger.listed(),
        [
            r#"client.address = "203.0.113.7""#,
            r#"http.request.method = "POST""#,
            r#"http.route = "/orders/{id}""#,
            r#"network.protocol.version = "1.1""#,
            r#"server.address = "aaaaaaaaaa.execute-api.eu-west-1.amazonaws.com""#,
            "server.port = I64(443)",
            r#"url.path = "/prod/orders/7""#,
            r#"url.query = "expand=lines&sig=REDACTED""#,
            r#"url.scheme = "https""#,
            r#"user_agent.original = "curl/8.5.0""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    assert!(!trigger.upstream.span.as_ref().unwrap().is_sampled(), "a W3C caller's no is a no");
    assert_eq!(trigger.upstream.baggage.as_deref(), Some("user=alice"));
    assert_eq!(trigger.answer, Answer::Http { implied: Some(200) });
}

#[test]
fn the_method_of_any_route_is_the_requests_own() {
    let event =
        include_str!("events/api_gateway_http.json").replace("POST /orders/{id}", "ANY /orders/{proxy+}");
    assert_eq!(seen(&event).name, "POST /orders/{proxy+}");
}

#[test]
fn a_function_url_has_no_route_and_its_path_makes_no_name() {
    let event = include_str!("events/function_url.json");
    let trigger = seen(event);
    assert_eq!(trigger.outline(), "Lambda function URL | DELETE | Server | http");
    assert_eq!(
        trigger.listed(),
        [
            r#"client.address = "203.0.113.7""#,
            r#"http.request.method = "DELETE""#,
            r#"network.protocol.version = "1.1""#,
            r#"server.address = "abcdefghij.lambda-url.eu-west-1.on.aws""#,
            "server.port = I64(443)",
            r#"url.path = "/anything/at/all""#,
            r#"url.scheme = "https""#,
            r#"user_agent.original = "Mozilla/5.0""#,
        ]
    );
    assert_eq!(trigger.parent(), "", "X-Ray is not read unless it is listed");
    let trigger = seen_with(event, &[Format::TraceContext, Format::XRay]);
    assert_eq!(trigger.parent(), "5e9f0c651de4d666d4dd26aced652b6c/53995c3f42cd8ad8");
    assert!(trigger.upstream.span.as_ref().unwrap().is_sampled() && trigger.upstream.undecided);
}

#[test]
fn a_load_balancer_names_the_span_by_method_alone() {
    let trigger = seen(include_str!("events/alb.json"));
    assert_eq!(trigger.outline(), "Application Load Balancer | GET | Server | http");
    assert_eq!(
        trigger.listed(),
        [
            r#"client.address = "72.21.198.67""#,
            r#"http.request.method = "GET""#,
            r#"server.address = "lambda-test-1234567.us-east-1.elb.amazonaws.com""#,
            "server.port = I64(80)",
            r#"url.path = "/customers/42""#,
            r#"url.query = "q=a%20b""#,
            r#"url.scheme = "http""#,
            r#"user_agent.original = "curl/7.54.0""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
}

#[test]
fn a_load_balancer_with_multi_value_headers_says_the_same() {
    let trigger = seen(include_str!("events/alb_multi_value.json"));
    assert_eq!(trigger.outline(), "Application Load Balancer | PATCH | Server | http");
    assert_eq!(
        trigger.listed(),
        [
            r#"client.address = "72.21.198.67""#,
            r#"http.request.method = "PATCH""#,
            r#"server.address = "example.com""#,
            "server.port = I64(8080)",
            r#"url.path = "/customers/42""#,
            r#"url.query = "q=1&q=2""#,
            r#"url.scheme = "http""#,
            r#"user_agent.original = "curl/7.54.0""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    assert_eq!(trigger.upstream.span.as_ref().unwrap().trace_state().header(), "a=1,b=2");
}

#[test]
fn a_web_socket_names_the_span_by_its_route_key() {
    let trigger = seen(include_str!("events/websocket.json"));
    assert_eq!(trigger.outline(), "API Gateway WebSocket API | $connect | Server | http");
    assert_eq!(
        trigger.listed(),
        [
            r#"client.address = "203.0.113.7""#,
            r#"network.protocol.name = "websocket""#,
            r#"server.address = "abc123.execute-api.eu-central-1.amazonaws.com""#,
            r#"url.scheme = "wss""#,
            r#"user_agent.original = "wscat/5.2""#,
        ]
    );
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
}

#[test]
fn a_message_on_a_web_socket_has_no_headers() {
    let trigger = seen(
        r#"{"requestContext":{"routeKey":"sendMessage","messageId":"J1","eventType":"MESSAGE","connectionId":"J2",
            "stage":"prod","identity":{"sourceIp":"203.0.113.7"}},"body":"{}","isBase64Encoded":false}"#,
    );
    assert_eq!(trigger.outline(), "API Gateway WebSocket API | sendMessage | Server | http");
    assert_eq!(trigger.parent(), "");
}

#[test]
fn an_authorizer_is_not_taken_for_the_request_it_decides_about() {
    let event = include_str!("events/authorizer.json");
    let trigger = seen(event);
    assert_eq!(trigger.outline(), "API Gateway authorizer | my-function | Server | other");
    assert_eq!(trigger.answer, Answer::Opaque);
    assert_eq!(trigger.parent(), format!("{TRACE}/{PARENT}"));
    let v2 = include_str!("events/api_gateway_http.json").replacen(
        '{',
        r#"{"type":"REQUEST","routeArn":"arn:aws:execute-api:eu-west-1:1:a/$default/GET/x","#,
        1,
    );
    assert_eq!(seen(&v2).source, "API Gateway authorizer");
}
