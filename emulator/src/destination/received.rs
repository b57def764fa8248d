//! What a destination received, flat: each span with its resource and scope.

use super::Counts;
use bytes::Bytes;
use http::HeaderMap;
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::ExportLogsServiceRequest, metrics::v1::ExportMetricsServiceRequest,
        trace::v1::ExportTraceServiceRequest,
    },
    common::v1::{InstrumentationScope, KeyValue},
    logs::v1::LogRecord,
    metrics::v1::Metric,
    resource::v1::Resource,
    trace::v1::Span,
};
use prost::Message;
use std::{fmt::Write, sync::Arc, time::Duration};
use tokio::time::Instant;

pub use opentelemetry_proto::tonic::common::v1::any_value::Value;

/// One request, read to its end.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path, such as `/v1/traces`.
    pub path: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body's size as it came over the wire.
    pub wire_bytes: usize,
    /// The body after decompression.
    pub body: Bytes,
    /// When it had been read, monotonic.
    pub at: Instant,
    /// When it had been read, as Unix time.
    pub unix: Duration,
    /// Which connection it came over, counted from 1.
    pub connection: usize,
    /// Whether it was taken.
    pub accepted: bool,
    /// What was wrong with its content, where something was; the answer was 400 then.
    pub malformed: Option<String>,
}

impl Request {
    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A span and where it comes from.
#[derive(Clone, Debug)]
pub struct ReceivedSpan {
    /// What produced it.
    pub resource: Arc<Resource>,
    /// Its instrumentation scope.
    pub scope: Arc<InstrumentationScope>,
    /// The span.
    pub span: Span,
}

impl ReceivedSpan {
    /// The span's attribute of this name.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        attribute(&self.span.attributes, key)
    }

    /// The span's attribute of this name, if it is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        as_text(self.attribute(key))
    }

    /// The resource's attribute of this name, if it is text.
    pub fn resource_text(&self, key: &str) -> Option<&str> {
        as_text(attribute(&self.resource.attributes, key))
    }

    /// The trace id in hex.
    pub fn trace_id(&self) -> String {
        hex(&self.span.trace_id)
    }

    /// The span id in hex.
    pub fn span_id(&self) -> String {
        hex(&self.span.span_id)
    }

    /// The parent's span id in hex; empty for a root.
    pub fn parent_id(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    /// Whether its status is an error.
    pub fn is_error(&self) -> bool {
        self.span.status.as_ref().is_some_and(|status| status.code == 2)
    }
}

/// A log record and where it comes from.
#[derive(Clone, Debug)]
pub struct ReceivedLog {
    /// What produced it.
    pub resource: Arc<Resource>,
    /// Its instrumentation scope.
    pub scope: Arc<InstrumentationScope>,
    /// The record.
    pub record: LogRecord,
}

impl ReceivedLog {
    /// The record's attribute of this name.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        attribute(&self.record.attributes, key)
    }

    /// The body, if it is text.
    pub fn body(&self) -> Option<&str> {
        as_text(self.record.body.as_ref()?.value.as_ref())
    }
}

/// A metric and where it comes from.
#[derive(Clone, Debug)]
pub struct ReceivedMetric {
    /// What produced it.
    pub resource: Arc<Resource>,
    /// Its instrumentation scope.
    pub scope: Arc<InstrumentationScope>,
    /// The metric.
    pub metric: Metric,
}

/// The value of an attribute.
pub fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

/// Bytes in lower-case hex, as ids are written.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn as_text(value: Option<&Value>) -> Option<&str> {
    match value {
        Some(Value::StringValue(text)) => Some(text),
        _ => None,
    }
}

/// Everything so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) counts: Counts,
    pub(super) requests: Vec<Request>,
    pub(super) spans: Vec<ReceivedSpan>,
    pub(super) logs: Vec<ReceivedLog>,
    pub(super) metrics: Vec<ReceivedMetric>,
}

/// The decoded content of a request.
pub(super) enum Content {
    Traces(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
    Metrics(ExportMetricsServiceRequest),
}

impl Content {
    pub(super) fn decode(path: &str, body: &Bytes) -> Result<Self, String> {
        let content = match path {
            "/v1/traces" => ExportTraceServiceRequest::decode(body.clone()).map(Self::Traces),
            "/v1/logs" => ExportLogsServiceRequest::decode(body.clone()).map(Self::Logs),
            "/v1/metrics" => ExportMetricsServiceRequest::decode(body.clone()).map(Self::Metrics),
            other => return Err(format!("no signal has the path {other}")),
        };
        content.map_err(|error| error.to_string())
    }
}

impl Record {
    pub(super) fn add(&mut self, content: Content) {
        match content {
            Content::Traces(request) => {
                for of_resource in request.resource_spans {
                    let resource = Arc::new(of_resource.resource.unwrap_or_default());
                    for of_scope in of_resource.scope_spans {
                        let scope = Arc::new(of_scope.scope.unwrap_or_default());
                        self.spans.extend(of_scope.spans.into_iter().map(|span| ReceivedSpan {
                            resource: resource.clone(),
                            scope: scope.clone(),
                            span,
                        }));
                    }
                }
            }
            Content::Logs(request) => {
                for of_resource in request.resource_logs {
                    let resource = Arc::new(of_resource.resource.unwrap_or_default());
                    for of_scope in of_resource.scope_logs {
                        let scope = Arc::new(of_scope.scope.unwrap_or_default());
                        self.logs.extend(of_scope.log_records.into_iter().map(|record| ReceivedLog {
                            resource: resource.clone(),
                            scope: scope.clone(),
                            record,
                        }));
                    }
                }
            }
            Content::Metrics(request) => {
                for of_resource in request.resource_metrics {
                    let resource = Arc::new(of_resource.resource.unwrap_or_default());
                    for of_scope in of_resource.scope_metrics {
                        let scope = Arc::new(of_scope.scope.unwrap_or_default());
                        self.metrics.extend(of_scope.metrics.into_iter().map(|metric| ReceivedMetric {
                            resource: resource.clone(),
                            scope: scope.clone(),
                            metric,
                        }));
                    }
                }
            }
        }
    }
}
