//! Whole performances: functions, the extension and a destination, as a user sees them. The programs are the
//! workspace's own, built by `cargo build --workspace`.

use spanlayer_emulator::binary;
use std::process::{Command, Output};

fn play(args: &[&str]) -> (Output, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_spanlayer-cli")).args(args).output();
    let output = program.unwrap_or_else(|error| panic!("the program does not start: {error}"));
    let text =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output, text)
}

/// `local` with the workspace's extension.
fn local(function: &str, more: &[&str]) -> (Output, String) {
    let (function, extension) = (binary(function), binary("spanlayer"));
    let (function, extension) = (function.to_string_lossy(), extension.to_string_lossy());
    let fixed = [
        "local",
        "--function",
        &function,
        "--extension",
        &extension,
        "--env",
        "SPANLAYER_OTLP_HTTP=127.0.0.1:0",
    ];
    play(&[&fixed[..], more].concat())
}

#[test]
fn the_demonstration_shows_all_three_traces_and_what_they_cost() {
    for program in ["spanlayer", "orders-api", "orders-worker"] {
        binary(program);
    }
    let (output, text) = play(&["demo", "--repeat", "1"]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains('\x1b'), "piped, so plain:\n{text}");
    let order = [
        "1. An HTTP request",
        "POST /orders",
        "2. A batch",
        "process orders",
        "3. A call that fails",
        "ERROR",
    ];
    let places: Vec<_> = order.iter().map(|part| text.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in\n{text}");
    // Cold starts, lines within their spans, metrics.
    assert_eq!(text.matches("─ init ").count(), 2, "{text}");
    let line = text.find("INFO orders_api: order taken").unwrap_or_else(|| panic!("no line in\n{text}"));
    assert!(text.find("POST /orders") < Some(line) && Some(line) < text.find("─ init "), "{text}");
    for metric in ["faas.invocations", "faas.errors", "faas.coldstarts", "faas.invoke_duration"] {
        assert!(text.contains(metric), "{metric} in\n{text}");
    }
    for figure in
        ["delivered", "on the wire", "gzip", "cold start, with the layer", "billed after the response"]
    {
        assert!(text.contains(figure), "{figure} in\n{text}");
    }
    assert!(!text.contains("no span of this invocation"), "{text}");
}

#[test]
fn a_function_of_ones_own_is_sent_its_events_in_turn() {
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/src/events/sqs.json");
    let (output, text) = local("orders-worker", &["--event", event, "--repeat", "3"]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("1. ") && text.contains("sqs.json"), "{text}");
    assert!(text.contains("2 more invocations are in the figures"), "{text}");
    // Eight spans an invocation: its own, two for each of three messages, and the platform's report; and one init.
    assert!(text.contains("delivered") && text.contains("25 spans in"), "{text}");
}

#[test]
fn an_invocation_that_fails_is_shown_and_fails_the_command() {
    let event = concat!(env!("CARGO_MANIFEST_DIR"), "/src/events/failing.json");
    let (output, text) = local("orders-api", &["--event", event]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("failed: ") && text.contains("out of stock"), "{text}");
    assert!(text.contains("1 of 1 invocations failed"), "{text}");
}

#[test]
fn a_function_without_telemetry_is_told_how_to_get_some() {
    let (output, text) = local("bare-function", &[]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no spans of its own") && text.contains("#[spanlayer::main]"), "{text}");
}

#[test]
fn settings_given_by_env_reach_the_function() {
    let (output, text) = local("orders-api", &["--env", "OTEL_TRACES_SAMPLER=always_off"]);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("no spans of its own"), "{text}");
}
