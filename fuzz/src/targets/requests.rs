//! OTLP, in both encodings.

use bytes::Bytes;
use spanlayer_otlp::{Signal, json, merge::concat, scan::scan, split::split};
use spanlayer_pipeline::read;
use spanlayer_process::{
    Redactor, Rules,
    redact::{Action, Recogniser},
};
use std::sync::LazyLock;

/// The first byte chooses the signal.
fn signal(data: &[u8]) -> Option<(Signal, &[u8])> {
    let (first, rest) = data.split_first()?;
    Some((Signal::ALL[usize::from(*first) % 3], rest))
}

/// What the scan finds valid can be split, joined, read, and written as JSON and back, and has as many items all the while.
pub(super) fn protobuf(data: &[u8]) {
    let Some((signal, data)) = signal(data) else { return };
    let Ok(summary) = scan(signal, data) else { return };
    let request = Bytes::copy_from_slice(data);
    let pieces = split(signal, &request, data.len() / 2 + 1, summary.items / 3 + 1);
    let items: usize = pieces.iter().map(|(_, summary)| summary.items).sum();
    assert_eq!(items, summary.items, "split");
    for (piece, told) in &pieces {
        assert_eq!(scan(signal, piece), Ok(*told), "a piece");
    }
    let mut joined = Vec::new();
    concat(signal, &[&request, &request], &mut joined);
    assert_eq!(scan(signal, &joined).map(|summary| summary.items), Ok(2 * summary.items), "joined");
    let read = match signal {
        Signal::Traces => read::spans(&request).count(),
        Signal::Logs => read::logs(&request).count(),
        Signal::Metrics => read::metrics(&request).map(|metric| metric.points().count()).sum(),
    };
    assert_eq!(read, summary.items, "read");
    let text = json::from_protobuf(signal, data).expect("it is valid");
    let again = json::to_protobuf(signal, text.as_bytes()).expect("our own JSON");
    assert_eq!(scan(signal, &again).map(|summary| summary.items), Ok(summary.items), "{text}");
}

/// What is read from JSON is a valid request.
pub(super) fn json(data: &[u8]) {
    let Some((signal, data)) = signal(data) else { return };
    let Ok(request) = json::to_protobuf(signal, data) else { return };
    scan(signal, &request).expect("a valid request");
    json::from_protobuf(signal, &request).expect("a valid request");
}

/// A request stays one, with as many items.
pub(super) fn redaction(data: &[u8]) {
    static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| {
        let rules = Rules { recognisers: Recogniser::ALL.to_vec(), action: Action::Mask, ..Rules::default() };
        Redactor::new(rules).expect("rules")
    });
    let Some((signal, data)) = signal(data) else { return };
    if let Ok(summary) = scan(signal, data)
        && let Some((changed, _)) = REDACTOR.redact(signal, data)
    {
        assert_eq!(scan(signal, &changed).map(|summary| summary.items), Ok(summary.items), "a request");
    }
    if let Ok(text) = std::str::from_utf8(data)
        && let Some(changed) = REDACTOR.redact_text(text)
    {
        assert_ne!(changed, text, "what was changed is not what it was");
    }
}
