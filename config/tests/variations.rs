//! The files that the Collector's Lambda layer ships and documents, and what people make of them (`good`), run: what comes
//! in goes where the Collector would take it, and is what the Collector would make of it. Their settings are pinned
//! beside them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use spanlayer_config::{Flow, Source, Surroundings, load};
use spanlayer_pipeline::{Deadline, Destination, Memory, Payload, Pipeline, Settings, Signal, SignalTotals};
use std::{collections::HashMap, path::Path, time::Duration};

use Signal::{Logs, Metrics, Traces};
use Source::{Function, Platform};

struct File {
    pipeline: Pipeline,
    flow: Flow,
    memories: Vec<(String, Memory)>,
}

impl File {
    fn named(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good").join(name);
        let text = std::fs::read_to_string(path).unwrap();
        let vars: HashMap<&str, &str> = [
            "VENDOR_KEY",
            "ONE_TOKEN",
            "GRAFANA_USER",
            "GRAFANA_TOKEN",
            "TOKEN",
            "INGEST_KEY",
            "KEY",
            "A_TOKEN",
            "B_TOKEN",
        ]
        .map(|name| (name, "some"))
        .into_iter()
        .chain([("STAGE", "test"), ("SAMPLED_PERCENTAGE", "50")])
        .collect();
        let loaded = load(&text, Surroundings::here(&vars));
        let errors: Vec<_> = loaded.problems.iter().filter(|one| one.severity.name() == "error").collect();
        assert!(errors.is_empty(), "{name}: {errors:?}");
        let plan = loaded.plan.unwrap();
        let id = |one: &Destination| one.name.split(" (").next().unwrap().to_owned();
        let memories: Vec<_> = plan.destinations.iter().map(|one| (id(one), Memory::new())).collect();
        let mut settings = Settings::default();
        for (one, (_, memory)) in plan.destinations.iter().zip(&memories) {
            let mut destination = Destination::memory(memory.clone());
            destination.signals.clone_from(&one.signals);
            settings.destinations.push(destination);
        }
        Self { pipeline: Pipeline::new(settings), flow: plan.flow, memories }
    }

    /// What each exporter that got something got, as JSON.
    async fn run(&self, source: Source, signal: Signal, json: &str) -> HashMap<String, String> {
        self.memories.iter().for_each(|(_, memory)| memory.clear());
        let bytes = spanlayer_otlp::json::to_protobuf(signal, json.as_bytes()).unwrap();
        self.flow.accept(&self.pipeline, source, Payload::scan(signal, bytes.into()).unwrap());
        self.flow.ended();
        self.flow.decide(&self.pipeline, 0, true);
        self.pipeline.flush(Deadline::within(Duration::from_secs(1))).await;
        let json = |memory: &Memory| -> String {
            let batches = memory.batches();
            let each = batches
                .iter()
                .map(|one| spanlayer_otlp::json::from_protobuf(one.signal(), &one.request()).unwrap());
            each.collect()
        };
        let got = self.memories.iter().filter(|(_, memory)| memory.items() > 0);
        got.map(|(id, memory)| (id.clone(), json(memory))).collect()
    }

    fn totals(&self, signal: Signal) -> SignalTotals {
        *self.pipeline.stats().signal(signal)
    }
}

fn pair(key: &str, value: &str) -> String {
    format!(r#"{{"key":"{key}","value":{value}}}"#)
}

fn text(key: &str, value: &str) -> String {
    pair(key, &format!(r#"{{"stringValue":"{value}"}}"#))
}

/// A span of a trace with these random bits.
fn span(name: &str, random: &str, attributes: &[String], rest: &str) -> String {
    format!(
        r#"{{"traceId":"010203040506070809{random}","spanId":"0102030405060708","name":"{name}","attributes":[{}]{rest}}}"#,
        attributes.join(",")
    )
}

fn spans(resource: &[String], spans: &[String]) -> String {
    format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{}]}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        resource.join(","),
        spans.join(",")
    )
}

/// Those that are kept, and those that are left out, whatever the share.
const LUCKY: &str = "ffffffffffffff";
const UNLUCKY: &str = "00000000000001";

fn plain(signal: Signal) -> String {
    match signal {
        Traces => spans(&[], &[span("plain", LUCKY, &[], "")]),
        Metrics => r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"plain","gauge":{"dataPoints":[{"asInt":"1"}]}}]}]}]}"#
            .to_owned(),
        Logs => r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"severityNumber":9,"body":{"stringValue":"plain"}}]}]}]}"#.to_owned(),
    }
}

/// From whom, what, and who gets it.
type Way = (Source, Signal, &'static [&'static str]);

/// Of each file, who gets what comes from whom.
#[rustfmt::skip]
const WHERE: &[(&str, &[Way])] = &[
    ("01-layer-default", &[(Function, Traces, &["debug"]), (Function, Metrics, &["debug"]), (Function, Logs, &[])]),
    ("02-layer-documented", &[(Function, Traces, &["debug", "otlp"]), (Function, Metrics, &[])]),
    ("03-telemetryapi", &[(Platform, Traces, &["otlphttp"]), (Platform, Metrics, &["otlphttp"]), (Platform, Logs, &["otlphttp"]), (Function, Traces, &[])]),
    ("04-batch-decouple", &[(Function, Traces, &["otlphttp/vendor"]), (Function, Metrics, &["otlphttp/vendor"]), (Function, Logs, &["otlphttp/vendor"])]),
    ("05-two-vendors", &[(Function, Traces, &["otlp/one", "otlphttp/two"]), (Function, Logs, &["otlphttp/two"]), (Function, Metrics, &[]), (Platform, Metrics, &["otlp/one"])]),
    ("06-basicauth", &[(Function, Traces, &["otlphttp"]), (Function, Metrics, &["otlphttp"]), (Function, Logs, &[])]),
    ("07-bearer-mtls", &[(Function, Traces, &["otlphttp/a", "otlphttp/b"])]),
    ("08-zipkin-and-file", &[(Function, Traces, &["file", "zipkin"]), (Function, Logs, &["file"])]),
    ("09-failover-and-forward", &[(Function, Traces, &["otlphttp/first"])]),
    ("10-json-events", &[(Function, Traces, &["json_events/own", "json_events/preset"])]),
    ("11-merge-keys", &[(Function, Traces, &["otlphttp/eu", "otlphttp/us"])]),
    ("12-harmless", &[(Function, Traces, &["otlp_http"])]),
    ("13-aws", &[(Function, Traces, &["awss3", "otlphttp/xray"]), (Function, Logs, &["awss3", "otlphttp/cloudwatch"])]),
    ("14-secrets", &[(Function, Traces, &["otlphttp/bearer", "otlphttp/oauth"])]),
    ("17-processors", &[(Function, Traces, &["otlphttp"]), (Function, Metrics, &["otlphttp"]), (Function, Logs, &["otlphttp"])]),
    ("18-tail-sampling", &[(Function, Traces, &["otlphttp"]), (Function, Metrics, &["otlphttp"]), (Platform, Traces, &["otlphttp"])]),
    ("19-routing", &[(Function, Traces, &["otlphttp/rest"]), (Function, Logs, &["otlphttp/rest"]), (Function, Metrics, &[])]),
    ("20-variables-of-the-deployment", &[(Function, Traces, &["otlphttp"])]),
    ("30-tenants", &[(Function, Logs, &["otlphttp"]), (Function, Traces, &[])]),
    ("31-limits-clocks-names", &[(Function, Traces, &["otlphttp"]), (Function, Metrics, &["otlphttp"]), (Function, Logs, &["otlphttp"])]),
];

#[tokio::test(start_paused = true)]
async fn what_comes_in_goes_to_the_exporters_of_its_pipelines_once() {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/good")).unwrap();
    let files =
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|one| one == "yaml"));
    assert_eq!(files.count(), WHERE.len(), "a file that nobody runs");
    for (name, ways) in WHERE {
        let file = File::named(&format!("{name}.yaml"));
        for (source, signal, expected) in *ways {
            let got = file.run(*source, *signal, &plain(*signal)).await;
            let mut to: Vec<&str> = got.keys().map(String::as_str).collect();
            to.sort_unstable();
            assert_eq!(to, *expected, "{name}: {signal} from {source:?}");
            assert!(got.values().all(|json| json.matches("plain").count() == 1), "{name}: {got:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_of_processors_makes_of_data_what_the_collectors_would() {
    let file = File::named("17-processors.yaml");
    let order = [
        text("http.request.method", "GET"),
        text("http.route", "/orders"),
        text("account.id", "acc-1"),
        text("http.url", "https://shop.example.com/x"),
        text("retries", "3"),
        text("db.statement", "select 'x' from y"),
        text("note", "card 4111111111111111"),
    ];
    let health = [text("http.route", "/health")];
    let server = r#","kind":2,"events":[{"name":"gc"},{"name":"retry"}]"#;
    let request = spans(
        &[text("service.name", "shop"), text("process.command_args", "secret")],
        &[
            span("GET", LUCKY, &order, server),
            span("left out of the share", UNLUCKY, &order, server),
            span("GET", LUCKY, &health, ""),
            span("failed", LUCKY, &health, r#","status":{"code":2}"#),
            span("ping", LUCKY, &[], ""),
            span("/orders/4711", LUCKY, &[], ""),
        ],
    );
    let got = &file.run(Function, Traces, &request).await["otlphttp"];
    for (there, times) in [
        (r#""name":"GET /orders""#, 1),
        (r#""name":"failed""#, 1),
        (r#""name":"/orders/{order_id}""#, 1),
        (r#""name":"gc""#, 0),
        (r#""name":"retry""#, 1),
        ("ping", 0),
        ("left out", 0),
        ("command_args", 0),
        (r#"{"key":"deployment.environment","value":{"stringValue":"production"}}"#, 1),
        (r#"{"key":"account.id","value":{"stringValue":"HASH"}}"#, 1),
        (r#"{"key":"url_scheme","value":{"stringValue":"https"}}"#, 1),
        (r#"{"key":"url_host","value":{"stringValue":"shop.example.com"}}"#, 1),
        (r#"{"key":"retries","value":{"intValue":"3"}}"#, 1),
        ("select ? from y", 1),
        ("card ****", 1),
        (r#"{"key":"order_id","value":{"stringValue":"4711"}}"#, 1),
        ("ot=th:c", 3),
    ] {
        let there = there.replace("HASH", ACCOUNT);
        assert_eq!(got.matches(&there).count(), times, "{there}: {got}");
    }
    let totals = file.totals(Traces);
    assert_eq!((totals.accepted, totals.filtered, totals.sampled_out), (6, 2, 1));

    let point = |debug: bool| {
        let attributes =
            [pair("debug", &format!(r#"{{"boolValue":{debug}}}"#)), text("user.id", "u-1")].join(",");
        format!(r#"{{"asInt":"1","attributes":[{attributes}]}}"#)
    };
    let request = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","sum":{{"dataPoints":[{},{}]}}}}]}}]}}]}}"#,
        point(true),
        point(false)
    );
    let got = &file.run(Function, Metrics, &request).await["otlphttp"];
    assert_eq!((got.matches("asInt").count(), got.matches("user.id").count()), (1, 0), "{got}");

    let body = format!(r#"{{"kvlistValue":{{"values":[{}]}}}}"#, text("level", "info"));
    let request = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"severityNumber":5}},{{"severityNumber":9,"body":{body}}}]}}]}}]}}"#
    );
    let got = &file.run(Function, Logs, &request).await["otlphttp"];
    assert!(
        got.contains(r#""attributes":[{"key":"level","#) && !got.contains(r#""severityNumber":5"#),
        "{got}"
    );
}

/// SHA-256 of `acc-1`.
const ACCOUNT: &str = "cf9df9b99fc0a24be13747e9ba144c730c889af804bc1abbb1be8918e5cd30e2";

#[tokio::test(start_paused = true)]
async fn policies_keep_what_they_name_and_drop_what_is_to_be_dropped() {
    let file = File::named("18-tail-sampling.yaml");
    // Far above the budget, and more than are waited for: only what a policy keeps for sure is sure to be there then.
    let flood: Vec<String> = (0..10_000).map(|n| span("flood", &format!("{n:014x}"), &[], "")).collect();
    let flood = file.run(Function, Traces, &spans(&[], &flood)).await["otlphttp"].matches("flood").count();
    assert!((100..1500).contains(&flood), "{flood}");
    let totals = file.totals(Traces);
    assert_eq!((totals.accepted, totals.sampled_out, totals.filtered), (10_000, 10_000 - flood as u64, 0));
    let nth = |n: u32| format!("{:014x}", 1_000_000 + n);
    let chosen = [
        span("error", &nth(1), &[], r#","status":{"code":2}"#),
        span("slow", &nth(2), &[], r#","startTimeUnixNano":"1000000000","endTimeUnixNano":"3000000000""#),
        span("paying", &nth(3), &[text("plan", "platinum")], ""),
        span("big", &nth(4), &[pair("order.total", r#"{"intValue":"1000"}"#)], ""),
        span("canary", &nth(5), &[pair("canary", r#"{"boolValue":true}"#)], ""),
        span("retried", &nth(6), &[pair("retries", r#"{"intValue":"3"}"#)], ""),
        span("event", &nth(7), &[], r#","events":[{"name":"retry"}]"#),
        span("orders", LUCKY, &[text("http.route", "/orders")], ""),
    ];
    let got = &file.run(Function, Traces, &spans(&[], &chosen)).await["otlphttp"];
    for name in ["error", "slow", "paying", "big", "canary", "retried", "event", "orders"] {
        assert!(got.contains(&format!(r#""name":"{name}""#)), "{name}: {got}");
    }
    let dropped = [span("health", &nth(9), &[text("http.route", "/health")], r#","status":{"code":2}"#)];
    assert!(file.run(Function, Traces, &spans(&[], &dropped)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn rows_take_what_their_conditions_hold_for() {
    let file = File::named("19-routing.yaml");
    for (tenant, attributes, rest, to) in [
        ("a", vec![], "", "otlphttp/a"),
        ("b", vec![], "", "otlphttp/b"),
        ("c", vec![text("http.route", "/x")], r#","status":{"code":2}"#, "otlphttp/b"),
        ("c", vec![], r#","status":{"code":2}"#, "otlphttp/rest"),
    ] {
        let request = spans(&[text("tenant", tenant)], &[span("s", LUCKY, &attributes, rest)]);
        let got = file.run(Function, Traces, &request).await;
        assert_eq!(got.keys().collect::<Vec<_>>(), [to], "{tenant} {rest}");
    }
    let error = plain(Logs).replace("9", "17");
    assert_eq!(file.run(Function, Logs, &error).await.keys().collect::<Vec<_>>(), ["otlphttp/a"]);
}

#[tokio::test(start_paused = true)]
async fn variables_of_the_deployment_decide() {
    let file = File::named("20-variables-of-the-deployment.yaml");
    let request = spans(&[], &[span("kept", LUCKY, &[], ""), span("gone", UNLUCKY, &[], "")]);
    let got = &file.run(Function, Traces, &request).await["otlphttp"];
    assert!(got.contains(r#""stringValue":"test""#) && got.contains("ot=th:8"), "{got}");
    assert!(got.contains("kept") && !got.contains("gone"), "{got}");
}
