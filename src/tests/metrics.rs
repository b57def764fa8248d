//! What the program measures leaves with the invocation that it was measured in.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use lambda_runtime::{Error, LambdaEvent};
use opentelemetry::{KeyValue, metrics::MeterProvider as _};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use serde_json::{Value, json};
use spanlayer_link::Frame;
use spanlayer_otlp::Signal;

use super::world::{Received, World, attribute, list};

type Text = LambdaEvent<String>;

/// A provider as a program makes it, or as one is made for it.
fn provider(world: &World) -> SdkMeterProvider {
    SdkMeterProvider::builder().with_reader(world.telemetry.metrics.reader()).build()
}

/// All metrics, in order.
fn metrics(received: &Received) -> Vec<Value> {
    let resources = received.metrics.iter().flat_map(|request| list(request, "resourceMetrics"));
    let scopes = resources.flat_map(|resource| list(&resource, "scopeMetrics"));
    scopes.flat_map(|scope| list(&scope, "metrics")).collect()
}

async fn invoke(world: &World, work: impl Fn()) -> Received {
    let handler = |_: Text| {
        work();
        async { Ok::<(), Error>(()) }
    };
    world.invoke(handler, r#""7""#).await.expect("an answer");
    world.received()
}

#[tokio::test]
async fn a_counter_leaves_with_its_invocation_after_the_response_and_before_the_end() {
    let world = World::new();
    let provider = provider(&world);
    let orders = provider.meter("shop").u64_counter("orders").with_unit("{order}").build();
    let before = AtomicU64::new(0);
    let handler = |_: Text| {
        orders.add(3, &[KeyValue::new("kind", "gift")]);
        async { Ok::<(), Error>(()) }
    };
    let count = || before.store(world.frames().len() as u64, Ordering::Relaxed);
    world.invoke_then(handler, r#""7""#, count).await;
    assert_eq!(before.into_inner(), 1, "hello before the response");
    let frames = world.frames();
    let [
        Frame::Started(_),
        Frame::Telemetry(Signal::Metrics, request),
        Frame::Telemetry(Signal::Traces, _),
        Frame::Ended(_),
        Frame::Said(_),
    ] = &frames[..]
    else {
        panic!("{frames:?}")
    };
    let text = spanlayer_otlp::json::from_protobuf(Signal::Metrics, request).expect("valid OTLP");
    let request: Value = serde_json::from_str(&text).expect("JSON");
    let metric = &request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
    let point = &metric["sum"]["dataPoints"][0];
    assert_eq!((&metric["name"], &metric["unit"]), (&json!("orders"), &json!("{order}")));
    assert_eq!((&point["asInt"], attribute(point, "kind")), (&json!("3"), Some(&json!("gift"))));
}

#[tokio::test]
async fn deltas_are_what_came_since_the_last_invocation_and_nothing_is_sent_for_nothing() {
    let world = World::new();
    let provider = provider(&world);
    let orders = provider.meter("shop").u64_counter("orders").build();
    for (add, expected) in [(2, Some("2")), (0, None), (5, Some("5"))] {
        let received = invoke(&world, || {
            if add > 0 {
                orders.add(add, &[])
            }
        })
        .await;
        let metrics = metrics(&received);
        let sum = metrics.first().map(|metric| metric["sum"].clone());
        let value = sum.as_ref().and_then(|sum| sum["dataPoints"][0]["asInt"].as_str());
        assert_eq!(value, expected);
        assert!(sum.is_none_or(|sum| sum["aggregationTemporality"] == 1));
        assert_eq!(received.metrics.len(), usize::from(expected.is_some()));
    }
}

#[tokio::test]
async fn the_preference_decides_what_instruments_count_from() {
    for (preference, counter, up_down) in [("cumulative", 2, 2), ("delta", 1, 2), ("lowmemory", 1, 2)] {
        let world = World::with(&[("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", preference)]);
        let provider = provider(&world);
        let meter = provider.meter("shop");
        let (orders, open) = (meter.u64_counter("orders").build(), meter.i64_up_down_counter("open").build());
        invoke(&world, || orders.add(1, &[])).await;
        let received = invoke(&world, || {
            orders.add(1, &[]);
            open.add(1, &[]);
        });
        let metrics = metrics(&received.await);
        let of =
            |name: &str| metrics.iter().find(|metric| metric["name"] == name).expect(name)["sum"].clone();
        assert_eq!(of("orders")["aggregationTemporality"], counter, "{preference}");
        assert_eq!(of("open")["aggregationTemporality"], up_down, "{preference}");
        let expected = if counter == 2 { "2" } else { "1" };
        assert_eq!(of("orders")["dataPoints"][0]["asInt"], expected, "{preference}");
    }
}

#[tokio::test]
async fn observable_instruments_are_asked_at_the_end_of_each_invocation() {
    let world = World::new();
    let provider = provider(&world);
    let depth = Arc::new(AtomicU64::new(0));
    let _gauge = provider
        .meter("shop")
        .u64_observable_gauge("queue.depth")
        .with_callback({
            let depth = Arc::clone(&depth);
            move |observer| observer.observe(depth.load(Ordering::Relaxed), &[])
        })
        .build();
    for value in [4, 9] {
        let received = invoke(&world, || depth.store(value, Ordering::Relaxed)).await;
        assert_eq!(metrics(&received)[0]["gauge"]["dataPoints"][0]["asInt"], value.to_string());
    }
}

#[tokio::test]
async fn a_callback_may_trace_and_log_and_if_it_panics_the_invocation_is_still_sent() {
    let world = World::with(&[("SPANLAYER_EVENTS", "otlp")]);
    let _subscribed = world.subscribe();
    let provider = provider(&world);
    let calls = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&calls);
    let records = world.telemetry.records().expect("wanted");
    let _gauge = provider
        .meter("shop")
        .u64_observable_gauge("queue.depth")
        .with_callback(move |observer| {
            tracing::info_span!("asked").in_scope(|| ());
            let subscriber = tracing_subscriber::layer::SubscriberExt::with(
                tracing_subscriber::registry(),
                records.clone(),
            );
            tracing::subscriber::with_default(subscriber, || tracing::info!("asked"));
            assert!(counted.fetch_add(1, Ordering::Relaxed) == 0, "for the test");
            observer.observe(1, &[]);
        })
        .build();
    let received = invoke(&world, || ()).await;
    assert_eq!((metrics(&received).len(), received.logs.len()), (1, 1));
    received.span("asked");
    for _ in 0..2 {
        let received = invoke(&world, || ()).await;
        received.span("orders");
        assert_eq!(received.ended.len(), 1);
    }
}

#[tokio::test]
async fn metrics_are_of_the_environment_that_spans_are_of() {
    let world = World::new();
    let provider = provider(&world);
    let orders = provider.meter("shop").u64_counter("orders").build();
    let received = invoke(&world, || orders.add(1, &[])).await;
    let (metrics, spans) = (&received.metrics[0], &received.requests[0]);
    let (metrics, spans) =
        (&metrics["resourceMetrics"][0]["resource"], &spans["resourceSpans"][0]["resource"]);
    for key in ["service.name", "service.instance.id", "faas.name", "cloud.provider"] {
        assert!(attribute(metrics, key).is_some());
        assert_eq!(attribute(metrics, key), attribute(spans, key), "{key}");
    }
}

#[tokio::test]
async fn none_collects_nothing_and_an_interval_collects_less_often() {
    for (variable, value, expected) in
        [("OTEL_METRICS_EXPORTER", "none", 0), ("OTEL_METRIC_EXPORT_INTERVAL", "3600000", 1)]
    {
        let world = World::with(&[(variable, value)]);
        let provider = provider(&world);
        let orders = provider.meter("shop").u64_counter("orders").build();
        let mut collected = 0;
        for _ in 0..3 {
            collected += invoke(&world, || orders.add(1, &[])).await.metrics.len();
        }
        assert_eq!(collected, expected, "{variable}");
    }
}

#[tokio::test]
async fn a_provider_that_is_gone_is_forgotten() {
    let world = World::new();
    let gone = provider(&world);
    let kept = provider(&world);
    let orders = kept.meter("shop").u64_counter("orders").build();
    drop(gone);
    assert_eq!(invoke(&world, || orders.add(1, &[])).await.metrics.len(), 1);
}
