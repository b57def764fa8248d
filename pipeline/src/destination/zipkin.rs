//! Zipkin v2 JSON: an array of spans to `/api/v2/spans` (Zipkin's `zipkin2-api.yaml`; OpenTelemetry specification,
//! *OpenTelemetry to Zipkin Transformation*).

mod remote;
mod tags;

use std::fmt::Write as _;

use spanlayer_otlp::json::text::{hex, quoted};

use super::{
    post::{self, PostExport, Render},
    server::Server,
};
use crate::{
    Destination, Signal,
    mapping::write,
    read::{self, Event, Kind, Span},
};

impl Destination {
    /// A Zipkin server (or one that speaks its language: Jaeger on port 9411, and most vendors). Takes spans; posts
    /// arrays of Zipkin's v2 JSON to `/api/v2/spans` below the server's address.
    ///
    /// | | default |
    /// |---|---|
    /// | limit of an attempt | 10 s |
    /// | batch | 500 spans, 1 MiB before it became JSON |
    /// | compression | none |
    /// | sent again | after 429, 5xx ([`Server::retry`]), or no answer |
    ///
    /// Whatever else is answered is final, and quoted up to 200 characters; 400, 413 and 422 in halves, until the culprit is
    /// alone. Zipkin has no links, no `tracestate` and of the resource only the service: those are not sent. An error status
    /// is the tag `error` (Zipkin's `zipkin2-api.yaml`; OpenTelemetry specification, *OpenTelemetry to Zipkin
    /// Transformation*).
    ///
    /// ```
    /// use spanlayer_pipeline::{Destination, Pipeline, Server, Settings};
    ///
    /// let zipkin = Destination::zipkin(Server::at("http://localhost:9411")?);
    /// let pipeline = Pipeline::new(Settings::to([zipkin]));
    /// # Ok::<(), String>(())
    /// ```
    pub fn zipkin(server: Server) -> Self {
        let (name, at) = (server.address.origin(), server.address.server());
        let destination = Self::custom(name, [Signal::Traces], PostExport::new(Zipkin, server, PATH));
        Self { batch: post::BATCH, ..destination }.speaking("zipkin_http", at)
    }
}

const PATH: &str = "/api/v2/spans";

/// Spans as Zipkin has them.
struct Zipkin;

impl Render for Zipkin {
    fn render(&self, request: &[u8], _: u64) -> String {
        let mut out = String::with_capacity(request.len() * 2 + 256);
        out.push('[');
        for (n, span) in read::spans(request).enumerate() {
            if n > 0 {
                out.push(',');
            }
            write_span(&mut out, &span);
        }
        out.push(']');
        out
    }
}

/// What is empty is left out.
fn write_span(out: &mut String, span: &Span<'_>) {
    out.push_str("{\"traceId\":\"");
    hex(out, &span.trace_id);
    out.push_str("\",\"id\":\"");
    hex(out, &span.span_id);
    out.push('"');
    if let Some(parent) = span.parent_span_id {
        out.push_str(",\"parentId\":\"");
        hex(out, &parent);
        out.push('"');
    }
    if !span.name.is_empty() {
        out.push_str(",\"name\":");
        quoted(out, span.name);
    }
    if matches!(span.kind, Kind::Client | Kind::Server | Kind::Producer | Kind::Consumer) {
        let _ = write!(out, ",\"kind\":\"{}\"", span.kind.name()); // writing to a string cannot fail
    }
    // To Zipkin, zero is no time at all. A span of no length that it can see is as long as it can see.
    let start = span.start / MICRO;
    if start > 0 {
        let _ = write!(out, ",\"timestamp\":{start},\"duration\":{}", (span.nanos() / MICRO).max(1));
    }
    let service = span.resource.service_name().unwrap_or(UNKNOWN_SERVICE);
    out.push_str(",\"localEndpoint\":{\"serviceName\":");
    quoted(out, service);
    out.push('}');
    if matches!(span.kind, Kind::Client | Kind::Producer) {
        remote::write(out, span.attributes);
    }
    annotations(out, span);
    tags::write(out, span);
    out.push('}');
}

fn annotations(out: &mut String, span: &Span<'_>) {
    let mut open = ",\"annotations\":[";
    for event in span.events.iter() {
        out.push_str(open);
        let _ = write!(out, "{{\"timestamp\":{},\"value\":", event.time / MICRO);
        quoted(out, &annotation(&event));
        out.push('}');
        open = ",";
    }
    if open == "," {
        out.push(']');
    }
}

/// `"name": {"key":"value"}`, or the bare name when there is nothing else.
fn annotation(event: &Event<'_>) -> String {
    if event.attributes.is_empty() {
        return event.name.to_owned();
    }
    let mut text = String::new();
    quoted(&mut text, event.name);
    text.push_str(": ");
    write::attributes(&mut text, event.attributes);
    text
}

/// What the specification of resources prescribes for services without a name.
const UNKNOWN_SERVICE: &str = "unknown_service";

const MICRO: u64 = 1_000;

#[cfg(test)]
mod tests;
