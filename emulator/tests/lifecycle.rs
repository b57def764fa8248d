//! The life of an environment, with small scripts as function and extension.

mod common;

use common::{extension, extension_events, function};
use serde_json::json;
use spanlayer_emulator::{Emulator, Reason};

#[tokio::test]
async fn a_function_and_an_extension_come_up_and_take_an_event() {
    let lambda = Emulator::builder().function(function()).extension(extension()).start().await.unwrap();
    let init = lambda.init();
    let extension = init.extension("extension");
    assert_eq!(extension.events, ["INVOKE", "SHUTDOWN"]);
    assert!(!extension.register.is_zero() && extension.first_next > extension.register);
    assert!(!init.runtime_first_next.is_zero() && init.duration > init.runtime_first_next);

    let invocation = lambda.invoke(json!({})).await;
    let answer: serde_json::Value = serde_json::from_slice(invocation.payload()).unwrap();
    assert_eq!(answer["seen"], 1);
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
