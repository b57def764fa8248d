//! The calls that AWS's own emulator answers get the same answers from this one.
//!
//! The script and what is expected lie in `tests/conformance`; the same script runs under AWS's emulator elsewhere.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::function;
use serde_json::json;
use spanlayer_emulator::{Builder, Emulator, Reason, TelemetryApi};
use std::{fs, path::Path, process::Command};

async fn agrees(profile: &str, builder: Builder) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/conformance");
    let script = folder.join("extension.py");
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("conformance-{profile}.jsonl"));
    let _ = fs::remove_file(&results);
    let builder =
        builder.function(function()).extension(&script).extension_env("CONFORMANCE_RESULTS", &results);
    let lambda = builder.start().await.unwrap();
    lambda.invoke(json!({})).await.payload();
    let shutdown = lambda.shutdown(Reason::Spindown).await;
    assert_eq!(
        shutdown.extension("extension.py").exit.to_string(),
        "exit status 0",
        "{:#?}",
        lambda.output()
    );
    let compared =
        Command::new("python3").arg(&script).args(["compare", profile]).arg(&results).output().unwrap();
    let said = String::from_utf8_lossy(&compared.stdout);
    assert!(compared.status.success(), "{said}\n{}", String::from_utf8_lossy(&compared.stderr));
}

#[tokio::test]
async fn as_the_service() {
    agrees("service", Emulator::builder()).await;
}

#[tokio::test]
async fn as_awss_local_emulator_without_telemetry() {
    agrees("local", Emulator::builder().telemetry_api(TelemetryApi::NotSupported)).await;
}

#[tokio::test]
async fn as_managed_instances() {
    agrees("managed", Emulator::builder().managed_instances(2)).await;
}
