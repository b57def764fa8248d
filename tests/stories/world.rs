//! A function, the extension and a destination, together.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use serde_json::Value;
use spanlayer_emulator::{
    Builder, Destination, Emulator, Invocation, Mode, Reason, Shutdown, binary,
    destination::{ReceivedSpan, hex},
};
use std::time::Duration;

/// How long a story waits for what must come. Only a failing test ever waits so long.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct World {
    pub(crate) lambda: Emulator,
    pub(crate) destination: Destination,
}

impl World {
    /// The wrapped function and the extension before a healthy destination, with the changes that a story needs.
    pub(crate) async fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        let destination = Destination::start(Mode::Healthy).await.unwrap();
        let builder = Emulator::builder()
            .function(binary("story-wrapped"))
            .extension(binary("spanlayer"))
            .function_name("orders")
            .env("SPANLAYER_OTLP_HTTP", "127.0.0.1:0")
            .env("SPANLAYER_OTLP_GRPC", "127.0.0.1:0")
            .env("SPANLAYER_TELEMETRY_API", "127.0.0.1:0")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", destination.url());
        let lambda = change(builder).start().await.unwrap();
        Self { lambda, destination }
    }

    pub(crate) async fn invoke(&self, event: &Value) -> Invocation {
        self.lambda.invoke(event.to_string()).await
    }

    /// Waits until the extension has heard of this many invocations from the function (with `SPANLAYER_LOG=debug`).
    pub(crate) async fn started(&self, count: usize) {
        let heard = || {
            let lines = self.lambda.extension_output("spanlayer");
            lines.iter().filter(|line| line.contains("\"message\":\"started\"")).count()
        };
        while heard() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends the environment, as Lambda does with one that is idle.
    pub(crate) async fn shutdown(&self) -> Shutdown {
        self.lambda.shutdown(Reason::Spindown).await
    }

    /// The spans of the function that the destination received, in the order of arrival: all but those that only the
    /// platform can tell of.
    pub(crate) fn spans(&self) -> Vec<ReceivedSpan> {
        let all = self.destination.spans().into_iter();
        all.filter(|span| !PLATFORM.contains(&span.span.name.as_str())).collect()
    }

    /// The spans of this name.
    pub(crate) fn named(&self, name: &str) -> Vec<ReceivedSpan> {
        self.destination.spans().into_iter().filter(|span| span.span.name == name).collect()
    }

    /// The requests that this span came in: their keys, and of how many bytes they are.
    pub(crate) fn came(&self, span_id: &str) -> Vec<(String, usize)> {
        let requests = self.destination.requests();
        let holds = |body: &[u8]| {
            let request = ExportTraceServiceRequest::decode(body).unwrap();
            let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
            scopes.flat_map(|scope| scope.spans).any(|span| hex(&span.span_id) == span_id)
        };
        let traces = requests.iter().filter(|request| request.path == "/v1/traces" && holds(&request.body));
        traces.map(|one| (one.header("idempotency-key").unwrap().to_owned(), one.body.len())).collect()
    }

    /// The invocation spans among [`spans`](Self::spans).
    pub(crate) fn invocations(&self) -> Vec<ReceivedSpan> {
        invocations(&self.spans())
    }
}

/// What the extension adds to every trace.
const PLATFORM: [&str; 2] = ["init", "platform.report"];

/// The spans that stand for invocations.
pub(crate) fn invocations(spans: &[ReceivedSpan]) -> Vec<ReceivedSpan> {
    spans.iter().filter(|span| span.text("faas.invocation_id").is_some()).cloned().collect()
}

/// The spans whose parent is `parent`.
pub(crate) fn children(spans: &[ReceivedSpan], parent: &ReceivedSpan) -> Vec<ReceivedSpan> {
    spans
        .iter()
        .filter(|span| span.trace_id() == parent.trace_id() && span.parent_id() == parent.span_id())
        .cloned()
        .collect()
}
