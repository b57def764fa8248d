//! Freezing: processes stand still between invocations, as on Lambda.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod common;

use common::{extension, function};
use serde_json::json;
use spanlayer_emulator::{Emulator, Reason};
use std::fs;

/// The state of a process, as the kernel has it: `T` when stopped.
fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(") ").next().unwrap().chars().next().unwrap()
}

#[tokio::test]
async fn processes_are_stopped_between_invocations_and_run_during_them() {
    let lambda = Emulator::builder()
        .function(function())
        .extension(extension())
        .freeze_between(true)
        .start()
        .await
        .unwrap();
    for _ in 0..3 {
        lambda.invoke(json!({})).await.payload();
        for pid in [lambda.runtime_pid().unwrap(), lambda.extension_pid("extension").unwrap()] {
            common::eventually(|| state(pid) == 'T').await;
        }
    }
    let shutdown = lambda.shutdown(Reason::Spindown).await;
    assert!(!shutdown.extension("extension").killed, "thawed for its farewell");
}

#[tokio::test]
async fn freezing_on_request_holds_until_thawed() {
    let lambda = Emulator::builder().function(function()).start().await.unwrap();
    let pid = lambda.runtime_pid().unwrap();
    lambda.freeze();
    common::eventually(|| state(pid) == 'T').await;
    lambda.thaw();
    common::eventually(|| state(pid) != 'T').await;
}
