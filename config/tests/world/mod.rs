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
        let text = format!(
            "receivers: {{otlp: {{protocols: {{http: }}}}}}\n{components}\nexporters: {{{exporters}}}\n\
             service: {{pipelines: {{{pipelines}}}}}\n"
        );
        let loaded = load(&text, Surroundings::here(&HashMap::<&str, &str>::new()));
        let errors: Vec<_> = loaded.problems.iter().filter(|one| one.severity.name() == "error").collect();
        assert!(errors.is_empty(), "{errors:?}");
        let plan = loaded.plan.unwrap();
        let memories: Vec<Memory> = plan.destinations.iter().map(|_| Memory::new()).collect();
        let mut settings = Settings::to(memories.iter().cloned().map(Destination::memory));
        settings.redactor = Some(Arc::new(Redactor::new(Rules::default()).unwrap()));
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
