//! Several requests into one, by concatenation: a batch costs a copy, not a decode.

use std::borrow::Cow;

use crate::{
    Signal,
    schema::{Field, Mark, Message, request},
    wire::{Fields, WireError, WireType, tag, varint},
};

/// Appends the requests to `out` as one request of the same signal: the pieces of [`gather`], joined.
pub fn concat<B: AsRef<[u8]>>(signal: Signal, requests: &[B], out: &mut Vec<u8>) {
    let pieces = gather(signal, requests);
    out.reserve(pieces.iter().map(|piece| piece.len()).sum());
    pieces.iter().for_each(|piece| out.extend_from_slice(piece));
}

/// The requests as one request of the same signal, in pieces that only need to follow each other: for a compressor,
/// which copies what it is given anyway.
///
/// Neighbouring `Resource…` messages that are equal but for what they carry (the resource, its schema URL) become one;
/// nothing below them is looked at, and the order of items is kept. A request that does not parse is copied as it is.
pub fn gather<B: AsRef<[u8]>>(signal: Signal, requests: &[B]) -> Vec<Cow<'_, [u8]>> {
    let level = Level::of(signal);
    let mut out = Vec::with_capacity(2 * requests.len());
    let mut open: Option<Open<'_>> = None;
    for request in requests {
        let request = request.as_ref();
        let Ok(pieces) = level.pieces(request) else {
            level.write(open.take(), &mut out);
            out.push(Cow::Borrowed(request));
            continue;
        };
        for piece in pieces {
            match (&mut open, piece) {
                (Some(open), Piece::Resource(next)) if open.first.head == next.head => open.more.push(next),
                (_, Piece::Resource(next)) => {
                    level.write(open.replace(Open { first: next, more: Vec::new() }), &mut out)
                }
                (_, Piece::Other(bytes)) => {
                    level.write(open.take(), &mut out);
                    out.push(Cow::Borrowed(bytes));
                }
            }
        }
    }
    level.write(open, &mut out);
    out
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

    fn write<'a>(&self, open: Option<Open<'a>>, out: &mut Vec<Cow<'a, [u8]>>) {
        let Some(Open { first, more }) = open else { return };
        let scopes = more.iter().map(|resource| resource.body.len() - resource.head.len());
        let mut start = Vec::new();
        tag(&mut start, self.resource, WireType::Len);
        varint(&mut start, (first.body.len() + scopes.sum::<usize>()) as u64);
        out.extend([Cow::Owned(start), Cow::Borrowed(first.body)]);
        for Resource { body, .. } in more {
            // Parsed once already: nothing can be wrong here.
            for field in Fields::new(body).flatten().filter(|field| field.number == self.scope) {
                out.push(Cow::Borrowed(&body[field.range]));
            }
        }
    }
}
