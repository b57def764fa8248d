//! Where batches go: each destination makes one attempt, and says what came of it.

mod console;
pub(crate) mod file;
pub(crate) mod http;
pub(crate) mod memory;
mod otlp;
#[cfg(feature = "grpc")]
pub(crate) mod otlp_grpc;
pub(crate) mod otlp_http;
pub(crate) mod post;
#[cfg(feature = "aws")]
pub(crate) mod s3;
mod secrets;
pub(crate) mod server;
pub(crate) mod stdout;
mod turns;
mod wire;
pub(crate) mod zipkin;

use std::sync::Arc;

use crate::{Notice, Observer};

/// Whom a destination tells, and as whom.
#[derive(Clone, Default)]
pub(crate) struct Context {
    pub(crate) observer: Option<Observer>,
    /// What notices call the destination.
    pub(crate) name: Arc<str>,
}

impl Context {
    /// For certificates that expire.
    fn tell(&self) -> Option<http::Tell> {
        let (observer, name) = (self.observer.clone()?, Arc::clone(&self.name));
        Some(Arc::new(move |file, left| {
            observer(Notice::CertificateExpires { destination: &name, file, left });
        }))
    }
}
