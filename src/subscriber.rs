//! `tracing`: the layer that makes its spans OpenTelemetry's, and the subscriber for programs that have none.

mod line;
mod lines;
mod time;

use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::{
    Layer,
    filter::Targets,
    layer::{Layered, SubscriberExt as _},
    registry::{LookupSpan, Registry},
};

use crate::{span::TARGET, telemetry::Telemetry, warning::warn};
use lines::Lines;

/// A layer for your own `tracing` subscriber, which sends its spans the way of this crate.
///
/// It brings its own filter, by `RUST_LOG` (default `info`), which always lets the invocation's span pass; spans carry
/// no build paths, thread ids or busy times. A tracer provider of your own must be installed before.
///
/// ```no_run
/// # use spanlayer::{Error, LambdaEvent};
/// use tracing_subscriber::prelude::*;
///
/// # async fn handler(event: LambdaEvent<String>) -> Result<String, Error> { Ok(event.payload) }
/// # #[tokio::main]
/// # async fn main() -> Result<(), Error> {
/// tracing_subscriber::registry().with(spanlayer::tracing_layer()).init();
/// spanlayer::run(handler).await
/// # }
/// ```
pub fn tracing_layer<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    let telemetry = Telemetry::global();
    let enabled = !telemetry.settings.disabled;
    enabled.then(|| {
        telemetry.install();
        layer(telemetry)
    })
}

/// A layer for your own `tracing` subscriber, which sends events as OTLP log records the way of this crate, if
/// `SPANLAYER_EVENTS` says so; otherwise it does nothing.
///
/// It brings its own filter, that of the log lines: `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`. Events carry the ids of the
/// span and the invocation around them. Records of the crate `log` come along once they are bridged to `tracing`
/// (`tracing_log::LogTracer`).
#[cfg(feature = "logs")]
pub fn log_layer<S>() -> impl Layer<S> + Send + Sync
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    records(Telemetry::global())
}

#[cfg(feature = "logs")]
fn records<S>(telemetry: &Telemetry) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    telemetry.records().map(|records| records.with_filter(telemetry.settings.levels.logs()))
}

/// The layer by one instance's tracer.
pub(crate) fn layer<S>(telemetry: &Telemetry) -> impl Layer<S> + Send + Sync + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span> + Send + Sync,
{
    telemetry.note_layer();
    OpenTelemetryLayer::new(telemetry.new_tracer())
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_target(false)
        .with_level(false)
        .with_filter(spans(&telemetry.settings.levels.spans))
}

/// Sets the default subscriber, unless the program has set one.
pub(crate) fn install(telemetry: &Telemetry) {
    if tracing::dispatcher::has_been_set() {
        return;
    }
    let (levels, events) = (&telemetry.settings.levels, telemetry.events());
    let lines = Lines::new(telemetry.settings.log_format, events.to_otlp());
    let lines = events.to_stdout().then(|| lines.with_filter(levels.logs()));
    let lines: Layered<_, Registry> = tracing_subscriber::registry().with(lines);
    #[cfg(feature = "logs")]
    let lines = lines.with(records(telemetry));
    // Somebody else was faster, which is as good.
    let _ = if telemetry.settings.disabled {
        tracing::subscriber::set_global_default(lines)
    } else {
        tracing::subscriber::set_global_default(lines.with(layer(telemetry)))
    };
}

/// Says so where spans inside the handler are lost because of how `main` was written.
pub(crate) fn check(telemetry: &Telemetry) {
    if !telemetry.may_trace() {
        let remedy = match tracing::dispatcher::has_been_set() {
            true => "add spanlayer::tracing_layer() to the subscriber that the program has set",
            false => "call spanlayer::init() first in main",
        };
        warn(format_args!("spans of `tracing` inside the handler are not sent: {remedy}"));
    }
}

/// Which spans, and events on them, are exported: those that the user's directives enable, always the invocation's own,
/// and never those that `lambda_runtime` makes of the same invocation.
fn spans(levels: &Targets) -> Targets {
    levels.clone().with_target("lambda_runtime", LevelFilter::OFF).with_target(TARGET, LevelFilter::ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use std::collections::HashMap;
    use tracing::Level;

    #[test]
    fn spans_of_tracing_are_sent_once_a_layer_was_made() {
        let telemetry = Telemetry::new(Settings::read(&HashMap::<String, String>::new()));
        assert!(!telemetry.may_trace());
        let _layer = layer::<Registry>(&telemetry);
        assert!(telemetry.may_trace());
    }

    #[test]
    fn no_directive_hides_the_invocation() {
        for directives in ["off", "orders=debug", "spanlayer=off", "lambda_runtime=trace"] {
            let spans = spans(&directives.parse().expect("directives"));
            assert!(spans.would_enable(TARGET, &Level::ERROR), "{directives}");
            assert!(!spans.would_enable("lambda_runtime::layers::trace", &Level::INFO), "{directives}");
        }
    }
}
