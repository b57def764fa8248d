//! Splitting and merging keep every item where it belongs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spanlayer_otlp::{Signal, Summary, merge::concat, scan, split::split, wire::bytes_field};
use support::{Placed, Random, items};

/// A request with one resource that has scopes.
fn one_resource() -> ExportTraceServiceRequest {
    let suits = |request: &ExportTraceServiceRequest| {
        request
            .resource_spans
            .first()
            .is_some_and(|first| !first.scope_spans.is_empty() && first.resource.is_some())
    };
    let mut request = (0..).map(|seed| Random::new(seed).traces()).find(suits).unwrap();
    request.resource_spans.truncate(1);
    request
}

fn items_of(signal: Signal, parts: &[(Bytes, Summary)]) -> Vec<Placed> {
    parts.iter().flat_map(|(part, _)| items(signal, part)).collect()
}

#[test]
fn parts_hold_all_items_in_order_and_each_part_obeys_the_limits() {
    for seed in 0..300 {
        for signal in Signal::ALL {
            let mut random = Random::new(seed);
            let whole = Bytes::from(random.request(signal));
            let (max_bytes, max_items) = (1 + random.below(whole.len() + 2), 1 + random.below(10));
            let parts = split(signal, &whole, max_bytes, max_items);
            assert_eq!(items_of(signal, &parts), items(signal, &whole), "{signal} {seed}");
            for (part, summary) in &parts {
                assert_eq!(scan(signal, part).as_ref(), Ok(summary));
                assert!(summary.items <= max_items.max(1));
                assert!(part.len() <= max_bytes || summary.items <= 1, "only one item may exceed the limit");
                assert!(summary.items > 0 || parts.len() == 1, "no part is empty");
            }
            let total = scan(signal, &whole).unwrap();
            assert_eq!(parts.iter().map(|(_, part)| part.errors).sum::<usize>(), total.errors);
        }
    }
}

#[test]
fn parts_are_not_needlessly_many() {
    let mut random = Random::new(1);
    let mut request = one_resource();
    request.resource_spans[0].scope_spans.truncate(1);
    request.resource_spans[0].scope_spans[0].spans = (0..100).map(|_| random.span()).collect();
    let whole = Bytes::from(request.encode_to_vec());
    assert_eq!(split(Signal::Traces, &whole, usize::MAX, 10).len(), 10);
    let longest =
        request.resource_spans[0].scope_spans[0].spans.iter().map(Message::encoded_len).max().unwrap();
    let parts = split(Signal::Traces, &whole, whole.len() / 4, usize::MAX);
    assert!(parts.len() <= 4 + 1 + 4 * longest / (whole.len() / 4), "{} parts", parts.len());
}

#[test]
fn a_small_request_is_not_copied() {
    let whole = Bytes::from(Random::new(3).request(Signal::Traces));
    let parts = split(Signal::Traces, &whole, whole.len(), usize::MAX);
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0].0.as_ptr(), whole.as_ptr());
}

#[test]
fn what_does_not_parse_comes_back_whole() {
    let garbage = Bytes::from_static(b"\xff\xff\xff");
    assert_eq!(split(Signal::Logs, &garbage, 1, 1), [(garbage.clone(), Summary::default())]);
}

#[test]
fn unknown_fields_of_the_request_are_in_every_part() {
    let mut bytes = Vec::new();
    bytes_field(&mut bytes, 9, b"future");
    bytes.extend_from_slice(&Random::new(5).request(Signal::Traces));
    let parts = split(Signal::Traces, &bytes.into(), usize::MAX, 1);
    assert!(parts.len() > 1);
    assert!(parts.iter().all(|(part, _)| part.windows(6).any(|window| window == b"future")));
}

#[test]
fn a_batch_holds_what_its_members_hold_in_order() {
    for seed in 0..300 {
        for signal in Signal::ALL {
            let mut random = Random::new(seed);
            let members: Vec<Vec<u8>> = (0..random.below(6)).map(|_| random.request(signal)).collect();
            let mut batch = Vec::new();
            concat(signal, &members, &mut batch);
            let separate: Vec<Placed> = members.iter().flat_map(|member| items(signal, member)).collect();
            assert_eq!(items(signal, &batch), separate, "{signal} {seed}");
            assert_eq!(scan(signal, &batch).unwrap().items, separate.len());
            assert!(batch.len() <= members.concat().len());
        }
    }
}

#[test]
fn neighbours_of_one_resource_become_one() {
    let request = one_resource();
    let member = request.encode_to_vec();
    let mut batch = b"before".to_vec();
    concat(Signal::Traces, &[&member, &member, &member], &mut batch);
    assert_eq!(&batch[..6], b"before", "what is there stays");
    let merged = ExportTraceServiceRequest::decode(&batch[6..]).unwrap();
    assert_eq!(merged.resource_spans.len(), 1);
    assert_eq!(merged.resource_spans[0].resource, request.resource_spans[0].resource);
    assert_eq!(merged.resource_spans[0].scope_spans.len(), 3 * request.resource_spans[0].scope_spans.len());
}

#[test]
fn resources_that_differ_in_their_schema_only_stay_apart() {
    let mut request = one_resource();
    let one = request.encode_to_vec();
    request.resource_spans[0].schema_url += "/other";
    let mut batch = Vec::new();
    concat(Signal::Traces, &[one, request.encode_to_vec()], &mut batch);
    assert_eq!(ExportTraceServiceRequest::decode(&*batch).unwrap().resource_spans.len(), 2);
}

#[test]
fn a_member_that_does_not_parse_is_copied_as_it_is() {
    let good = Random::new(2).request(Signal::Traces);
    let mut batch = Vec::new();
    concat(Signal::Traces, &[&good[..], b"\xff\xff", &good], &mut batch);
    assert_eq!(batch, [&good[..], b"\xff\xff", &good].concat());
}
