//! Several requests into one, by concatenation: a batch costs a copy, not a decode.

use crate::{
    Signal,
    schema::{Field, Mark, Message, request},
    wire::{Fields, WireError, WireType, tag, varint},
};

/// Appends the requests to `out` as one request of the same signal.
///
/// Neighbouring `Resource…` messages that are equal but for what they carry (the resource, its schema URL) become one;
/// nothing below them is looked at, and the order of items is kept. A request that does not parse is copied as it is.
pub fn concat<B: AsRef<[u8]>>(signal: Signal, requests: &[B], out: &mut Vec<u8>) {
    let level = Level::of(signal);
    out.reserve(requests.iter().map(|request| request.as_ref().len()).sum());
    let mut open: Option<Open<'_>> = None;
    for request in requests {
        let request = request.as_ref();
        let Ok(pieces) = level.pieces(request) else {
            level.write(open.take(), out);
            out.extend_from_slice(request);
            continue;
        };
        for piece in pieces {
            match (&mut open, piece) {
                (Some(open), Piece::Resource(next)) if open.first.head == next.head => open.more.push(next),
                (_, Piece::Resource(next)) => {
                    level.write(open.replace(Open { first: next, more: Vec::new() }), out)
                }
                (_, Piece::Other(bytes)) => {
                    level.write(open.take(), out);
                    out.extend_from_slice(bytes);
                }
            }
        }
    }
    level.write(open, out);
}

/// The field numbers of the signal's outermost two messages.
struct Level {
    resource: u32,
    scope: u32,
}

/// A field of a request.
enum Piece<'a> {
    Resource(Resource<'a>),
    Other(&'a [u8]),
}

/// A `ResourceSpans`, `ResourceMetrics` or `ResourceLogs`.
struct Resource<'a> {
    body: &'a [u8],
    /// All of its fields but the scopes.
    head: Vec<u8>,
}

/// A resource, and the equal ones that follow it.
struct Open<'a> {
    first: Resource<'a>,
    more: Vec<Resource<'a>>,
}

impl Level {
    fn of(signal: Signal) -> Self {
        let carrier =
            |message: &'static Message| message.fields.iter().find(|field| field.mark == Mark::Within);
        let resource = carrier(request(signal));
        let scope = resource.and_then(Field::nested).and_then(carrier);
        // Zero is no field's number: without a carrier everything would be copied as it is.
        Self {
            resource: resource.map_or(0, |field| field.number),
            scope: scope.map_or(0, |field| field.number),
        }
    }

    fn pieces<'a>(&self, request: &'a [u8]) -> Result<Vec<Piece<'a>>, WireError> {
        Fields::new(request)
            .map(|field| {
                let field = field?;
                Ok(match field.bytes() {
                    Some(body) if field.number == self.resource => {
                        Piece::Resource(Resource { body, head: self.head(body)? })
                    }
                    _ => Piece::Other(&request[field.range]),
                })
            })
            .collect()
    }

    fn head(&self, body: &[u8]) -> Result<Vec<u8>, WireError> {
        let mut head = Vec::new();
        for field in Fields::new(body) {
            let field = field?;
            if field.number != self.scope {
                head.extend_from_slice(&body[field.range]);
            }
        }
        Ok(head)
    }

    fn write(&self, open: Option<Open<'_>>, out: &mut Vec<u8>) {
        let Some(Open { first, more }) = open else { return };
        let scopes = more.iter().map(|resource| resource.body.len() - resource.head.len());
        tag(out, self.resource, WireType::Len);
        varint(out, (first.body.len() + scopes.sum::<usize>()) as u64);
        out.extend_from_slice(first.body);
        for Resource { body, .. } in more {
            // Parsed once already: nothing can be wrong here.
            for field in Fields::new(body).flatten().filter(|field| field.number == self.scope) {
                out.extend_from_slice(&body[field.range]);
            }
        }
    }
}
