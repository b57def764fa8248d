//! The handler's side: a `tower` service around a handler that reports how it ended.

use std::{
    fmt,
    future::Future,
    sync::Arc,
    task::{Context, Poll},
};

use lambda_runtime::{
    Diagnostic, LambdaEvent,
    tower::{Service, service_fn, util::ServiceFn},
};
use serde::{Deserialize, Deserializer};

use crate::{
    failure::{DESERIALIZE_ERROR, Failure},
    guard::guarded,
    invocation::Invocation,
    observe::{Observed, Seat},
    overrides::Overrides,
    reply::Reply,
    report::Report,
    telemetry::Telemetry,
};

/// Makes a handler fit under [`Layer`](crate::Layer).
///
/// Without the layer around it, it opens the invocation's span itself, though it has not seen the raw event, and sends
/// just before the response.
pub fn service<T, F, Fut, R, E>(handler: F) -> Traced<ServiceFn<F>>
where
    F: FnMut(LambdaEvent<T>) -> Fut,
    Fut: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + fmt::Debug,
{
    Traced::new(service_fn(handler))
}

/// A handler that reports how it ended.
#[derive(Clone, Debug)]
pub struct Traced<S> {
    inner: S,
    telemetry: Arc<Telemetry>,
}

impl<S> Traced<S> {
    /// Wraps any `tower` service that handles events; [`service`] wraps a function.
    pub fn new(inner: S) -> Self {
        Self { inner, telemetry: Arc::clone(Telemetry::global()) }
    }

    #[cfg(test)]
    pub(crate) fn with_telemetry(inner: S, telemetry: Arc<Telemetry>) -> Self {
        Self { inner, telemetry }
    }
}

impl<S, T, R, E> Service<LambdaEvent<Payload<T>>> for Traced<S>
where
    S: Service<LambdaEvent<T>, Response = R, Error = E>,
    S::Future: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + fmt::Debug,
{
    type Response = Reply<R>;
    type Error = Failure;
    type Future = Observed<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.inner.poll_ready(cx).map_err(Failure::of)
    }

    fn call(&mut self, event: LambdaEvent<Payload<T>>) -> Self::Future {
        let (Payload(payload), context) = event.into_parts();
        let mut seat = seat(&self.telemetry, None, &context, Overrides::new());
        let event = LambdaEvent::new(payload, context);
        let inner = seat.run(|| self.inner.call(event));
        Observed::new(inner, seat)
    }
}

/// Finds the invocation around a handler, or opens one.
pub(crate) fn seat(
    telemetry: &Arc<Telemetry>,
    body: Option<&[u8]>,
    context: &lambda_runtime::Context,
    overrides: Overrides,
) -> Seat {
    if telemetry.settings.disabled {
        return Seat::None;
    }
    if let Some(report) = Report::current() {
        if !overrides.is_empty() {
            report.overrule(|said| said.extend(overrides));
        }
        return Seat::Within(report);
    }
    guarded(|| Invocation::open(telemetry, body, context, &overrides))
        .map_or(Seat::None, |own| Seat::Own(Box::new(own)))
}

/// An event of the handler's own type. It exists so that an event of another type is noticed.
#[derive(Clone, Copy, Debug)]
pub struct Payload<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Payload<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self).inspect_err(|error| {
            if let Some(report) = Report::current() {
                report.fail(DESERIALIZE_ERROR, error.to_string());
            }
        })
    }
}
