//! Lambda Managed Instances: many invocations at once, and fewer events.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod common;

use common::{extension, extension_events, notes, telemetry_with};
use serde_json::json;
use spanlayer_emulator::{Emulator, Ended, Reason};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::Barrier;

#[tokio::test]
async fn as_many_invocations_run_at_once_as_there_are_workers() {
    let barrier = Arc::new(Barrier::new(8));
    let lambda = Emulator::builder()
        .handler(move |event| {
            let barrier = barrier.clone();
            async move {
                // Passes only if eight are here at once.
                barrier.wait().await;
                Ok(event.payload().clone())
            }
        })
        .extension(extension())
        .extension_env("TYPES", "platform")
        .managed_instances(8)
        .start()
        .await
        .unwrap();

    let refused = &notes(&lambda, "extension")[0];
    assert_eq!(
        (&refused["registered"], &refused["body"]["errorType"]),
        (&json!(403), &json!("Extension.InvalidEventType"))
    );
    let texts: Vec<String> = (0..8).map(|n| format!("event {n}")).collect();
    let mut running = tokio::task::JoinSet::new();
    let lambda = Arc::new(lambda);
    for text in texts.clone() {
        let lambda = lambda.clone();
        running.spawn(async move { (text.clone(), lambda.invoke(text).await) });
    }
    for (text, invocation) in running.join_all().await {
        assert_eq!(invocation.payload(), &text);
    }

    let events = telemetry_with(&lambda, "extension", "platform.report", 8).await;
    assert!(events.iter().all(|event| event["type"] != "platform.runtimeDone"));
    let report = &events.iter().find(|event| event["type"] == "platform.report").unwrap()["record"];
    assert_eq!(report["metrics"].as_object().unwrap().keys().collect::<Vec<_>>(), ["durationMs"]);
    assert_eq!(report["spans"].as_array().unwrap().len(), 2);
    lambda.shutdown(Reason::Spindown).await;
    let events = extension_events(&lambda, "extension");
    assert_eq!(events.len(), 1, "no INVOKE");
    assert_eq!(events[0]["eventType"], "SHUTDOWN");
}

#[tokio::test]
async fn a_timeout_is_told_to_the_caller_but_kills_nothing() {
    let lambda = Emulator::builder()
        .handler(|event| async move {
            if event.payload() == "slow" {
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            Ok(event.payload().clone())
        })
        .managed_instances(1)
        .timeout(Duration::from_millis(100))
        .start()
        .await
        .unwrap();
    let late = lambda.invoke("slow").await;
    assert_eq!((&late.ended, late.error().error_type.as_str()), (&Ended::TimedOut, "Sandbox.Timedout"));
    assert!(late.reset.is_none() && lambda.is_up());
}

#[tokio::test]
async fn a_crash_replaces_the_environment() {
    let lives = Arc::new(AtomicUsize::new(0));
    let (seen, both) = (lives.clone(), Arc::new(Barrier::new(2)));
    let lambda = Emulator::builder()
        .handler(move |event| {
            let (seen, both) = (seen.clone(), both.clone());
            async move {
                seen.fetch_add(1, Ordering::SeqCst);
                if event.payload() != "fine" {
                    both.wait().await;
                }
                assert!(event.payload() != "crash");
                if event.payload() == "wait" {
                    std::future::pending::<()>().await;
                }
                Ok(event.payload().clone())
            }
        })
        .managed_instances(2)
        .start()
        .await
        .unwrap();
    let (waiting, crashed) = tokio::join!(lambda.invoke("wait"), lambda.invoke("crash"));
    for invocation in [&waiting, &crashed] {
        assert!(matches!(&invocation.ended, Ended::Failed { .. }), "{invocation:?}");
    }
    assert_eq!(lambda.invoke("fine").await.payload(), "fine");
    assert_eq!(lives.load(Ordering::SeqCst), 3);
}
