//! A letter as lines.

use std::fmt::Write as _;

use spanlayer_otlp::{Signal, json::text::base64};

use crate::settings::STDOUT_MARKER;

/// What is known of a letter besides its data.
pub(super) struct About<'a> {
    pub(super) key: &'a str,
    pub(super) destination: &'a str,
    pub(super) reason: &'a str,
    pub(super) attempts: u32,
    pub(super) at: u64,
    pub(super) received: u64,
    pub(super) signal: Signal,
    pub(super) items: usize,
}

/// As many lines as it takes, each with its end.
pub(super) fn lines(about: &About<'_>, data: &[u8]) -> String {
    // An empty request is one line without data.
    let chunks: Vec<&[u8]> = if data.is_empty() { vec![data] } else { data.chunks(CHUNK).collect() };
    let mut out = String::with_capacity(data.len() / 3 * 4 + chunks.len() * 600);
    let reason: String = about.reason.chars().take(REASON).collect();
    for (number, chunk) in (1..).zip(&chunks) {
        // Writing to a string cannot fail.
        let _ = write!(
            out,
            "{STDOUT_MARKER}\"{}\",\"deadLetter\":{{\"key\":{},\"part\":{number},\"parts\":{},\"destination\":{},\
             \"reason\":{},\"attempts\":{},\"at\":{},\"received\":{},\"signal\":\"{}\",\"items\":{},\"data\":\"",
            env!("CARGO_PKG_VERSION"),
            quoted(about.key),
            chunks.len(),
            quoted(about.destination),
            quoted(&reason),
            about.attempts,
            about.at,
            about.received,
            name(about.signal),
            about.items,
        );
        base64(&mut out, chunk);
        out.push_str("\"}}\n");
    }
    out
}

fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

/// A signal's name in a letter.
pub(super) const fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "traces",
        Signal::Metrics => "metrics",
        Signal::Logs => "logs",
    }
}

/// CloudWatch takes lines of 256 KB, others cut at less. With what is around it, base64 of this stays under 200,000.
const CHUNK: usize = 147_000;

/// The longest reason, in characters.
const REASON: usize = 500;
