//! The future of a call: polled inside its span, which ends with the answer.

use std::{
    any::type_name,
    fmt,
    future::Future,
    pin::Pin,
    task::{Context as Task, Poll, ready},
};

use http::Response;
use opentelemetry::{
    Context, KeyValue,
    trace::{Status, TraceContextExt as _},
};
use pin_project_lite::pin_project;

pin_project! {
    /// The future of [`Client`](super::Client).
    #[derive(Debug)]
    pub struct Calling<F> {
        #[pin]
        inner: F,
        // `None` where nothing is recorded, and once the answer is there.
        context: Option<Context>,
    }
}

impl<F> Calling<F> {
    pub(super) fn new(inner: F, context: Context) -> Self {
        Self { inner, context: Some(context) }
    }

    pub(super) fn untraced(inner: F) -> Self {
        Self { inner, context: None }
    }
}

impl<F, R, E> Future for Calling<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    E: fmt::Display,
{
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let inside = this.context.clone().map(Context::attach);
        let outcome = ready!(this.inner.poll(task));
        drop(inside);
        if let Some(context) = this.context.take() {
            close(&context, &outcome);
        }
        Poll::Ready(outcome)
    }
}

fn close<R, E: fmt::Display>(context: &Context, outcome: &Result<Response<R>, E>) {
    let span = context.span();
    match outcome {
        Ok(response) => {
            let status = response.status();
            span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            // A caller's mistake is, seen from the caller, an error.
            if status.is_client_error() || status.is_server_error() {
                span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
                span.set_status(Status::error(""));
            }
        }
        Err(error) => {
            span.set_attribute(KeyValue::new("error.type", type_name::<E>()));
            span.set_status(Status::error(error.to_string()));
        }
    }
    span.end();
}
