//! Who was asked: the first attribute that says so.

use std::{fmt::Write as _, net::IpAddr};

use spanlayer_otlp::json::text::quoted;

use crate::read::{Attributes, Value};

/// Appends `remoteEndpoint`, if anything is known of it.
pub(super) fn write(out: &mut String, attributes: Attributes<'_>) {
    let said = |key: &str| match attributes.find(key) {
        Some(Value::Text(text)) if !text.is_empty() => Some(text),
        _ => None,
    };
    let Some((text, port)) = RANKED.iter().find_map(|(key, port)| Some((said(key)?, *port))) else { return };
    // An address is one, whatever attribute it stands in: Zipkin then shows it as one.
    match text.parse() {
        Ok(IpAddr::V4(address)) => {
            let _ = write!(out, ",\"remoteEndpoint\":{{\"ipv4\":\"{address}\""); // writing to a string cannot fail
        }
        Ok(IpAddr::V6(address)) => {
            let _ = write!(out, ",\"remoteEndpoint\":{{\"ipv6\":\"{address}\"");
        }
        Err(_) => {
            out.push_str(",\"remoteEndpoint\":{\"serviceName\":");
            quoted(out, text);
        }
    }
    let port = port.and_then(|key| match attributes.find(key)? {
        Value::Int(port) => u16::try_from(port).ok(),
        Value::Text(port) => port.parse().ok(),
        _ => None,
    });
    if let Some(port) = port.filter(|port| *port > 0) {
        let _ = write!(out, ",\"port\":{port}");
    }
    out.push('}');
}

/// The attributes in the order in which they count, each with the one that holds its port.
const RANKED: &[(&str, Option<&str>)] = &[
    ("peer.service", None),
    ("server.address", None),
    ("net.peer.name", None),
    ("network.peer.address", Some("network.peer.port")),
    ("server.socket.domain", None),
    ("server.socket.address", Some("server.socket.port")),
    ("net.sock.peer.name", None),
    ("net.sock.peer.addr", Some("net.sock.peer.port")),
    ("peer.hostname", None),
    ("peer.address", None),
    ("db.name", None),
];
