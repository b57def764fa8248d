//! What is said about a span in words: beside its bar, and for its events.

use super::{
    forest::Node,
    span::{Event, Status},
    text::{clean, duration, fit, hex, width},
};
use std::fmt::Write;

/// What follows the bar, item by item: what is odd about the span first, then its attributes (which a verbose
/// drawing lists below).
pub(super) fn beside(node: &Node<'_>, several_services: bool, verbose: bool) -> Vec<String> {
    let span = node.span;
    let mut facts = Vec::new();
    if let Status::Error(message) = &span.status
        && !message.is_empty()
    {
        facts.push(clean(message));
    }
    if span.start == 0 {
        facts.push("start unknown".to_owned());
    } else if span.end < span.start {
        facts.push(format!("ends {} before it starts", duration(span.start - span.end)));
    }
    if several_services && !span.service.is_empty() {
        facts.push(format!("[{}]", clean(&span.service)));
    }
    if let (Some(parent), Some(why)) = (span.parent_id, node.orphan) {
        facts.push(format!("parent {} {why}", hex(&parent)));
    }
    if !verbose {
        let attributes = telling(&span.attributes).take(MOST_ATTRIBUTES);
        facts.extend(
            attributes.map(|(key, value)| format!("{}={}", clean(key), fit(&clean(value), LONGEST_VALUE))),
        );
    }
    facts
}

/// Items on lines of `columns`: the first line beside the bar, those that follow below it. No item is cut unless it
/// alone is longer than a line of `below` columns.
pub(super) fn wrap(items: &[String], beside: usize, below: usize) -> (String, Vec<String>) {
    let mut lines = vec![String::new()];
    for item in items {
        let room = if lines.len() == 1 { beside } else { below };
        let used = lines.last().map_or(0, |line| width(line));
        let gap = if used == 0 { 0 } else { 2 };
        match lines.last_mut() {
            Some(line) if used + gap + width(item) <= room => {
                line.push_str(&"  "[..gap]);
                line.push_str(item);
            }
            _ => lines.push(fit(item, below)),
        }
    }
    let first = lines.remove(0);
    (first, lines)
}

/// An event on one line: when, what, and for an exception its type and message instead of a list of attributes.
pub(super) fn event_text(event: &Event, start: u64) -> String {
    let at = if event.time >= start {
        format!("+{}", duration(event.time - start))
    } else {
        format!("-{}", duration(start - event.time))
    };
    let mut text = format!("◆ {} {at}", clean(&event.name));
    let value = |key: &str| event.attributes.iter().find(|(k, _)| k == key).map(|(_, value)| clean(value));
    let exception = [value("exception.type"), value("exception.message")];
    let exception: Vec<String> = exception.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    if !exception.is_empty() {
        let _ = write!(text, "  {}", exception.join(": "));
    }
    // `level` and `target` are what `tracing` adds to every event.
    let said = |key: &str| key.starts_with("exception.") || key == "level" || key == "target";
    for (key, value) in telling(&event.attributes).filter(|(key, _)| !said(key)) {
        let _ = write!(text, "  {}={}", clean(key), clean(value));
    }
    text
}

/// Attributes in the order in which they help: those that say what happened, then the function's own by name; without
/// those that only say where it ran.
fn telling(attributes: &[(String, String)]) -> impl Iterator<Item = &(String, String)> {
    let mut sorted: Vec<_> =
        attributes.iter().filter(|(key, _)| !QUIET.iter().any(|q| key.starts_with(q))).collect();
    let rank = |key: &str| FIRST.iter().position(|first| *first == key).unwrap_or(FIRST.len());
    sorted.sort_by(|(a, _), (b, _)| (rank(a), a).cmp(&(rank(b), b)));
    sorted.into_iter()
}

/// Attributes shown when not all are asked for.
const MOST_ATTRIBUTES: usize = 8;

/// Columns of one of them.
const LONGEST_VALUE: usize = 40;

/// Attributes that answer the first questions about a span.
const FIRST: &[&str] = &[
    "error.type",
    "http.response.status_code",
    "http.request.method",
    "http.route",
    "url.path",
    "faas.trigger",
    "faas.coldstart",
    "messaging.system",
    "messaging.destination.name",
    "messaging.operation.type",
    "messaging.batch.message_count",
    "db.system.name",
    "db.operation.name",
    "db.collection.name",
    "rpc.service",
    "rpc.method",
];

/// Attributes that are the same all over a function's traces, or about its source code.
const QUIET: &[&str] = &[
    "cloud.",
    "code.",
    "thread.",
    "telemetry.",
    "faas.invocation_id",
    "faas.instance",
    "aws.lambda.invoked_arn",
    "user_agent.",
    "network.",
    "client.address",
    "server.",
    "url.scheme",
    "url.full",
    "exception.stacktrace",
];
