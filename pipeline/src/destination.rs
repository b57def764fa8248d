//! Where batches go: each destination makes one attempt, and says what came of it.

pub(crate) mod http;
pub(crate) mod otlp_http;
pub(crate) mod stdout;
