//! The Telemetry API: what is told, in which order and form, and when it arrives.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod common;

use common::{extension, function, notes, record, telemetry, telemetry_with};
use serde_json::{Value, json};
use spanlayer_emulator::{Builder, Emulator, Event, LogFormat, Reason, TelemetryApi, TraceHeader};
use std::time::Duration;

fn observed(types: &str) -> Builder {
    Emulator::builder().function(function()).extension(extension()).extension_env("TYPES", types)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_invocation_is_told_from_init_to_report() {
    let lambda = observed("platform,function").function_name("orders").start().await.unwrap();
    let event = Event::from(json!({ "print": ["hello"] }))
        .tenant("tenant-a")
        .trace_header(TraceHeader::Active { sampled: true });
    let invocation = lambda.invoke(event).await;
    let events = telemetry_with(&lambda, "extension", "platform.report", 1).await;
    assert_eq!(
        kinds(&events),
        [
            "platform.initStart",
            "platform.telemetrySubscription",
            "platform.initRuntimeDone",
            "platform.extension",
            "platform.initReport",
            "platform.start",
            "function",
            "platform.runtimeDone",
            "platform.report",
        ]
    );
    assert!(events.iter().all(|event| event["time"].as_str().is_some_and(|time| time.len() == 24)));

    let start = record(&events, "platform.initStart");
    assert_eq!((&start["initializationType"], &start["phase"]), (&json!("on-demand"), &json!("init")));
    assert_eq!(start["functionName"], "orders");
    let subscribed = record(&events, "platform.telemetrySubscription");
    assert_eq!(
        *subscribed,
        json!({ "name": "extension", "state": "Subscribed", "types": ["platform", "function"] })
    );
    let ready = record(&events, "platform.extension");
    assert_eq!(*ready, json!({ "name": "extension", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"] }));
    assert_eq!(record(&events, "function"), "hello");

    let started = record(&events, "platform.start");
    assert_eq!(started["requestId"], invocation.request_id.as_str());
    assert_eq!(started["tenantId"], "tenant-a");
    let tracing = &started["tracing"];
    assert_eq!(tracing["type"], "X-Amzn-Trace-Id");
    let parent = format!("Parent={}", tracing["spanId"].as_str().unwrap());
    assert!(tracing["value"].as_str().unwrap().contains(&parent), "{tracing}");

    let done = record(&events, "platform.runtimeDone");
    assert_eq!(done["status"], "success");
    assert_eq!(done["metrics"]["producedBytes"], invocation.payload().len());
    let spans: Vec<_> =
        done["spans"].as_array().unwrap().iter().map(|span| span["name"].as_str().unwrap()).collect();
    assert_eq!(spans, ["responseLatency", "responseDuration", "runtimeOverhead"]);

    let report = record(&events, "platform.report");
    assert_eq!(report["spans"][0]["name"], "extensionOverhead");
    let metrics = &report["metrics"];
    let number = |key: &str| metrics[key].as_f64().unwrap_or_else(|| panic!("no {key} in {metrics}"));
    assert_eq!(number("billedDurationMs"), (number("durationMs") + number("initDurationMs")).ceil());
    assert_eq!(number("memorySizeMB"), 512.0);
    assert!(number("maxMemoryUsedMB") > 5.0, "two interpreters: {metrics}");
    assert!((number("durationMs") - invocation.cycle_time.as_secs_f64() * 1e3).abs() < 0.01);
}

#[tokio::test]
async fn only_the_first_report_tells_of_the_init() {
    let lambda = observed("platform").start().await.unwrap();
    lambda.invoke(json!({})).await;
    lambda.invoke(json!({ "error": "Function.Boom" })).await;
    let events = telemetry_with(&lambda, "extension", "platform.report", 2).await;
    let reports: Vec<_> = events.iter().filter(|event| event["type"] == "platform.report").collect();
    assert!(reports[0]["record"]["metrics"]["initDurationMs"].is_number());
    assert!(reports[1]["record"]["metrics"].get("initDurationMs").is_none());
    let second = &reports[1]["record"];
    assert_eq!((&second["status"], &second["errorType"]), (&json!("error"), &json!("Function.Boom")));
}

#[tokio::test]
async fn runtime_done_comes_while_the_extension_works_and_the_report_only_after_it() {
    let lambda = observed("platform").extension_env("WORK", "0.3").start().await.unwrap();
    let invocation = lambda.invoke(json!({})).await;
    let events = telemetry_with(&lambda, "extension", "platform.report", 1).await;
    assert!(invocation.cycle_time >= Duration::from_millis(300));
    // The extension writes down what it is given as it comes: its next ask is after runtimeDone, before the report.
    let lines = notes(&lambda, "extension");
    let place = |what: &dyn Fn(&Value) -> bool| lines.iter().position(what).unwrap();
    let invoke = place(&|note| note["event"]["eventType"] == "INVOKE");
    let done = place(&|note| note["telemetry"]["type"] == "platform.runtimeDone");
    let report = place(&|note| note["telemetry"]["type"] == "platform.report");
    assert!(invoke < done && done < report, "{lines:#?}");
    let overhead = record(&events, "platform.report")["spans"][0]["durationMs"].as_f64().unwrap();
    assert!(overhead > 200.0, "{overhead}");
}

#[tokio::test]
async fn held_telemetry_arrives_with_the_next_invocation() {
    let lambda = observed("platform").hold_telemetry_between(true).start().await.unwrap();
    lambda.invoke(json!({})).await;
    let first = tokio::time::timeout(
        Duration::from_millis(150),
        telemetry_with(&lambda, "extension", "platform.report", 1),
    );
    assert!(first.await.is_err(), "held back");
    lambda.invoke(json!({})).await;
    telemetry_with(&lambda, "extension", "platform.report", 1).await;
}

#[tokio::test]
async fn the_last_report_arrives_during_shutdown() {
    let lambda =
        observed("platform").extension_env("FAREWELL", "0.2").freeze_between(true).start().await.unwrap();
    lambda.invoke(json!({})).await;
    lambda.shutdown(Reason::Spindown).await;
    assert_eq!(kinds(&telemetry(&lambda, "extension")).last(), Some(&"platform.report"));
}

#[tokio::test]
async fn a_delivery_that_is_not_taken_is_tried_again() {
    let lambda = observed("platform").extension_env("FAIL_DELIVERIES", "2").start().await.unwrap();
    lambda.invoke(json!({})).await;
    let events = telemetry_with(&lambda, "extension", "platform.report", 1).await;
    assert_eq!(kinds(&events)[0], "platform.initStart", "nothing was lost: {events:?}");
}

#[tokio::test]
async fn json_lines_are_objects_where_format_and_schema_say_so() {
    for (format, schema, object) in [
        (LogFormat::Json, "2022-12-13", true),
        (LogFormat::Json, "2022-07-01", false),
        (LogFormat::Text, "2025-01-29", false),
    ] {
        let lambda =
            observed("function").extension_env("SCHEMA", schema).log_format(format).start().await.unwrap();
        lambda.invoke(json!({ "print": [r#"{"level":"INFO"}"#, "plain"] })).await;
        let events = telemetry_with(&lambda, "extension", "function", 2).await;
        assert_eq!(events[0]["record"].is_object(), object, "{format:?} {schema}");
        assert_eq!(events[1]["record"], "plain");
    }
}

#[tokio::test]
async fn an_extensions_own_lines_are_told_too() {
    let lambda = observed("extension").start().await.unwrap();
    let events = telemetry_with(&lambda, "extension", "extension", 1).await;
    assert_eq!(events[0]["record"], "extension is ready");
    assert_eq!(lambda.extension_output("extension"), ["extension is ready"]);
}

#[tokio::test]
async fn a_telemetry_api_may_be_slow_missing_or_closed() {
    let answer = |lambda: &Emulator| {
        notes(lambda, "extension")
            .iter()
            .find_map(|note| note.get("subscribed").map(|_| note.clone()))
            .unwrap()
    };
    let slow = TelemetryApi::Available(Duration::from_millis(25));
    let lambda = observed("platform").telemetry_api(slow).start().await.unwrap();
    let init = lambda.init();
    let extension = init.extension("extension");
    assert!(extension.first_next >= extension.register + Duration::from_millis(25));
    assert_eq!(extension.subscription.as_ref().unwrap()["types"], json!(["platform"]));

    let lambda = observed("platform").telemetry_api(TelemetryApi::NotSupported).start().await.unwrap();
    let note = answer(&lambda);
    assert_eq!(
        (&note["subscribed"], &note["body"]["errorType"]),
        (&json!(202), &json!("Telemetry.NotSupported"))
    );
    assert!(lambda.init().extension("extension").subscription.is_none());
    lambda.invoke(json!({})).await.payload();

    let lambda = observed("platform").telemetry_api(TelemetryApi::Refused(403)).start().await.unwrap();
    assert_eq!(answer(&lambda)["subscribed"], 403);
}
