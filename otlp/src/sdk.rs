//! What `opentelemetry_sdk` recorded, as OTLP bytes.
//!
//! A span is encoded once, when it ends, straight from the SDK's data: no tree of messages is built. Log records and
//! metrics are behind the features `sdk-logs` and `sdk-metrics`.

mod attributes;
mod buffer;
#[cfg(feature = "sdk-logs")]
mod logs;
#[cfg(feature = "sdk-metrics")]
mod metrics;
mod span;

pub use attributes::attributes;
pub use buffer::TraceBuffer;
#[cfg(feature = "sdk-logs")]
pub use logs::{log_record, logs_request};
#[cfg(feature = "sdk-metrics")]
pub use metrics::{metrics_request, metrics_request_of};
pub use span::span;

use crate::wire::bytes_unless_empty;
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use std::time::{SystemTime, UNIX_EPOCH};

/// Encodes a `Resource` message body. Its schema URL belongs to the message around it: see
/// [`TraceBuffer::with_schema_url`].
pub fn resource(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::new();
    attributes(&mut out, 1, resource.iter());
    out
}

/// Encodes an `InstrumentationScope` message body. Its schema URL belongs to the message around it.
pub fn scope(scope: &InstrumentationScope) -> Vec<u8> {
    named_scope(scope, scope.name())
}

fn named_scope(scope: &InstrumentationScope, name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    bytes_unless_empty(&mut out, 1, name.as_bytes());
    bytes_unless_empty(&mut out, 2, scope.version().unwrap_or_default().as_bytes());
    attributes(&mut out, 3, scope.attributes().map(|kv| (&kv.key, &kv.value)));
    out
}

/// Nanoseconds since the Unix epoch; zero, which OTLP reads as unknown, for times before it.
fn unix_nanos(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
