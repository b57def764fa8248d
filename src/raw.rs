//! `#[spanlayer::handler]`'s side: the event as raw JSON, so that a handler which `lambda_runtime` calls directly sees
//! what the layer sees.

use std::fmt;

use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::{
    failure::Failure,
    observe::{Observed, Seat},
    overrides::Overrides,
    reply::Reply,
    service::seat,
    telemetry::Telemetry,
};

/// An event as its JSON text: what a function under [`#[spanlayer::handler]`](crate::handler) takes.
///
/// A test makes one from text: `RawEvent::from(r#"{"id":7}"#.to_owned())`.
#[derive(Clone, Debug)]
pub struct RawEvent(String);

impl RawEvent {
    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for RawEvent {
    fn from(json: String) -> Self {
        Self(json)
    }
}

impl<'de> Deserialize<'de> for RawEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Self(Box::<str>::from(raw).into_string()))
    }
}

/// Runs a handler on a raw event, within an invocation of its own unless there is one around it.
pub async fn invoke<T, F, Fut, R, E>(
    event: LambdaEvent<RawEvent>,
    handler: F,
    overrides: Overrides,
) -> Result<Reply<R>, Failure>
where
    T: for<'de> Deserialize<'de>,
    F: FnOnce(LambdaEvent<T>) -> Fut,
    Fut: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + fmt::Debug,
{
    let telemetry = Telemetry::global();
    if !telemetry.settings.disabled {
        telemetry.install();
    }
    let (RawEvent(json), context) = event.into_parts();
    let mut seat = seat(telemetry, Some(json.as_bytes()), &context, overrides);
    let payload = match parse(&json, &mut seat) {
        Ok(payload) => payload,
        Err(failure) => {
            seat.fail(&failure);
            seat.leave();
            return Err(failure);
        }
    };
    drop(json);
    let inner = seat.run(|| handler(LambdaEvent::new(payload, context)));
    Observed::new(inner, seat).await
}

fn parse<T: for<'de> Deserialize<'de>>(json: &str, seat: &mut Seat) -> Result<T, Failure> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    // Inside the invocation, since a type's own `Deserialize` may do anything.
    seat.run(|| serde_path_to_error::deserialize(&mut deserializer))
        .map_err(|error| Failure::of_payload(&error))
}
