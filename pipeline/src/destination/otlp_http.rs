//! OTLP/HTTP with protobuf or JSON bodies (OTLP specification 1.11.0, *OTLP/HTTP*): one request per attempt.

mod verdict;

use http::{
    HeaderMap,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};

use super::{
    Context,
    otlp::{body, headers, headers_for, wire},
    wire::Wire,
};
use crate::{Batch, Deadline, Export, Outcome, settings::Otlp};
use verdict::verdict;

/// A receiver of OTLP/HTTP.
#[derive(Debug)]
pub(crate) struct OtlpHttpExport {
    settings: Otlp,
    headers: HeaderMap,
    wire: Wire,
}

impl OtlpHttpExport {
    pub(crate) fn new(settings: Otlp, context: &Context) -> Self {
        let own = [
            (CONTENT_TYPE.as_str(), Some(settings.protocol.format().content_type())),
            (CONTENT_ENCODING.as_str(), settings.compression.content_encoding()),
        ];
        Self { headers: headers(&settings, own), wire: wire(&settings, context), settings }
    }

    async fn attempt(&self, batch: &Batch) -> Result<Outcome, Outcome> {
        let body = body(&self.settings, batch).await?;
        // A lane only gets signals that have an address; an empty one makes an error, not a panic.
        let url = self.settings.url(batch.signal()).map(|url| url.reveal()).unwrap_or_default();
        let headers = headers_for(batch, &self.headers);
        let answer = self.wire.post(url, headers, body, batch).await.map_err(Outcome::retry)?;
        let secrets = self.wire.secrets();
        let secrets = secrets.iter().map(String::as_str);
        Ok(verdict(&answer, batch.signal(), self.settings.protocol.format(), secrets))
    }
}

impl Export for OtlpHttpExport {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        self.attempt(&batch).await.unwrap_or_else(|outcome| outcome)
    }
}
