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

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::{Notice, Observer};

/// Whom a destination tells, and as whom.
#[derive(Clone, Default)]
pub(crate) struct Context {
    pub(crate) observer: Option<Observer>,
    /// What notices call the destination.
    pub(crate) name: Arc<str>,
    /// When the first of its certificates expires, in Unix seconds; 0 as long as none is known.
    pub(crate) expires: Arc<AtomicU64>,
}

impl Context {
    /// For certificates that expire.
    fn tell(&self) -> http::Tell {
        let Self { observer, name, expires } = self.clone();
        Arc::new(move |known| {
            expires.store(known.iter().map(|one| one.at.as_secs()).min().unwrap_or_default(), Relaxed);
            let Some(observer) = &observer else { return };
            for &http::Expiry { file, left, .. } in known.iter().filter(|one| one.left < http::SOON) {
                observer(Notice::CertificateExpires { destination: &name, file, left });
            }
        })
    }
}
