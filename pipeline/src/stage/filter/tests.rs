//! Exactly which items arrive, and what they belong to.

use spanlayer_otlp::json::to_protobuf;

use super::*;
use crate::{
    Payload,
    stage::scripted::{Scripted, spans},
};

const SPANS: &str = r#"{"resourceSpans":[
    {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},"schemaUrl":"https://one",
     "scopeSpans":[
        {"scope":{"name":"a","version":"1"},"spans":[
            {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000b1","name":"HTTP GET"},
            {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000b2","name":"SQL","status":{"code":2}}]},
        {"scope":{"name":"b"},"spans":[
            {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000b3","name":"HTTP POST"}]}]},
    {"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"stock"}}]},"scopeSpans":[
        {"scope":{"name":"a"},"spans":[
            {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000b4","name":"SQL","status":{"code":1}},
            {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000b5","name":"x","status":{"code":2}}]}]}]}"#;

const LOGS: &str = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[
    {"severityNumber":16,"eventName":"a.warn"},{"severityNumber":17,"eventName":"b.error"},
    {"severityNumber":21,"eventName":"a.fatal"}]}]}]}"#;

const METRICS: &str = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[
    {"name":"a.count","sum":{"dataPoints":[{"asInt":"1"},{"asInt":"2"}]}},{"name":"b","gauge":{"dataPoints":[{"asInt":"3"}]}}]}]}]}"#;

fn batch_of(signal: Signal, json: &str) -> Batch {
    let request = to_protobuf(signal, json.as_bytes()).unwrap();
    Batch::of([Payload::scan(signal, request.into()).unwrap()]).unwrap()
}

/// The only batch that arrives, if one does.
async fn through(filter: impl Fn(Scripted) -> Filter<Scripted>, batch: &Batch) -> Option<Batch> {
    let filter = filter(Scripted::always(Outcome::DELIVERED));
    assert_eq!(filter.export(batch.clone(), Deadline::never()).await, Outcome::DELIVERED);
    let mut seen = filter.inner.seen();
    assert!(seen.len() <= 1);
    seen.pop()
}

#[tokio::test]
async fn errors_arrive_with_their_resources_and_scopes_and_nothing_else_does() {
    let batch = batch_of(Signal::Traces, SPANS);
    let left = through(Filter::errors_only, &batch).await.unwrap();
    let request = left.request();
    let seen: Vec<_> = read::spans(&request)
        .map(|span| (span.resource.service_name().unwrap(), span.scope.name, span.scope.version, span.name))
        .collect();
    assert_eq!(seen, [("orders", "a", "1", "SQL"), ("stock", "a", "", "x")]);
    assert_eq!(read::scopes(&request).count(), 2, "what is empty is not sent");
    assert_eq!(left.items(), 2);
    let text = spanlayer_otlp::json::from_protobuf(Signal::Traces, &request).unwrap();
    assert!(text.contains("https://one"), "{text}");
}

#[tokio::test]
async fn names_are_matched_by_their_beginning() {
    let batch = batch_of(Signal::Traces, SPANS);
    let left = through(|inner| Filter::name_prefix(inner, "HTTP "), &batch).await.unwrap();
    let request = left.request();
    assert_eq!(read::spans(&request).map(|span| span.name).collect::<Vec<_>>(), ["HTTP GET", "HTTP POST"]);
    let left = through(|inner| Filter::name_prefix(inner, "a."), &batch_of(Signal::Metrics, METRICS)).await;
    let left = left.unwrap();
    assert_eq!(left.items(), 2, "both points of the one metric");
    assert_eq!(read::metrics(&left.request()).map(|metric| metric.name).collect::<Vec<_>>(), ["a.count"]);
}

#[tokio::test]
async fn log_records_of_severity_error_and_worse_are_errors_and_metrics_are_none() {
    let left = through(Filter::errors_only, &batch_of(Signal::Logs, LOGS)).await.unwrap();
    let request = left.request();
    assert_eq!(read::logs(&request).map(|log| log.event_name).collect::<Vec<_>>(), ["b.error", "a.fatal"]);
    assert!(through(Filter::errors_only, &batch_of(Signal::Metrics, METRICS)).await.is_none());
}

#[tokio::test]
async fn an_emptied_batch_is_not_sent_and_a_whole_one_goes_on_as_it_is() {
    let batch = Batch::of([spans(3, "fine", false), spans(2, "fine", false)]).unwrap();
    assert!(through(Filter::errors_only, &batch).await.is_none());
    let left = through(|inner| Filter::new(inner, |_| true), &batch).await.unwrap();
    assert_eq!((left.request(), left.parts().len()), (batch.request(), 2));
    let left = through(
        |inner| Filter::new(inner, |item| matches!(item, Item::Span(span) if span.name.ends_with('1'))),
        &batch,
    );
    assert_eq!(left.await.unwrap().items(), 2, "one of each payload");
}

#[tokio::test]
async fn what_is_left_has_a_key_of_its_own_that_is_the_same_for_the_same_choice() {
    let batch = batch_of(Signal::Traces, SPANS);
    let errors = through(Filter::errors_only, &batch).await.unwrap();
    let again = through(Filter::errors_only, &batch).await.unwrap();
    let named = through(|inner| Filter::name_prefix(inner, "SQL"), &batch).await.unwrap();
    assert_eq!(errors.idempotency_key(), again.idempotency_key());
    assert_ne!(errors.idempotency_key(), named.idempotency_key());
    assert!(errors.idempotency_key().starts_with(&format!("{}-", batch.idempotency_key())));
}

/// Whoever knows repetitions by their keys must not take one choice for another.
#[tokio::test]
async fn a_file_behind_two_filters_gets_what_each_lets_through() {
    let path = std::env::temp_dir().join(format!("spanlayer-filtered-{}", std::process::id()));
    let file = Arc::new(crate::Destination::file(&path).exporter());
    let batch = batch_of(Signal::Traces, SPANS);
    for filter in [Filter::errors_only(Arc::clone(&file)), Filter::name_prefix(file, "HTTP ")] {
        assert_eq!(filter.export(batch.clone(), Deadline::never()).await, Outcome::DELIVERED);
    }
    let lines = std::fs::read_to_string(&path).unwrap().lines().count();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(lines, 4, "two errors and two requests");
}
