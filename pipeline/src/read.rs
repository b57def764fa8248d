//! Looking into requests without decoding them: spans, log records and metrics as borrowed views over the bytes.
//!
//! ```text
//! request ──▶ scopes ──▶ spans ──▶ attributes ▸ events ▸ links
//!                   ├──▶ logs
//!                   └──▶ metrics ──▶ points
//! ```
//!
//! For those who write an [`Export`](crate::Export) of their own. A view is made by one walk over a message and copies
//! nothing; what repeats (attributes, events, …) is walked when it is asked for. What a request lacks has protobuf's
//! defaults: zero, empty. Payloads were scanned, so that what cannot be read is not there to be met; if it is, it reads
//! as its default too.
//!
//! ```
//! use spanlayer_pipeline::{Signal, read};
//!
//! let json = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"orders",
//!     "traceId":"6957a1f03b8c51d2e7f0469a8d1c27e4","spanId":"c4f1837a0be2659d",
//!     "attributes":[{"key":"faas.coldstart","value":{"boolValue":true}}]}]}]}]}"#;
//! let request = spanlayer_otlp::json::to_protobuf(Signal::Traces, json.as_bytes())?;
//! let span = read::spans(&request).next().expect("there is one");
//! assert_eq!(span.name, "orders");
//! assert_eq!(span.attributes.find("faas.coldstart"), Some(read::Value::Bool(true)));
//! # Ok::<(), spanlayer_otlp::json::JsonError>(())
//! ```

mod field;
mod log;
mod metric;
mod span;
mod value;

pub use field::Repeated;
pub use log::Log;
pub use metric::{
    Buckets, Data, ExponentialHistogram, Histogram, Metric, Number, Point, PointData, Quantile, SummaryPoint,
    Temporality,
};
pub use span::{Event, Kind, Link, Span, Status};
pub use value::{Array, Attribute, Attributes, Value};

use field::{Message, View};

/// What produced telemetry.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Resource<'a> {
    /// Its attributes.
    pub attributes: Attributes<'a>,
}

impl<'a> Resource<'a> {
    /// The attribute `service.name`, if it is a text that is not empty.
    pub fn service_name(&self) -> Option<&'a str> {
        match self.attributes.find("service.name") {
            Some(Value::Text(name)) if !name.is_empty() => Some(name),
            _ => None,
        }
    }
}

impl<'a> View<'a> for Resource<'a> {
    fn read(message: Message<'a>) -> Self {
        Self { attributes: message.attributes(1) }
    }
}

/// The instrumentation that recorded telemetry.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Scope<'a> {
    /// Its name; empty when nobody said.
    pub name: &'a str,
    /// Its version; empty when nobody said.
    pub version: &'a str,
    /// Its attributes.
    pub attributes: Attributes<'a>,
}

impl<'a> View<'a> for Scope<'a> {
    fn read(message: Message<'a>) -> Self {
        let mut scope = Self { attributes: message.attributes(3), ..Self::default() };
        for field in message.fields() {
            match field.number {
                1 => scope.name = field::text(&field),
                2 => scope.version = field::text(&field),
                _ => {}
            }
        }
        scope
    }
}

/// What one scope of one resource recorded: a `ScopeSpans`, `ScopeLogs` or `ScopeMetrics`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Scoped<'a> {
    /// What produced it.
    pub resource: Resource<'a>,
    /// What recorded it.
    pub scope: Scope<'a>,
    body: Message<'a>,
}

impl<'a> Scoped<'a> {
    /// The spans, if the request is one of traces.
    pub fn spans(&self) -> impl Iterator<Item = Span<'a>> + use<'a> {
        let (resource, scope) = (self.resource, self.scope);
        self.body.all(2).map(move |body| Span { resource, scope, ..Span::read(body) })
    }

    /// The log records, if the request is one of logs.
    pub fn logs(&self) -> impl Iterator<Item = Log<'a>> + use<'a> {
        let (resource, scope) = (self.resource, self.scope);
        self.body.all(2).map(move |body| Log { resource, scope, ..Log::read(body) })
    }

    /// The metrics, if the request is one of metrics.
    pub fn metrics(&self) -> impl Iterator<Item = Metric<'a>> + use<'a> {
        let (resource, scope) = (self.resource, self.scope);
        self.body.all(2).map(move |body| Metric { resource, scope, ..Metric::read(body) })
    }
}

/// What each scope recorded, in the order of the request, whatever its signal.
pub fn scopes(request: &[u8]) -> impl Iterator<Item = Scoped<'_>> {
    Message::new(request).all(1).flat_map(|group| {
        let resource = group.last(1).map(Resource::read).unwrap_or_default();
        group.all(2).map(move |body| {
            let scope = body.last(1).map(Scope::read).unwrap_or_default();
            Scoped { resource, scope, body }
        })
    })
}

/// The spans of an `ExportTraceServiceRequest`.
pub fn spans(request: &[u8]) -> impl Iterator<Item = Span<'_>> {
    scopes(request).flat_map(|scope| scope.spans())
}

/// The log records of an `ExportLogsServiceRequest`.
pub fn logs(request: &[u8]) -> impl Iterator<Item = Log<'_>> {
    scopes(request).flat_map(|scope| scope.logs())
}

/// The metrics of an `ExportMetricsServiceRequest`.
pub fn metrics(request: &[u8]) -> impl Iterator<Item = Metric<'_>> {
    scopes(request).flat_map(|scope| scope.metrics())
}
