//! Lambda's own account of an invocation: the events of the Telemetry API (schema `2025-01-29`, older ones alike).
//!
//! The parser is lenient by construction. Each event of a batch is read by itself, one that is unknown or malformed is
//! passed over, and every field but the one that makes an event useful is optional: a platform that adds a type or
//! changes a field must not cost the events around it.

use serde::{
    Deserialize,
    de::{DeserializeOwned, Deserializer, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt, time::Duration};

/// An event that the extension acts on.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The runtime is done with an invocation: it asked for the next one, or is gone.
    RuntimeDone(RuntimeDone),
}

/// `platform.runtimeDone`.
#[derive(Clone, Debug, PartialEq)]
pub struct RuntimeDone {
    /// The invocation.
    pub request_id: String,
    /// Whether it succeeded; any status but `success` means that it did not.
    pub success: bool,
    /// From the event being handed to the runtime until the runtime asked for the next.
    pub duration: Option<Duration>,
}

/// Reads a batch, a JSON array, and hands over what it understands. Returns how many events it passed over, and what
/// is wrong with the batch itself if it breaks off.
pub fn parse(batch: &[u8], take: impl FnMut(Event)) -> (usize, Option<String>) {
    let mut walk = Walk { take, skipped: 0 };
    let mut json = serde_json::Deserializer::from_slice(batch);
    let outcome = json.deserialize_seq(&mut walk);
    (walk.skipped, outcome.err().map(|error| error.to_string()))
}

struct Walk<F> {
    take: F,
    skipped: usize,
}

impl<'de, F: FnMut(Event)> Visitor<'de> for &mut Walk<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut events: A) -> Result<(), A::Error> {
        while let Some(raw) = events.next_element::<&RawValue>()? {
            match event(raw) {
                Some(event) => (self.take)(event),
                None => self.skipped += 1,
            }
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    record: &'a RawValue,
}

fn event(raw: &RawValue) -> Option<Event> {
    let envelope: Envelope<'_> = serde_json::from_str(raw.get()).ok()?;
    match envelope.kind.as_ref() {
        "platform.runtimeDone" => runtime_done(envelope.record).map(Event::RuntimeDone),
        _ => None,
    }
}

fn runtime_done(record: &RawValue) -> Option<RuntimeDone> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Wire {
        request_id: String,
        #[serde(default, deserialize_with = "lenient")]
        status: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        metrics: Option<Metrics>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Metrics {
        duration_ms: f64,
    }
    let wire: Wire = serde_json::from_str(record.get()).ok()?;
    Some(RuntimeDone {
        request_id: wire.request_id,
        success: wire.status.as_deref() == Some("success"),
        duration: wire.metrics.and_then(|m| Duration::try_from_secs_f64(m.duration_ms / 1000.0).ok()),
    })
}

/// Reads a field that is of no use when it is not what it should be.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned>(from: D) -> Result<Option<T>, D::Error> {
    let raw = <&RawValue>::deserialize(from)?;
    Ok(serde_json::from_str(raw.get()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(batch: &str) -> (Vec<Event>, usize, Option<String>) {
        let mut events = Vec::new();
        let (skipped, wrong) = parse(batch.as_bytes(), |event| events.push(event));
        (events, skipped, wrong)
    }

    fn done(request_id: &str, success: bool, millis: Option<f64>) -> Event {
        Event::RuntimeDone(RuntimeDone {
            request_id: request_id.to_owned(),
            success,
            duration: millis.map(|ms| Duration::from_secs_f64(ms / 1000.0)),
        })
    }

    #[test]
    fn finds_the_end_of_an_invocation_among_other_events() {
        let (events, skipped, wrong) = events(
            r#"[{"time":"2026-01-02T10:00:01.000Z","type":"platform.start","record":{"requestId":"a"}},
                {"time":"2026-01-02T10:00:01.140Z","type":"platform.runtimeDone","record":{"requestId":"a",
                 "status":"success","metrics":{"durationMs":139.5,"producedBytes":512},
                 "spans":[{"name":"responseLatency","start":"12:01:23:521Z","durationMs":120.5}]}},
                {"time":"x","type":"function","record":"text"}]"#,
        );
        assert_eq!(events, [done("a", true, Some(139.5))]);
        assert_eq!((skipped, wrong), (2, None));
    }

    #[test]
    fn malformed_and_unknown_events_cost_only_themselves() {
        let (events, skipped, wrong) = events(
            r#"[1, null, {}, {"type":7,"record":{}}, {"type":"platform.runtimeDone"},
                {"type":"platform.runtimeDone","record":{"requestId":9}},
                {"type":"platform.dance","record":[[["x"]]]},
                {"type":"platform.runtimeDone","record":{"requestId":"b","status":null,"metrics":"none"}},
                {"record":{"requestId":"c","status":"timeout"},"type":"platform.\u0072untimeDone","new":1}]"#,
        );
        assert_eq!(events, [done("b", false, None), done("c", false, None)]);
        assert_eq!((skipped, wrong), (7, None));
    }

    #[test]
    fn a_batch_that_breaks_off_gives_what_came_before() {
        let (events, _, wrong) = events(
            r#"[{"type":"platform.runtimeDone","record":{"requestId":"a","status":"error"}},{"type":"pl"#,
        );
        assert_eq!(events, [done("a", false, None)]);
        assert!(wrong.is_some());
        for batch in ["", "{}", "\u{0}", "7", "[["] {
            assert!(parse(batch.as_bytes(), |_| ()).1.is_some(), "{batch}");
        }
        assert_eq!(parse(b"[]", |_| ()), (0, None));
    }

    #[test]
    fn a_duration_that_is_none_is_left_out() {
        let (events, ..) = events(
            r#"[{"type":"platform.runtimeDone","record":{"requestId":"a","metrics":{"durationMs":-4}}},
                {"type":"platform.runtimeDone","record":{"requestId":"b","metrics":{"durationMs":1e300}}}]"#,
        );
        assert_eq!(events, [done("a", false, None), done("b", false, None)]);
    }
}
