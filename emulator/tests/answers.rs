//! The Runtime API's answers, and what the caller gets: errors, limits, streams.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail")]

mod common;

use common::function;
use serde_json::{Value, json};
use spanlayer_emulator::{Emulator, Ended};
use std::time::Duration;

async fn lambda() -> Emulator {
    Emulator::builder().function(function()).timeout(Duration::from_secs(20)).start().await.unwrap()
}

#[tokio::test]
async fn an_error_reaches_the_caller_as_posted() {
    let lambda = lambda().await;
    let invocation = lambda.invoke(json!({ "error": "Function.Boom" })).await;
    assert_eq!(invocation.ended, Ended::Normally, "the environment is fine");
    assert_eq!(invocation.error().error_type, "Function.Boom");
    assert_eq!(invocation.error().field("errorMessage").as_deref(), Some("asked for"));
    let invocation = lambda.invoke(json!({ "error": "unhandled" })).await;
    assert_eq!(invocation.error().error_type, "Runtime.Unknown");
    assert_eq!(
        invocation.error().field("errorType").as_deref(),
        Some("unhandled"),
        "the payload is untouched"
    );
}

#[tokio::test]
async fn the_largest_response_passes_and_a_byte_more_does_not() {
    let lambda = lambda().await;
    let limit = 6 * 1024 * 1024 + 100;
    let invocation = lambda.invoke(json!({ "bytes": limit })).await;
    assert_eq!(invocation.payload().len(), limit);
    let invocation = lambda.invoke(json!({ "bytes": limit + 1 })).await;
    assert_eq!(invocation.error().error_type, "Function.ResponseSizeTooLarge");
    assert_eq!(invocation.ended, Ended::Normally);
    lambda.invoke(json!({})).await.payload();
    assert_eq!(
        lambda.function_output(),
        ["answer to the large response: 202", "answer to the large response: 413"]
    );
}

#[tokio::test]
async fn a_stream_is_put_together_and_told_apart() {
    let lambda = lambda().await;
    let invocation = lambda.invoke(json!({ "stream": ["one ", "two"] })).await;
    assert_eq!(invocation.payload(), "one two");
    assert!(invocation.streamed);
    assert_eq!(invocation.content_type.as_deref(), Some("text/plain"));
    assert!(!lambda.invoke(json!({})).await.streamed);
}

#[tokio::test]
async fn a_stream_that_breaks_ends_in_its_error() {
    let lambda = lambda().await;
    let invocation = lambda.invoke(json!({ "stream": ["half"], "fail": "Function.Broken" })).await;
    assert_eq!(invocation.error().error_type, "Function.Broken");
    assert_eq!(invocation.error().field("errorMessage").as_deref(), Some("broken"));
}

#[tokio::test]
async fn a_response_that_breaks_off_is_an_error_and_not_a_short_response() {
    let lambda = lambda().await;
    let invocation = lambda.invoke(json!({ "truncate": true })).await;
    assert_eq!(invocation.error().error_type, "Runtime.TruncatedResponse");
    lambda.invoke(json!({})).await.payload();
}

#[tokio::test]
async fn a_runtime_that_hangs_up_while_waiting_gets_its_event_when_it_asks_again() {
    let lambda = lambda().await;
    lambda.invoke(json!({ "hang_up": true })).await.payload();
    lambda.invoke(json!({})).await.payload();
}

#[tokio::test]
async fn a_response_to_another_invocation_is_refused() {
    let lambda = lambda().await;
    let invocation = lambda.invoke(json!({ "wrong_id": true })).await;
    let answer: Value = serde_json::from_slice(invocation.payload()).unwrap();
    assert_eq!(answer["status"], 400);
    assert_eq!(answer["body"]["errorType"], "InvalidRequestID");
}

#[tokio::test]
async fn a_second_response_is_refused() {
    let lambda = lambda().await;
    lambda.invoke(json!({ "twice": true })).await.payload();
    assert_eq!(lambda.function_output(), ["answer to the second response: 403 InvalidStateTransition"]);
}
