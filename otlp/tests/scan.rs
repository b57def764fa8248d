//! The scan against OpenTelemetry's own messages.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

mod support;

use opentelemetry_proto::tonic::{
    collector::{logs::v1::ExportLogsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{AnyValue, ArrayValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs},
    metrics::v1::HistogramDataPoint,
    trace::v1::{ResourceSpans, ScopeSpans, Span, Status, span::Link},
};
use prost::Message;
use spanlayer_otlp::{
    Malformed, Signal, Summary, scan,
    scan::Reason,
    wire::{bytes_field, fixed64_field, message_field, varint_field},
};
use support::{Random, items, normalized};

fn span() -> Span {
    Span { trace_id: vec![1; 16], span_id: vec![2; 8], name: "GET /".to_owned(), ..Default::default() }
}

fn request(spans: Vec<Span>) -> Vec<u8> {
    let scope_spans = vec![ScopeSpans::default(), ScopeSpans { spans, ..Default::default() }];
    let resource_spans = vec![ResourceSpans { scope_spans, ..Default::default() }];
    ExportTraceServiceRequest { resource_spans }.encode_to_vec()
}

fn fault(spans: Vec<Span>) -> Malformed {
    scan(Signal::Traces, &request(spans)).unwrap_err()
}

#[test]
fn valid_requests_are_valid_and_their_items_are_counted() {
    for seed in 0..300 {
        for signal in Signal::ALL {
            let bytes = Random::new(seed).request(signal);
            let summary = scan(signal, &bytes).unwrap();
            assert_eq!(summary.items, items(signal, &bytes).len(), "{signal} {seed}");
        }
    }
}

#[test]
fn failed_spans_and_severe_records_are_counted() {
    for seed in 0..300 {
        let traces = Random::new(seed).traces();
        let spans = traces.resource_spans.iter().flat_map(|r| &r.scope_spans).flat_map(|s| &s.spans);
        let failed = spans.filter(|span| span.status.as_ref().is_some_and(|status| status.code == 2)).count();
        assert_eq!(scan(Signal::Traces, &traces.encode_to_vec()).unwrap().errors, failed);

        let logs = Random::new(seed).logs();
        let records = logs.resource_logs.iter().flat_map(|r| &r.scope_logs).flat_map(|s| &s.log_records);
        let severe = records.filter(|record| record.severity_number >= 17).count();
        assert_eq!(scan(Signal::Logs, &logs.encode_to_vec()).unwrap().errors, severe);
    }
}

#[test]
fn a_failure_counts_once_and_only_for_its_own_item() {
    let failed = Span { status: Some(Status { code: 2, message: "no".to_owned() }), ..span() };
    let negative = Span { status: Some(Status { code: -1, ..Default::default() }), ..span() };
    let unknown = Span { status: Some(Status { code: 3, ..Default::default() }), ..span() };
    let bytes = request(vec![span(), failed, span(), negative, unknown]);
    assert_eq!(scan(Signal::Traces, &bytes), Ok(Summary { items: 5, errors: 1 }));
}

#[test]
fn an_empty_request_is_valid() {
    for signal in Signal::ALL {
        assert_eq!(scan(signal, b""), Ok(Summary::default()));
    }
}

#[test]
fn what_is_let_through_every_parser_can_read() {
    let mut refused = 0;
    for seed in 0..200 {
        for signal in Signal::ALL {
            let mut random = Random::new(seed);
            let bytes = random.request(signal);
            for _ in 0..20 {
                let mut damaged = bytes.clone();
                for _ in 0..=random.below(3) {
                    if damaged.is_empty() {
                        break;
                    }
                    let at = random.below(damaged.len());
                    match random.below(3) {
                        0 => damaged[at] = random.next() as u8,
                        1 => damaged[at] ^= 1 << random.below(8),
                        _ => damaged.truncate(at),
                    }
                }
                match scan(signal, &damaged) {
                    Ok(_) => assert!(normalized(signal, &damaged).is_ok(), "{signal} {seed}: {damaged:02x?}"),
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(refused > 1000, "the damage is real: {refused}");
}

#[test]
fn noise_is_refused_without_a_panic() {
    let mut random = Random::new(7);
    for length in (0..2000).chain([100_000]) {
        let noise: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        for signal in Signal::ALL {
            if scan(signal, &noise).is_ok() {
                assert!(normalized(signal, &noise).is_ok());
            }
        }
    }
}

#[test]
fn every_truncation_inside_a_request_is_noticed() {
    let bytes = request(vec![span()]);
    for end in 1..bytes.len() {
        assert!(scan(Signal::Traces, &bytes[..end]).is_err(), "{end}");
    }
}

#[test]
fn an_error_says_where_and_why() {
    let short = Span { trace_id: vec![1; 15], ..span() };
    let error = fault(vec![span(), span(), short]);
    assert_eq!(error.path, "resource_spans[0].scope_spans[1].spans[2].trace_id");
    assert_eq!(error.reason, Reason::IdLength { is: 15, must: 16 });
    let bytes = request(vec![span(), span(), Span { trace_id: vec![1; 15], ..span() }]);
    assert_eq!(bytes[error.offset..error.offset + 15], [1; 15]);
    let said = error.to_string();
    assert!(said.starts_with("resource_spans[0].scope_spans[1].spans[2].trace_id at byte "), "{said}");
    assert!(said.ends_with(": must be 16 bytes, is 15"), "{said}");
}

#[test]
fn ids_are_checked_as_the_specification_asks() {
    let of = |spans| fault(spans).reason;
    assert_eq!(of(vec![Span { trace_id: vec![], ..span() }]), Reason::Missing);
    assert_eq!(of(vec![Span { span_id: vec![], ..span() }]), Reason::Missing);
    assert_eq!(of(vec![Span { trace_id: vec![0; 16], ..span() }]), Reason::ZeroId);
    assert_eq!(of(vec![Span { span_id: vec![0; 8], ..span() }]), Reason::ZeroId);
    assert_eq!(of(vec![Span { parent_span_id: vec![1; 7], ..span() }]), Reason::IdLength { is: 7, must: 8 });
    let link = Link { trace_id: vec![1; 16], span_id: vec![2; 8], ..Default::default() };
    let linked = |link| Span { links: vec![link], ..span() };
    let error = fault(vec![linked(Link { span_id: vec![1; 9], ..link.clone() })]);
    assert_eq!(error.path, "resource_spans[0].scope_spans[1].spans[0].links[0].span_id");
    assert_eq!(of(vec![linked(Link { trace_id: vec![], ..link.clone() })]), Reason::Missing);
    let nowhere = Link { trace_id: vec![0; 16], span_id: vec![0; 8], ..link };
    assert!(scan(Signal::Traces, &request(vec![linked(nowhere)])).is_ok(), "links may point nowhere");

    let of_record = |record| {
        let scope_logs = vec![ScopeLogs { log_records: vec![record], ..Default::default() }];
        let resource_logs = vec![ResourceLogs { scope_logs, ..Default::default() }];
        scan(Signal::Logs, &ExportLogsServiceRequest { resource_logs }.encode_to_vec())
    };
    assert!(of_record(LogRecord::default()).is_ok(), "records need no ids");
    let error = of_record(LogRecord { span_id: vec![1; 3], ..Default::default() }).unwrap_err();
    assert_eq!(error.reason, Reason::IdLength { is: 3, must: 8 });
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    for bad in [&b"\xff"[..], b"longer than eight \xc3", b"\xed\xa0\x80", b"\xc0\x80"] {
        let mut bytes = Vec::new();
        message_field(&mut bytes, 1, |out| {
            message_field(out, 2, |out| {
                message_field(out, 2, |out| {
                    out.extend_from_slice(&span().encode_to_vec());
                    bytes_field(out, 5, bad);
                });
            });
        });
        let error = scan(Signal::Traces, &bytes).unwrap_err();
        assert_eq!(
            (error.path.as_str(), error.reason),
            ("resource_spans[0].scope_spans[0].spans[0].name", Reason::Utf8)
        );
        assert!(normalized(Signal::Traces, &bytes).is_err());
    }
}

#[test]
fn known_fields_have_their_wire_type_and_unknown_ones_are_passed_over() {
    let mut bytes = request(vec![span()]);
    let before = bytes.len();
    varint_field(&mut bytes, 1, 5);
    let error = scan(Signal::Traces, &bytes).unwrap_err();
    assert_eq!(
        (error.path.as_str(), error.offset, error.reason),
        ("resource_spans", before, Reason::WireType)
    );

    let mut bytes = request(vec![span()]);
    varint_field(&mut bytes, 99, 5);
    bytes_field(&mut bytes, 1_000_000, b"\xff");
    fixed64_field(&mut bytes, 31, 5);
    assert_eq!(scan(Signal::Traces, &bytes), Ok(Summary { items: 1, errors: 0 }));
    bytes.push(0x9b); // a group
    bytes.push(0x06);
    assert_eq!(scan(Signal::Traces, &bytes).unwrap_err().reason, Reason::WireType);
}

#[test]
fn numbers_may_be_packed_or_not_and_are_checked_in_either_form() {
    let histogram = |point: &[u8]| {
        let mut bytes = Vec::new();
        message_field(&mut bytes, 1, |out| {
            message_field(out, 2, |out| {
                message_field(out, 2, |out| {
                    message_field(out, 9, |out| bytes_field(out, 1, point));
                });
            });
        });
        bytes
    };
    let mut point = HistogramDataPoint { bucket_counts: vec![1, 2], ..Default::default() }.encode_to_vec();
    fixed64_field(&mut point, 6, 3);
    assert_eq!(scan(Signal::Metrics, &histogram(&point)), Ok(Summary { items: 1, errors: 0 }));
    bytes_field(&mut point, 6, &[0; 12]);
    let error = scan(Signal::Metrics, &histogram(&point)).unwrap_err();
    assert_eq!(error.reason, Reason::Truncated);
    assert!(error.path.ends_with("histogram.data_points[0].bucket_counts"), "{error}");
}

#[test]
fn nesting_ends_where_common_parsers_end() {
    // Request, resource, scope, record and body are five levels; each array adds two.
    let nested = |arrays: usize| {
        let mut value = AnyValue { value: Some(Value::IntValue(1)) };
        for _ in 0..arrays {
            value = AnyValue { value: Some(Value::ArrayValue(ArrayValue { values: vec![value] })) };
        }
        let record = LogRecord { body: Some(value), ..Default::default() };
        let scope_logs = vec![ScopeLogs { log_records: vec![record], ..Default::default() }];
        let resource_logs = vec![ResourceLogs { scope_logs, ..Default::default() }];
        ExportLogsServiceRequest { resource_logs }.encode_to_vec()
    };
    for arrays in [0, 47, 48, 49, 60] {
        let bytes = nested(arrays);
        let readable = normalized(Signal::Logs, &bytes).is_ok();
        assert_eq!(scan(Signal::Logs, &bytes).is_ok(), readable, "{arrays}");
        assert_eq!(readable, arrays <= 48, "{arrays}");
    }
    assert_eq!(scan(Signal::Logs, &nested(49)).unwrap_err().reason, Reason::TooDeep);
    assert_eq!(scan(Signal::Logs, &nested(400)).unwrap_err().reason, Reason::TooDeep);
}
