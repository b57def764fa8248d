//! Log records of every severity and kind of body, from a real provider.

use std::collections::HashMap;

use opentelemetry::{
    SpanId, TraceFlags, TraceId,
    logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity},
};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use spanlayer_pipeline::{Memory, read, sdk::Exporter};

#[test]
fn every_severity_and_kind_of_body_arrives_with_its_trace() {
    let memory = Memory::new();
    let provider = SdkLoggerProvider::builder().with_batch_exporter(Exporter::new(memory.clone())).build();
    let logger = provider.logger("tests");
    let bodies = [
        (Severity::Trace, 1, AnyValue::String("text".into())),
        (Severity::Debug, 5, AnyValue::Int(-7)),
        (Severity::Info, 9, AnyValue::Double(0.5)),
        (Severity::Warn, 13, AnyValue::Boolean(true)),
        (Severity::Error, 17, AnyValue::Bytes(Box::new(vec![0, 255]))),
        (
            Severity::Fatal,
            21,
            AnyValue::ListAny(Box::new(vec![AnyValue::Int(1), AnyValue::String("x".into())])),
        ),
        (Severity::Info, 9, AnyValue::Map(Box::new(HashMap::from([("k".into(), AnyValue::Int(2))])))),
    ];
    for (severity, _, body) in bodies.clone() {
        let mut record = logger.create_log_record();
        record.set_severity_number(severity);
        record.set_severity_text(severity.name());
        record.set_body(body);
        record.set_trace_context(TraceId::from(7_u128), SpanId::from(9_u64), Some(TraceFlags::SAMPLED));
        logger.emit(record);
    }
    provider.force_flush().unwrap();
    let request = memory.batches()[0].request();
    let logs: Vec<_> = read::logs(&request).collect();
    assert_eq!(logs.len(), bodies.len());
    for (log, (severity, number, _)) in logs.iter().zip(&bodies) {
        assert_eq!((log.severity, log.severity_text), (*number, severity.name()));
        assert_eq!(log.trace_id, Some(7_u128.to_be_bytes()));
        assert_eq!(log.span_id, Some(9_u64.to_be_bytes()));
    }
    assert_eq!(logs[0].body, read::Value::Text("text"));
    assert_eq!(logs[1].body, read::Value::Int(-7));
    assert_eq!(logs[2].body, read::Value::Double(0.5));
    assert_eq!(logs[3].body, read::Value::Bool(true));
    assert_eq!(logs[4].body, read::Value::Bytes(&[0, 255]));
    let read::Value::Array(list) = logs[5].body else { panic!("{:?}", logs[5].body) };
    assert_eq!(list.iter().collect::<Vec<_>>(), [read::Value::Int(1), read::Value::Text("x")]);
    let read::Value::Map(map) = logs[6].body else { panic!("{:?}", logs[6].body) };
    assert_eq!(map.find("k"), Some(read::Value::Int(2)));
    provider.shutdown().unwrap();
}
