//! Whole programs' telemetry: what waits, what leaves when, how a flush and the end are bounded.

use std::{sync::Arc, time::Duration};

use opentelemetry::trace::{Span as _, Tracer as _};
use opentelemetry_sdk::error::OTelSdkError;
use spanlayer_pipeline::{
    Batch, Deadline, Export, Memory, Outcome,
    sdk::{Telemetry, Wiring},
    stage::{BufferSettings, FanOut, Rates, Wrap as _},
};

/// Takes a batch when it is told to, and says when one comes.
struct Gated {
    memory: Memory,
    begun: std::sync::mpsc::Sender<()>,
    go: Arc<tokio::sync::Semaphore>,
}

impl Export for Gated {
    async fn export(&self, batch: Batch, by: Deadline) -> Outcome {
        self.begun.send(()).unwrap();
        let _go = self.go.acquire().await;
        self.memory.export(batch, by).await
    }
}

#[test]
fn spans_leave_by_five_hundred_and_twelve_and_two_thousand_and_forty_eight_wait() {
    let memory = Memory::new();
    let (begun, heard) = std::sync::mpsc::channel();
    let go = Arc::new(tokio::sync::Semaphore::new(0));
    let telemetry =
        Wiring::service("shop", "1").start(Gated { memory: memory.clone(), begun, go: Arc::clone(&go) });
    let tracer = telemetry.tracer("tests");
    (0..512).for_each(|_| tracer.start("first").end());
    // One batch is under way, and nothing leaves the queue until it is answered.
    heard.recv().unwrap();
    (0..3000).for_each(|_| tracer.start("waiting").end());
    go.add_permits(100);
    telemetry.shutdown().unwrap();
    let sizes: Vec<usize> = memory.batches().iter().map(Batch::items).collect();
    assert_eq!(sizes, [512, 512, 512, 512, 512], "the first, and all that the queue had room for");
}

#[test]
fn spans_leave_after_five_seconds_and_all_are_sampled() {
    let memory = Memory::new();
    let (begun, heard) = std::sync::mpsc::channel();
    let go = Arc::new(tokio::sync::Semaphore::new(100));
    let telemetry = Wiring::service("shop", "1").start(Gated { memory: memory.clone(), begun, go });
    let start = spanlayer_host::clock::monotonic();
    let tracer = telemetry.tracer("tests");
    (0..511).for_each(|_| tracer.start("few").end());
    heard.recv().unwrap();
    assert!(start.elapsed() > Duration::from_millis(4900), "{:?}", start.elapsed());
    telemetry.shutdown().unwrap();
    assert_eq!(memory.items(), 511);
}

#[test]
fn a_flush_and_a_shutdown_that_wait_in_vain_end_at_their_limit_and_say_so() {
    let limit = Duration::from_millis(300);
    for end in [Telemetry::force_flush_within, Telemetry::shutdown_within] {
        let telemetry = Wiring::service("shop", "1").start(Memory::hanging());
        telemetry.tracer("tests").start("one").end();
        let start = spanlayer_host::clock::monotonic();
        let error = end(&telemetry, limit).unwrap_err();
        assert!(start.elapsed() >= limit, "{:?}", start.elapsed());
        assert!(matches!(error, OTelSdkError::Timeout(said) if said == limit), "{error}");
    }
}

#[test]
fn a_flush_waits_for_longer_than_the_sdk_has_patience() {
    let telemetry = Wiring::service("shop", "1").start(Slow(Duration::from_secs(6)));
    telemetry.tracer("tests").start("one").end();
    telemetry.force_flush().unwrap();
}

/// Takes a while.
struct Slow(Duration);

impl Export for Slow {
    async fn export(&self, _: Batch, _: Deadline) -> Outcome {
        tokio::time::sleep(self.0).await;
        Outcome::DELIVERED
    }
}

#[test]
fn a_flush_and_a_shutdown_see_to_every_destination_and_to_what_a_stage_holds_back() {
    for end in [Telemetry::force_flush, Telemetry::shutdown] {
        let (quick, slow, buffered) = (Memory::new(), Memory::new(), Memory::new());
        let delayed = slow.clone().throttle(Rates::requests(4.0));
        let all = FanOut::new()
            .to(quick.clone())
            .to(delayed)
            .to(buffered.clone().buffer(BufferSettings::default()));
        let telemetry = Wiring::service("shop", "1").start(all);
        for _ in 0..3 {
            telemetry.tracer("tests").start("one").end();
            telemetry.traces.force_flush().unwrap();
        }
        end(&telemetry).unwrap();
        assert_eq!((quick.items(), slow.items(), buffered.items()), (3, 3, 3));
    }
}

#[test]
fn what_could_not_be_exported_is_an_error_of_the_flush_and_of_the_shutdown() {
    for end in [Telemetry::force_flush, Telemetry::shutdown] {
        // Of exports at the end the SDK says nothing.
        let memory = Memory::answering([Outcome::refused("who are you?")]);
        let telemetry = Wiring::service("shop", "1").start(memory.clone());
        let tracer = telemetry.tracer("tests");
        (0..500).for_each(|_| tracer.start("one").end());
        let error = end(&telemetry).unwrap_err();
        assert!(error.to_string().contains("who are you?"), "{error}");
        assert_eq!(memory.attempts(), 1);
        telemetry.shutdown().unwrap();
        assert!(matches!(telemetry.force_flush(), Err(OTelSdkError::AlreadyShutdown)));
    }
    /// Takes nothing, with a bang.
    struct Panics;
    impl Export for Panics {
        async fn export(&self, _: Batch, _: Deadline) -> Outcome {
            panic!("out of cheese")
        }
    }
    for end in [Telemetry::force_flush, Telemetry::shutdown] {
        let telemetry = Wiring::service("shop", "1").start(Panics);
        telemetry.meter("tests").u64_counter("sold").build().add(1, &[]);
        let error = end(&telemetry).unwrap_err();
        assert!(error.to_string().contains("the exporter panicked: out of cheese"), "{error}");
    }
    let held = Memory::always(Outcome::retry("down")).buffer(BufferSettings::default());
    let telemetry = Wiring::service("shop", "1").start(held);
    telemetry.tracer("tests").start("one").end();
    let error = telemetry.shutdown().unwrap_err();
    assert!(error.to_string().contains("down"), "{error}");
    telemetry.shutdown().unwrap();
}

#[test]
fn what_a_stack_could_not_let_go_of_is_told_in_its_words() {
    for end in [Telemetry::force_flush, Telemetry::shutdown] {
        let held = Memory::always(Outcome::refused("who are you?")).buffer(BufferSettings::default());
        let telemetry = Wiring::service("shop", "1").start(held);
        telemetry.tracer("tests").start("one").end();
        let error = end(&telemetry).unwrap_err();
        assert!(error.to_string().contains("who are you?"), "{error}");
    }
}
