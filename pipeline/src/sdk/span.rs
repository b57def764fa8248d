//! Spans.

use std::time::Duration;

use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{SpanData, SpanExporter},
};
use spanlayer_otlp::{
    Signal,
    sdk::{TraceBuffer, resource},
};

use super::Exporter;

impl SpanExporter for Exporter {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let mut buffer = TraceBuffer::new(resource(&self.resource))
            .with_schema_url(self.resource.schema_url().unwrap_or_default());
        batch.iter().for_each(|span| buffer.push(span));
        self.send(Signal::Traces, buffer.take_request())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.close(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}
