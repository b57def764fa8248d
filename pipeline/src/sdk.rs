//! Any stack, or a whole [`Pipeline`](crate::Pipeline), as an exporter of `opentelemetry_sdk` (feature `sdk`).
//!
//! Two destinations, one of them for errors only, both retried, with a meter:
//!
//! ```no_run
//! use opentelemetry::trace::Tracer as _;
//! use spanlayer_pipeline::{Backoff, sdk::Wiring, settings::Otlp, stage::{FanOut, Meter, Wrap as _}};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let collector = Otlp::http("http://127.0.0.1:4318")?.exporter().retry(Backoff::otlp());
//!     let alerts = Otlp::http("https://alerts.example.com")?.header("x-api-key", "s3cr3t")?;
//!     let alerts = alerts.exporter().retry(Backoff::otlp()).errors_only();
//!     let both = FanOut::new().to(collector).to(alerts).metered(&Meter::printing("shop"));
//!     let telemetry = Wiring::service("shop", "1.2.3").start(both);
//!     telemetry.tracer("shop").in_span("checkout", |_| println!("sold"));
//!     Ok(telemetry.shutdown()?)
//! }
//! ```
//!
//! [`Wiring`] sets up providers of all three signals; [`Exporter`] is for those who set up their own.
//!
//! Exports run on a thread of their own with a small tokio runtime, begun by the first export. So it does not matter who
//! calls: the SDK's batch processors with their threads, those of its experimental feature with their tasks, its simple
//! processor in the middle of a program, or a `force_flush` on the only thread of a tokio runtime, where everything that
//! needs that thread to go on would wait for ever.

mod exporter;
mod gate;
mod log;
mod metric;
mod preference;
mod runtime;
mod span;
mod wiring;

pub use exporter::Exporter;
pub use metric::exponential_histograms;
pub use preference::Preferences;
pub use wiring::{Telemetry, Wiring};
