//! The life of an environment that nothing goes wrong in, with small scripts as function and extension.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod common;

use common::{extension, extension_events, function, named};
use serde_json::{Value, json};
use spanlayer_emulator::{Emulator, Ended, Event, Reason, TraceHeader};
use std::time::Duration;

fn parsed(payload: &[u8]) -> Value {
    serde_json::from_slice(payload).unwrap()
}

#[tokio::test]
async fn a_function_and_an_extension_come_up_and_take_an_event() {
    let lambda = Emulator::builder().function(function()).extension(extension()).start().await.unwrap();
    let init = lambda.init();
    let extension = init.extension("extension");
    assert_eq!(extension.events, ["INVOKE", "SHUTDOWN"]);
    assert!(!extension.register.is_zero() && extension.first_next > extension.register);
    assert!(!init.runtime_first_next.is_zero() && init.duration > init.runtime_first_next);

    let invocation = lambda.invoke(json!({})).await;
    assert_eq!(parsed(invocation.payload())["seen"], 1);
    assert_eq!(invocation.ended, Ended::Normally);
    assert!(invocation.first_byte <= invocation.response_time);
    assert!(invocation.cycle_time >= invocation.response_time);
    assert_eq!(invocation.tail, invocation.cycle_time - invocation.response_time);

    let shutdown = lambda.shutdown(Reason::Spindown).await;
    assert!(!shutdown.extension("extension").killed);
    let events = extension_events(&lambda, "extension");
    assert_eq!(events[0]["eventType"], "INVOKE");
    assert_eq!(events[0]["requestId"], invocation.request_id.as_str());
    assert_eq!(events[1]["eventType"], "SHUTDOWN");
    assert_eq!(events[1]["shutdownReason"], "spindown");
}

#[tokio::test]
async fn the_runtime_starts_only_when_every_extension_has_registered() {
    let lambda = Emulator::builder()
        .function(function())
        .extension(extension())
        .extension(named("second").as_path())
        .start()
        .await
        .unwrap();
    let init = lambda.init();
    assert_eq!(init.extensions.len(), 2);
    let registered = init.extensions.iter().map(|extension| extension.register).max().unwrap();
    // The whole took at least one registration and then the runtime.
    assert!(init.duration >= registered + init.runtime_first_next);
    lambda.invoke(json!({})).await.payload();
    for name in ["extension", "second"] {
        assert_eq!(extension_events(&lambda, name)[0]["eventType"], "INVOKE", "{name}");
    }
}

#[tokio::test]
async fn a_function_needs_no_extension() {
    let lambda = Emulator::builder().function(function()).start().await.unwrap();
    assert_eq!(parsed(lambda.invoke(json!({})).await.payload())["seen"], 1);
    assert_eq!(parsed(lambda.invoke(json!({})).await.payload())["seen"], 2, "the same process");
    let shutdown = lambda.shutdown(Reason::Spindown).await;
    assert_eq!(
        shutdown.runtime.unwrap().to_string(),
        "signal: killed",
        "nobody gets time without an extension"
    );
}

#[tokio::test]
async fn an_extension_needs_no_function_of_its_own() {
    let lambda = Emulator::builder().extension(extension()).start().await.unwrap();
    assert_eq!(lambda.invoke("echoed").await.payload(), "echoed");
    lambda.kill_runtime();
    assert_eq!(lambda.invoke("lost").await.error().error_type, "Runtime.ExitError");
    assert_eq!(lambda.invoke("again").await.payload(), "again");
}

#[tokio::test]
async fn an_invocation_lasts_until_the_extension_asks_for_the_next() {
    let work = Duration::from_millis(400);
    let lambda = Emulator::builder()
        .function(function())
        .extension(extension())
        .env("WORK", "0.4")
        .start()
        .await
        .unwrap();
    let invocation = lambda.invoke(json!({})).await;
    assert!(invocation.cycle_time >= work && invocation.response_time < work, "{invocation:?}");
    assert!(invocation.extension_tail > Duration::ZERO && invocation.extension_tail <= invocation.tail);
}

#[tokio::test]
async fn an_extension_that_does_not_want_invocations_is_not_waited_for() {
    let lambda = Emulator::builder()
        .function(function())
        .extension(extension())
        .extension_env("EVENTS", "SHUTDOWN")
        .start()
        .await
        .unwrap();
    lambda.invoke(json!({})).await.payload();
    lambda.shutdown(Reason::Spindown).await;
    let events = extension_events(&lambda, "extension");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0]["eventType"], "SHUTDOWN");
}

#[tokio::test]
async fn an_extension_that_did_not_ask_for_shutdown_is_just_killed() {
    let lambda = Emulator::builder()
        .function(function())
        .extension(extension())
        .extension_env("EVENTS", "INVOKE")
        .start()
        .await
        .unwrap();
    let shutdown = lambda.shutdown(Reason::Spindown).await;
    assert!(shutdown.extension("extension").killed);
    assert!(shutdown.took < Duration::from_millis(1500), "nobody waited: {shutdown:?}");
}

#[tokio::test]
async fn an_extension_that_outstays_the_window_is_killed() {
    let lambda = Emulator::builder()
        .function(function())
        .extension(extension())
        .env("FAREWELL", "30")
        .shutdown_window(Duration::from_millis(400))
        .start()
        .await
        .unwrap();
    let shutdown = lambda.shutdown(Reason::Spindown).await;
    assert!(shutdown.extension("extension").killed);
    assert!(shutdown.took >= Duration::from_millis(400), "{shutdown:?}");
}

#[tokio::test]
async fn exit_codes_of_a_shutdown_are_told() {
    let lambda = Emulator::builder()
        .function(function())
        .extension(extension())
        .env("EXIT_CODE", "4")
        .start()
        .await
        .unwrap();
    let shutdown = lambda.shutdown(Reason::Spindown).await;
    assert_eq!(shutdown.extension("extension").exit.to_string(), "exit status 4");
    assert_eq!(
        shutdown.runtime.unwrap().to_string(),
        "signal: terminated",
        "the runtime went first, by SIGTERM"
    );
}

#[tokio::test]
async fn the_function_finds_lambdas_variables_and_the_headers_of_its_event() {
    let lambda = Emulator::builder()
        .function(function())
        .function_name("orders")
        .memory_mb(256)
        .env("STAGE", "test")
        .trace_header(TraceHeader::Absent)
        .start()
        .await
        .unwrap();
    let env = parsed(lambda.invoke(json!({ "env": true })).await.payload());
    assert_eq!(env["AWS_LAMBDA_FUNCTION_NAME"], "orders");
    assert_eq!(env["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "256");
    assert_eq!(env["AWS_LAMBDA_INITIALIZATION_TYPE"], "on-demand");
    assert_eq!(env["STAGE"], "test");
    assert_eq!(env["SPANLAYER_STATE_DIR"], lambda.state_dir().to_str().unwrap());
    assert!(env.get("HOME").is_none(), "nothing leaks in from outside");

    let asking = || Event::from(json!({ "headers": true }));
    let plain = parsed(lambda.invoke(asking()).await.payload());
    assert!(plain.get("Lambda-Runtime-Trace-Id").is_none());
    let arn = plain["Lambda-Runtime-Invoked-Function-Arn"].as_str().unwrap();
    assert_eq!(arn, "arn:aws:lambda:us-east-1:123456789012:function:orders");

    let event = asking()
        .trace_header(TraceHeader::Active { sampled: true })
        .client_context(r#"{"client":{}}"#)
        .cognito_identity("id-1", "pool-1")
        .tenant("tenant-a")
        .invoked_arn("arn:aws:lambda:us-east-1:123456789012:function:orders:live");
    let rich = parsed(lambda.invoke(event).await.payload());
    let trace = rich["Lambda-Runtime-Trace-Id"].as_str().unwrap();
    assert!(
        trace.starts_with("Root=1-") && trace.contains(";Parent=") && trace.contains(";Sampled=1"),
        "{trace}"
    );
    assert_eq!(rich["Lambda-Runtime-Client-Context"], r#"{"client":{}}"#);
    let cognito = parsed(rich["Lambda-Runtime-Cognito-Identity"].as_str().unwrap().as_bytes());
    assert_eq!(cognito, json!({ "cognitoIdentityId": "id-1", "cognitoIdentityPoolId": "pool-1" }));
    assert_eq!(rich["Lambda-Runtime-Aws-Tenant-Id"], "tenant-a");
    assert!(rich["Lambda-Runtime-Invoked-Function-Arn"].as_str().unwrap().ends_with(":live"));
    let deadline: u64 = rich["Lambda-Runtime-Deadline-Ms"].as_str().unwrap().parse().unwrap();
    let left = deadline.checked_sub(spanlayer_host::clock::unix_millis()).unwrap();
    assert!(left <= 3000, "the timeout, in Unix milliseconds");
}

#[tokio::test]
async fn invocations_asked_for_at_once_queue_up() {
    let lambda = Emulator::builder().function(function()).extension(extension()).start().await.unwrap();
    let (one, two, three) =
        tokio::join!(lambda.invoke(json!({})), lambda.invoke(json!({})), lambda.invoke(json!({})));
    let mut seen: Vec<_> = [one, two, three].iter().map(|i| parsed(i.payload())["seen"].clone()).collect();
    seen.sort_by_key(Value::as_u64);
    assert_eq!(seen, [1, 2, 3]);
}

#[tokio::test]
async fn an_address_with_scheme_and_path_serves_the_same_apis() {
    let lambda = Emulator::builder()
        .handler(|event| async move { Ok(event.payload().clone()) })
        .api_scheme(true)
        .api_path("/.rt")
        .start()
        .await
        .unwrap();
    assert_eq!(lambda.invoke("x").await.payload(), "x");
}

#[tokio::test]
async fn an_init_that_fails_says_why_with_the_output() {
    let failed = Emulator::builder()
        .function(function())
        .extension(extension())
        .env("EXIT_AT_INIT", "1")
        .start()
        .await
        .unwrap_err()
        .to_string();
    assert!(failed.contains("Extension.Crash") && failed.contains("exit code 7"), "{failed}");
    assert!(failed.contains("[extension] cannot go on"), "{failed}");

    let failed = Emulator::builder().function(function()).env("INIT_ERROR", "1").start().await.unwrap_err();
    assert!(failed.to_string().contains("Runtime.NoSuchHandler"), "{failed}");

    let failed = Emulator::builder().function("/no/such/bootstrap").start().await.unwrap_err().to_string();
    assert!(failed.contains("Runtime.InvalidEntrypoint"), "{failed}");

    let failed = Emulator::builder().extension("/no/such/extension").start().await.unwrap_err().to_string();
    assert!(failed.contains("Extension.LaunchError"), "{failed}");

    let silent = Emulator::builder().function("/bin/cat").init_timeout(Duration::from_millis(300));
    let failed =
        silent.launch_with(["/bin/sh", "-c", "sleep 30", "sh"]).start().await.unwrap_err().to_string();
    assert!(failed.contains("it took longer than 300ms"), "{failed}");
}
