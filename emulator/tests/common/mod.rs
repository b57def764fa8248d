//! What the emulator's own tests share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its part")]

use serde_json::Value;
use spanlayer_emulator::Emulator;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// The scripted function.
pub fn function() -> PathBuf {
    programs().join("function")
}

/// The scripted extension.
pub fn extension() -> PathBuf {
    programs().join("extension")
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs")
}

/// All that the extension of this name wrote down.
pub fn notes(lambda: &Emulator, name: &str) -> Vec<Value> {
    let text = fs::read_to_string(lambda.tmp_dir().join(format!("{name}.jsonl"))).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The lifecycle events it was given.
pub fn extension_events(lambda: &Emulator, name: &str) -> Vec<Value> {
    notes(lambda, name).iter().filter_map(|note| note.get("event").cloned()).collect()
}

/// The telemetry it was delivered.
pub fn telemetry(lambda: &Emulator, name: &str) -> Vec<Value> {
    notes(lambda, name).iter().filter_map(|note| note.get("telemetry").cloned()).collect()
}

/// Waits until telemetry of this type has come, and returns all of it.
pub async fn telemetry_with(lambda: &Emulator, name: &str, kind: &str, least: usize) -> Vec<Value> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    loop {
        let all = telemetry(lambda, name);
        if all.iter().filter(|event| event["type"] == kind).count() >= least {
            return all;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "no {least} {kind} in {all:#?}\n{:#?}",
            lambda.output()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The record of the first event of this type.
pub fn record<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    let Some(event) = events.iter().find(|event| event["type"] == kind) else {
        panic!("no {kind} in {events:#?}")
    };
    &event["record"]
}
