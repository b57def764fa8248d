//! Events as log records: what they say, what they belong to, when they go out.

use lambda_runtime::{Error, LambdaEvent};
use serde_json::{Value, json};
use tracing_subscriber::prelude::*;

use super::world::{Received, World, attribute, list};
use crate::subscriber;

type Text = LambdaEvent<String>;

/// A world whose events go out as records, and its subscriber.
fn recording(vars: &[(&str, &str)]) -> (World, tracing::subscriber::DefaultGuard) {
    let mut all = vec![("SPANLAYER_EVENTS", "otlp")];
    all.extend(vars);
    let world = World::with(&all);
    let levels = world.telemetry.settings.levels.logs();
    let records = world.telemetry.records().map(|records| records.with_filter(levels));
    let subscribed =
        tracing_subscriber::registry().with(subscriber::layer(&world.telemetry)).with(records).set_default();
    (world, subscribed)
}

/// Scope and record.
fn records(received: &Received) -> Vec<(String, Value)> {
    let resources = received.logs.iter().flat_map(|request| list(request, "resourceLogs"));
    let scopes = resources.flat_map(|resource| list(&resource, "scopeLogs"));
    scopes
        .flat_map(|scope| {
            let name = scope["scope"]["name"].as_str().unwrap_or_default().to_owned();
            list(&scope, "logRecords").into_iter().map(move |record| (name.clone(), record))
        })
        .collect()
}

#[tokio::test]
async fn an_event_is_a_record_with_its_level_its_words_and_its_typed_fields() {
    let (world, _subscribed) = recording(&[]);
    let handler = |_: Text| async {
        tracing::warn!(target: "orders", item = 7, price = 4.5, gift = true, to = "Zoë", who = ?Some(1), "reserved {}", 1);
        Ok::<(), Error>(())
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    let received = world.received();
    let records = records(&received);
    let [(scope, record)] = &records[..] else { panic!("{records:?}") };
    assert_eq!(scope, "orders");
    assert_eq!(
        (&record["severityNumber"], &record["severityText"], &record["body"]["stringValue"]),
        (&json!(13), &json!("WARN"), &json!("reserved 1"))
    );
    assert_eq!(attribute(record, "item"), Some(&json!("7")));
    assert_eq!(attribute(record, "price"), Some(&json!(4.5)));
    assert_eq!(attribute(record, "gift"), Some(&json!(true)));
    assert_eq!(attribute(record, "to"), Some(&json!("Zoë")));
    assert_eq!(attribute(record, "who"), Some(&json!("Some(1)")));
    let invocation = received.span("orders");
    assert_eq!(attribute(record, "faas.invocation_id"), invocation.attribute("faas.invocation_id"));
    let (at, start) = (&record["timeUnixNano"], invocation.text("startTimeUnixNano"));
    assert!(at.as_str().is_some_and(|at| at >= start) && *at == record["observedTimeUnixNano"]);
    assert!(!record.to_string().contains("src/"), "no build paths: {record}");
}

#[tokio::test]
async fn a_record_carries_the_ids_of_the_span_around_it() {
    let (world, _subscribed) = recording(&[]);
    let handler = |_: Text| async {
        tracing::info!("outside");
        tracing::info_span!("work").in_scope(|| tracing::info!("inside"));
        Ok::<(), Error>(())
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    let received = world.received();
    for (said, span) in [("outside", received.span("orders")), ("inside", received.span("work"))] {
        let of = records(&received);
        let (_, record) = of.iter().find(|(_, record)| record["body"]["stringValue"] == said).expect(said);
        assert_eq!(record["traceId"], span.0["traceId"]);
        assert_eq!(record["spanId"], span.0["spanId"], "{said}");
        assert_eq!(record["flags"], 1);
    }
    assert_eq!(
        received.logs[0]["resourceLogs"][0]["resource"], received.requests[0]["resourceSpans"][0]["resource"],
        "spans and records are of one and the same environment"
    );
}

#[tokio::test]
async fn levels_of_lines_are_levels_of_records() {
    for (vars, expected) in [
        (vec![], 2),
        (vec![("AWS_LAMBDA_LOG_LEVEL", "ERROR")], 1),
        (vec![("RUST_LOG", "trace")], 3),
        (vec![("RUST_LOG", "off")], 0),
    ] {
        let (world, _subscribed) = recording(&vars);
        let handler = |_: Text| async {
            tracing::debug!("details");
            tracing::info!("fine");
            tracing::error!("not fine");
            Ok::<(), Error>(())
        };
        world.invoke(handler, r#""7""#).await.expect("an answer");
        let received = world.received();
        let ours = records(&received).into_iter().filter(|(scope, _)| scope.starts_with("spanlayer::tests"));
        assert_eq!(ours.count(), expected, "{vars:?}");
    }
}

#[tokio::test]
async fn no_record_goes_out_unless_it_is_asked_for() {
    for vars in [vec![("SPANLAYER_EVENTS", "stdout")], vec![("OTEL_LOGS_EXPORTER", "none")]] {
        let (world, _subscribed) = recording(&vars);
        let handler = |_: Text| async {
            tracing::info!("said");
            Ok::<(), Error>(())
        };
        world.invoke(handler, r#""7""#).await.expect("an answer");
        assert!(world.received().logs.is_empty(), "{vars:?}");
    }
}

#[tokio::test]
async fn what_was_said_during_the_start_goes_out_with_the_first_invocation() {
    let (world, _subscribed) = recording(&[]);
    tracing::info!("starting");
    assert!(world.frames().is_empty(), "nothing connects during the start");
    world.invoke(|_: Text| async { Ok::<(), Error>(()) }, r#""7""#).await.expect("an answer");
    let records = records(&world.received());
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].1["traceId"], Value::Null, "it belongs to no invocation");
}

#[tokio::test]
async fn attributes_keep_to_their_limits_and_what_is_left_out_is_counted() {
    let (world, _subscribed) = recording(&[
        ("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "1"),
        ("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3"),
    ]);
    let handler = |_: Text| async {
        tracing::info!(first = "äöüß", second = 2, "a message of any length");
        Ok::<(), Error>(())
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    let records = records(&world.received());
    let record = &records[0].1;
    assert_eq!(attribute(record, "first"), Some(&json!("äöü")));
    assert_eq!(attribute(record, "second"), None);
    assert_eq!(record["droppedAttributesCount"], 2, "the other one, and the invocation's id");
    assert_eq!(record["body"]["stringValue"], "a message of any length");
}

#[tokio::test]
async fn a_value_that_logs_while_it_is_logged_blocks_nobody() {
    struct Chatty;
    impl std::fmt::Debug for Chatty {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            tracing::info!("from inside");
            f.write_str("chatty")
        }
    }
    let (world, _subscribed) = recording(&[]);
    let handler = |_: Text| async {
        tracing::info!(value = ?Chatty, "outer");
        Ok::<(), Error>(())
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    let records = records(&world.received());
    assert!(records.iter().any(|(_, record)| attribute(record, "value") == Some(&json!("chatty"))));
}

#[tokio::test]
async fn an_event_with_a_name_of_its_own_keeps_it_and_a_bridged_record_its_target() {
    let (world, _subscribed) = recording(&[]);
    let handler = |_: Text| async {
        tracing::info!(name: "order.placed", "placed");
        tracing::info!(target: "log", { log.target = "hyper::client", log.file = "/build/x.rs", log.line = 3 }, "bridged");
        Ok::<(), Error>(())
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    let records = records(&world.received());
    assert_eq!(records[0].1["eventName"], "order.placed");
    assert_eq!(records[1].0, "hyper::client");
    assert_eq!(records[1].1["eventName"], Value::Null);
    assert!(!records[1].1.to_string().contains("log."));
}
