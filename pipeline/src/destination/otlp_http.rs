//! OTLP/HTTP with protobuf bodies (OTLP specification 1.11.0, *OTLP/HTTP*): one request per attempt.

mod verdict;

use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT},
};

use super::http::{HttpClient, Transport};
use crate::{
    Batch, Deadline, Export, Outcome,
    settings::{Address, OtlpHttp},
};
use verdict::verdict;

/// A receiver of OTLP/HTTP.
#[derive(Debug)]
pub(crate) struct OtlpHttpExport {
    settings: OtlpHttp,
    headers: HeaderMap,
    http: HttpClient,
}

impl OtlpHttpExport {
    pub(crate) fn new(settings: OtlpHttp) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        if let Some(encoding) = settings.compression.content_encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        for (name, value) in &settings.headers {
            headers.insert(name.clone(), value.clone());
        }
        let transport = Transport {
            tls: settings.urls.iter().flatten().any(Address::is_https),
            certificate: settings.certificate.clone(),
            client: settings.client.clone(),
            proxy: settings.proxy.clone(),
        };
        Self { http: HttpClient::new(transport), settings, headers }
    }

    async fn attempt(&self, batch: &Batch) -> Outcome {
        let body = match batch.encoded(self.settings.compression).await {
            Ok(body) => body,
            Err(error) => return Outcome::refused(format!("cannot compress the batch: {error}")),
        };
        let mut headers = self.headers.clone();
        if let Ok(key) = HeaderValue::from_str(batch.idempotency_key()) {
            headers.insert("idempotency-key", key);
        }
        // A lane only gets signals that have an address; an empty one makes an error, not a panic.
        let url = self.settings.url(batch.signal()).map(|url| url.reveal()).unwrap_or_default();
        match self.http.post(url, headers, body).await {
            Ok(answer) => {
                let secrets = self.settings.headers.iter().filter_map(|(_, value)| value.to_str().ok());
                verdict(&answer, batch.signal(), secrets)
            }
            Err(why) => Outcome::retry(why),
        }
    }
}

impl Export for OtlpHttpExport {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        self.attempt(&batch).await
    }
}

/// OTLP specification, *User Agent*; our own product first.
const AGENT: &str =
    concat!("spanlayer/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));
