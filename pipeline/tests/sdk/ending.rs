//! How exporters end: what is waited for, what is stopped, what is said.

use std::{sync::mpsc, thread, time::Duration};

use opentelemetry::{
    InstrumentationScope, SpanId, TraceFlags, TraceId,
    trace::{SpanContext, SpanKind, Status, TraceState},
};
use opentelemetry_sdk::{
    error::OTelSdkError,
    trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks},
};
use spanlayer_pipeline::{
    Batch, Deadline, Export, Memory, Outcome,
    sdk::Exporter,
    settings::Otlp,
    stage::{Buffer, BufferSettings},
};

use super::{elsewhere, support::http::Reply};

const LONG: Duration = Duration::from_secs(20);

pub(super) fn span() -> SpanData {
    let (trace, id) = (TraceId::from(7_u128), SpanId::from(9_u64));
    SpanData {
        span_context: SpanContext::new(trace, id, TraceFlags::SAMPLED, false, TraceState::default()),
        parent_span_id: SpanId::INVALID,
        parent_span_is_remote: false,
        span_kind: SpanKind::Internal,
        name: "one".into(),
        start_time: std::time::UNIX_EPOCH + Duration::from_secs(1),
        end_time: std::time::UNIX_EPOCH + Duration::from_secs(2),
        attributes: Vec::new(),
        dropped_attributes_count: 0,
        events: SpanEvents::default(),
        links: SpanLinks::default(),
        status: Status::Unset,
        instrumentation_scope: InstrumentationScope::default(),
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Says when an export begins, and delivers when it is told to.
struct Gated {
    begun: mpsc::Sender<()>,
    go: tokio::sync::Semaphore,
}

fn gated() -> (std::sync::Arc<Gated>, mpsc::Receiver<()>) {
    let (begun, heard) = mpsc::channel();
    (std::sync::Arc::new(Gated { begun, go: tokio::sync::Semaphore::new(0) }), heard)
}

impl Export for Gated {
    async fn export(&self, _: Batch, _: Deadline) -> Outcome {
        let _ = self.begun.send(());
        let _ = self.go.acquire().await;
        Outcome::DELIVERED
    }
}

#[test]
fn a_shutdown_waits_for_what_is_under_way_and_a_second_one_is_fine() {
    let (stack, begun) = gated();
    let exporter = Exporter::new(std::sync::Arc::clone(&stack));
    thread::scope(|scope| {
        let export = scope.spawn(|| block_on(exporter.export(vec![span()])));
        begun.recv().unwrap();
        let shutdown = scope.spawn(|| exporter.shutdown_with_timeout(LONG));
        // The gate closes at once, whatever is still under way.
        let refused = || {
            let attempt =
                async { tokio::time::timeout(Duration::from_millis(5), exporter.export(vec![span()])).await };
            matches!(block_on(attempt), Ok(Err(OTelSdkError::AlreadyShutdown)))
        };
        while !refused() {}
        assert!(!shutdown.is_finished());
        stack.go.add_permits(1);
        export.join().unwrap().unwrap();
        shutdown.join().unwrap().unwrap();
    });
    exporter.shutdown_with_timeout(LONG).unwrap();
}

#[test]
fn a_shutdown_that_waits_in_vain_is_an_error_and_stops_what_is_under_way() {
    let server = elsewhere([Reply::Hang]);
    let exporter = Exporter::new(Otlp::http(&server.url()).unwrap().exporter());
    thread::scope(|scope| {
        let export = scope.spawn(|| block_on(exporter.export(vec![span()])));
        while server.requests().is_empty() {
            thread::yield_now();
        }
        let start = spanlayer_host::clock::monotonic();
        let limit = Duration::from_millis(100);
        let error = exporter.shutdown_with_timeout(limit).unwrap_err();
        assert!(matches!(error, OTelSdkError::Timeout(said) if said == limit), "{error}");
        assert!(start.elapsed() >= limit);
        assert!(export.join().unwrap().is_err());
    });
    block_on(server.closed(1));
}

#[test]
fn after_a_shutdown_exports_are_refused_by_name_and_nothing_is_sent() {
    let server = elsewhere([]);
    let exporter = Exporter::new(Otlp::http(&server.url()).unwrap().exporter());
    exporter.shutdown_with_timeout(LONG).unwrap();
    let error = block_on(exporter.export(vec![span()])).unwrap_err();
    assert!(matches!(error, OTelSdkError::AlreadyShutdown));
    assert!(server.requests().is_empty());
}

#[test]
fn a_clone_goes_on_when_another_has_ended() {
    let memory = Memory::new();
    let exporter = Exporter::new(memory.clone());
    let other = exporter.clone();
    exporter.shutdown_with_timeout(LONG).unwrap();
    block_on(other.export(vec![span()])).unwrap();
    assert_eq!(memory.items(), 1);
}

#[test]
fn what_is_buffered_is_drained_by_a_shutdown_and_by_a_flush() {
    let memory = Memory::new();
    let exporter = Exporter::new(Buffer::new(memory.clone(), BufferSettings::default()));
    block_on(exporter.export(vec![span()])).unwrap();
    assert_eq!(memory.items(), 0);
    exporter.force_flush().unwrap();
    assert_eq!(memory.items(), 1);
    block_on(exporter.export(vec![span()])).unwrap();
    exporter.shutdown_with_timeout(LONG).unwrap();
    assert_eq!(memory.items(), 2);
}

#[test]
fn a_cancelled_export_closes_its_connection() {
    let server = elsewhere([Reply::Hang]);
    let exporter = Exporter::new(Otlp::http(&server.url()).unwrap().exporter());
    block_on(async {
        let export = exporter.export(vec![span()]);
        assert!(tokio::time::timeout(Duration::from_millis(300), export).await.is_err());
        server.closed(1).await;
    });
}

#[test]
fn a_refusal_and_a_server_that_is_not_there_are_told_in_words() {
    let server = elsewhere([Reply::Bytes(super::answer("401 Unauthorized", &[], b"who are you?"))]);
    let exporter = Exporter::new(Otlp::http(&server.url()).unwrap().exporter());
    let error = block_on(exporter.export(vec![span()])).unwrap_err().to_string();
    assert!(error.contains("401") && error.contains("who are you?"), "{error}");
    let nowhere = Exporter::new(Otlp::http("http://127.0.0.1:1").unwrap().exporter());
    let error = block_on(nowhere.export(vec![span()])).unwrap_err().to_string();
    assert!(error.contains("cannot connect"), "{error}");
}

#[test]
fn dropped_in_mid_export_the_stack_goes_with_its_runtime() {
    struct Watched(Memory, mpsc::Sender<()>);
    impl Export for Watched {
        async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
            self.0.export(batch, by).await
        }
    }
    impl Drop for Watched {
        fn drop(&mut self) {
            self.1.send(()).unwrap();
        }
    }
    let (tell, gone) = mpsc::channel();
    let memory = Memory::hanging();
    let exporter = Exporter::new(Watched(memory.clone(), tell));
    block_on(async {
        let export = exporter.export(vec![span()]);
        assert!(tokio::time::timeout(Duration::from_millis(100), export).await.is_err());
    });
    assert_eq!(memory.attempts(), 1);
    drop(exporter);
    gone.recv_timeout(LONG).unwrap();
}
