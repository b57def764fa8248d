//! Log records.

use super::{
    Attributes, Resource, Scope, Value,
    field::{self, Message, View},
};

/// A log record.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Log<'a> {
    /// What produced it.
    pub resource: Resource<'a>,
    /// What recorded it.
    pub scope: Scope<'a>,
    /// When it happened, Unix time in nanoseconds; zero when unknown.
    pub time: u64,
    /// When it was seen, Unix time in nanoseconds.
    pub observed: u64,
    /// Severity: 1–4 trace, 5–8 debug, 9–12 info, 13–16 warn, 17–20 error, 21–24 fatal; zero when nobody said.
    pub severity: i32,
    /// The severity in the source's own words.
    pub severity_text: &'a str,
    /// What it says.
    pub body: Value<'a>,
    /// What kind of event it is; empty when nobody said.
    pub event_name: &'a str,
    /// Its attributes.
    pub attributes: Attributes<'a>,
    /// The trace during which it was written.
    pub trace_id: Option<[u8; 16]>,
    /// The span during which it was written.
    pub span_id: Option<[u8; 8]>,
}

impl<'a> View<'a> for Log<'a> {
    fn read(message: Message<'a>) -> Self {
        let mut log = Self { attributes: message.attributes(6), ..Self::default() };
        for field in message.fields() {
            match field.number {
                1 => log.time = field::bits(&field),
                2 => log.severity = field::bits(&field) as i32,
                3 => log.severity_text = field::text(&field),
                5 => log.body = field::message(&field).map(Value::read).unwrap_or_default(),
                9 => log.trace_id = field::id(&field),
                10 => log.span_id = field::id(&field),
                11 => log.observed = field::bits(&field),
                12 => log.event_name = field::text(&field),
                _ => {}
            }
        }
        log
    }
}
