//! What the emulator's own tests share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses its part")]

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

/// The scripted extension under another name.
pub fn named(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("extensions");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    if !path.exists() {
        std::os::unix::fs::symlink(extension(), &path).unwrap();
    }
    path
}

/// Waits until none of these processes is alive.
pub async fn all_gone(pids: &[u32]) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    for pid in pids {
        // A zombie that its parent has not collected yet is dead enough.
        let alive = || {
            fs::read_to_string(format!("/proc/{pid}/stat"))
                .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('Z'))
        };
        while alive() {
            assert!(tokio::time::Instant::now() < deadline, "{pid} is still alive");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Waits until something that the kernel does in a moment has happened.
pub async fn eventually(done: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "it did not happen");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
