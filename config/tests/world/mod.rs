//! A file's pipelines with memories at their ends.

use spanlayer_config::{Source, Surroundings, load};
use spanlayer_pipeline::{
    Admission, Deadline, Destination, Memory, Payload, Pipeline, Redactor, Settings, Signal,
    process::redact::Rules,
};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// A pipeline of a file whose exporters are all `debug`, with a memory in the place of each.
pub(crate) struct World {
    pub(crate) pipeline: Pipeline,
    pub(crate) flow: spanlayer_config::Flow,
    pub(crate) memories: Vec<Memory>,
}

impl World {
    pub(crate) fn new(components: &str, pipelines: &str, exporters: &str) -> Self {
        Self::with(components, pipelines, exporters, |_| Memory::new(), Settings::default())
    }

    /// The same, with a memory for the exporter of each name, and settings of its own.
    pub(crate) fn with(
        components: &str,
        pipelines: &str,
        exporters: &str,
        memory: impl Fn(&str) -> Memory,
        settings: Settings,
    ) -> Self {
        let text = format!(
            "receivers: {{otlp: {{protocols: {{http: }}}}}}\n{components}\nexporters: {{{exporters}}}\n\
             service: {{pipelines: {{{pipelines}}}}}\n"
        );
        let loaded = load(&text, Surroundings::here(&HashMap::<&str, &str>::new()));
        let errors: Vec<_> = loaded.problems.iter().filter(|one| one.severity.name() == "error").collect();
        assert!(errors.is_empty(), "{errors:?}");
        let plan = loaded.plan.unwrap();
        let memories: Vec<Memory> = plan.destinations.iter().map(|one| memory(&one.name)).collect();
        let mut settings = settings;
        settings.redactor = Some(Arc::new(Redactor::new(Rules::default()).unwrap()));
        for (one, memory) in plan.destinations.iter().zip(&memories) {
            settings.destinations.push(Destination::memory(memory.clone()));
            settings.destinations.last_mut().unwrap().name = one.name.clone();
        }
        Self { pipeline: Pipeline::new(settings), flow: plan.flow, memories }
    }

    pub(crate) fn accept(&self, signal: Signal, json: &str) -> Admission {
        let bytes = spanlayer_otlp::json::to_protobuf(signal, json.as_bytes()).unwrap();
        let payload = Payload::scan(signal, bytes.into()).unwrap();
        self.flow.accept(&self.pipeline, Source::Function, payload)
    }

    /// What each destination got, as JSON.
    pub(crate) async fn delivered(&self, signal: Signal) -> Vec<String> {
        self.pipeline.flush(Deadline::within(Duration::from_secs(1))).await;
        let json = |request: &bytes::Bytes| spanlayer_otlp::json::from_protobuf(signal, request).unwrap();
        let of = |memory: &Memory| {
            let batches = memory.batches();
            batches.iter().filter(|one| one.signal() == signal).map(|one| json(&one.request())).collect()
        };
        self.memories.iter().map(of).collect()
    }
}
