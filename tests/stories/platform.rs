//! What the platform tells of invocations joins their traces; lines and figures arrive as log records and metrics.

use crate::world::{SOON, World, children};
use opentelemetry_proto::tonic::{
    common::v1::KeyValue,
    metrics::v1::{metric::Data, number_data_point::Value::AsInt},
};
use serde_json::json;
use spanlayer_emulator::{
    Event, LogFormat, Mode, TraceHeader,
    destination::{ReceivedLog, ReceivedSpan, Value, hex},
};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};
use tokio::time::{Instant, sleep};

#[tokio::test]
async fn the_init_is_part_of_the_first_invocations_trace_and_of_no_other() {
    let world = World::with(|builder| builder).await;
    for _ in 0..3 {
        world.invoke(&json!({ "do": "answer" })).await.payload();
    }
    world.shutdown().await;
    let [init] = &world.named("init")[..] else { panic!("one init") };
    let first = &world.invocations()[0];
    assert_eq!((init.trace_id(), init.parent_id()), (first.trace_id(), first.span_id()));
    assert!(init.span.end_time_unix_nano <= first.span.start_time_unix_nano, "it came before");
    assert_eq!(init.text("aws.lambda.initialization_type"), Some("on-demand"));
}

#[tokio::test]
async fn each_report_is_a_child_of_its_invocation_and_comes_with_the_next_flush_through_a_freeze_too() {
    let world = World::with(|builder| builder.freeze_between(true).env("SPANLAYER_FLUSH", "end")).await;
    for count in 1..=4 {
        // Long enough for Lambda to hand over what it kept through the freeze.
        world.invoke(&json!({ "do": "answer", "ms": 100 })).await.payload();
        assert_eq!(world.invocations().len(), count);
        assert_eq!(world.named("platform.report").len(), count - 1, "late, and waited for by nobody");
    }
    world.shutdown().await;
    for invocation in world.invocations() {
        let under = children(&world.named("platform.report"), &invocation);
        let [report] = &under[..] else { panic!("one report: {under:?}") };
        assert!(report.attribute("aws.lambda.report.billed_duration_ms").is_some());
        assert!(report.attribute("aws.lambda.report.max_memory_used_bytes").is_some());
    }
}

#[tokio::test]
async fn under_active_tracing_lambdas_own_segment_is_no_dangling_parent() {
    let world = World::with(|builder| {
        builder.trace_header(TraceHeader::Active { sampled: true }).env("OTEL_PROPAGATORS", "xray-lambda")
    })
    .await;
    let invocation = world.invoke(&json!({ "do": "work", "count": 1 })).await;
    world.shutdown().await;
    let spans = world.destination.spans();
    let of_it = |span: &&ReceivedSpan| span.text("faas.invocation_id") == Some(&invocation.request_id);
    let [a, b] = &spans.iter().filter(of_it).collect::<Vec<_>>()[..] else { panic!("{spans:#?}") };
    let (segment, own) = if a.parent_id() == b.span_id() { (b, a) } else { (a, b) };
    assert_eq!(own.parent_id(), segment.span_id());
    assert_eq!(own.trace_id(), segment.trace_id());
    assert_eq!(segment.text("spanlayer.origin"), Some("platform"));
}

/// The record whose body, or a field of it, is this text.
fn record<'a>(logs: &'a [ReceivedLog], body: &str) -> &'a ReceivedLog {
    let found: Vec<_> = logs.iter().filter(|log| log.body() == Some(body)).collect();
    let [log] = found[..] else { panic!("{body} once: {logs:#?}") };
    log
}

#[tokio::test]
async fn a_line_carries_the_ids_of_its_invocation_and_all_its_fields() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let world = World::with(|builder| builder.log_format(format)).await;
        let structured = json!({
            "timestamp": "2026-01-02T03:04:05.678Z", "level": "WARN", "message": "stock is low",
            "sku": "tea", "left": 3, "ratio": 0.25, "urgent": true, "tags": ["a", "b"], "shelf": { "row": 7 },
        });
        for number in 0..3 {
            let lines = [
                format!("plain line {number}"),
                structured.to_string().replace("low", &format!("low {number}")),
            ];
            let quiet = json!({ "level": "debug", "message": "nobody asked" }).to_string();
            let lines: Vec<_> = lines.into_iter().chain([quiet]).collect();
            world.invoke(&json!({ "do": "work", "lines": lines })).await.payload();
        }
        world.shutdown().await;
        let (logs, invocations) = (world.destination.logs(), world.invocations());
        assert!(!logs.iter().any(|log| log.body() == Some("nobody asked")), "below the level");
        for (number, invocation) in invocations.iter().enumerate() {
            for body in [format!("plain line {number}"), format!("stock is low {number}")] {
                let log = record(&logs, &body);
                assert_eq!(hex(&log.record.trace_id), invocation.trace_id());
                assert_eq!(hex(&log.record.span_id), invocation.span_id());
                assert_eq!(
                    log.attribute("faas.invocation_id"),
                    Some(&Value::StringValue(invocation.text("faas.invocation_id").unwrap().to_owned()))
                );
            }
            let log = record(&logs, &format!("stock is low {number}"));
            assert_eq!((log.record.severity_number, log.record.severity_text.as_str()), (13, "WARN"));
            assert_eq!(log.record.time_unix_nano, 1_767_323_045_678_000_000);
            assert_eq!(log.attribute("sku"), Some(&Value::StringValue("tea".to_owned())));
            assert_eq!(log.attribute("left"), Some(&Value::IntValue(3)));
            assert_eq!(log.attribute("ratio"), Some(&Value::DoubleValue(0.25)));
            assert_eq!(log.attribute("urgent"), Some(&Value::BoolValue(true)));
            assert!(matches!(log.attribute("tags"), Some(Value::ArrayValue(list)) if list.values.len() == 2));
            assert!(matches!(log.attribute("shelf"), Some(Value::KvlistValue(map)) if map.values.len() == 1));
        }
    }
}

#[tokio::test]
async fn our_own_lines_are_never_taken_in_again() {
    let world = World::with(|builder| builder.env("SPANLAYER_LOG", "debug")).await;
    for _ in 0..5 {
        world.invoke(&json!({ "do": "work", "lines": ["the function's"] })).await.payload();
    }
    world.shutdown().await;
    assert!(world.lambda.extension_output("spanlayer").len() > 10, "there is much to take in");
    let logs = world.destination.logs();
    let bodies: Vec<_> = logs.iter().filter_map(ReceivedLog::body).collect();
    assert_eq!(bodies, ["the function's"; 5]);
}

#[tokio::test]
async fn metrics_are_added_up_and_what_they_cover_does_not_overlap() {
    let world = World::with(|builder| builder.env("SPANLAYER_MAX_STALENESS", "300ms")).await;
    for number in 0..30 {
        let order = if number % 10 == 0 { "fail" } else { "answer" };
        world.invoke(&json!({ "do": order, "ms": 20 })).await;
    }
    world.shutdown().await;
    let metrics = world.destination.metrics();
    let of = |name: &str| metrics.iter().filter(|one| one.metric.name == name).collect::<Vec<_>>();
    let mut counted = HashMap::new();
    let mut ends = Vec::new();
    for name in ["faas.invocations", "faas.errors", "faas.coldstarts"] {
        for one in of(name) {
            let Some(Data::Sum(sum)) = &one.metric.data else { panic!("{one:?}") };
            assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (1, true), "delta");
            let [point] = &sum.data_points[..] else { panic!("{sum:?}") };
            let Some(AsInt(count)) = point.value else { panic!("{point:?}") };
            *counted.entry(name).or_insert(0) += count;
            if name == "faas.invocations" {
                ends.push((point.start_time_unix_nano, point.time_unix_nano));
            }
        }
    }
    assert_eq!(
        counted,
        HashMap::from([("faas.invocations", 27), ("faas.errors", 3), ("faas.coldstarts", 1)])
    );
    assert!((2..10).contains(&ends.len()), "{} data points of 30 invocations", ends.len());
    assert!(ends.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{ends:?}");
    for name in ["faas.invoke_duration", "faas.init_duration", "faas.mem_usage", "aws.lambda.billed_duration"]
    {
        assert!(!of(name).is_empty(), "{name}");
    }
    assert!(metrics.iter().all(|one| {
        one.resource.attributes.iter().any(|attribute| attribute.key == "service.instance.id")
    }));
}

#[tokio::test]
async fn the_extensions_own_metrics_are_what_was_counted_where_data_went() {
    let world = World::with(|builder| {
        builder.env("SPANLAYER_OWN_METRICS", "on").env("SPANLAYER_MAX_STALENESS", "300ms")
    })
    .await;
    world.destination.queue([Mode::busy(503, 0)]);
    for _ in 0..20 {
        world.invoke(&json!({ "do": "work", "count": 3 })).await.payload();
    }
    world.shutdown().await;
    let metrics = world.destination.metrics();
    // Deltas, added up, of the data points that have this attribute.
    let total = |name: &str, key: &str, value: &Value| {
        let mut total = 0;
        for one in metrics.iter().filter(|one| one.metric.name == name) {
            let Some(Data::Sum(sum)) = &one.metric.data else { panic!("{one:?}") };
            assert_eq!((sum.aggregation_temporality, sum.is_monotonic), (1, true), "delta");
            for point in &sum.data_points {
                let has = |attribute: &KeyValue| {
                    attribute.key == key
                        && attribute.value.as_ref().and_then(|v| v.value.as_ref()) == Some(value)
                };
                let Some(AsInt(count)) = point.value else { panic!("{point:?}") };
                total += if point.attributes.iter().any(has) { count } else { 0 };
            }
        }
        total
    };
    let text = |text: &str| Value::StringValue(text.to_owned());
    let spans = world.destination.spans().len() as i64;
    assert_eq!(total("spanlayer.received", "spanlayer.signal", &text("traces")), spans);
    assert_eq!(total("spanlayer.exporter.attempts", "http.response.status_code", &Value::IntValue(503)), 1);
    // What carried the last of them is not told of.
    let exported =
        total("otel.sdk.exporter.span.exported", "otel.component.type", &text("otlp_http_span_exporter"));
    assert!((spans / 2..=spans).contains(&exported), "{exported} of {spans}");
    let requests = metrics.iter().filter(|one| one.metric.name == "spanlayer.info").count();
    assert!((1..15).contains(&requests), "{requests} requests of 20 invocations");
}

#[tokio::test]
async fn what_an_invocation_used_is_measured_also_when_the_end_follows_at_once() {
    for _ in 0..10 {
        let world = World::with(|builder| builder).await;
        for _ in 0..2 {
            world.invoke(&json!({ "do": "answer" })).await.payload();
        }
        world.shutdown().await;
        let measured = |name: &str| -> u64 {
            let all = world.destination.metrics();
            let points =
                all.iter().filter(|one| one.metric.name == name).flat_map(|one| match &one.metric.data {
                    Some(Data::Histogram(histogram)) => histogram.data_points.clone(),
                    other => panic!("{other:?}"),
                });
            points.map(|point| point.count).sum()
        };
        assert_eq!((measured("faas.cpu_usage"), measured("faas.net_io")), (2, 2));
    }
}

#[tokio::test]
async fn what_is_switched_off_stays_away() {
    let world =
        World::with(|builder| builder.env("SPANLAYER_LOGS", "off").env("SPANLAYER_METRICS", "off")).await;
    world.invoke(&json!({ "do": "work", "lines": ["quiet"] })).await.payload();
    world.shutdown().await;
    assert!(world.destination.requests().iter().all(|request| request.path == "/v1/traces"));
    let subscription = world.lambda.init().extension("spanlayer").subscription.clone().unwrap();
    assert_eq!(subscription["types"], json!(["platform"]));
}

#[tokio::test]
async fn the_lines_of_a_long_invocation_do_not_wait_for_its_end() {
    let world = World::with(|builder| builder.timeout(SOON).env("SPANLAYER_MAX_STALENESS", "200ms")).await;
    for _ in 0..3 {
        world.invoke(&json!({ "do": "answer" })).await.payload();
    }
    let order = json!({ "do": "hang", "lines": ["patience"] });
    let arrived = async {
        world.destination.wait_for_logs(1, SOON).await.unwrap();
        world.lambda.kill_runtime();
    };
    let (invocation, ()) = tokio::join!(world.invoke(&order), arrived);
    assert!(invocation.response_time < SOON - Duration::from_secs(1), "{:?}", invocation.response_time);
}

#[tokio::test]
async fn a_thousand_invocations_of_which_eight_run_at_once_are_told_apart() {
    let world = World::with(|builder| builder.managed_instances(8)).await;
    let mut ids = Vec::new();
    for batch in 0..125 {
        let one = |number: usize| {
            let id = format!("{batch:08x}-0000-4000-8000-{number:012x}");
            let line = json!({ "level": "INFO", "requestId": id, "message": "one of many" }).to_string();
            let order = json!({ "do": "work", "count": 2, "lines": [line] });
            world.lambda.invoke(Event::from(order).request_id(id))
        };
        let (a, b, c, d, e, f, g, h) =
            tokio::join!(one(0), one(1), one(2), one(3), one(4), one(5), one(6), one(7));
        for invocation in [a, b, c, d, e, f, g, h] {
            invocation.payload();
            ids.push(invocation.request_id);
        }
    }
    // A response is out before the spans are: a function that is killed in between would not be a busy one.
    let by = Instant::now() + SOON;
    // An invocation's own span is the last of it: its steps may have left before.
    while world.named("step").len() < 2000 || world.invocations().len() < 1000 {
        assert!(Instant::now() < by, "{} of 2000 steps", world.named("step").len());
        sleep(Duration::from_millis(20)).await;
    }
    world.shutdown().await;
    let spans = world.destination.spans();
    let invocations = world.invocations();
    let mut told: Vec<_> = invocations.iter().filter_map(|span| span.text("faas.invocation_id")).collect();
    told.sort_unstable();
    ids.sort_unstable();
    assert_eq!(told, ids, "each once");
    let mut by_parent: HashMap<(String, String), Vec<&str>> = HashMap::new();
    let mut seen = HashSet::new();
    for span in &spans {
        let id = span.span_id();
        assert!(seen.insert(id.clone()), "{} came twice: {:?}", span.span.name, world.came(&id));
        by_parent.entry((span.trace_id(), span.parent_id())).or_default().push(&span.span.name);
    }
    for invocation in &invocations {
        let mut under = by_parent.remove(&(invocation.trace_id(), invocation.span_id())).unwrap_or_default();
        under.retain(|name| *name != "init");
        under.sort_unstable();
        assert_eq!(under, ["platform.report", "step", "step"]);
        assert_eq!(invocation.text("spanlayer.origin"), None, "none was missed");
    }
    let spans: HashMap<_, _> =
        invocations.iter().map(|span| (span.text("faas.invocation_id").unwrap(), span)).collect();
    let logs = world.destination.logs();
    assert_eq!(logs.len(), 1000);
    for log in &logs {
        let Some(Value::StringValue(id)) = log.attribute("faas.invocation_id") else { panic!("{log:?}") };
        assert_eq!(hex(&log.record.trace_id), spans[&**id].trace_id());
        assert_eq!(hex(&log.record.span_id), spans[&**id].span_id());
    }
}

#[tokio::test]
async fn what_is_restored_from_a_snapshot_shows_its_restore_and_was_not_started_for_anybody() {
    let world = World::with(|builder| builder.initialization_type("snap-start")).await;
    assert_eq!(world.destination.requests().len(), 0, "nothing of what was before the snapshot");
    for _ in 0..2 {
        world.invoke(&json!({ "do": "work", "count": 1 })).await.payload();
    }
    world.shutdown().await;
    let invocations = world.invocations();
    let [first, second] = &invocations[..] else { panic!("{invocations:#?}") };
    let [restore] = &world.named("restore")[..] else { panic!("one restore") };
    assert_eq!((restore.trace_id(), restore.parent_id()), (first.trace_id(), first.span_id()));
    assert!(restore.span.end_time_unix_nano <= first.span.start_time_unix_nano, "it came before");
    assert_eq!(world.named("init").len(), 0, "that was when the version was published");
    for invocation in [first, second] {
        assert_eq!(invocation.attribute("faas.coldstart"), Some(&Value::BoolValue(false)));
        assert_eq!(children(&world.named("step"), invocation).len(), 1);
    }
    let reports = world.named("platform.report");
    let restored =
        reports.iter().filter(|report| report.attribute("aws.lambda.report.restore_duration_ms").is_some());
    assert_eq!(restored.map(ReceivedSpan::parent_id).collect::<Vec<_>>(), [first.span_id()]);
    let metrics = world.destination.metrics();
    let names: HashSet<_> = metrics.iter().map(|one| one.metric.name.as_str()).collect();
    assert!(names.contains("aws.lambda.restore_duration"), "{names:?}");
    assert!(!names.contains("faas.coldstarts") && !names.contains("faas.init_duration"), "{names:?}");
}
