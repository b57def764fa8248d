//! What telemetry cost: the report's figures are those that are counted where it went.

use crate::world::World;
use serde_json::{Value, json};
use spanlayer_emulator::{Destination, Mode, binary};
use std::{path::Path, process::Command};

/// What `spanlayer-cli cost` makes of these files.
fn report(files: &[&Path]) -> Value {
    let told = Command::new(binary("spanlayer-cli"))
        .args(["cost", "--json", "--price-per-gb", "1000", "--price-per-million-spans", "1000000"])
        .args(files)
        .output()
        .unwrap();
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

/// Where so much arrived: items by signal, requests, bytes on the wire and before compression.
fn arrived(at: &Destination) -> [u64; 6] {
    let points = at.metrics().into_iter().map(|metric| {
        use opentelemetry_proto::tonic::metrics::v1::metric::Data;
        match metric.metric.data.unwrap() {
            Data::Gauge(gauge) => gauge.data_points.len(),
            Data::Sum(sum) => sum.data_points.len(),
            Data::Histogram(histogram) => histogram.data_points.len(),
            Data::ExponentialHistogram(histogram) => histogram.data_points.len(),
            Data::Summary(summary) => summary.data_points.len(),
        }
    });
    let counts = at.counts();
    let items = [at.spans().len(), points.sum(), at.logs().len(), counts.requests].map(|count| count as u64);
    [items[0], items[1], items[2], items[3], counts.wire_bytes, counts.body_bytes]
}

/// The same, as the report has it.
fn told(destination: &Value) -> [u64; 6] {
    let one =
        |signal: &str, figure: &str| destination["signals"][signal][figure].as_u64().unwrap_or_default();
    let all = |figure: &str| ["traces", "metrics", "logs"].map(|signal| one(signal, figure)).iter().sum();
    let items = ["traces", "metrics", "logs"].map(|signal| one(signal, "delivered"));
    [items[0], items[1], items[2], all("requests"), all("sent"), all("bytes")]
}

#[tokio::test]
async fn what_the_report_tells_is_what_was_counted_where_it_went() {
    let other = Destination::start(Mode::Healthy).await.unwrap();
    let world = World::with(|builder| {
        // The world's own destination is not known before it is there.
        let file = format!(
            "receivers: {{otlp: {{protocols: {{http: }}}}, telemetryapi: }}\n\
             processors:\n  filter: {{traces: {{span: ['name == \"step\"']}}}}\n  \
             tail_sampling: {{policies: [{{name: e, type: status_code, status_code: {{status_codes: [ERROR]}}}}]}}\n\
             exporters:\n  otlphttp/gzip: {{endpoint: \"${{env:OTEL_EXPORTER_OTLP_ENDPOINT}}\"}}\n  \
             otlphttp/plain: {{endpoint: \"{}\", compression: none}}\n\
             service:\n  pipelines:\n    \
             traces: {{receivers: [otlp, telemetryapi], processors: [filter, tail_sampling], exporters: [otlphttp/gzip]}}\n    \
             logs: {{receivers: [telemetryapi], exporters: [otlphttp/gzip, otlphttp/plain]}}\n    \
             metrics: {{receivers: [telemetryapi], exporters: [otlphttp/plain]}}\n",
            other.url()
        );
        builder.env("SPANLAYER_CONFIG", format!("yaml:{file}")).env("OTEL_SERVICE_NAME", "shop")
    })
    .await;
    // Environments, and what each of them does: healthy invocations with their steps, one that fails, and a repetition.
    let (environments, healthy, steps) = (2, 5, 3);
    for _ in 0..environments {
        for _ in 0..healthy {
            let order = json!({ "do": "work", "count": steps, "lines": ["an order", "of two lines"] });
            world.invoke(&order).await.payload();
        }
        world.destination.queue([Mode::busy(503, 0)]);
        world.invoke(&json!({ "do": "fail" })).await.error();
        world.shutdown().await;
    }

    let place = std::env::temp_dir().join(format!("spanlayer-cost-{}", std::process::id()));
    std::fs::create_dir_all(&place).unwrap();
    let (lines, events) = (place.join("lines.log"), place.join("events.json"));
    let output = world.lambda.extension_output("spanlayer");
    std::fs::write(&lines, output.join("\n")).unwrap();
    let messages: Vec<Value> = output.iter().map(|line| json!({ "message": line, "timestamp": 1 })).collect();
    std::fs::write(&events, json!({ "events": messages }).to_string()).unwrap();
    let whole = report(&[&lines]);
    let [shop] = &whole["services"].as_array().unwrap()[..] else { panic!("{whole:#}") };
    assert_eq!((&shop["service"], &shop["environments"]), (&json!("shop"), &json!(environments)));

    let mut sum = [0; 6];
    for (name, at) in [("otlphttp/gzip", &world.destination), ("otlphttp/plain", &other)] {
        let mut all = shop["destinations"].as_array().unwrap().iter();
        let one = all.find(|one| one["name"].as_str().unwrap().starts_with(name)).unwrap();
        let (told, arrived) = (told(one), arrived(at));
        assert_eq!(told, arrived, "{name}: {whole:#}");
        sum = [0, 1, 2, 3, 4, 5].map(|figure| sum[figure] + arrived[figure]);
        let smaller = arrived[4] < arrived[5];
        assert!(smaller == (name == "otlphttp/gzip") && arrived[3] > 2, "{name}: {whole:#}");
    }
    let total = &whole["total"];
    assert_eq!((&total["sent"], &total["bytes"]), (&json!(sum[4]), &json!(sum[5])));
    assert_eq!(total["savedByCompression"], sum[5] - sum[4]);
    assert_eq!(total["failed"], environments, "those that were repeated");

    // Every span that was made is in one of these sums: a step is filtered, a healthy trace sampled out, with what the platform
    // tells of it.
    let traces = &shop["signals"]["traces"];
    let (filtered, sampled) = (environments * (healthy * steps + 1), environments * (healthy * 2 + 1));
    assert_eq!(
        (&traces["filtered"], &traces["sampledOut"]),
        (&json!(filtered), &json!(sampled)),
        "{whole:#}"
    );
    assert_eq!(traces["accepted"], filtered + sampled + sum[0]);
    assert_eq!(sum[0], environments * 2);

    let sent = shop["destinations"][0]["signals"]["traces"]["sent"].as_f64().unwrap();
    let estimate = sent * sampled as f64 / sum[0] as f64;
    assert_eq!(traces["estimatedBytesSavedBySampling"], estimate.round() as u64);
    let spent = whole["price"]["spent"].as_f64().unwrap();
    assert!((spent - (sum[4] as f64 / 1e6 + sum[0] as f64)).abs() < 1e-9, "{spent}");

    // What is in several sources counts once, in whichever form it comes.
    assert_eq!(report(&[&events])["services"], whole["services"]);
    let twice = report(&[&events, &lines]);
    assert_eq!((&twice["services"], &twice["linesCountedOnce"]), (&whole["services"], &json!(environments)));
    std::fs::remove_dir_all(place).unwrap();
}
