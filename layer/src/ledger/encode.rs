//! The few OTLP messages that the ledger writes: attributes, the frame around items, and how they are numbered.

use spanlayer_otlp::wire::{bytes_field, bytes_unless_empty, double_field, message_field, varint_field};

/// An attribute's value, borrowed for as long as it takes to write it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Text(&'a str),
    Integer(u64),
    Double(f64),
    Flag(bool),
}

/// Appends an attribute (`KeyValue`) as field `number` of the message being written.
pub(super) fn attribute(out: &mut Vec<u8>, number: u32, key: &str, value: Value<'_>) {
    message_field(out, number, |out| {
        bytes_field(out, 1, key.as_bytes());
        message_field(out, 2, |out| match value {
            Value::Text(text) => bytes_field(out, 1, text.as_bytes()),
            Value::Flag(flag) => varint_field(out, 2, flag.into()),
            Value::Integer(number) => varint_field(out, 3, number),
            Value::Double(number) => double_field(out, 4, number),
        });
    });
}

/// An `Export…ServiceRequest` of one resource. `scopes` are pairs of a scope's name and its items, encoded as field 2:
/// the three signals number these levels alike. A scope without items is left out; without any, there is no request.
pub(super) fn request(resource: &[u8], scopes: &[(&str, &[u8])]) -> Option<Vec<u8>> {
    let size: usize = scopes.iter().map(|(_, items)| items.len()).sum();
    if size == 0 {
        return None;
    }
    let mut out = Vec::with_capacity(size + resource.len() + 64 * (scopes.len() + 1));
    message_field(&mut out, 1, |out| {
        bytes_unless_empty(out, 1, resource);
        for (name, items) in scopes.iter().filter(|(_, items)| !items.is_empty()) {
            message_field(out, 2, |out| {
                message_field(out, 1, |out| {
                    bytes_field(out, 1, name.as_bytes());
                    bytes_field(out, 2, env!("CARGO_PKG_VERSION").as_bytes());
                });
                out.extend_from_slice(items);
            });
        }
    });
    Some(out)
}
