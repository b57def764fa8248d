//! What Lambda tells: events about invocations, and the events that invoke.

use crate::{
    propagation::{Format, Propagators},
    trigger::{Invocation, detect},
};
use bytes::Bytes;
use spanlayer_extension::ledger::{Ledger, Settings, platform::parse};
use spanlayer_otlp::scan::scan;

/// A batch of the Telemetry API: whatever the ledger makes of it are valid requests.
pub(super) fn platform(data: &[u8]) {
    let mut ledger = Ledger::new(Settings::new(data.first() == Some(&b' ')), Box::new(|| [7; 16]));
    ledger.describe(Bytes::new());
    parse(data, |told| ledger.platform(&told, NOW));
    ledger.close(NOW + 1);
    for ready in ledger.take(NOW + 1).into_iter().chain(ledger.take_metrics(NOW + 1)) {
        scan(ready.signal, &ready.request).expect("a valid request");
    }
}

/// An event that invokes a function: named, whatever it is.
pub(super) fn trigger(data: &[u8]) {
    let propagators = Propagators::new(vec![Format::TraceContext, Format::Baggage, Format::XRay]);
    let invocation =
        Invocation { event: data, function_name: "orders", trace_header: None, client_context: None };
    let trigger = detect(&invocation, &propagators);
    assert!(!trigger.faas_trigger.is_empty());
}

/// Unix time in nanoseconds.
const NOW: u64 = 1_764_154_800_000_000_000;
