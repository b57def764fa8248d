//! Who sends how much: what came in, by service, with as many services told apart as a table of figures bears.

use std::sync::{Arc, Mutex, PoisonError};

use spanlayer_otlp::{
    Signal, scan,
    wire::{Field, Fields},
};

use crate::Payload;

/// Spans, data points or log records, and the bytes of the requests that held them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Volume {
    /// How many.
    pub items: u64,
    /// Encoded as protobuf, uncompressed.
    pub bytes: u64,
}

/// What one service sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The resource's `service.name`; empty where there is none, `other` for services beyond the first twenty.
    pub service: Arc<str>,
    volumes: [Volume; 3],
}

impl Sender {
    /// How much of one signal.
    pub const fn volume(&self, signal: Signal) -> &Volume {
        &self.volumes[signal as usize]
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Received(Mutex<Vec<Sender>>);

impl Received {
    /// Looks at the resources of a payload, and below them only where they are several.
    pub(crate) fn count(&self, payload: &Payload) {
        let (signal, request) = (payload.signal(), &**payload.bytes());
        let mut resources = resources(request);
        let (first, second) = (resources.next(), resources.next());
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&first, &second) {
            (None, _) => {}
            (Some(only), None) => add(&mut senders, signal, only, payload.items(), request.len()),
            _ => {
                for one in first.into_iter().chain(second).chain(resources) {
                    let alone = &request[one.range.clone()];
                    let items = scan(signal, alone).map_or(0, |summary| summary.items);
                    add(&mut senders, signal, &one, items, alone.len());
                }
            }
        }
    }

    /// Everybody who sent anything.
    pub(crate) fn senders(&self) -> Vec<Sender> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn add(senders: &mut Vec<Sender>, signal: Signal, resource: &Field<'_>, items: usize, bytes: usize) {
    let service = service(resource.bytes().unwrap_or_default());
    let find = |senders: &[Sender], name: &str| senders.iter().position(|one| *one.service == *name);
    let at = find(senders, service).unwrap_or_else(|| {
        let service = if senders.len() < MOST { service } else { OTHER };
        find(senders, service).unwrap_or_else(|| {
            senders.push(Sender { service: service.into(), volumes: Default::default() });
            senders.len() - 1
        })
    });
    let volume = &mut senders[at].volumes[signal as usize];
    volume.items += items as u64;
    volume.bytes += bytes as u64;
}

/// `ResourceSpans`, `ResourceMetrics`, `ResourceLogs`: field 1 of all three requests.
fn resources(request: &[u8]) -> impl Iterator<Item = Field<'_>> {
    members(request, 1)
}

/// The `service.name` of a `Resource…`; the first of several, and nothing where there is none.
fn service(resource: &[u8]) -> &str {
    let attributes = members(resource, 1).filter_map(|one| one.bytes()).flat_map(|one| members(one, 1));
    let mut found =
        attributes.filter_map(|one| one.bytes()).filter(|pair| text(pair, 1) == Some("service.name"));
    let value = found.next().and_then(|pair| members(pair, 2).next()?.bytes());
    value.and_then(|value| text(value, 1)).unwrap_or_default()
}

fn text(message: &[u8], number: u32) -> Option<&str> {
    std::str::from_utf8(members(message, number).next()?.bytes()?).ok()
}

fn members(message: &[u8], number: u32) -> impl Iterator<Item = Field<'_>> {
    Fields::new(message).map_while(Result::ok).filter(move |field| field.number == number)
}

/// Services that are told apart.
const MOST: usize = 20;

/// All others together.
const OTHER: &str = "other";

#[cfg(test)]
mod tests {
    use spanlayer_otlp::wire::{bytes_field, message_field};

    use super::*;
    use crate::message::{Value, attribute};

    /// A request of these services with so many spans each.
    fn request(services: &[(&str, usize)]) -> Payload {
        let mut bytes = Vec::new();
        for (name, spans) in services {
            message_field(&mut bytes, 1, |out| {
                message_field(out, 1, |out| {
                    attribute(out, 1, "host.name", Value::Text("h"));
                    if !name.is_empty() {
                        attribute(out, 1, "service.name", Value::Text(name));
                    }
                });
                message_field(out, 2, |out| {
                    for _ in 0..*spans {
                        message_field(out, 2, |span| {
                            bytes_field(span, 1, &[7; 16]);
                            bytes_field(span, 2, &[7; 8]);
                        });
                    }
                });
            });
        }
        Payload::scan(Signal::Traces, bytes.into()).unwrap()
    }

    fn counted(received: &Received) -> Vec<(String, u64)> {
        let senders = received.senders();
        senders.iter().map(|one| (one.service.to_string(), one.volume(Signal::Traces).items)).collect()
    }

    #[test]
    fn items_count_for_the_service_of_their_resource_and_bytes_add_up_to_the_requests() {
        let received = Received::default();
        let requests = [
            request(&[("shop", 3)]),
            request(&[("shop", 2), ("bank", 5), ("shop", 1)]),
            request(&[("", 4)]),
            request(&[]),
        ];
        requests.iter().for_each(|request| received.count(request));
        let expected = [("shop", 6), ("bank", 5), ("", 4)].map(|(name, items)| (name.to_owned(), items));
        assert_eq!(counted(&received), expected);
        let counted: u64 = received.senders().iter().map(|one| one.volume(Signal::Traces).bytes).sum();
        let sent: usize = requests.iter().map(|one| one.bytes().len()).sum();
        assert_eq!(counted, sent as u64);
    }

    #[test]
    fn more_services_than_a_table_bears_are_counted_together() {
        let received = Received::default();
        for number in 0..50 {
            received.count(&request(&[(&format!("service {number}"), 2)]));
        }
        let counted = counted(&received);
        assert_eq!(counted.len(), MOST + 1);
        assert_eq!(counted.last(), Some(&("other".to_owned(), 2 * (50 - MOST as u64))));
    }
}
