//! Metrics and the report.

use super::*;
use crate::ledger::{Temporality, Usage};
use opentelemetry_proto::tonic::metrics::v1::AggregationTemporality;

fn serve(world: &mut World, id: &str, status: &str) {
    world.started(id);
    world.start(0, id);
    world.ended(id);
    world.done(40, id, status);
    world.report(60, id);
    world.settle();
    world.report(60, id);
}

fn http(count: u64, sum: f64) -> Vec<(String, u64, f64)> {
    vec![("http".to_owned(), count, sum)]
}

#[test]
fn the_report_is_a_span_under_the_invocations() {
    let mut world = World::ordinary();
    world.start(0, "a");
    world.started("a");
    world.ended("a");
    let parts = r#"[{"name":"responseLatency","start":"x","durationMs":30.5},{"name":"responseDuration","durationMs":1},
        {"name":"runtimeOverhead","durationMs":0.25},{"name":"new"},7]"#;
    let record = format!(
        r#"{{"requestId":"a","status":"success","metrics":{{"durationMs":40,"producedBytes":512}},"spans":{parts}}}"#
    );
    world.event(40, "platform.runtimeDone", &record);
    world.report(60, "a");
    world.report(60, "a");
    world.take();
    let span = world.span("platform.report");
    assert_eq!((&span.trace_id[..], &span.parent_span_id[..]), (&[b'a'; 16][..], &span_id("a")[..]));
    assert_eq!((span.start_time_unix_nano, span.end_time_unix_nano), (T0, T0 + 50 * MILLI));
    assert_eq!(status(span), (0, String::new()));
    let mut attributes: Vec<(String, String)> =
        span.attributes.iter().map(|pair| (pair.key.clone(), of(span, &pair.key).unwrap())).collect();
    attributes.sort();
    let expected = [
        ("billed_duration_ms", "51.0"),
        ("duration_ms", "50.0"),
        ("extension_overhead_ms", "9.5"),
        ("max_memory_used_bytes", "77594624"),
        ("memory_size_bytes", "134217728"),
        ("produced_bytes", "512"),
        ("response_duration_ms", "1.0"),
        ("response_latency_ms", "30.5"),
        ("runtime_overhead_ms", "0.25"),
        ("status", "success"),
    ];
    assert_eq!(
        attributes,
        expected.map(|(key, value)| (format!("aws.lambda.report.{key}"), value.to_owned()))
    );
}

#[test]
fn an_answer_that_lambda_refused_after_the_functions_span_had_ended_fails_the_report() {
    let mut world = World::ordinary();
    serve(&mut world, "a", r#"error","errorType":"Function.ResponseSizeTooLarge"#);
    assert_eq!(world.names(), ["platform.report"], "the function's own span is with its own");
    let report = world.span("platform.report");
    assert_eq!(status(report), (2, "Function.ResponseSizeTooLarge".to_owned()));
    assert_eq!(of(report, "error.type").as_deref(), Some("Function.ResponseSizeTooLarge"));
    assert_eq!(of(report, "aws.lambda.report.status").as_deref(), Some("error"));
    assert_eq!(counts(&world.metrics(), "faas.errors"), http(1, 0.0));
}

#[test]
fn invocations_are_added_up_between_flushes() {
    let mut world = World::ordinary();
    world.start(0, "zero");
    for (id, status) in [("a", "success"), ("b", "success"), ("c", "error"), ("d", "timeout")] {
        serve(&mut world, id, status);
    }
    world.ledger.used("a", Usage { cpu_seconds: Some(0.25), network_bytes: Some(4096) });
    world.now += SECOND;
    let metrics = world.metrics();
    for (name, expected) in [
        ("faas.invocations", http(2, 0.0)),
        ("faas.errors", http(1, 0.0)),
        ("faas.timeouts", http(1, 0.0)),
        ("faas.invoke_duration", http(4, 0.16)),
        ("aws.lambda.billed_duration", http(4, 0.204)),
        ("aws.lambda.post_runtime_duration", http(4, 0.038)),
        ("faas.mem_usage", http(4, 4.0 * 77_594_624.0)),
        ("faas.cpu_usage", http(1, 0.25)),
        ("faas.net_io", http(1, 4096.0)),
    ] {
        let counted = counts(&metrics, name);
        assert_eq!(counted.len(), 1, "{name}");
        assert_eq!((&counted[0].0, counted[0].1), (&expected[0].0, expected[0].1), "{name}");
        assert!((counted[0].2 - expected[0].2).abs() < 1e-9, "{name}: {counted:?}");
    }
    let Some(Data::Histogram(durations)) =
        &metrics.iter().find(|m| m.name == "faas.invoke_duration").unwrap().data
    else {
        panic!("a histogram")
    };
    assert_eq!(durations.aggregation_temporality, AggregationTemporality::Delta as i32);
    let point = &durations.data_points[0];
    assert_eq!(
        point.explicit_bounds,
        [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0]
    );
    assert_eq!(point.bucket_counts, [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((point.min, point.max), (Some(0.04), Some(0.04)));
    assert_eq!((point.start_time_unix_nano, point.time_unix_nano), (T0, T0 + SECOND));
    assert_eq!(world.metrics(), [], "nothing has happened since");
    serve(&mut world, "e", "success");
    world.now += SECOND;
    let metrics = world.metrics();
    assert_eq!(counts(&metrics, "faas.invocations"), http(1, 0.0));
    assert_eq!(counts(&metrics, "faas.errors"), []);
}

#[test]
fn cumulative_sums_go_on_and_keep_their_beginning() {
    let mut world = World::new(|settings| settings.metrics = Some(Temporality::Cumulative));
    for (id, total) in [("a", 1), ("b", 2)] {
        serve(&mut world, id, "success");
        world.now += SECOND;
        let metrics = world.metrics();
        assert_eq!(counts(&metrics, "faas.invocations"), http(total, 0.0));
        let Some(Data::Sum(sum)) =
            &metrics.iter().find(|metric| metric.name == "faas.invocations").unwrap().data
        else {
            panic!("a sum")
        };
        assert!(sum.is_monotonic);
        assert_eq!(sum.aggregation_temporality, AggregationTemporality::Cumulative as i32);
        assert_eq!(sum.data_points[0].start_time_unix_nano, T0);
    }
}

#[test]
fn without_the_platforms_word_the_functions_own_counts() {
    let mut world = World::ordinary();
    world.started("a");
    world.ended("a");
    world.settle();
    let metrics = world.metrics();
    assert_eq!(counts(&metrics, "faas.invocations"), http(1, 0.0));
    assert_eq!(counts(&metrics, "faas.invoke_duration"), http(1, 0.039));
}

#[test]
fn an_answer_that_lambda_takes_is_a_success_to_it_whatever_the_answer_says() {
    let mut world = World::ordinary();
    world.started("a");
    world.start(0, "a");
    world.ledger.ended(&Ended { request_id: "a".to_owned(), error: true, ..Ended::default() }, T0);
    world.done(40, "a", "success");
    world.settle();
    let metrics = world.metrics();
    assert_eq!(
        (counts(&metrics, "faas.invocations"), counts(&metrics, "faas.errors")),
        (http(1, 0.0), vec![])
    );
}

#[test]
fn metrics_can_be_turned_off() {
    let mut world = World::new(|settings| settings.metrics = None);
    serve(&mut world, "a", "success");
    assert_eq!(world.metrics(), []);
}

#[test]
fn a_clock_that_is_set_back_makes_no_interval_that_ends_before_it_begins() {
    let mut world = World::ordinary();
    serve(&mut world, "a", "success");
    world.now -= 3_600 * SECOND;
    for metric in world.metrics() {
        if let Some(Data::Sum(sum)) = metric.data {
            assert!(sum.data_points[0].start_time_unix_nano <= sum.data_points[0].time_unix_nano);
        }
    }
}
