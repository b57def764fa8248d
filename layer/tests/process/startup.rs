//! Register, subscribe, next; and everything that may be in the way.

use crate::world::{EXTENSION, PROTOBUF, SOON, World, answer, exchange, post, spans};
use spanlayer_emulator::{Destination, Emulator, Exit, Mode, Reason, TelemetryApi};
use std::{net::TcpListener as StdListener, os::unix::fs::PermissionsExt, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    process::Command,
    time::timeout,
};

#[tokio::test]
async fn it_registers_for_both_events_and_subscribes_its_own_port() {
    let world = World::idle(|builder| builder).await;
    let init = world.lambda.init();
    let ours = init.extension("spanlayer");
    assert_eq!(ours.events, ["INVOKE", "SHUTDOWN"]);
    let subscription = ours.subscription.as_ref().unwrap();
    let port = world.platform().await.port();
    assert_eq!(subscription["destination"]["URI"], format!("http://sandbox.localdomain:{port}"));
    assert_eq!(subscription["schemaVersion"], "2025-01-29");
    world.invoke().await.payload();
}

#[tokio::test]
async fn managed_instances_are_asked_for_shutdown_only_and_everything_is_delivered() {
    let world = World::idle(|builder| builder.managed_instances(8)).await;
    assert_eq!(world.lambda.init().extension("spanlayer").events, ["SHUTDOWN"]);
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(5, false)).await.status, 200);
    world.destination.wait_for_spans(5, SOON).await.unwrap();
    assert_eq!(world.lambda.shutdown(Reason::Spindown).await.extension("spanlayer").exit, Exit::Code(0));
}

#[tokio::test]
async fn where_invoke_is_refused_it_asks_for_shutdown_only() {
    let world = World::idle(|builder| {
        builder.managed_instances(2).extension_env("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    })
    .await;
    assert_eq!(world.lambda.init().extension("spanlayer").events, ["SHUTDOWN"]);
}

#[tokio::test]
async fn an_address_with_a_scheme_and_a_path_is_understood() {
    let world = World::idle(|builder| builder.api_scheme(true).api_path("/.rt")).await;
    assert_eq!(world.lambda.init().extension("spanlayer").events, ["INVOKE", "SHUTDOWN"]);
    world.invoke().await.payload();
}

#[tokio::test]
async fn without_telemetry_invocations_are_never_held_up_and_data_is_delivered_all_the_same() {
    for telemetry in [TelemetryApi::NotSupported, TelemetryApi::Refused(403), TelemetryApi::Refused(500)] {
        let world = World::idle(|builder| builder.telemetry_api(telemetry)).await;
        let outcome = world.invoke().await;
        assert!(
            outcome.extension_tail < Duration::from_millis(100),
            "{telemetry:?}: {:?}",
            outcome.extension_tail
        );
        assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(2, false)).await.status, 200);
        world.destination.wait_for_spans(2, SOON).await.unwrap();
    }
}

#[tokio::test]
async fn a_subscription_that_is_not_answered_holds_up_the_start_for_a_quarter_of_a_second_at_most() {
    let world = World::idle(|builder| builder.telemetry_api(TelemetryApi::Available(SOON))).await;
    let took = world.lambda.init().extension("spanlayer").first_next;
    assert!(took < Duration::from_millis(750), "{took:?}");
    world.invoke().await.payload();
}

#[tokio::test]
async fn busy_ports_and_a_read_only_state_directory_cost_a_warning_each() {
    let taken = StdListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let world = World::idle(|builder| {
        builder
            .extension_env("SPANLAYER_OTLP_HTTP", &address)
            .extension_env("SPANLAYER_TELEMETRY_API", &address)
            .extension_env("SPANLAYER_STATE_DIR", "/proc/none")
    })
    .await;
    world.says("cannot listen").await;
    world.says("no link socket").await;
    assert!(world.lambda.init().extension("spanlayer").subscription.is_some(), "another port does as well");
    world.invoke().await.payload();
    world.says("held in memory only").await;
    let warnings = world.log().iter().filter(|line| line.contains("\"WARN\"")).count();
    assert_eq!(warnings, 3, "{:?}", world.log());
    assert_eq!(world.lambda.shutdown(Reason::Spindown).await.extension("spanlayer").exit, Exit::Code(0));
}

#[tokio::test]
async fn every_faulty_variable_is_named_and_the_rest_carries_on() {
    let world = World::idle(|builder| {
        builder
            .extension_env("SPANLAYER_FLUSH", "sometimes")
            .extension_env("SPANLAYER_MAX_STALENESS", "soon")
            .extension_env("SPANLAYER_EXPORTER_OTLP_TIMEOUT", "s3cret")
    })
    .await;
    for name in ["SPANLAYER_FLUSH", "SPANLAYER_MAX_STALENESS", "SPANLAYER_EXPORTER_OTLP_TIMEOUT"] {
        let line = world.says(&format!("\"variable\":\"{name}\"")).await;
        assert!(line.contains("\"WARN\"") && line.contains("\"problem\""), "{line}");
    }
    assert!(!world.log().concat().contains("s3cret"));
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(1, false)).await.status, 200);
    world.invoke().await.payload();
    world.destination.wait_for_spans(1, SOON).await.unwrap();
}

#[tokio::test]
async fn the_kill_switch_leaves_nothing_but_next() {
    let world = World::idle(|builder| builder.env("SPANLAYER_DISABLED", "true")).await;
    assert!(world.lambda.init().extension("spanlayer").subscription.is_none());
    for _ in 0..3 {
        world.invoke().await.payload();
    }
    assert!(!world.lambda.state_dir().join("link.sock").exists());
    assert_eq!(world.log(), Vec::<String>::new());
    assert_eq!(world.lambda.shutdown(Reason::Spindown).await.extension("spanlayer").exit, Exit::Code(0));
}

#[tokio::test]
async fn without_a_destination_spans_go_to_standard_output_with_a_hint() {
    let lambda = Emulator::builder()
        .extension(EXTENSION)
        .env("SPANLAYER_OTLP_HTTP", "127.0.0.1:0")
        .env("SPANLAYER_OTLP_GRPC", "127.0.0.1:0")
        .env("SPANLAYER_TELEMETRY_API", "127.0.0.1:0")
        .env("SPANLAYER_LOG", "info")
        .handler(|_| answer())
        .start()
        .await
        .unwrap();
    let world = World { lambda, destination: Destination::start(Mode::Healthy).await.unwrap() };
    assert_eq!(post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(1, false)).await.status, 200);
    world.invoke().await.payload();
    let line = world.says("resourceSpans").await;
    assert!(line.contains("\"traceId\""), "{line}");
    world.says("standard output").await;
}

#[tokio::test]
async fn the_link_socket_is_for_its_own_user_only() {
    let world = World::idle(|builder| builder).await;
    let socket = world.lambda.state_dir().join("link.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    world.lambda.shutdown(Reason::Spindown).await;
    assert!(!socket.exists());
}

/// Answers each request on each connection with the next of these, and returns what was asked.
async fn scripted_lambda(listener: TcpListener, answers: &[&str]) -> Vec<String> {
    let mut asked = Vec::new();
    let mut answers = answers.iter();
    while answers.len() > 0 {
        let (mut stream, _) = listener.accept().await.unwrap();
        while let Some(request) = request(&mut stream).await {
            asked.push(request);
            match answers.next() {
                Some(&"hang up") | None => break,
                Some(answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
            }
            if answers.len() == 0 {
                return asked;
            }
        }
    }
    asked
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut text = String::new();
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Some(text.lines().next().unwrap().to_owned());
            }
        }
        let mut piece = [0; 1024];
        let read = stream.read(&mut piece).await.ok().filter(|read| *read > 0)?;
        text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
    }
}

#[tokio::test]
async fn refused_registrations_and_failing_nexts_are_tried_again_and_nothing_is_reported_as_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut extension = Command::new(EXTENSION)
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", listener.local_addr().unwrap().to_string())
        .env("SPANLAYER_OTLP_HTTP", "off")
        .env("SPANLAYER_OTLP_GRPC", "off")
        .env("SPANLAYER_TELEMETRY_API", "off")
        .env("SPANLAYER_STATE_DIR", "/proc/none")
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let refused = "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n";
    let registered = "HTTP/1.1 200 OK\r\nLambda-Extension-Identifier: 7\r\nContent-Length: 2\r\n\r\n{}";
    let strange = "HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"eventType\":\"DANCE\"}";
    let shutdown = "HTTP/1.1 200 OK\r\nContent-Length: 24\r\n\r\n{\"eventType\":\"SHUTDOWN\"}";
    let script = [refused, "hang up", refused, registered, refused, "hang up", "hang up", strange, shutdown];
    let asked = timeout(SOON, scripted_lambda(listener, &script)).await.unwrap();
    let (register, next) = asked.split_at(4);
    assert!(register.iter().all(|line| line == "POST /2020-01-01/extension/register HTTP/1.1"), "{asked:?}");
    assert!(next.iter().all(|line| line == "GET /2020-01-01/extension/event/next HTTP/1.1"), "{asked:?}");
    assert_eq!(timeout(SOON, extension.wait()).await.unwrap().unwrap().code(), Some(0));
}

#[tokio::test]
async fn nothing_that_listens_is_open_to_others_unless_it_has_to_be() {
    let world = World::idle(|builder| builder).await;
    assert!(world.otlp().await.ip().is_loopback());
    assert_eq!(exchange(world.otlp().await, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap().status, 404);
}
