//! Running a function: everything set up, one call.

use std::{fmt, future::Future};

use bytes::Bytes;
use futures_core::Stream;
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Runtime};
use serde::{Deserialize, Serialize};

use crate::{Layer, overrides::Overrides, service, subscriber, telemetry::Telemetry};

/// Runs a handler as a Lambda function, traced. What [`#[spanlayer::main]`](crate::main) does, for those who write
/// `main` themselves.
///
/// ```no_run
/// use spanlayer::{Error, LambdaEvent};
///
/// async fn handler(event: LambdaEvent<String>) -> Result<String, Error> {
///     Ok(format!("Hello, {}!", event.payload))
/// }
///
/// #[tokio::main]
/// async fn main() -> Result<(), Error> {
///     // What has to be ready before the first event belongs here.
///     spanlayer::run(handler).await
/// }
/// ```
///
/// # Errors
///
/// When the Runtime API cannot be reached any more.
///
/// # Panics
///
/// Outside Lambda, as `lambda_runtime` does: where its environment variables are missing.
pub async fn run<T, F, Fut, R, E, B, S, D, SE>(handler: F) -> Result<(), Error>
where
    T: for<'de> Deserialize<'de>,
    F: FnMut(LambdaEvent<T>) -> Fut,
    Fut: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + fmt::Debug,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    SE: Into<Error> + Send + fmt::Debug,
{
    init();
    Runtime::new(service(handler)).layer(Layer::new()).run().await
}

/// Sets up what is not there yet: a tracer provider, propagators, a `tracing` subscriber. What the program installed
/// before stays. [`run`] calls it; so does whoever uses [`Layer`] and wants the default subscriber.
pub fn init() {
    let telemetry = Telemetry::global();
    if !telemetry.settings.disabled {
        telemetry.install();
    }
    subscriber::install(telemetry);
}

/// What [`#[spanlayer::main]`](crate::main) calls: makes the runtime that `#[tokio::main]` would make, and runs.
pub fn main<T, F, Fut, R, E, B, S, D, SE>(handler: F, overrides: Overrides) -> Result<(), Error>
where
    T: for<'de> Deserialize<'de>,
    F: FnMut(LambdaEvent<T>) -> Fut,
    Fut: Future<Output = Result<R, E>>,
    E: Into<Diagnostic> + fmt::Debug,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    SE: Into<Error> + Send + fmt::Debug,
{
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        init();
        Runtime::new(service(handler)).layer(Layer::new().overriding(overrides)).run().await
    })
}
