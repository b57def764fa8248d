//! What Lambda tells an extension, as the Extensions API words it.

use serde::Deserialize;

/// An answer to `next`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The function was given an event.
    Invoke(Invoke),
    /// The environment is about to go away.
    Shutdown(Shutdown),
}

/// An invocation has begun. (The function's own event is not shown to extensions.)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invoke {
    /// The id that the platform's other messages about this invocation carry.
    pub request_id: String,
    /// When the function times out, in Unix milliseconds; zero if Lambda did not say.
    pub deadline_millis: u64,
    /// The ARN that was invoked; empty if Lambda did not say.
    pub arn: String,
    /// Lambda's trace header; empty if there is none.
    pub trace_header: String,
}

/// The environment ends; what is not delivered by the deadline stays undelivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shutdown {
    /// Why, in lower case: `spindown`, `timeout` or `failure` (Lambda itself writes them in either case).
    pub reason: String,
    /// When this process is killed, in Unix milliseconds; zero if Lambda did not say.
    pub deadline_millis: u64,
}

impl Event {
    /// Reads the body of an answer to `next`; says what is wrong with it otherwise. Fields that are not used are not
    /// looked at, so that Lambda may add to them and change them.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let wire: Wire = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let deadline_millis = wire.deadline_ms.unwrap_or(0);
        match wire.event_type.as_str() {
            "INVOKE" => Ok(Self::Invoke(Invoke {
                request_id: wire.request_id.unwrap_or_default(),
                deadline_millis,
                arn: wire.invoked_function_arn.unwrap_or_default(),
                trace_header: wire.tracing.and_then(|tracing| tracing.value).unwrap_or_default(),
            })),
            "SHUTDOWN" => {
                let reason = wire.shutdown_reason.unwrap_or_default().to_ascii_lowercase();
                Ok(Self::Shutdown(Shutdown { reason, deadline_millis }))
            }
            _ => Err("an event type that this version does not know".to_owned()),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire {
    event_type: String,
    deadline_ms: Option<u64>,
    request_id: Option<String>,
    shutdown_reason: Option<String>,
    invoked_function_arn: Option<String>,
    tracing: Option<Tracing>,
}

#[derive(Deserialize)]
struct Tracing {
    value: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_events_whatever_else_they_carry() {
        let invoke = br#"{"eventType":"INVOKE","deadlineMs":1767000000000,"requestId":"0c7e","invokedFunctionArn":"arn",
            "tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"},"new":[{}]}"#;
        assert_eq!(
            Event::parse(invoke),
            Ok(Event::Invoke(Invoke {
                request_id: "0c7e".to_owned(),
                deadline_millis: 1_767_000_000_000,
                arn: "arn".to_owned(),
                trace_header: "Root=1".to_owned(),
            }))
        );
        let shutdown = br#"{"eventType":"SHUTDOWN","shutdownReason":"SPINDOWN","deadlineMs":1767000002000}"#;
        assert_eq!(
            Event::parse(shutdown),
            Ok(Event::Shutdown(Shutdown {
                reason: "spindown".to_owned(),
                deadline_millis: 1_767_000_002_000
            }))
        );
    }

    #[test]
    fn what_it_does_not_understand_is_an_error_not_a_guess() {
        for body in ["", "[]", "{}", r#"{"eventType":"DANCE"}"#, r#"{"eventType":"INVOKE""#] {
            assert!(Event::parse(body.as_bytes()).is_err(), "{body}");
        }
    }
}
