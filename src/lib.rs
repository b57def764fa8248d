//! Telemetry for AWS Lambda functions in Rust that costs next to nothing.
//!
//! One attribute on the handler; with the spanlayer layer attached to the function, its spans arrive at your OTLP
//! backend.
//!
//! ```no_run
//! use spanlayer::{Error, LambdaEvent};
//!
//! #[spanlayer::main]
//! async fn handler(event: LambdaEvent<String>) -> Result<String, Error> {
//!     Ok(format!("Hello, {}!", event.payload))
//! }
//! ```
//!
//! Every invocation becomes a span: named, attributed and parented from the raw event; failed when the handler returns
//! an error, panics, or the event is not of its type. Spans of `tracing` (`#[instrument]`) and of the OpenTelemetry API
//! are its children. The response goes to Lambda first, everything is sent after it, and nothing is ever waited for.
//!
//! | | `main` is | sends | sees |
//! |---|---|---|---|
//! | [`#[spanlayer::main]`](macro@main) | written for you | after the response | the raw event |
//! | [`run`] | yours | after the response | the raw event |
//! | [`Layer`] with [`service`] | yours, with a `Runtime` of your own | after the response | the raw event |
//! | [`#[spanlayer::handler]`](macro@handler) | yours, with `lambda_runtime::run` | one write just before the response | the raw event |
//!
//! # What is yours stays
//!
//! A `tracing` subscriber that is set before stays: add [`tracing_layer`] to it.
//!
//! ```no_run
//! # use spanlayer::{Error, LambdaEvent};
//! # async fn handler(event: LambdaEvent<String>) -> Result<String, Error> { Ok(event.payload) }
//! # fn my_lines() -> tracing_subscriber::layer::Identity { tracing_subscriber::layer::Identity::new() }
//! use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Error> {
//!     tracing_subscriber::registry()
//!         .with(my_lines()) // such as `tracing_subscriber::fmt::layer()`
//!         .with(spanlayer::tracing_layer()) // new
//!         .init();
//!     spanlayer::run(handler).await // was: lambda_runtime::run(service_fn(handler)).await
//! }
//! ```
//!
//! So does an OpenTelemetry tracer provider: add [`span_processor`] to it, and install it before [`run`]. Without either,
//! both are installed: spans and events at `info` and above (`RUST_LOG` changes that), events as log lines on standard
//! output.
//!
//! # Logs and metrics
//!
//! With the cargo feature `logs` and `SPANLAYER_EVENTS` set to `otlp` or `both`, events of `tracing` go out as OTLP log
//! records with the invocation they belong to: typed attributes, the ids of the span around them. `both` also writes the
//! lines for CloudWatch, marked, so that the extension does not forward them as well. `log_layer` does it for a
//! subscriber of your own.
//!
//! With the feature `metrics`, what the program records through the OpenTelemetry API is collected when an invocation was
//! answered, observable instruments included, and leaves with it. Use [`opentelemetry`] from here, or a dependency of the
//! same version: what is recorded through another one goes nowhere. Make meters after [`init`] or [`run`] (inside the handler
//! or in a `LazyLock`, that is): those made before belong to nobody. `metric_reader` does it for a meter provider of your
//! own. What was not collected when a process dies is lost.
//!
//! What a handler calls joins the trace by [`outgoing`].
//!
//! # Without the extension
//!
//! Everything is posted to a collector on `127.0.0.1:4318`, after the response, within 250 ms. Nobody there either: it
//! is dropped, with one warning. `SPANLAYER_DISABLED=true` leaves the handler alone.

#[cfg(test)]
extern crate self as spanlayer; // what the macros write says `::spanlayer`

mod courier;
mod failure;
mod function;
mod guard;
mod handle;
mod ids;
mod invocation;
mod keep;
mod layer;
#[cfg(feature = "logs")]
mod logs;
#[cfg(feature = "metrics")]
mod metrics;
mod observe;
mod outbox;
pub mod outgoing;
mod overrides;
mod processor;
pub mod propagation;
mod raw;
mod reply;
mod report;
mod resource;
mod run;
mod service;
pub mod settings;
mod span;
mod start;
mod stream;
mod subscriber;
mod telemetry;
#[cfg(test)]
mod tests;
pub mod trigger;
mod unfinished;
mod warning;

pub use failure::Failure;
pub use handle::{Handle, invocation};
pub use lambda_runtime::{self, Error, LambdaEvent};
pub use layer::{Invoke, Invoked, Layer};
#[cfg(feature = "metrics")]
pub use metrics::MetricReader;
pub use observe::Observed;
pub use opentelemetry;
pub use overrides::Trigger;
pub use processor::SpanProcessor;
pub use raw::RawEvent;
pub use reply::{Reply, ReplyBody};
#[cfg(feature = "concurrency")]
pub use run::run_concurrent;
pub use run::{init, run, run_service};
pub use service::{Payload, Traced, service};
pub use spanlayer_macros::{handler, main};
pub use stream::Streamed;
#[cfg(feature = "logs")]
pub use subscriber::log_layer;
pub use subscriber::tracing_layer;

/// A span processor for a tracer provider of your own, which sends its spans the way of this crate.
///
/// ```no_run
/// use opentelemetry_sdk::trace::SdkTracerProvider;
///
/// let provider = SdkTracerProvider::builder().with_span_processor(spanlayer::span_processor()).build();
/// opentelemetry::global::set_tracer_provider(provider);
/// ```
///
/// The provider's resource is completed with what is known of the function. With SnapStart, give it an id generator that
/// asks the operating system each time: the SDK's own is seeded before the snapshot, and would make the same ids in every
/// environment that is restored from it.
pub fn span_processor() -> SpanProcessor {
    telemetry::Telemetry::global().span_processor()
}

/// A reader for a meter provider of your own, which is collected when an invocation was answered and sends the way of
/// this crate.
///
/// ```no_run
/// use opentelemetry_sdk::metrics::SdkMeterProvider;
///
/// let provider = SdkMeterProvider::builder().with_reader(spanlayer::metric_reader()).build();
/// opentelemetry::global::set_meter_provider(provider);
/// ```
///
/// The provider's resource is completed with what is known of the function. With `OTEL_METRICS_EXPORTER=none` the reader
/// is never collected.
#[cfg(feature = "metrics")]
pub fn metric_reader() -> MetricReader {
    telemetry::Telemetry::global().metrics.reader()
}

/// What the macros write refers to. Not for use by hand, and not covered by version numbers.
#[doc(hidden)]
pub mod __private {
    pub use crate::{
        overrides::Overrides,
        raw::invoke,
        start::{Main, Movable, Pinned},
    };

    /// The answer inside a `Result`, whatever alias it hides behind.
    pub trait Answer {
        /// The answer.
        type Answer;
    }

    impl<R, E> Answer for Result<R, E> {
        type Answer = R;
    }
}
