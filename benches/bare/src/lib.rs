//! The handler that the benchmarks run twice, bare and wrapped, so that nothing but the wrapper differs.

use lambda_runtime::Error;
use serde::{Deserialize, Serialize};

/// What the handler reads of its event; an API Gateway HTTP event fits, and so does `{}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Event {
    /// Child spans to open, for the figures that need a load. A subscriber makes them real; without one they are
    /// nothing but a check of a flag.
    pub spans: u32,
    /// How long to work, in milliseconds, asleep.
    #[serde(rename = "workMs")]
    pub work_ms: u64,
    /// Path of an HTTP event.
    #[serde(rename = "rawPath")]
    pub raw_path: String,
}

/// An answer of the size that functions behind an API give.
#[derive(Debug, Serialize)]
pub struct Answer {
    /// HTTP status.
    #[serde(rename = "statusCode")]
    pub status_code: u16,
    /// What was asked for.
    pub body: String,
}

/// Answers an event; opens as many child spans as it says.
///
/// # Errors
///
/// None: the signature is that of a real handler.
pub async fn answer(event: Event) -> Result<Answer, Error> {
    for step in 0..event.spans {
        tracing::info_span!("step", step, table = "orders", rows = 3).in_scope(|| ());
    }
    if event.work_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(event.work_ms)).await;
    }
    Ok(Answer { status_code: 200, body: event.raw_path })
}
