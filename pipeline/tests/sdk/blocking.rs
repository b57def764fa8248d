//! Who may block whom: the SDK's processors of every form, on threads that everything depends on.

use std::time::Duration;

use opentelemetry::trace::{Span as _, Tracer as _, TracerProvider as _};
use opentelemetry_sdk::{
    error::OTelSdkError,
    runtime::{self, RuntimeChannel},
    trace::{SdkTracerProvider, SpanExporter, span_processor_with_async_runtime},
};
use spanlayer_pipeline::{
    Batch, Deadline, Export, Memory, Outcome, sdk::Exporter, settings::Otlp, stage::FanOut,
};

use super::{elsewhere, support::http::Reply};

fn exporter(url: &str) -> Exporter {
    Exporter::new(Otlp::http(url).unwrap().exporter())
}

#[tokio::test(flavor = "current_thread")]
async fn the_threaded_processor_is_flushed_and_ended_on_the_only_thread_of_a_runtime() {
    let server = elsewhere([]);
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter(&server.url())).build();
    provider.tracer("tests").start("one").end();
    provider.force_flush().unwrap();
    assert_eq!(server.requests().len(), 1);
    provider.tracer("tests").start("two").end();
    provider.shutdown().unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn the_simple_processor_exports_in_the_middle_of_a_program() {
    let server = elsewhere([]);
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter(&server.url())).build();
    provider.tracer("tests").start("one").end();
    assert_eq!(server.requests().len(), 1);
    provider.shutdown().unwrap();
}

fn the_async_processor_exports(runtime: impl RuntimeChannel) {
    let server = elsewhere([]);
    let processor =
        span_processor_with_async_runtime::BatchSpanProcessor::builder(exporter(&server.url()), runtime);
    let provider = SdkTracerProvider::builder().with_span_processor(processor.build()).build();
    provider.tracer("tests").start("one").end();
    provider.force_flush().unwrap();
    provider.shutdown().unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_async_processor_exports_from_its_task() {
    the_async_processor_exports(runtime::Tokio);
}

#[tokio::test(flavor = "current_thread")]
async fn the_async_processor_for_one_thread_ends_within_a_program_of_one_thread() {
    the_async_processor_exports(runtime::TokioCurrentThread);
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_on_the_very_thread_that_waits_costs_the_limit_and_no_more() {
    // It can never answer: its thread is the one that is blocked.
    let server = super::Server::start([]).await;
    let exporter = exporter(&server.url()).with_limit(Duration::from_millis(300));
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter).build();
    let start = spanlayer_host::clock::monotonic();
    provider.tracer("tests").start("one").end();
    provider.shutdown().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(300), "{:?}", start.elapsed());
}

#[test]
fn no_runtime_is_needed_even_for_stages_that_need_one() {
    let memory = Memory::new();
    let exporter = Exporter::new(FanOut::new().to(memory.clone()));
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    provider.tracer("tests").start("one").end();
    provider.shutdown().unwrap();
    assert_eq!(memory.items(), 1);
}

#[test]
fn a_hanging_server_is_given_up_at_the_limit_and_its_connection_closed() {
    use opentelemetry_sdk::trace::SpanExporter as _;
    let server = elsewhere([Reply::Hang, Reply::Hang]);
    let exporter = exporter(&server.url()).with_limit(Duration::from_millis(200));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let error = runtime.block_on(exporter.export(vec![super::ending::span()])).unwrap_err();
    assert!(matches!(error, OTelSdkError::Timeout(limit) if limit == Duration::from_millis(200)), "{error}");
    runtime.block_on(server.closed(1));
}

/// These processors answer a shutdown before they end their exporter.
#[tokio::test(flavor = "current_thread")]
async fn a_clone_waits_for_what_the_async_processor_leaves_under_way() {
    let slow = Memory::new();
    let exporter = Exporter::new(FanOut::new().to(Memory::new()).to(Slow(slow.clone())));
    let processor = span_processor_with_async_runtime::BatchSpanProcessor::builder(
        exporter.clone(),
        runtime::TokioCurrentThread,
    );
    let provider = SdkTracerProvider::builder().with_span_processor(processor.build()).build();
    provider.tracer("tests").start("one").end();
    provider.shutdown().unwrap();
    SpanExporter::force_flush(&exporter).unwrap();
    assert_eq!(slow.items(), 1);
}

struct Slow(Memory);

impl Export for Slow {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.0.export(batch, by).await
    }
}
