//! What becomes of an environment when something in it fails: resets, with what the caller and the extensions learn.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod common;

use common::{extension, extension_events, function, record, telemetry_with};
use serde_json::{Value, json};
use spanlayer_emulator::{Builder, Emulator, Ended, Reason};
use std::{fs, time::Duration};

fn observed() -> Builder {
    // It stays for a moment after SHUTDOWN, so that it reads what was sent with it.
    let extension = Emulator::builder().extension(extension()).extension_env("FAREWELL", "0.1");
    extension.extension_env("TYPES", "platform").function(function())
}

fn failed(error_type: &str) -> Ended {
    Ended::Failed { error_type: error_type.to_owned() }
}

#[tokio::test]
async fn a_timeout_resets_the_environment_and_the_next_invocation_starts_it_again() {
    let lambda = observed().timeout(Duration::from_millis(500)).start().await.unwrap();
    fs::write(lambda.tmp_dir().join("kept"), "x").unwrap();
    let first = lambda.extension_pid("extension");

    let invocation = lambda.invoke(json!({ "sleep": 30 })).await;
    assert_eq!(invocation.ended, Ended::TimedOut);
    assert_eq!(invocation.error().error_type, "Sandbox.Timedout");
    assert!(invocation.error().field("errorMessage").unwrap().ends_with("Task timed out after 0.50 seconds"));
    let reset = invocation.reset.unwrap();
    assert_eq!(reset.reason, Reason::Timeout);
    assert!(!reset.extension("extension").killed, "it had its farewell");
    let farewell = extension_events(&lambda, "extension").pop().unwrap();
    assert_eq!(
        (&farewell["eventType"], &farewell["shutdownReason"]),
        (&json!("SHUTDOWN"), &json!("timeout"))
    );
    let events = telemetry_with(&lambda, "extension", "platform.runtimeDone", 1).await;
    assert_eq!(record(&events, "platform.runtimeDone")["status"], "timeout");
    assert!(!lambda.is_up());

    let invocation = lambda.invoke(json!({})).await;
    invocation.payload();
    assert!(invocation.init.is_some(), "a suppressed init ran");
    assert_ne!(lambda.extension_pid("extension"), first, "a new process");
    assert!(lambda.tmp_dir().join("kept").exists(), "/tmp survives");
    let events = telemetry_with(&lambda, "extension", "platform.initStart", 2).await;
    let phases: Vec<_> = events
        .iter()
        .filter(|e| e["type"] == "platform.initStart")
        .map(|e| e["record"]["phase"].clone())
        .collect();
    assert_eq!(phases, ["init", "invoke"]);
}

#[tokio::test]
async fn an_extension_that_works_too_long_makes_a_timeout_after_a_good_response() {
    let lambda = observed().timeout(Duration::from_millis(800)).env("WORK", "1.5").start().await.unwrap();
    let invocation = lambda.invoke(json!({})).await;
    assert_eq!(invocation.ended, Ended::TimedOut);
    invocation.payload();
    assert!(invocation.response_time < Duration::from_millis(800));
    assert!(invocation.cycle_time >= Duration::from_millis(800));
}

#[tokio::test]
async fn a_runtime_that_exits_aborts_or_is_killed_fails_the_invocation() {
    let lambda = observed().start().await.unwrap();
    for (event, said) in [
        (json!({ "exit": 3 }), "Runtime exited with error: exit status 3"),
        (json!({ "exit": 0 }), "Runtime exited without providing a reason"),
        (json!({ "abort": true }), "Runtime exited with error: signal: aborted"),
    ] {
        let invocation = lambda.invoke(event).await;
        assert_eq!(invocation.ended, failed("Runtime.ExitError"));
        let message = invocation.error().field("errorMessage").unwrap();
        assert!(message.ends_with(said), "{message}");
        assert_eq!(invocation.reset.unwrap().reason, Reason::Failure);
        assert_eq!(extension_events(&lambda, "extension").pop().unwrap()["shutdownReason"], "failure");
    }
    let events = telemetry_with(&lambda, "extension", "platform.runtimeDone", 3).await;
    let done = record(&events, "platform.runtimeDone");
    assert_eq!((&done["status"], &done["errorType"]), (&json!("error"), &json!("Runtime.ExitError")));
    lambda.invoke(json!({})).await.payload();
}

#[tokio::test]
async fn running_out_of_memory_has_its_own_name() {
    let lambda = observed().start().await.unwrap();
    let (invocation, ()) = tokio::join!(lambda.invoke(json!({ "print": ["here"], "sleep": 30 })), async {
        while !lambda.function_output().contains(&"here".to_owned()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        lambda.kill_runtime_out_of_memory();
    });
    assert_eq!(invocation.ended, failed("Runtime.OutOfMemory"));
    assert!(invocation.error().field("errorMessage").unwrap().ends_with("signal: killed"));
}

#[tokio::test]
async fn an_extension_that_exits_fails_the_invocation_even_with_code_0() {
    let lambda = observed().env("EXIT_AT_INVOKE", "1").start().await.unwrap();
    let invocation = lambda.invoke(json!({ "sleep": 30 })).await;
    assert_eq!(invocation.ended, failed("Extension.Crash"));
    assert!(invocation.error().field("errorMessage").unwrap().ends_with("exit code 0"));
    assert_eq!(invocation.reset.unwrap().runtime.unwrap().to_string(), "signal: terminated");
}

#[tokio::test]
async fn an_extension_killed_between_invocations_fails_the_next_one() {
    let lambda = observed().start().await.unwrap();
    lambda.invoke(json!({})).await.payload();
    lambda.kill_extension("extension");
    assert_eq!(lambda.invoke(json!({ "print": ["seen"] })).await.ended, failed("Extension.Crash"));
    assert!(lambda.function_output().is_empty(), "the function was not bothered");
    assert_eq!(lambda.invoke(json!({})).await.ended, Ended::Normally);
}

#[tokio::test]
async fn a_reset_on_request_keeps_tmp() {
    let lambda = observed().start().await.unwrap();
    let before: Value = serde_json::from_slice(lambda.invoke(json!({})).await.payload()).unwrap();
    let (shutdown, _) = lambda.reset().await.unwrap();
    assert_eq!(shutdown.reason, Reason::Failure);
    let after: Value = serde_json::from_slice(lambda.invoke(json!({})).await.payload()).unwrap();
    assert_ne!(before["pid"], after["pid"]);
    assert_eq!(extension_events(&lambda, "extension").len(), 3, "the notes of both lives are in /tmp");
}

#[tokio::test]
async fn nothing_survives_the_emulator() {
    let lambda = observed().start().await.unwrap();
    let pids = [lambda.extension_pid("extension").unwrap(), lambda.runtime_pid().unwrap()];
    let folder = lambda.tmp_dir();
    drop(lambda);
    common::all_gone(&pids).await;
    assert!(!folder.exists());
}

/// Run by the test below in a process of its own.
#[tokio::test]
#[ignore = "the other half of a test"]
async fn an_emulator_that_waits_to_be_killed() {
    let lambda = observed().start().await.unwrap();
    println!("pids {} {}", lambda.extension_pid("extension").unwrap(), lambda.runtime_pid().unwrap());
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn nothing_survives_an_emulator_that_is_killed_outright() {
    use tokio::io::{AsyncBufReadExt, BufReader};
    let mut other = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", "an_emulator_that_waits_to_be_killed"])
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines();
    let pids: Vec<u32> = loop {
        let line = lines.next_line().await.unwrap().expect("it says its children's pids");
        if let Some((_, pids)) = line.split_once("pids ") {
            break pids.split(' ').map(|pid| pid.parse().unwrap()).collect();
        }
    };
    other.kill().await.unwrap();
    common::all_gone(&pids).await;
}
