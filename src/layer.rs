//! The runtime's side: a `tower` layer for `lambda_runtime::Runtime` that sees the raw event, and the moment after the
//! response.

use std::{
    borrow::Cow,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use lambda_runtime::{
    LambdaInvocation,
    tower::{self, Service},
};
use opentelemetry::{Key, Value};
use pin_project_lite::pin_project;

use crate::{
    courier::Posted,
    guard::guarded,
    invocation::Invocation,
    overrides::{Overrides, Trigger},
    telemetry::Telemetry,
};

/// Traces invocations, for those who build their own `lambda_runtime::Runtime`:
///
/// ```no_run
/// # use spanlayer::{Error, LambdaEvent};
/// use spanlayer::lambda_runtime::Runtime;
///
/// # async fn handler(event: LambdaEvent<String>) -> Result<String, Error> { Ok(event.payload) }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Error> {
/// spanlayer::init();
/// Runtime::new(spanlayer::service(handler)).layer(spanlayer::Layer::new()).run().await
/// # }
/// ```
///
/// Without [`init`](crate::init) first in `main`, spans inside the handler are lost, unless a `tracing` subscriber of your
/// own has [`tracing_layer`](crate::tracing_layer).
///
/// A handler that is not wrapped by [`service`](crate::service) is traced as well, but how it ended stays unknown.
#[derive(Clone, Debug)]
pub struct Layer {
    telemetry: Arc<Telemetry>,
    overrides: Overrides,
}

impl Layer {
    /// A layer that uses the process's tracer provider, or installs one.
    pub fn new() -> Self {
        let telemetry = Arc::clone(Telemetry::global());
        if !telemetry.settings.disabled {
            telemetry.install();
        }
        Self { telemetry, overrides: Overrides::new() }
    }

    /// Names the spans of all invocations, which are otherwise named after what the event tells of.
    #[must_use]
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.overrides = self.overrides.name(name);
        self
    }

    /// Says what invokes the function (`faas.trigger`), which is otherwise detected.
    #[must_use]
    pub fn trigger(mut self, trigger: Trigger) -> Self {
        self.overrides = self.overrides.trigger(trigger);
        self
    }

    /// Sets an attribute of all invocations' spans, over one of the event's.
    #[must_use]
    pub fn attribute(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Self {
        self.overrides = self.overrides.attribute(key, value);
        self
    }

    pub(crate) fn overriding(mut self, overrides: Overrides) -> Self {
        self.overrides.extend(overrides);
        self
    }

    #[cfg(test)]
    pub(crate) fn with_telemetry(telemetry: Arc<Telemetry>) -> Self {
        Self { telemetry, overrides: Overrides::new() }
    }
}

impl Default for Layer {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> tower::Layer<S> for Layer {
    type Service = Invoke<S>;

    fn layer(&self, inner: S) -> Invoke<S> {
        // As near to the runtime's first request for an event as a layer comes.
        self.telemetry.is_ready();
        Invoke { inner, telemetry: Arc::clone(&self.telemetry), overrides: Arc::new(self.overrides.clone()) }
    }
}

/// The service that [`Layer`] makes.
#[derive(Clone, Debug)]
pub struct Invoke<S> {
    inner: S,
    telemetry: Arc<Telemetry>,
    overrides: Arc<Overrides>,
}

impl<S> Service<LambdaInvocation> for Invoke<S>
where
    S: Service<LambdaInvocation, Response = ()>,
    S::Future: Future<Output = Result<(), S::Error>>,
{
    type Response = ();
    type Error = S::Error;
    type Future = Invoked<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, event: LambdaInvocation) -> Self::Future {
        let open = || Invocation::open(&self.telemetry, Some(&event.body), &event.context, &self.overrides);
        let invocation = if self.telemetry.settings.disabled { None } else { guarded(open) };
        let inside = invocation.as_ref().map(Invocation::enter);
        let inner = self.inner.call(event);
        drop(inside);
        Invoked { inner: Some(inner), invocation, posted: None, outcome: None }
    }
}

pin_project! {
    /// The future of [`Invoke`]: the invocation, its answer, and then what there is to send.
    #[derive(Debug)]
    pub struct Invoked<F, E> {
        #[pin]
        inner: Option<F>,
        invocation: Option<Invocation>,
        posted: Option<Posted>,
        outcome: Option<Result<(), E>>,
    }
}

impl<F, E> Future for Invoked<F, E>
where
    F: Future<Output = Result<(), E>>,
{
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(inner) = this.inner.as_mut().as_pin_mut() {
            let inside = this.invocation.as_ref().map(Invocation::enter);
            let Poll::Ready(outcome) = inner.poll(cx) else {
                drop(inside);
                if let Some(invocation) = this.invocation {
                    invocation.pause();
                }
                return Poll::Pending;
            };
            // Dropped inside: spans that the handler's future still held end within the invocation.
            this.inner.set(None);
            drop(inside);
            *this.outcome = Some(outcome);
            // From here on the response is with Lambda.
            let close = |invocation: Invocation| {
                let report = Arc::clone(invocation.report());
                report.stream.leave(invocation)?.close()
            };
            *this.posted =
                this.invocation.take().and_then(|invocation| guarded(|| close(invocation))).flatten();
        }
        if let Some(posted) = this.posted {
            // Posted or given up: either way there is nothing more to wait for.
            let _ = ready!(Pin::new(posted).poll(cx));
            *this.posted = None;
        }
        match this.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => unreachable!("polled after completion"),
        }
    }
}
