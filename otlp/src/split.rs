//! One request into several.

use crate::{
    Signal, Summary,
    scan::scan,
    schema::{Mark, Message, request},
    wire::{Fields, Tree},
};
use bytes::Bytes;

/// Splits a request into parts of at most `max_bytes` and `max_items`, each a valid request with its own summary.
///
/// Every part repeats what its items belong to (resource, scope, metric). No item is ever dropped, reordered or changed:
/// one that exceeds `max_bytes` all by itself makes a part of its own. Resources, scopes and metrics without items are
/// left out. A request that is small enough is returned as it is, without a copy; so is one that
/// [`scan`] refuses, with an empty summary.
pub fn split(signal: Signal, bytes: &Bytes, max_bytes: usize, max_items: usize) -> Vec<(Bytes, Summary)> {
    let summary = scan(signal, bytes).unwrap_or_default();
    if summary.items <= 1 || (bytes.len() <= max_bytes && summary.items <= max_items) {
        return vec![(bytes.clone(), summary)];
    }
    let root = head(request(signal), bytes);
    let mut splitter = Splitter {
        root: &root,
        path: Vec::new(),
        part: Tree::new(),
        items: 0,
        max_bytes,
        max_items: max_items.max(1),
        parts: Vec::new(),
    };
    splitter.walk(request(signal), bytes);
    splitter.finish_part();
    let summed = |part: Vec<u8>| {
        let part = Bytes::from(part);
        let summary = scan(signal, &part).unwrap_or_default();
        (part, summary)
    };
    splitter.parts.into_iter().map(summed).collect()
}

struct Splitter<'a> {
    /// Fields of the request itself that this schema does not know.
    root: &'a [u8],
    /// The messages around the place where the walk is.
    path: Vec<Enclosing>,
    /// The part under construction. The first so many of `path` are open in it.
    part: Tree,
    /// Items in `part`.
    items: usize,
    max_bytes: usize,
    max_items: usize,
    parts: Vec<Vec<u8>>,
}

/// A message that encloses items.
struct Enclosing {
    number: u32,
    /// What it holds beside them.
    head: Vec<u8>,
}

/// At most what a key and a length take.
const KEY_AND_LENGTH: usize = 10;

impl Splitter<'_> {
    fn walk(&mut self, message: &'static Message, body: &[u8]) {
        for field in Fields::new(body).flatten() {
            let known = message.field(field.number);
            match known.map(|known| (known.mark, known.nested())) {
                Some((Mark::Item, _)) => self.item(&body[field.range]),
                Some((Mark::Within, Some(nested))) => {
                    let inner = field.bytes().unwrap_or_default();
                    self.path.push(Enclosing { number: field.number, head: head(nested, inner) });
                    self.walk(nested, inner);
                    self.path.pop();
                    if self.part.depth() > self.path.len() {
                        self.part.close();
                    }
                }
                _ => {}
            }
        }
    }

    fn item(&mut self, field: &[u8]) {
        let unopened: usize =
            self.path.iter().skip(self.part.depth()).map(|level| level.head.len() + KEY_AND_LENGTH).sum();
        let full = self.part.size_at_most() + unopened + field.len() > self.max_bytes;
        if self.items == self.max_items || (full && self.items > 0) {
            self.finish_part();
        }
        if self.items == 0 {
            self.part.fields().extend_from_slice(self.root);
        }
        for level in self.path.iter().skip(self.part.depth()) {
            self.part.open(level.number);
            self.part.fields().extend_from_slice(&level.head);
        }
        self.part.fields().extend_from_slice(field);
        self.items += 1;
    }

    fn finish_part(&mut self) {
        if self.items > 0 {
            self.parts.push(std::mem::take(&mut self.part).finish());
            self.items = 0;
        }
    }
}

/// All fields of a message but those that lead to items.
fn head(message: &'static Message, body: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for field in Fields::new(body).flatten() {
        let mark = message.field(field.number).map(|known| known.mark);
        if !matches!(mark, Some(Mark::Item | Mark::Within)) {
            head.extend_from_slice(&body[field.range]);
        }
    }
    head
}
