//! A known load, or one fault, for every metric; and what is read back.

use std::{sync::Arc, time::Duration};

use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::any_value::Value as Any,
    metrics::v1::{AggregationTemporality, Metric as Decoded, metric::Data, number_data_point},
};
use prost::Message as _;
use spanlayer_otlp::{Signal, json};

use super::{Metric, Snapshot, table};
use crate::{
    Admission, Backoff, Batch, BreakerSettings, Code, Deadline, Destination, Export, Memory, Outcome,
    Payload, Pipeline, Redactor, Route, Settings, Spool,
    letters::Letters,
    process::redact::Rules,
    stage::scripted::{Scripted, busy, secs, spans},
    stages::{
        ottl::{Condition, Context},
        stage::{Filter, Skew, Stage},
    },
};
use scrape::Scrape;

#[path = "../../tests/support/scrape.rs"]
mod scrape;

/// Answers with codes, and then with 200.
struct Coded(Scripted, std::sync::Mutex<Vec<u16>>);

impl Coded {
    fn answering(codes: &[u16]) -> Self {
        let outcome = |code: &u16| match code {
            200..=299 => Outcome::DELIVERED,
            429 | 500..=599 => Outcome::retry("busy"),
            _ => Outcome::refused("no"),
        };
        let reversed = codes.iter().rev().copied().collect::<Vec<_>>();
        Self(Scripted::replies(codes.iter().map(outcome)), reversed.into())
    }
}

impl Export for Coded {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        let code = self.1.lock().unwrap().pop().unwrap_or(200);
        batch.answered(Code::Http(code));
        self.0.export(batch, by).await
    }
}

fn settings(export: impl Export + 'static) -> Settings {
    Settings::to([Destination::custom("a", [Signal::Traces], export)])
}

fn by(seconds: u64) -> Deadline {
    Deadline::within(secs(seconds))
}

fn read(pipeline: &Pipeline) -> Scrape {
    Scrape::of(&pipeline.metrics().to_prometheus())
}

/// A pipeline that was given these payloads, and has flushed once.
async fn flushed(settings: Settings, payloads: impl IntoIterator<Item = Payload>) -> Pipeline {
    let pipeline = Pipeline::new(settings);
    for payload in payloads {
        assert_eq!(pipeline.accept(payload), Admission::Accepted);
    }
    pipeline.flush(by(60)).await;
    pipeline
}

#[tokio::test(start_paused = true)]
async fn a_known_load_is_told_exactly() {
    let pipeline =
        flushed(settings(Coded::answering(&[])), [spans(5, "a", false), spans(3, "b", true)]).await;
    let bytes = spans(5, "a", false).bytes().len() + spans(3, "b", true).bytes().len();
    let seen = read(&pipeline);
    let exporter = [("otel_component_type", "spanlayer_custom_span_exporter"), ("otel_component_name", "a")];
    let delivered = [exporter[0], exporter[1], ("error_type", ""), ("server_address", "")];
    assert_eq!(seen.value("otel_sdk_exporter_span_exported_total", &delivered), 8.0);
    assert_eq!(seen.value("otel_sdk_exporter_span_inflight", &exporter), 0.0);
    let answered = [("http_response_status_code", "200"), ("error_type", "")];
    assert_eq!(seen.value("otel_sdk_exporter_operation_duration_seconds_count", &answered), 1.0);
    assert_eq!(seen.value("spanlayer_exporter_attempts_total", &answered), 1.0);
    assert_eq!(seen.value("spanlayer_exporter_batch_size_sum", &[]), 8.0);
    assert_eq!(seen.value("spanlayer_exporter_batch_size_bucket", &[("le", "16")]), 1.0);
    assert_eq!(seen.value("spanlayer_exporter_batch_size_bucket", &[("le", "4")]), 0.0);
    assert_eq!(seen.value("spanlayer_exporter_egress_uncompressed_bytes_total", &[]), bytes as f64);
    let queue = [("otel_component_type", "batching_span_processor"), ("otel_component_name", "a")];
    assert_eq!(seen.value("otel_sdk_processor_span_queue_size", &queue), 0.0);
    assert_eq!(
        seen.value("otel_sdk_processor_span_processed_total", &[queue[0], queue[1], ("error_type", "")]),
        8.0
    );
    let received = [("spanlayer_signal", "traces"), ("service_name", "")];
    assert_eq!(seen.value("spanlayer_received_total", &received), 8.0);
    assert_eq!(seen.value("spanlayer_received_size_bytes_total", &received), bytes as f64);
    assert_eq!(seen.value("spanlayer_queue_size_bytes", &[]), 0.0);
    assert_eq!(seen.value("spanlayer_queue_capacity_bytes", &[]), f64::from(16 << 20));
    for (name, labels) in [
        ("spanlayer_exporter_retries_total", &[][..]),
        ("spanlayer_exporter_resends_total", &[]),
        ("spanlayer_exporter_authentication_failures_total", &[]),
        ("spanlayer_exporter_dead_lettered_total", &[]),
        ("spanlayer_exporter_breaker_open", &[]),
        ("spanlayer_exporter_queue_age_seconds", &[]),
        ("otel_sdk_exporter_span_exported_total", &[("error_type", "rejected")]),
        ("otel_sdk_exporter_span_exported_total", &[("error_type", "refused")]),
        ("otel_sdk_processor_span_processed_total", &[("error_type", "queue_full")]),
    ] {
        // There from the beginning, so that the first is seen to be one more than none.
        assert_eq!(seen.value(name, labels), 0.0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_429_is_an_attempt_of_its_own_and_the_export_takes_as_long_as_its_waits() {
    let pipeline = flushed(
        Settings { backoff: Backoff::linear(), ..settings(Coded::answering(&[429, 503])) },
        [spans(2, "a", false)],
    )
    .await;
    let seen = read(&pipeline);
    for code in ["429", "503"] {
        let failed = [("http_response_status_code", code), ("error_type", code)];
        assert_eq!(seen.value("spanlayer_exporter_attempts_total", &failed), 1.0);
        assert!(!seen.has("otel_sdk_exporter_operation_duration_seconds_count", &failed));
    }
    assert_eq!(seen.value("spanlayer_exporter_retries_total", &[]), 2.0);
    assert_eq!(seen.value("spanlayer_exporter_resends_total", &[]), 2.0);
    assert_eq!(seen.value("otel_sdk_exporter_operation_duration_seconds_count", &[]), 1.0);
    // One second, and two.
    assert_eq!(seen.value("otel_sdk_exporter_operation_duration_seconds_sum", &[]), 3.0);
    assert_eq!(seen.value("otel_sdk_exporter_span_exported_total", &[("error_type", "")]), 2.0);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_down_has_an_open_breaker_a_queue_and_an_age() {
    let no_retry = Backoff { retries: 0, ..Backoff::DEFAULT };
    let mut settings = settings(Scripted::always(busy(5)));
    (settings.backoff, settings.breaker) = (no_retry, BreakerSettings::eager());
    let pipeline = flushed(settings, [spans(7, "a", false)]).await;
    tokio::time::advance(secs(60)).await;
    pipeline.probe_at_once();
    pipeline.flush(by(1)).await;
    let seen = read(&pipeline);
    assert_eq!(seen.value("spanlayer_exporter_breaker_open", &[("otel_component_name", "a")]), 1.0);
    assert_eq!(seen.value("otel_sdk_processor_span_queue_size", &[]), 7.0);
    assert_eq!(seen.value("spanlayer_exporter_queue_age_seconds", &[]), 60.0);
    assert_eq!(seen.value("spanlayer_exporter_attempts_total", &[("error_type", "no_answer")]), 2.0);
    assert_eq!(seen.value("spanlayer_exporter_resends_total", &[]), 1.0);
    assert_eq!(seen.value("spanlayer_exporter_retries_total", &[]), 0.0, "the second was of another export");
    // What is left alone is not attempted, and no export.
    pipeline.flush(by(1)).await;
    let count = read(&pipeline).value("otel_sdk_exporter_operation_duration_seconds_count", &[]);
    assert_eq!(count, 2.0);
    assert!(seen.value("spanlayer_queue_size_bytes", &[]) > 0.0);
}

#[tokio::test(start_paused = true)]
async fn what_hangs_is_in_flight_and_what_is_given_up_was_cancelled_or_timed_out() {
    let mut destination = Destination::custom("a", [Signal::Traces], Scripted::hanging());
    destination.timeout = Some(secs(10));
    let no_retry = Backoff { retries: 0, ..Backoff::DEFAULT };
    let pipeline = Pipeline::new(Settings { backoff: no_retry, ..Settings::to([destination]) });
    pipeline.accept(spans(4, "a", false));
    {
        let mut flush = std::pin::pin!(pipeline.flush(Deadline::never()));
        assert!(tokio::time::timeout(Duration::from_millis(10), flush.as_mut()).await.is_err());
        assert_eq!(read(&pipeline).value("otel_sdk_exporter_span_inflight", &[]), 4.0);
    }
    let seen = read(&pipeline);
    assert_eq!(seen.value("otel_sdk_exporter_span_inflight", &[]), 0.0);
    let cancelled = [("error_type", "cancelled"), ("http_response_status_code", "")];
    assert_eq!(seen.value("spanlayer_exporter_attempts_total", &cancelled), 1.0);
    assert_eq!(seen.value("otel_sdk_exporter_operation_duration_seconds_count", &cancelled), 1.0);
    pipeline.flush(by(60)).await;
    let timed_out = [("error_type", "timeout")];
    let seen = read(&pipeline);
    assert_eq!(seen.value("spanlayer_exporter_attempts_total", &timed_out), 1.0);
    assert_eq!(seen.value("otel_sdk_exporter_operation_duration_seconds_sum", &timed_out), 10.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_refused_and_dead_lettered_is_told_apart() {
    let rejects = Outcome::Delivered { rejected: 3, message: String::new() };
    let pipeline = flushed(settings(Scripted::replies([rejects])), [spans(10, "a", false)]).await;
    let seen = read(&pipeline);
    let exported = "otel_sdk_exporter_span_exported_total";
    assert_eq!(seen.value(exported, &[("error_type", "")]), 7.0);
    assert_eq!(seen.value(exported, &[("error_type", "rejected")]), 3.0);
    let operations = "otel_sdk_exporter_operation_duration_seconds_count";
    assert_eq!(seen.value(operations, &[("error_type", "rejected")]), 1.0, "that is no full success");

    let pipeline = flushed(settings(Coded::answering(&[401])), [spans(10, "a", false)]).await;
    let seen = read(&pipeline);
    assert_eq!(seen.value(exported, &[("error_type", "refused")]), 10.0);
    assert_eq!(seen.value("spanlayer_exporter_authentication_failures_total", &[]), 1.0);
    assert_eq!(seen.value("spanlayer_exporter_dead_lettered_total", &[]), 0.0);

    let path = std::env::temp_dir().join(format!("spanlayer-metrics-letters-{}", std::process::id()));
    let letters = Letters::File(path.clone());
    let refusing = Settings { letters, ..settings(Coded::answering(&[404])) };
    let pipeline = flushed(refusing, [spans(10, "a", false)]).await;
    let seen = read(&pipeline);
    assert_eq!(seen.value(exported, &[("error_type", "refused")]), 10.0);
    assert_eq!(seen.value("spanlayer_exporter_dead_lettered_total", &[]), 10.0);
    let letters = "spanlayer_dead_letters_total";
    assert_eq!(seen.value(letters, &[("spanlayer_letter_outcome", "kept")]), 1.0);
    assert_eq!(seen.value(letters, &[("spanlayer_letter_outcome", "elsewhere")]), 0.0);
    assert_eq!(seen.value(letters, &[("spanlayer_letter_outcome", "lost")]), 0.0);
    std::fs::remove_file(path).unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_way_to_be_dropped_has_its_reason() {
    let mut settings = settings(Scripted::hanging());
    settings.limit = 2 * (spans(5, "b", true).bytes().len() + 256);
    let pipeline = Pipeline::new(settings);
    let dropped = |reason| {
        let labels = [("spanlayer_signal", "traces"), ("spanlayer_drop_reason", reason)];
        read(&pipeline).value("spanlayer_dropped_total", &labels)
    };
    pipeline.accept(spans(5, "a", false));
    pipeline.accept(spans(5, "b", true));
    // For an error something healthy goes, for another the older one, and for what is healthy nothing.
    pipeline.accept(spans(5, "c", true));
    assert_eq!(dropped("evicted_healthy"), 5.0);
    pipeline.accept(spans(5, "d", true));
    assert_eq!(dropped("evicted_errors"), 5.0);
    pipeline.accept(spans(5, "e", false));
    assert_eq!(dropped("queue_full"), 5.0);
    let queue_full = [("error_type", "queue_full")];
    assert_eq!(read(&pipeline).value("otel_sdk_processor_span_processed_total", &queue_full), 10.0);

    pipeline.accept_routed(spans(1, "f", false), Route::to(crate::Lanes::NONE));
    assert_eq!(dropped("unrouted"), 1.0);
    pipeline.decide(7, false);
    pipeline.accept_routed(spans(2, "g", false), Route::to(crate::Lanes::ALL).once_decided(7));
    assert_eq!(dropped("sampled_out"), 2.0);
    assert_eq!(dropped("filtered"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_redacted_is_counted_by_rule() {
    let text = r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"sh\"o\\p"}}]},
        "scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174",
        "attributes":[{"key":"password","value":{"stringValue":"hunter2"}}]}]}]}]}"#;
    let request = json::to_protobuf(Signal::Traces, text.as_bytes()).unwrap();
    let redactor = Some(Arc::new(Redactor::new(Rules::default()).unwrap()));
    let settings = Settings { redactor, ..settings(Scripted::replies([])) };
    let pipeline = flushed(settings, [Payload::scan(Signal::Traces, request.into()).unwrap()]).await;
    let seen = read(&pipeline);
    assert_eq!(seen.value("spanlayer_redacted_total", &[("spanlayer_redaction_rule", "key")]), 1.0);
    assert_eq!(seen.value("spanlayer_received_total", &[("service_name", "sh\"o\\p")]), 1.0);
}

#[tokio::test(start_paused = true)]
async fn what_processors_leave_out_and_find_is_counted() {
    let condition = Condition::compile(r#"name == "a 1""#, Context::Span).unwrap();
    let filter = Filter { conditions: vec![(Signal::Traces, condition)], ..Filter::default() };
    let through = [
        Arc::new(Stage::Filter(filter)),
        Arc::new(Stage::Skew(Skew { tolerance: secs(60), correct: false })),
    ];
    let pipeline = Pipeline::new(settings(Scripted::replies([])));
    let text = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","startTimeUnixNano":"9000000000000000000","endTimeUnixNano":"9000000000000000001"}]}]}]}"#;
    let ahead = json::to_protobuf(Signal::Traces, text.as_bytes()).unwrap().into();
    for payload in [spans(3, "a", false), Payload::scan(Signal::Traces, ahead).unwrap()] {
        pipeline.accept_through(payload, [(&through[..], Route::default())].into_iter());
    }
    let seen = read(&pipeline);
    assert_eq!(seen.value("spanlayer_received_total", &[]), 4.0);
    assert_eq!(seen.value("spanlayer_dropped_total", &[TRACES, ("spanlayer_drop_reason", "filtered")]), 1.0);
    let changes = "spanlayer_processor_changes_total";
    assert_eq!(seen.value(changes, &[("spanlayer_processor_change", "fromFuture")]), 1.0);
}

const TRACES: (&str, &str) = ("spanlayer_signal", "traces");

#[tokio::test(start_paused = true)]
async fn what_is_kept_in_files_and_found_there_is_told() {
    let directory = std::env::temp_dir().join(format!("spanlayer-metrics-spool-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let made = || {
        let mut settings = settings(Scripted::hanging());
        settings.spool = Some(Spool::at(directory.clone(), 1 << 20));
        Pipeline::new(settings)
    };
    let first = made();
    first.recover().await;
    first.accept(spans(7, "a", false));
    let seen = read(&first);
    let bytes = seen.value("spanlayer_spool_size_bytes", &[]);
    let files = std::fs::read_dir(&directory).unwrap().flatten().map(|file| file.metadata().unwrap().len());
    assert!(bytes > 0.0 && bytes <= files.sum::<u64>() as f64, "{bytes}");
    assert_eq!(seen.value("spanlayer_spool_recovered_total", &[]), 0.0);
    assert_eq!(seen.value("spanlayer_spool_unspooled_total", &[]), 0.0);
    assert_eq!(seen.value("spanlayer_spool_damaged_total", &[]), 0.0);
    drop(first);
    let second = made();
    second.recover().await;
    let seen = read(&second);
    assert_eq!(seen.value("spanlayer_spool_recovered_total", &[]), 7.0);
    assert_eq!(seen.value("otel_sdk_processor_span_queue_size", &[]), 7.0);
    drop(second);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[tokio::test(start_paused = true)]
async fn letters_that_their_place_does_not_take_are_told_apart() {
    let nowhere = Letters::File("/nowhere/at/all".into());
    let refusing = Settings { letters: nowhere, ..settings(Coded::answering(&[404])) };
    let seen = read(&flushed(refusing, [spans(1, "a", false)]).await);
    let letters =
        |outcome| seen.value("spanlayer_dead_letters_total", &[("spanlayer_letter_outcome", outcome)]);
    assert_eq!((letters("kept"), letters("elsewhere"), letters("lost")), (0.0, 1.0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn destinations_of_one_name_are_told_apart() {
    let to = |export| Destination::custom("a", [Signal::Traces], export);
    let settings = Settings::to([to(Scripted::replies([])), to(Scripted::always(Outcome::refused("no")))]);
    let seen = read(&flushed(settings, [spans(1, "a", false)]).await);
    let exported = "otel_sdk_exporter_span_exported_total";
    assert_eq!(seen.value(exported, &[("otel_component_name", "a"), ("error_type", "")]), 1.0);
    assert_eq!(seen.value(exported, &[("otel_component_name", "a/1"), ("error_type", "refused")]), 1.0);
}

#[tokio::test]
async fn the_process_and_its_settings_are_told() {
    let pipeline = Pipeline::new(Settings::to([Destination::memory(Memory::default())]));
    let seen = Scrape::of(&pipeline.metrics().with_config("0123456789abcdef").to_prometheus());
    assert!(seen.value("process_memory_usage_bytes", &[]) > f64::from(100 << 10));
    assert!(seen.value("process_cpu_time_seconds_total", &[("cpu_mode", "user")]) >= 0.0);
    assert!((0.0..60.0).contains(&seen.value("spanlayer_uptime_seconds", &[])));
    let info =
        [("spanlayer_config_hash", "0123456789abcdef"), ("spanlayer_version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(seen.value("spanlayer_info", &info), 1.0);
    assert_eq!(read(&pipeline).value("spanlayer_info", &[("spanlayer_config_hash", "")]), 1.0);
}

fn decoded(snapshot: &Snapshot) -> Vec<Decoded> {
    let mut resource = Vec::new();
    crate::message::attribute(&mut resource, 1, "service.name", super::Text::Text("shop"));
    let bytes = snapshot.to_otlp(&resource);
    // As strict as the strictest receiver.
    spanlayer_otlp::scan(Signal::Metrics, &bytes).unwrap();
    let mut request = ExportMetricsServiceRequest::decode(&bytes[..]).unwrap();
    assert_eq!(request.resource_metrics.len(), 1);
    let resource = request.resource_metrics.remove(0);
    assert_eq!(resource.resource.unwrap().attributes[0].key, "service.name");
    assert_eq!(resource.scope_metrics[0].scope.as_ref().unwrap().name, "spanlayer.pipeline");
    resource.scope_metrics.into_iter().flat_map(|scope| scope.metrics).collect()
}

fn find<'m>(metrics: &'m [Decoded], name: &str) -> Option<&'m Data> {
    metrics.iter().find(|metric| metric.name == name).and_then(|metric| metric.data.as_ref())
}

/// The values of a metric of sums.
fn sums(metrics: &[Decoded], name: &str) -> Vec<i64> {
    let Some(Data::Sum(sum)) = find(metrics, name) else { return Vec::new() };
    let value = |point: &opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| match point.value {
        Some(number_data_point::Value::AsInt(number)) => number,
        ref other => panic!("{other:?}"),
    };
    sum.data_points.iter().map(value).collect()
}

#[tokio::test(start_paused = true)]
async fn a_receiver_of_otlp_reads_what_a_scraper_reads() {
    let pipeline = flushed(settings(Coded::answering(&[])), [spans(5, "a", false)]).await;
    let snapshot = pipeline.metrics();
    let metrics = decoded(&snapshot);
    assert_eq!(sums(&metrics, "otel.sdk.exporter.span.exported"), [5, 0, 0]);
    let Some(Data::Sum(exported)) = find(&metrics, "otel.sdk.exporter.span.exported") else { panic!() };
    assert!(exported.is_monotonic);
    assert_eq!(exported.aggregation_temporality(), AggregationTemporality::Cumulative);
    let point = &exported.data_points[0];
    assert!(point.start_time_unix_nano > 0 && point.start_time_unix_nano <= point.time_unix_nano);
    let Some(Data::Histogram(took)) = find(&metrics, "otel.sdk.exporter.operation.duration") else {
        panic!()
    };
    let took = &took.data_points[0];
    assert_eq!((took.count, took.bucket_counts.len(), took.explicit_bounds.len()), (1, 15, 14));
    let code = took.attributes.iter().find(|one| one.key == "http.response.status_code").unwrap();
    assert_eq!(code.value.as_ref().unwrap().value, Some(Any::IntValue(200)));
    let Some(Data::Gauge(breaker)) = find(&metrics, "spanlayer.exporter.breaker.open") else { panic!() };
    assert_eq!(breaker.data_points.len(), 1);
    // Every metric that is sent is one of the table, and as it says.
    let rows: Vec<[String; 6]> = table().collect();
    for metric in &metrics {
        let row = rows.iter().find(|row| row[0] == metric.name).unwrap();
        assert_eq!((&row[2], &row[5]), (&metric.unit, &metric.description));
    }
}

#[tokio::test(start_paused = true)]
async fn a_delta_has_what_is_new_and_states_as_they_are() {
    let pipeline = flushed(settings(Coded::answering(&[])), [spans(5, "a", false)]).await;
    let before = pipeline.metrics();
    let idle = decoded(&pipeline.metrics().since(Some(&before)));
    assert_eq!(sums(&idle, "otel.sdk.exporter.span.exported"), [0; 0]);
    assert!(find(&idle, "otel.sdk.exporter.operation.duration").is_none());
    assert_eq!(sums(&idle, "otel.sdk.processor.span.queue.size"), [0]);

    pipeline.accept(spans(3, "b", false));
    pipeline.flush(by(1)).await;
    pipeline.accept(spans(2, "c", false));
    let since = pipeline.metrics().since(Some(&before));
    assert_eq!((since.since, since.points.len()), (before.at, super::METRICS.len()));
    let metrics = decoded(&since);
    assert_eq!(sums(&metrics, "otel.sdk.exporter.span.exported"), [3]);
    assert_eq!(sums(&metrics, "spanlayer.received"), [5]);
    assert_eq!(sums(&metrics, "otel.sdk.processor.span.queue.size"), [2]);
    let Some(Data::Histogram(took)) = find(&metrics, "otel.sdk.exporter.operation.duration") else {
        panic!()
    };
    assert_eq!(took.aggregation_temporality(), AggregationTemporality::Delta);
    assert_eq!(took.data_points[0].count, 1);
    let Some(Data::Sum(queue)) = find(&metrics, "otel.sdk.processor.span.queue.size") else { panic!() };
    assert_eq!(queue.aggregation_temporality(), AggregationTemporality::Cumulative, "it is a state");
    assert!(!since.points[Metric::Info as usize].is_empty());
}

#[test]
fn a_text_of_a_pipeline_that_did_nothing_is_small() {
    let pipeline = Pipeline::new(Settings::to([Destination::memory(Memory::default())]));
    let series = read(&pipeline).len();
    assert!(series < 100, "{series}");
}
