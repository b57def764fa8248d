//! Running a function: everything set up, one call.

use std::{fmt, future::Future};

use bytes::Bytes;
use futures_core::Stream;
use lambda_runtime::{Diagnostic, Error, IntoFunctionResponse, LambdaEvent, Runtime, tower::Service};
use serde::{Deserialize, Serialize};

use crate::{Layer, Traced, service, subscriber, telemetry::Telemetry};

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

/// [`run`], with as many invocations at once as Lambda asks for: on Managed Instances. Elsewhere they come one at a
/// time, as ever. Every span is its own invocation's, whatever runs beside it.
///
/// # Errors
///
/// When no invocation can be asked for any more.
///
/// # Panics
///
/// As [`run`] does.
#[cfg(feature = "concurrency")]
pub async fn run_concurrent<T, F, Fut, R, E, B, S, D, SE>(handler: F) -> Result<(), Error>
where
    T: for<'de> Deserialize<'de> + Send + 'static,
    F: FnMut(LambdaEvent<T>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<R, E>> + Send + 'static,
    E: Into<Diagnostic> + fmt::Debug + 'static,
    R: IntoFunctionResponse<B, S> + Send + 'static,
    B: Serialize + Send + 'static,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send + 'static,
    SE: Into<Error> + Send + fmt::Debug + 'static,
{
    init();
    Runtime::new(service(handler)).layer(Layer::new()).run_concurrent().await
}

/// [`run`] for a `tower` service instead of a function, such as the adapter that `lambda_http` makes of an `axum` router:
/// `spanlayer::run_service(lambda_http::Adapter::from(router))`.
///
/// # Errors
///
/// When the Runtime API cannot be reached any more.
///
/// # Panics
///
/// As [`run`] does.
pub async fn run_service<T, H, R, B, S, D, SE>(handler: H) -> Result<(), Error>
where
    T: for<'de> Deserialize<'de>,
    H: Service<LambdaEvent<T>, Response = R>,
    H::Future: Future<Output = Result<R, H::Error>>,
    H::Error: Into<Diagnostic> + fmt::Debug,
    R: IntoFunctionResponse<B, S>,
    B: Serialize,
    S: Stream<Item = Result<D, SE>> + Unpin + Send + 'static,
    D: Into<Bytes> + Send,
    SE: Into<Error> + Send + fmt::Debug,
{
    init();
    Runtime::new(Traced::new(handler)).layer(Layer::new()).run().await
}

/// Sets up what is not there yet: a tracer provider, propagators, a `tracing` subscriber. What the program installed
/// before stays. [`run`] calls it; so does whoever uses [`Layer`] and wants the default subscriber.
pub fn init() {
    let telemetry = Telemetry::global();
    if !telemetry.settings.disabled {
        telemetry.install();
        // Under a runtime of the function's own nobody says later that it is ready.
        telemetry.is_ready();
    }
    subscriber::install(telemetry);
}
