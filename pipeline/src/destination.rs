//! Where batches go: each destination makes one attempt, and says what came of it.

mod console;
pub(crate) mod file;
pub(crate) mod http;
pub(crate) mod memory;
mod otlp;
pub(crate) mod otlp_grpc;
pub(crate) mod otlp_http;
pub(crate) mod post;
mod secrets;
pub(crate) mod server;
pub(crate) mod stdout;
pub(crate) mod zipkin;
