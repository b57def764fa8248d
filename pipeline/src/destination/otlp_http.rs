//! OTLP/HTTP with protobuf bodies (OTLP specification 1.11.0, *OTLP/HTTP*): one request per attempt.

mod client;
mod tls;
mod verdict;

use std::time::Duration;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT},
};
use reqwest::Response;
use spanlayer_host::clock;
use spanlayer_otlp::Signal;

use crate::{Batch, Deadline, Export, Outcome, settings::OtlpHttp};
use client::{Client, Clients};
use verdict::{Answer, MAX_ANSWER};

/// A receiver of OTLP/HTTP.
#[derive(Debug)]
pub(crate) struct OtlpHttpExport {
    settings: OtlpHttp,
    headers: HeaderMap,
    clients: Clients,
    /// Unix time, which dates in answers refer to.
    clock: fn() -> Duration,
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
        Self { clients: Clients::new(&settings), settings, headers, clock: clock::unix }
    }

    async fn attempt(&self, batch: &Batch) -> Outcome {
        let body = match batch.encoded(self.settings.compression).await {
            Ok(body) => body,
            Err(error) => return Outcome::refused(format!("cannot compress the batch: {error}")),
        };
        let client = match self.clients.current() {
            Ok(client) => client,
            Err(why) => return Outcome::retry(why),
        };
        match self.send(&client, batch, body.clone()).await {
            Ok(response) => self.read(batch.signal(), response).await,
            Err(error) if client.is_stale(&error) => {
                // A connection kept since an earlier request was closed at the other end, most likely while we were
                // frozen: no failure of the destination. The batch goes out again at once, this time over a connection
                // that is surely new.
                self.clients.discard(&client);
                let client = match self.clients.current() {
                    Ok(client) => client,
                    Err(why) => return Outcome::retry(why),
                };
                match self.send(&client, batch, body).await {
                    Ok(response) => self.read(batch.signal(), response).await,
                    Err(error) => Outcome::retry(describe(&error)),
                }
            }
            Err(error) => Outcome::retry(describe(&error)),
        }
    }

    async fn send(&self, client: &Client, batch: &Batch, body: Bytes) -> reqwest::Result<Response> {
        // A lane only gets signals that have an address; an empty one makes an error, not a panic.
        let url = self.settings.url(batch.signal()).map(|url| url.reveal()).unwrap_or_default();
        let request = client.http.post(url).headers(self.headers.clone());
        let request = request.header("idempotency-key", batch.idempotency_key());
        let response = request.body(body).send().await?;
        client.served();
        Ok(response)
    }

    async fn read(&self, signal: Signal, mut response: Response) -> Outcome {
        let mut body = Vec::new();
        let mut complete = true;
        // What is wrong is said early on; only a success is worth reading to its end.
        let limit = if response.status().is_success() { MAX_ANSWER } else { MAX_QUOTED };
        while body.len() <= limit {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(_) => {
                    complete = false;
                    break;
                }
            }
        }
        let answer = Answer { status: response.status(), headers: response.headers(), body: &body, complete };
        let secrets = self.settings.headers.iter().filter_map(|(_, value)| value.to_str().ok());
        answer.verdict(signal, (self.clock)(), secrets)
    }
}

impl Export for OtlpHttpExport {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        self.attempt(&batch).await
    }
}

/// What went wrong between us and the server, without the address (which may hold a password) and without headers.
fn describe(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match (error.is_connect(), error.is_builder()) {
        (true, _) => format!("cannot connect: {cause}"),
        (_, true) => "cannot make a request of the destination's address".to_owned(),
        _ => format!("no answer: {cause}"),
    }
}

/// OTLP specification, *User Agent*; our own product first.
const AGENT: &str =
    concat!("spanlayer/", env!("CARGO_PKG_VERSION"), " OTel-OTLP-Exporter-Rust/", env!("CARGO_PKG_VERSION"));

/// Of an answer that is not a success, this much is read.
const MAX_QUOTED: usize = 16 * 1024;
