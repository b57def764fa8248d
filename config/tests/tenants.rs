//! Exporters with `tenants`, run: every item at its own tenant's destination, and nowhere else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod world;

use spanlayer_config::{Surroundings, load};
use spanlayer_pipeline::{Admission, Signal};
use std::collections::HashMap;
use world::World;

const TABLE: &str =
    "attribute: tenant, table: [{tenant: a, endpoint: 'https://a'}, {tenant: b, endpoint: 'https://b'}]";

fn world(signal: &str, processors: &str, more: &str) -> World {
    let names = processors.split(':').next().unwrap();
    World::new(
        &format!("processors: {{{processors}}}"),
        &format!("{signal}: {{receivers: [otlp], processors: [{names}], exporters: [otlphttp]}}"),
        &format!("otlphttp: {{endpoint: 'https://own', tenants: {{{TABLE}, {more}}}}}"),
    )
}

fn attributes(tenant: &str) -> String {
    match tenant {
        "" => String::new(),
        tenant => format!(r#""attributes":[{{"key":"tenant","value":{{"stringValue":"{tenant}"}}}}],"#),
    }
}

/// A span in a trace of its own; its tenant by its own attribute.
fn span(tenant: &str, name: &str, error: bool) -> String {
    let id = name.bytes().fold(7u64, |id, byte| id * 31 + u64::from(byte));
    format!(
        r#"{{{}"traceId":"{id:032x}","spanId":"{id:016x}","name":"{name}","status":{{"code":{}}}}}"#,
        attributes(tenant),
        if error { 2 } else { 0 }
    )
}

fn spans(resource: &str, spans: &[String]) -> String {
    format!(
        r#"{{"resourceSpans":[{{"resource":{{{}"droppedAttributesCount":0}},"scopeSpans":[{{"spans":[{}]}}]}}]}}"#,
        attributes(resource),
        spans.join(",")
    )
}

fn count(delivered: &str, names: &[&str]) -> Vec<usize> {
    names.iter().map(|name| delivered.matches(&format!("\"{name}\"")).count()).collect()
}

#[tokio::test(start_paused = true)]
async fn each_tenant_gets_its_own_and_what_belongs_to_none_goes_nowhere_and_is_counted() {
    let world = world("traces", "", "");
    let own = [span("a", "a1", false), span("b", "b1", false), span("", "none1", false)];
    assert_eq!(world.accept(Signal::Traces, &spans("", &own)), Admission::Accepted);
    // A span's own attribute counts before its resource's.
    let own = [span("", "b2", false), span("a", "a2", false), span("c", "none2", false)];
    assert_eq!(world.accept(Signal::Traces, &spans("b", &own)), Admission::Accepted);
    let delivered = world.delivered(Signal::Traces).await;
    let names = ["a1", "a2", "b1", "b2", "none1", "none2"];
    assert_eq!(delivered.len(), 2, "no destination for what belongs to none");
    assert_eq!(count(&delivered[0], &names), [1, 1, 0, 0, 0, 0]);
    assert_eq!(count(&delivered[1], &names), [0, 0, 1, 1, 0, 0]);
    let counted = *world.pipeline.stats().signal(Signal::Traces);
    assert_eq!((counted.accepted, counted.filtered, counted.unrouted), (4, 0, 2));
}

#[tokio::test(start_paused = true)]
async fn what_belongs_to_none_goes_to_the_exporters_own_address_if_the_file_says_so() {
    let world = world("traces", "", "unknown: default");
    let own = [span("a", "a1", false), span("z", "rest1", false), span("", "rest2", false)];
    world.accept(Signal::Traces, &spans("", &own));
    let delivered = world.delivered(Signal::Traces).await;
    let names = ["a1", "rest1", "rest2"];
    let at: Vec<_> = delivered.iter().map(|one| count(one, &names)).collect();
    assert_eq!(at, [[1, 0, 0], [0, 0, 0], [0, 1, 1]]);
    assert_eq!(world.pipeline.stats().signal(Signal::Traces).unrouted, 0);
}

#[tokio::test(start_paused = true)]
async fn data_points_and_log_records_have_tenants_as_well() {
    let metrics = world("metrics", "", "");
    let point = |tenant: &str, value: u8| format!(r#"{{{}"asInt":"{value}"}}"#, attributes(tenant));
    let request = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"m","sum":{{"dataPoints":[{},{},{}]}}}}]}}]}}]}}"#,
        point("a", 41),
        point("b", 42),
        point("", 43)
    );
    metrics.accept(Signal::Metrics, &request);
    let delivered = metrics.delivered(Signal::Metrics).await;
    assert_eq!((count(&delivered[0], &["41", "42", "43"])), [1, 0, 0]);
    assert_eq!((count(&delivered[1], &["41", "42", "43"])), [0, 1, 0]);
    assert_eq!(metrics.pipeline.stats().signal(Signal::Metrics).unrouted, 1);
    let logs = world("logs", "", "");
    let record =
        |tenant: &str, body: &str| format!(r#"{{{}"body":{{"stringValue":"{body}"}}}}"#, attributes(tenant));
    let request = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{},{}]}}]}}]}}"#,
        record("b", "bb"),
        record("x", "xx")
    );
    logs.accept(Signal::Logs, &request);
    let delivered = logs.delivered(Signal::Logs).await;
    assert!(delivered[0].is_empty());
    assert_eq!(count(&delivered[1], &["bb", "xx"]), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn each_tenant_has_a_sampler_of_its_own() {
    let sampling =
        "tail_sampling: {policies: [{name: budget, type: adaptive, adaptive: {traces_per_minute: 600}}]}";
    let world = world("traces", sampling, "");
    // The same route, so that a common sampler would leave out most of both.
    for (tenant, traces) in [("a", 1000), ("b", 5)] {
        let own = (0..traces).map(|n| {
            span(tenant, &format!("{tenant}{n}"), false)
                .replace(&format!("\"name\":\"{tenant}{n}\""), "\"name\":\"route\"")
        });
        world.accept(Signal::Traces, &spans("", &own.collect::<Vec<_>>()));
    }
    world.flow.decide(&world.pipeline, spanlayer_host::clock::unix_nanos(), true);
    let delivered = world.delivered(Signal::Traces).await;
    let kept = delivered.iter().map(|of| of.matches("\"spanId\"").count()).collect::<Vec<_>>();
    assert!((10..200).contains(&kept[0]) && kept[1] == 5, "{kept:?}");
    let counted = *world.pipeline.stats().signal(Signal::Traces);
    let left_out = 1005 - kept.iter().sum::<usize>() as u64;
    assert_eq!((counted.accepted, counted.sampled_out), (1005, left_out), "each was decided about once");
}

#[test]
fn a_faulty_table_is_told_of_with_its_place_and_costs_nobody_else_anything() {
    let problems = |tenants: &str, exporter: &str| {
        let text = format!(
            "receivers: {{otlp: {{protocols: {{http: }}}}}}\nexporters:\n  {exporter}:\n    tenants: {{{tenants}}}\n\
             service: {{pipelines: {{traces: {{receivers: [otlp], exporters: [{exporter}]}}}}}}\n"
        );
        let loaded = load(&text, Surroundings::here(&HashMap::<&str, &str>::new()));
        let told: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
        (told.join("\n"), loaded.plan.map_or(0, |plan| plan.destinations.len()))
    };
    for (tenants, expected) in [
        ("table: []", "no tenant is named"),
        ("table: [{endpoint: 'https://a'}]", "`tenant` is missing"),
        (
            "table: [{tenant: a, endpoint: 'https://a'}, {tenant: a, endpoint: 'https://b'}]",
            "in the table already",
        ),
        ("table: [{tenant: a, endpoint: 'a:4317'}]", "http"),
        ("table: [{tenant: a}]", "`endpoint` is missing"),
        ("table: [{tenant: a, endpoint: 'https://a'}], unknown: default", "`endpoint` is missing"),
        (
            "table: [{tenant: a, endpoint: 'https://a', auth: {authenticator: none}}]",
            "`none` is not declared",
        ),
        ("tabel: []", "did you mean `table`?"),
    ] {
        let (told, _) = problems(tenants, "otlphttp");
        assert!(told.contains(expected) && told.contains("line "), "{tenants}: {told}");
    }
    assert_eq!(
        problems("table: [{tenant: a, endpoint: 'a:4317'}, {tenant: b}]", "otlp").1,
        1,
        "the other is used"
    );
    let misspelt =
        "table: [{tenant: a, endpont: 'https://a'}]}\n    endpoint: 'https://h'\n    headers: {x-key: k";
    let (told, used) = problems(misspelt, "otlphttp");
    assert_eq!((told.contains("did you mean `endpoint`?"), used), (true, 0), "not to the exporter's own");
    let (told, _) = problems("table: [{tenant: a, endpoint: 'http://a.example.com'}]", "otlphttp");
    assert!(told.contains("can be read on the way"), "{told}");
    let many: Vec<String> = (0..70).map(|n| format!("{{tenant: t{n}, endpoint: 'https://t{n}'}}")).collect();
    let (told, used) = problems(&format!("table: [{}]", many.join(", ")), "otlphttp");
    assert!(told.contains("more than 64 destinations"), "{told}");
    assert_eq!(used, 64);
}
