//! Keeps resources apart, for formats that name the resource once a request.

use bytes::Bytes;
use spanlayer_otlp::{Signal, scan, wire::Fields};

use crate::batch::Part;

/// Batches that are each of one resource, in the order in which the resources come; `None` if this is one already.
/// Payloads of several resources are split, each piece a batch of its own.
pub(crate) fn by_resource(signal: Signal, parts: &[Part]) -> Option<Vec<Vec<Part>>> {
    let mut batches: Vec<(Option<Vec<u8>>, Vec<Part>)> = Vec::new();
    for part in parts {
        match groups(&part.bytes).as_mut_slice() {
            [] | [_] => {
                let resource = resource(&part.bytes).to_vec();
                match batches.iter_mut().find(|(known, _)| known.as_ref() == Some(&resource)) {
                    Some((_, batch)) => batch.push(part.clone()),
                    None => batches.push((Some(resource), vec![part.clone()])),
                }
            }
            groups => batches.extend(groups.iter_mut().map(|(_, bytes)| {
                let bytes = Bytes::from(std::mem::take(bytes));
                let summary = scan(signal, &bytes).unwrap_or_default();
                (None, vec![part.piece(bytes, summary)])
            })),
        }
    }
    (batches.len() > 1).then(|| batches.into_iter().map(|(_, batch)| batch).collect())
}

/// The request's resources, encoded, each with a request of what belongs to it.
fn groups(request: &[u8]) -> Vec<(&[u8], Vec<u8>)> {
    let mut groups: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for field in Fields::new(request).flatten() {
        let Some(body) = field.bytes().filter(|_| field.number == 1) else { continue };
        let (resource, bytes) = (of(body), &request[field.range]);
        match groups.iter_mut().find(|(known, _)| *known == resource) {
            Some((_, group)) => group.extend_from_slice(bytes),
            None => groups.push((resource, bytes.to_vec())),
        }
    }
    groups
}

/// The first resource of a request.
fn resource(request: &[u8]) -> &[u8] {
    let first = Fields::new(request).flatten().find(|field| field.number == 1);
    first.and_then(|field| field.bytes()).map(of).unwrap_or_default()
}

/// The resource of a `Resource…` message; of several, the last counts.
fn of(body: &[u8]) -> &[u8] {
    let resources = Fields::new(body).flatten().filter(|field| field.number == 1);
    resources.last().and_then(|field| field.bytes()).unwrap_or_default()
}
