//! Whole performances: functions, the extension and a destination, as a user sees them. The programs are the
//! workspace's own, built by `cargo build --workspace`.

use spanlayer_emulator::{Destination, Mode, binary};
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
        "--env",
        "SPANLAYER_OTLP_GRPC=127.0.0.1:0",
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
fn a_setting_that_asks_for_no_spans_reaches_the_function_and_is_named_as_the_reason() {
    for setting in ["OTEL_TRACES_SAMPLER=always_off", "SPANLAYER_DISABLED=true"] {
        let (output, text) = local("orders-api", &["--env", setting]);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains(&format!("no spans of its own, as {setting}")), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_that_go_to_an_endpoint_of_ones_own_are_said_to() {
    let destination = Destination::start(Mode::Healthy).await;
    let destination = destination.unwrap_or_else(|error| panic!("no destination: {error}"));
    let endpoint = destination.url();
    let (output, text) =
        local("orders-api", &["--env", &format!("SPANLAYER_EXPORTER_OTLP_ENDPOINT={endpoint}")]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains(&format!("Spans went to {endpoint}")), "{text}");
    assert!(!destination.spans().is_empty(), "{text}");
}

#[test]
fn what_a_pipeline_file_makes_of_spans_is_shown_and_goes_nowhere_else() {
    let file = std::env::temp_dir().join(format!("spanlayer-local-{}.yaml", std::process::id()));
    let text = "receivers: {otlp: {protocols: {http: , grpc: }}, telemetryapi: }\n\
                processors:\n  transform:\n    trace_statements: [\"set(span.name, \\\"renamed\\\")\"]\n\
                exporters:\n  otlphttp/vendor: {endpoint: \"http://127.0.0.1:9\", headers: {api-key: \"${env:VENDOR_KEY}\"}}\n\
                service:\n  pipelines:\n    traces:\n      receivers: [otlp, telemetryapi]\n      processors: [transform]\n      \
                exporters: [otlphttp/vendor]\n";
    std::fs::write(&file, text).unwrap_or_else(|error| panic!("{error}"));
    let (output, text) = local("orders-api", &["--env", &format!("SPANLAYER_CONFIG={}", file.display())]);
    let _ = std::fs::remove_file(&file);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("are replaced") && text.contains("renamed") && !text.contains("POST /orders"),
        "{text}"
    );
}

#[test]
fn a_file_that_leaves_everything_out_is_named_for_it_and_not_the_function() {
    let file = |processor: &str| {
        format!(
            "SPANLAYER_CONFIG=yaml:{{receivers: {{otlp: {{protocols: {{http: }}}}}}, processors: {{{processor}}}, exporters: \
             {{otlphttp: {{endpoint: 'https://h.example.com'}}}}, service: {{pipelines: {{traces: {{receivers: [otlp], processors: \
             [{}], exporters: [otlphttp]}}}}}}}}",
            processor.split(':').next().unwrap_or_default()
        )
    };
    for (processor, said) in [
        ("filter: {traces: {span: ['true']}}", " 0 sampled out, 0 unrouted."),
        (
            "tail_sampling: {policies: [{name: a, type: span_count, span_count: {min_spans: 1000}}]}",
            ": 0 filtered, ",
        ),
    ] {
        let (output, text) = local("orders-api", &["--env", &file(processor)]);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains("as its pipeline file asks") && text.contains(said), "{text}");
        assert!(!text.contains("Layer into the Runtime"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_extension_complains_of_is_shown_without_being_asked_for() {
    let refusing = Destination::start(Mode::status(400)).await;
    let refusing = refusing.unwrap_or_else(|error| panic!("no destination: {error}"));
    // One that refuses, and one that is no endpoint.
    for (endpoint, said) in [(refusing.url(), "ERROR"), ("nonsense".to_owned(), "a setting is ignored")] {
        let setting = format!("SPANLAYER_EXPORTER_OTLP_ENDPOINT={endpoint}");
        let (output, text) = local("orders-api", &["--env", &setting]);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("[spanlayer] {") && text.contains(said), "{text}");
        assert!(text.contains(&format!("not everything could be delivered to {endpoint}")), "{text}");
    }
    let (output, text) = local("orders-api", &["--env", "SPANLAYER_FLUSH=bogus"]);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("SPANLAYER_FLUSH") && text.contains("WARN"), "{text}");
}
