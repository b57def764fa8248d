//! `PUT /telemetry`: asks Lambda to send its own account of each invocation to our listener.

use super::{Registered, http};
use crate::{config::Lines, log};
use std::time::Duration;

/// Whether Lambda will tell us how invocations ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subscription {
    /// Events will come.
    Active,
    /// No events: an emulator without them, a platform that refused, or an answer that took too long.
    None,
}

impl Registered {
    /// Subscribes the listener on `port` to platform events, and to what those print that `lines` names. Lambda closes subscriptions at the first `next`, so the
    /// answer is waited for, but no longer than 250 ms: start-up is not worth more.
    pub async fn subscribe(&mut self, port: u16, lines: Lines) -> Subscription {
        let address = self.connection.address();
        let headers =
            [("Lambda-Extension-Identifier", self.id.as_str()), ("Content-Type", "application/json")];
        let target = address.target("/2022-07-01/telemetry");
        let request =
            http::request("PUT", &target, address.authority(), &headers, body(port, lines).as_bytes());
        let why = match tokio::time::timeout(LIMIT, self.connection.call(&request)).await {
            Ok(Ok(answer)) if answer.status == 200 => return Subscription::Active,
            Ok(Ok(answer)) => answer.explain(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        log::info("no platform telemetry here", &[("reason", &why)]);
        Subscription::None
    }
}

/// `timeoutMs` is the least that Lambda takes: the end of an invocation is learnt from these events, and every
/// millisecond of buffering may be a billed one. The other two are also the least there is.
fn body(port: u16, lines: Lines) -> String {
    let types = match (lines.function, lines.extension) {
        (true, true) => r#""platform","function","extension""#,
        (true, false) => r#""platform","function""#,
        (false, true) => r#""platform","extension""#,
        (false, false) => r#""platform""#,
    };
    format!(
        r#"{{"schemaVersion":"2025-01-29","types":[{types}],"buffering":{{"maxItems":1000,"maxBytes":262144,"timeoutMs":25}},"destination":{{"protocol":"HTTP","URI":"http://sandbox.localdomain:{port}"}}}}"#
    )
}

const LIMIT: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subscription_is_json_and_names_our_port() {
        let lines = |function, extension| Lines { function, extension };
        for (lines, types) in [
            (lines(true, true), &["platform", "function", "extension"][..]),
            (lines(true, false), &["platform", "function"]),
            (lines(false, true), &["platform", "extension"]),
            (lines(false, false), &["platform"]),
        ] {
            let body: serde_json::Value = serde_json::from_str(&body(4324, lines)).unwrap();
            assert_eq!(body["destination"]["URI"], "http://sandbox.localdomain:4324");
            assert_eq!(body["buffering"]["timeoutMs"], 25);
            assert_eq!(body["types"], serde_json::json!(types));
        }
    }
}
