//! The few OTLP messages that we write ourselves: attributes, the frame around items, and how they are numbered.

use spanlayer_otlp::wire::{self, double_field, varint_field};

/// An attribute's value, borrowed for as long as it takes to write it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// `string_value`.
    Text(&'a str),
    /// `int_value`.
    Integer(u64),
    /// `double_value`.
    Double(f64),
    /// `bool_value`.
    Flag(bool),
}

/// Appends an attribute (`KeyValue`) as field `number` of the message being written.
pub fn attribute(out: &mut Vec<u8>, number: u32, key: &str, value: Value<'_>) {
    message_field(out, number, &mut |out| {
        bytes_field(out, 1, key.as_bytes());
        message_field(out, 2, &mut |out| match value {
            Value::Text(text) => bytes_field(out, 1, text.as_bytes()),
            Value::Flag(flag) => varint_field(out, 2, flag.into()),
            Value::Integer(number) => varint_field(out, 3, number),
            Value::Double(number) => double_field(out, 4, number),
        });
    });
}

/// An `Export…ServiceRequest` of one resource. `scopes` are pairs of a scope's name and its items, encoded as field 2:
/// the three signals number these levels alike. A scope without items is left out; without any, there is no request.
pub fn request(resource: &[u8], scopes: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    let size: usize = scopes.iter().map(|(_, items)| items.len()).sum();
    if size == 0 {
        return None;
    }
    let mut out = Vec::with_capacity(size + resource.len() + 64 * (scopes.len() + 1));
    message_field(&mut out, 1, &mut |out| {
        if !resource.is_empty() {
            bytes_field(out, 1, resource);
        }
        for (name, items) in scopes.iter().filter(|(_, items)| !items.is_empty()) {
            message_field(out, 2, &mut |out| {
                message_field(out, 1, &mut |out| {
                    bytes_field(out, 1, name.as_bytes());
                    bytes_field(out, 2, env!("CARGO_PKG_VERSION").as_bytes());
                });
                out.extend_from_slice(items);
            });
        }
    });
    Some(out)
}

/// [`wire::message_field`] once, for what is not written often.
#[inline(never)]
fn message_field(out: &mut Vec<u8>, number: u32, body: &mut dyn FnMut(&mut Vec<u8>)) {
    wire::message_field(out, number, body);
}

/// The same for [`wire::bytes_field`].
#[inline(never)]
pub(crate) fn bytes_field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    wire::bytes_field(out, number, value);
}

/// A metric: what its data points have in common.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// In UCUM's words.
    pub unit: &'static str,
    /// What it says.
    pub about: &'static str,
    /// How it is told.
    pub instrument: Instrument,
}

/// How a metric is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    /// A sum that only grows.
    Counter,
    /// A sum that may shrink.
    UpDownCounter,
    /// A value at one moment.
    Gauge,
    /// Counts by size.
    Histogram,
}

impl Instrument {
    /// As the semantic conventions write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::UpDownCounter => "updowncounter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a data point of a counter or a histogram covers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Temporality {
    /// What happened since the last data point. Right for environments that come and go by the thousand.
    #[default]
    Delta,
    /// What happened since counting began.
    Cumulative,
}

impl Metric {
    /// Appends it as a member of a `ScopeMetrics`; `points` appends its data points, each as field 1.
    pub fn write(&self, out: &mut Vec<u8>, temporality: Temporality, points: &mut dyn FnMut(&mut Vec<u8>)) {
        let (data, monotonic) = match self.instrument {
            Instrument::Gauge => (5, false),
            Instrument::UpDownCounter => (7, false),
            Instrument::Counter => (7, true),
            Instrument::Histogram => (9, false),
        };
        message_field(out, 2, &mut |out| {
            bytes_field(out, 1, self.name.as_bytes());
            bytes_field(out, 2, self.about.as_bytes());
            bytes_field(out, 3, self.unit.as_bytes());
            message_field(out, data, &mut |out| {
                points(out);
                match (self.instrument, temporality) {
                    (Instrument::Gauge, _) => {}
                    (Instrument::Counter | Instrument::Histogram, Temporality::Delta) => {
                        varint_field(out, 2, 1);
                    }
                    // A sum that may shrink has no use for differences.
                    _ => varint_field(out, 2, 2),
                }
                if monotonic {
                    varint_field(out, 3, 1);
                }
            });
        });
    }
}
