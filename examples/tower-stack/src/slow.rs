//! A layer as one would write it oneself: warns of invocations that take long.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use spanlayer::lambda_runtime::{
    LambdaInvocation,
    tower::{self, Service},
};
use tokio::time::Instant;
use tracing::warn;

/// Wraps services in [`Slow`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    limit: Duration,
}

impl Layer {
    pub(crate) fn warning_after(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> tower::Layer<S> for Layer {
    type Service = Slow<S>;

    fn layer(&self, inner: S) -> Slow<S> {
        Slow { inner, limit: self.limit }
    }
}

/// Warns when the service inside takes longer than the limit.
#[derive(Clone, Debug)]
pub(crate) struct Slow<S> {
    inner: S,
    limit: Duration,
}

impl<S> Service<LambdaInvocation> for Slow<S>
where
    S: Service<LambdaInvocation>,
    S::Future: Future<Output = Result<S::Response, S::Error>> + Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        let (start, limit) = (Instant::now(), self.limit);
        let answer = self.inner.call(invocation);
        Box::pin(async move {
            let answer = answer.await;
            let took = start.elapsed();
            if took > limit {
                warn!(?took, "slow invocation");
            }
            answer
        })
    }
}
