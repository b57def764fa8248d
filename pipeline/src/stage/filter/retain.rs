//! A request with some of its items, and all that they belong to.

use spanlayer_otlp::wire::{Fields, bytes_field};

/// The request without the items that are not to be kept, in the order in which [`read`](crate::read) shows them, and
/// without resources and scopes that have none left; `None` if nothing is left.
///
/// The requests of all signals number these levels alike: resources in field 1, scopes in field 2 of each, and in field 2
/// of each scope the spans, log records or metrics.
pub(super) fn retain(request: &[u8], keep: &[bool]) -> Option<Vec<u8>> {
    level(request, &[1, 2, 2], &mut keep.iter().copied())
}

/// `numbers` are those of what this message holds, of what that holds, and so on down to the items.
fn level(body: &[u8], numbers: &[u32], keep: &mut impl Iterator<Item = bool>) -> Option<Vec<u8>> {
    let (number, below) = numbers.split_first()?;
    let mut out = Vec::with_capacity(body.len());
    let mut any = false;
    for field in Fields::new(body).flatten() {
        match field.bytes().filter(|_| field.number == *number) {
            None => out.extend_from_slice(&body[field.range]),
            Some(_) if below.is_empty() => {
                if keep.next().unwrap_or(true) {
                    out.extend_from_slice(&body[field.range]);
                    any = true;
                }
            }
            Some(inner) => {
                if let Some(inner) = level(inner, below, keep) {
                    bytes_field(&mut out, *number, &inner);
                    any = true;
                }
            }
        }
    }
    any.then_some(out)
}
