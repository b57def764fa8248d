//! Posts batches in formats other than OTLP: rendered, compressed, one request per attempt.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT},
};
use spanlayer_host::clock;

use super::{
    Context,
    http::{Answer, Transport},
    secrets::Secrets,
    server::Server,
    wire::Wire,
};
use crate::{
    Batch, BatchLimits, Deadline, Destination, Export, Mapping, Outcome, Secret, auth::Authenticator,
    encode::encode, recall::Recall,
};

impl Destination {
    /// A server that takes JSON of its own shape: a [`Mapping`], posted to the mapping's path below the server's address.
    /// Takes the signal that the mapping is for; several mappings are several destinations.
    ///
    /// | | default |
    /// |---|---|
    /// | limit of an attempt | 30 s; 10 s for [`Mapping::spans_with_resource`] |
    /// | batch | 500 items, 1 MiB before it became JSON |
    /// | compression | none |
    /// | sent again | after 429, 5xx ([`Server::retry`]), or no answer: the same bytes under the same `Idempotency-Key` |
    /// | halved and sent again | after 400, 413, 422 |
    ///
    /// Whatever else is answered is final, and quoted up to 200 characters. An empty batch is not sent.
    ///
    /// ```
    /// use spanlayer_pipeline::{Compression, Destination, Mapping, Server};
    ///
    /// let mut server = Server::at("https://ingest.example.com")?
    ///     .header("Authorization", "ApiKey s3cr3t")?
    ///     .header("X-Project-ID", "shop")?;
    /// server.compression = Compression::ZSTD;
    /// let vendor = Destination::json_events(Mapping::compact_events("shop"), server);
    /// # Ok::<(), String>(())
    /// ```
    pub fn json_events(mapping: Mapping, server: Server) -> Self {
        let (name, signal) = (server.address.origin(), mapping.signal());
        let (path, apart) = (mapping.path().to_owned(), mapping.keeps_resources_apart());
        let timeout = Some(mapping.limit());
        let at = server.address.server();
        let destination = Self::custom(name, [signal], PostExport::new(mapping, server, &path));
        let destination = destination.speaking("spanlayer_json", at);
        Self { batch: BATCH, timeout, ..destination }.with_resources_apart(apart)
    }
}

/// JSON is made in one go on the thread that also serves the receivers: this much takes about a millisecond.
pub(crate) const BATCH: BatchLimits = BatchLimits { bytes: 1 << 20, items: 500 };

/// Makes a request's body.
pub(crate) trait Render: Send + Sync {
    /// `now` is Unix time in nanoseconds.
    fn render(&self, request: &[u8], now: u64) -> String;
}

impl Render for Mapping {
    fn render(&self, request: &[u8], now: u64) -> String {
        Self::render(self, request, now)
    }
}

/// A server that takes JSON.
pub(crate) struct PostExport<R> {
    render: R,
    server: Server,
    url: Secret,
    headers: HeaderMap,
    wire: Wire,
    /// Bodies that may have to be sent again: a body says when it was made, and a repetition
    /// has to be the same byte for byte.
    made: Recall<Bytes>,
    /// Unix time in nanoseconds.
    clock: fn() -> u64,
}

impl<R: Render> PostExport<R> {
    /// Posts to a path below the server's address.
    pub(crate) fn new(render: R, server: Server, path: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        for (name, value) in &server.headers {
            headers.insert(name.clone(), value.clone());
        }
        if let Some(encoding) = server.compression.content_encoding() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        let transport = Transport {
            tls: server.address.is_https(),
            certificate: server.certificate.clone(),
            client: server.client.clone(),
            proxy: server.proxy.clone(),
            own: server.http.clone(),
            ..Transport::default()
        };
        let url = server.below(path);
        let secrets = Secrets::new(&server.headers, [url.reveal()], server.proxy.as_ref());
        let auth = Authenticator::new(server.auth.as_ref(), &server.secret_headers, &server.aws());
        let wire = Wire::new(transport, auth, secrets, &Context::default());
        Self { render, server, url, headers, wire, made: Recall::of(KEPT), clock: clock::unix_nanos }
    }

    async fn body(&self, batch: &Batch) -> std::io::Result<Bytes> {
        let body = match self.made.take(batch) {
            Some(body) => body,
            None => {
                let body = self.render.render(&batch.request(), (self.clock)());
                encode(self.server.compression, body.into()).await?
            }
        };
        self.made.note(batch, body.clone());
        Ok(body)
    }

    fn verdict(&self, answer: &Answer) -> Outcome {
        if answer.status.is_success() {
            return Outcome::DELIVERED;
        }
        let secrets = self.wire.secrets();
        let why = answer.why(None, secrets.iter().map(String::as_str));
        match answer.status.as_u16() {
            code if self.server.retry.contains(code) => Outcome::Retry { after: answer.retry_after(), why },
            // The reason may lie in one of the items, or in how many they are.
            400 | 413 | 422 => Outcome::Refused { why, divisible: true },
            _ => Outcome::Refused { why, divisible: false },
        }
    }
}

impl<R: Render> Export for PostExport<R> {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        if batch.items() == 0 {
            return Outcome::DELIVERED; // nothing to say
        }
        let body = match self.body(&batch).await {
            Ok(body) => body,
            Err(error) => return Outcome::refused(format!("cannot compress the batch: {error}")),
        };
        let mut headers = self.headers.clone();
        if let Ok(key) = HeaderValue::from_str(batch.idempotency_key()) {
            headers.insert("idempotency-key", key);
        }
        let outcome = match self.wire.post(self.url.reveal(), headers, body, &batch).await {
            Ok(answer) => self.verdict(&answer),
            Err(why) => Outcome::retry(why),
        };
        if !matches!(outcome, Outcome::Retry { .. }) {
            self.made.take(&batch);
        }
        outcome
    }
}

const AGENT: &str = concat!("spanlayer/", env!("CARGO_PKG_VERSION"));

/// Bodies kept for a repetition: more than are under way at a time, and few enough that they do not fill the memory.
const KEPT: usize = 32;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;
    use spanlayer_otlp::status::{Encoding, Status};

    use super::*;
    use crate::RetryOn;

    fn verdict(retry: RetryOn, code: u16, body: &[u8]) -> Outcome {
        let mut server = Server::at("http://127.0.0.1").unwrap();
        server.retry = retry;
        let export = PostExport::new(Mapping::span_array(), server, "");
        let status = StatusCode::from_u16(code).unwrap();
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, HeaderValue::from_static("7"))]);
        export.verdict(&Answer { status, headers, body: body.to_vec(), complete: true, at: Duration::ZERO })
    }

    #[test]
    fn every_status_gives_the_verdict_of_the_configured_set_whatever_the_body() {
        for code in 100..=599 {
            let status = [Encoding::Protobuf, Encoding::Json].map(|form| Status::new("no").encode(form));
            for body in [&b""[..], &status[0], &status[1], b"{\"error\":\"no\"}", b"<html>oops</html>"] {
                match verdict(RetryOn::default(), code, body) {
                    Outcome::Delivered { rejected, .. } => {
                        assert!((200..300).contains(&code) && rejected == 0)
                    }
                    Outcome::Retry { after, .. } => {
                        assert!(code == 429 || code >= 500, "{code}");
                        assert_eq!(after, Some(Duration::from_secs(7)));
                    }
                    Outcome::Refused { divisible, .. } => {
                        assert!(code < 200 || (300..500).contains(&code) && code != 429, "{code}");
                        assert_eq!(divisible, [400, 413, 422].contains(&code), "{code}");
                    }
                }
            }
        }
        let only = |code| matches!(verdict(RetryOn::only([408..=408]), code, b""), Outcome::Retry { .. });
        assert!(only(408) && !only(429) && !only(503));
    }

    #[test]
    fn an_attempt_takes_as_long_as_its_format_allows() {
        for (mapping, seconds) in [
            (Mapping::events("shop"), 30),
            (Mapping::compact_events("shop"), 30),
            (Mapping::span_array(), 30),
            (Mapping::metrics(), 30),
            (Mapping::spans_with_resource().at("/traces"), 10),
        ] {
            let destination = Destination::json_events(mapping, Server::at("http://127.0.0.1").unwrap());
            assert_eq!(destination.timeout, Some(Duration::from_secs(seconds)));
        }
    }
}
