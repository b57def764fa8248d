//! Stacks as exporters of the SDK: what arrives, who waits for whom, and how it ends.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod blocking;
mod ending;
mod logs;
mod metrics;
mod program;
mod wiring;

use opentelemetry::{
    KeyValue,
    trace::{Span as _, Status, Tracer as _, TracerProvider as _},
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use spanlayer_pipeline::{
    Backoff, Destination, Memory, Pipeline, Settings, Signal, read,
    sdk::{Exporter, Wiring},
    settings::Otlp,
    stage::{FanOut, Meter, Wrap as _},
};
use support::http::{Server, answer};

#[test]
fn parent_and_child_arrive_with_their_resource_after_a_flush() {
    let memory = Memory::new();
    let telemetry = Wiring::service("shop", "1.2.3").start(memory.clone());
    let tracer = telemetry.tracer("tests");
    tracer.in_span("parent", |_| {
        tracer.in_span("child", |context| {
            use opentelemetry::trace::TraceContextExt as _;
            context.span().set_attribute(KeyValue::new("n", 7));
        });
    });
    telemetry.force_flush().unwrap();
    let batches = memory.batches();
    let request = batches.iter().find(|batch| batch.signal() == Signal::Traces).unwrap().request();
    let spans: Vec<_> = read::spans(&request).collect();
    let [child, parent] = spans[..] else { panic!("{spans:?}") };
    assert_eq!((child.name, parent.name), ("child", "parent"));
    assert_eq!((child.parent_span_id, child.trace_id), (Some(parent.span_id), parent.trace_id));
    assert_eq!(child.attributes.find("n"), Some(read::Value::Int(7)));
    assert_eq!(child.resource.service_name(), Some("shop"));
    assert_eq!(child.resource.attributes.find("service.version"), Some(read::Value::Text("1.2.3")));
    telemetry.shutdown().unwrap();
}

#[test]
fn a_program_that_only_shuts_down_forgets_nothing_of_any_signal() {
    let memory = Memory::new();
    let telemetry = Wiring::service("shop", "1").start(memory.clone());
    telemetry.tracer("tests").in_span("one", |_| {});
    telemetry.meter("tests").u64_counter("sold").build().add(3, &[]);
    telemetry.shutdown().unwrap();
    let signals: Vec<Signal> = memory.batches().iter().map(|batch| batch.signal()).collect();
    assert!(signals.contains(&Signal::Traces) && signals.contains(&Signal::Metrics), "{signals:?}");
    telemetry.shutdown().unwrap();
}

#[test]
fn a_stack_of_two_destinations_sends_errors_to_one_and_everything_to_the_other() {
    let (all, errors, meter) = (Memory::new(), Memory::new(), Meter::new());
    let both = FanOut::new()
        .to(all.clone().retry(Backoff::otlp()))
        .to(errors.clone().retry(Backoff::otlp()).errors_only())
        .metered(&meter);
    let provider = SdkTracerProvider::builder().with_batch_exporter(Exporter::new(both)).build();
    let tracer = provider.tracer("tests");
    tracer.start("fine").end();
    let mut bad = tracer.start("bad");
    bad.set_status(Status::error("no"));
    bad.end();
    provider.force_flush().unwrap();
    provider.shutdown().unwrap();
    assert_eq!((all.items(), errors.items()), (2, 1));
    assert_eq!((meter.export_count(), meter.span_count(), meter.failure_count()), (1, 2, 0));
}

#[test]
fn a_whole_pipeline_is_an_exporter_too() {
    let memory = Memory::new();
    let destination = Destination::memory(memory.clone());
    let pipeline = Pipeline::new(Settings::to([destination]));
    let provider = SdkTracerProvider::builder().with_simple_exporter(Exporter::new(pipeline)).build();
    provider.tracer("tests").start("one").end();
    provider.shutdown().unwrap();
    assert_eq!(memory.items(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_and_the_callers_own_client_are_used() {
    let server = Server::start([]).await;
    // Whoever makes a client says whose cryptography it uses.
    rustls::crypto::ring::default_provider().install_default().unwrap();
    let own = [("x-own".parse().unwrap(), "1".parse().unwrap())].into_iter().collect();
    let client = reqwest::Client::builder().default_headers(own).no_proxy().build().unwrap();
    let otlp = Otlp::http(&server.url()).unwrap().header("x-project-id", "shop").unwrap().over(client);
    let resource = Resource::builder().with_service_name("shop").build();
    let exporter = Exporter::new(otlp.exporter());
    let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter).build();
    provider.tracer("tests").start("one").end();
    tokio::task::spawn_blocking(move || provider.shutdown().unwrap()).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].head.starts_with("POST /v1/traces"), "{}", requests[0].head);
    assert_eq!(requests[0].header("x-project-id"), Some("shop"));
    assert_eq!(requests[0].header("x-own"), Some("1"), "only that client sends it");
}

/// A server on a thread of its own, so that a test may block its own.
fn elsewhere(script: impl IntoIterator<Item = support::http::Reply> + Send + 'static) -> Server {
    let (tell, hear) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            tell.send(Server::start(script).await).unwrap();
            std::future::pending::<()>().await;
        });
    });
    hear.recv().unwrap()
}

/// Whoever takes another version of the SDK than the documentation names gets errors of traits that are not implemented.
#[test]
fn the_documentation_names_the_version_of_the_sdk_that_the_exporters_are_for() {
    let (documentation, workspace) = (include_str!("../../src/lib.rs"), include_str!("../../../Cargo.toml"));
    let version = |name: &str| {
        let line = workspace.lines().find(|line| line.starts_with(&format!("{name} = "))).unwrap();
        line.split('"').nth(1).unwrap()
    };
    let sdk = version("opentelemetry_sdk");
    assert!(documentation.contains(&format!("`opentelemetry_sdk` {sdk} |")));
    assert!(documentation.contains(&format!("opentelemetry = \"{}\"", version("opentelemetry"))));
}
