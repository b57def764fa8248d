//! SnapStart: the snapshot, and the restore that the first invocation begins with.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{extension, function, record, telemetry_with};
use serde_json::json;
use spanlayer_emulator::{Builder, Emulator, Ended};
use std::time::Duration;

fn snap_start() -> Builder {
    let builder =
        Emulator::builder().function(function()).extension(extension()).initialization_type("snap-start");
    builder.extension_env("TYPES", "platform")
}

#[tokio::test]
async fn hooks_run_between_snapshot_and_first_invocation() {
    let lambda = snap_start().env("RESTORE", "well").start().await.unwrap();
    assert!(lambda.function_output().is_empty(), "it waits for the restore");
    let first = lambda.invoke(json!({})).await;
    first.payload();
    assert!(first.restore.unwrap() > Duration::ZERO);
    assert_eq!(lambda.function_output(), ["restored: 200"]);
    assert!(lambda.invoke(json!({})).await.restore.is_none(), "once");

    let events = telemetry_with(&lambda, "extension", "platform.report", 2).await;
    let kinds: Vec<_> = events.iter().map(|event| event["type"].as_str().unwrap()).collect();
    let at = kinds.iter().position(|kind| *kind == "platform.restoreStart").unwrap();
    let restore =
        ["platform.restoreStart", "platform.restoreRuntimeDone", "platform.restoreReport", "platform.start"];
    assert_eq!(kinds[at..at + 4], restore);
    assert_eq!(record(&events, "platform.initStart")["initializationType"], "snap-start");
    assert_eq!(record(&events, "platform.restoreReport")["status"], "success");
    assert!(record(&events, "platform.report")["metrics"]["restoreDurationMs"].is_number());
}

#[tokio::test]
async fn a_function_without_hooks_is_restored_all_the_same() {
    let lambda = snap_start().start().await.unwrap();
    let invocation = lambda.invoke(json!({})).await;
    invocation.payload();
    assert!(invocation.restore.is_some());
}

#[tokio::test]
async fn a_restore_that_fails_fails_the_invocation() {
    let lambda = snap_start().env("RESTORE", "fail").start().await.unwrap();
    let invocation = lambda.invoke(json!({})).await;
    assert_eq!(invocation.ended, Ended::Failed { error_type: "Runtime.RestoreError".to_owned() });
    assert!(invocation.error().field("errorMessage").unwrap().contains("no hook"));
}
