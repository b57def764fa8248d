//! Files with processors, run: what each destination gets, and that every item is accounted for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use spanlayer_config::{Source, Surroundings, load};
use spanlayer_pipeline::{
    Admission, Deadline, Destination, Memory, Payload, Pipeline, Redactor, Settings, Signal,
    process::redact::Rules,
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// A pipeline of a file whose exporters are all `debug`, with a memory in the place of each.
struct World {
    pipeline: Pipeline,
    flow: spanlayer_config::Flow,
    memories: Vec<Memory>,
}

impl World {
    fn new(processors: &str, pipelines: &str, exporters: &str) -> Self {
        let text = format!(
            "receivers: {{otlp: {{protocols: {{http: }}}}}}\nprocessors: {{{processors}}}\nexporters: {{{exporters}}}\n\
             service: {{pipelines: {{{pipelines}}}}}\n"
        );
        let loaded = load(&text, Surroundings { vars: &HashMap::<&str, &str>::new(), in_place: true });
        let errors: Vec<_> = loaded.problems.iter().filter(|one| one.severity.name() == "error").collect();
        assert!(errors.is_empty(), "{errors:?}");
        let plan = loaded.plan.unwrap();
        let memories: Vec<Memory> = plan.destinations.iter().map(|_| Memory::new()).collect();
        let mut settings = Settings {
            redactor: Some(Arc::new(Redactor::new(Rules::default()).unwrap())),
            ..Settings::default()
        };
        for memory in &memories {
            settings.destinations.push(Destination::memory(memory.clone()));
        }
        Self { pipeline: Pipeline::new(settings), flow: plan.flow, memories }
    }

    fn accept(&self, signal: Signal, json: &str) -> Admission {
        let bytes = spanlayer_otlp::json::to_protobuf(signal, json.as_bytes()).unwrap();
        let payload = Payload::scan(signal, bytes.into()).unwrap();
        self.flow.accept(&self.pipeline, Source::Function, payload)
    }

    /// What each destination got, as JSON.
    async fn delivered(&self, signal: Signal) -> Vec<String> {
        self.pipeline.flush(Deadline::within(Duration::from_secs(1))).await;
        let json = |request: &bytes::Bytes| spanlayer_otlp::json::from_protobuf(signal, request).unwrap();
        let of =
            |memory: &Memory| memory.batches().iter().map(|batch| json(&batch.request())).collect::<String>();
        self.memories.iter().map(of).collect()
    }
}

fn spans(names: &[&str]) -> String {
    let span = |(n, name): (usize, &&str)| {
        format!(
            r#"{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"010203040506070{n}","name":"{name}"}}"#
        )
    };
    let spans: Vec<String> = names.iter().enumerate().map(span).collect();
    format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","))
}

#[tokio::test(start_paused = true)]
async fn each_destination_gets_the_form_that_its_pipelines_make_and_every_item_is_accounted_for() {
    let world = World::new(
        "filter: {traces: {span: ['name == \"noise\"']}}, span: {name: {to_attributes: {rules: ['^/(?P<id>[0-9]+)$']}}}",
        "traces/clean: {receivers: [otlp], processors: [filter, span], exporters: [debug/a]}, \
         traces/all: {receivers: [otlp], exporters: [debug/b]}",
        "debug/a: , debug/b: ",
    );
    assert_eq!(world.accept(Signal::Traces, &spans(&["noise", "/42"])), Admission::Accepted);
    assert_eq!(world.accept(Signal::Traces, &spans(&["noise"])), Admission::Accepted);
    let delivered = world.delivered(Signal::Traces).await;
    assert!(delivered[0].contains("\"/{id}\"") && !delivered[0].contains("noise"), "{}", delivered[0]);
    assert!(
        delivered[1].contains("\"/42\"") && delivered[1].matches("noise").count() == 2,
        "{}",
        delivered[1]
    );
    let stats = world.pipeline.stats();
    let totals = stats.signal(Signal::Traces);
    let lanes: u64 = stats.destinations.iter().map(|one| one.signal(Signal::Traces).delivered).sum();
    assert_eq!((totals.accepted, totals.filtered, lanes), (6, 2, 4));
    assert!(world.pipeline.pending().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_processor_brings_to_light_is_hidden_and_what_it_hashes_is_the_value_itself() {
    let world = World::new(
        "transform: {trace_statements: ['set(span.attributes[\"header\"], Concat([\"Bearer\", \"abcdefghijklmnopqrstuvwxyz0123456789\"], \" \"))']}, \
         attributes: {actions: [{key: password, value: \"hello world\", action: insert}, {key: password, action: hash}, \
         {key: kept, from_attribute: password, action: insert}]}",
        "traces: {receivers: [otlp], processors: [transform, attributes], exporters: [debug]}",
        "debug: ",
    );
    world.accept(Signal::Traces, &spans(&["a"]));
    let delivered = world.delivered(Signal::Traces).await;
    assert!(!delivered[0].contains("abcdefghijklmnopqrstuvwxyz0123456789"), "{}", delivered[0]);
    assert!(
        delivered[0].contains("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"),
        "{}",
        delivered[0]
    );
    assert!(world.pipeline.redacted().masked() > 0);
}

#[tokio::test(start_paused = true)]
async fn processors_run_in_the_order_of_the_pipeline_and_not_of_the_file() {
    let processors = "filter: {traces: {span: ['name == \"renamed\"']}}, transform: {trace_statements: ['set(span.name, \"renamed\")']}";
    for (order, left) in [("[transform, filter]", 0), ("[filter, transform]", 1)] {
        let pipelines = format!("traces: {{receivers: [otlp], processors: {order}, exporters: [debug]}}");
        let world = World::new(processors, &pipelines, "debug: ");
        world.accept(Signal::Traces, &spans(&["a"]));
        assert_eq!(world.delivered(Signal::Traces).await[0].matches("renamed").count(), left, "{order}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_redaction_processor_leaves_only_what_is_allowed() {
    let world = World::new(
        "redaction: {allowed_keys: [ok, card], blocked_values: ['4[0-9]{15}'], summary: silent}",
        "logs: {receivers: [otlp], processors: [redaction], exporters: [debug]}",
        "debug: ",
    );
    let pair = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let attributes =
        [pair("ok", "fine"), pair("card", "no 4111111111111111"), pair("other", "gone")].join(",");
    let record = format!(
        r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"attributes":[{attributes}]}}]}}]}}]}}"#
    );
    world.accept(Signal::Logs, &record);
    let delivered = &world.delivered(Signal::Logs).await[0];
    assert!(
        delivered.contains("fine") && delivered.contains("no ****") && !delivered.contains("gone"),
        "{delivered}"
    );
}
