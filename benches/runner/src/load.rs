//! Spans as an instrumented service makes them, encoded, and a client that sends them as fast as they are taken.

use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use prost::Message;
use spanlayer_host::{clock, random};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
};

/// An encoded `ExportTraceServiceRequest` with so many spans, the last of which holds `secret`. Ids and times differ in every span, as they do in life:
/// they are what a compressor cannot shrink.
pub(crate) fn request(spans: usize, secret: Option<&str>) -> Vec<u8> {
    let mut spans: Vec<Span> = (0..spans).map(span).collect();
    if let (Some(secret), Some(last)) = (secret, spans.last_mut()) {
        last.attributes.push(text("http.request.header.note", secret));
    }
    let scope =
        InstrumentationScope { name: "orders".to_owned(), version: "1.4.2".to_owned(), ..Default::default() };
    let resource = Resource {
        attributes: vec![
            text("service.name", "orders-api"),
            text("service.version", "1.4.2"),
            text("cloud.provider", "aws"),
            text("cloud.region", "eu-central-1"),
            text("faas.name", "orders-api"),
            text("telemetry.sdk.language", "rust"),
        ],
        ..Default::default()
    };
    let scope_spans = vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }];
    let resource_spans = vec![ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

/// Different requests of the same size, to be sent in turn: repeating a single one would flatter the compressor.
pub(crate) fn requests(spans: usize, different: usize, secret: Option<&str>) -> Vec<Vec<u8>> {
    (0..different).map(|_| request(spans, secret)).collect()
}

fn span(nth: usize) -> Span {
    let chance = random::bytes::<8>();
    let start = clock::unix_nanos() - u64::from(chance[0]) * 1_000_003;
    let took = u64::from(u16::from_le_bytes([chance[1], chance[2]])) * 1_009;
    let (name, mut attributes) = OPERATIONS[nth % OPERATIONS.len()];
    let mut own = Vec::new();
    while let Some(((key, value), rest)) = attributes.split_first() {
        own.push(text(key, value));
        attributes = rest;
    }
    own.push(number("http.response.status_code", if chance[3] < 10 { 500 } else { 200 }));
    own.push(number("order.id", i64::from(u32::from_le_bytes([chance[4], chance[5], chance[6], chance[7]]))));
    Span {
        trace_id: random::bytes::<16>().to_vec(),
        span_id: random::bytes::<8>().to_vec(),
        parent_span_id: random::bytes::<8>().to_vec(),
        flags: 0x101,
        name: name.to_owned(),
        kind: 1 + (nth % 3) as i32,
        start_time_unix_nano: start,
        end_time_unix_nano: start + took,
        attributes: own,
        ..Default::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

fn number(key: &str, value: i64) -> KeyValue {
    pair(key, Value::IntValue(value))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..Default::default() }
}

type Operation = (&'static str, &'static [(&'static str, &'static str)]);

const OPERATIONS: [Operation; 4] = [
    ("POST /orders", &[("http.request.method", "POST"), ("http.route", "/orders"), ("url.scheme", "https")]),
    (
        "Query orders",
        &[("db.system.name", "dynamodb"), ("db.operation.name", "Query"), ("db.collection.name", "orders")],
    ),
    ("reserve stock", &[("stock.location", "fra-2"), ("stock.strategy", "nearest")]),
    ("publish order", &[("messaging.system", "aws_sqs"), ("messaging.destination.name", "orders-placed")]),
];

/// A client over one connection, kept open.
pub(crate) struct Client {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream: BufReader::new(stream) })
    }

    /// Sends one request of spans and waits for its answer; the status.
    pub(crate) fn send(&mut self, body: &[u8]) -> io::Result<u16> {
        let head = format!(
            "POST /v1/traces HTTP/1.1\r\nhost: {}\r\ncontent-type: application/x-protobuf\r\ncontent-length: {}\r\n\r\n",
            self.address,
            body.len(),
        );
        let stream = self.stream.get_mut();
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        self.answer()
    }

    fn answer(&mut self) -> io::Result<u16> {
        let (mut status, mut length, mut line) = (0, 0, String::new());
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = line.trim_end();
            if text.is_empty() {
                break;
            }
            if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
                status = rest.get(..3).and_then(|code| code.parse().ok()).unwrap_or(0);
            } else if let Some((name, value)) = text.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        io::copy(&mut (&mut self.stream).take(length), &mut io::sink())?;
        Ok(status)
    }
}
