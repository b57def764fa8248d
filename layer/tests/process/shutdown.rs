//! The end: everything that is there goes out, by the deadline, and what does not is counted.

use crate::world::{EXTENSION, PROTOBUF, SOON, World, nothing_of_its_own, post, spans};
use rustix::process::{Pid, Signal, kill_process};
use spanlayer_emulator::{Exit, Mode, Reason};
use std::time::Duration;

#[tokio::test]
async fn everything_is_drained_into_a_destination_that_takes_half_a_second() {
    let world = World::idle(nothing_of_its_own).await;
    world.invoke_times(3).await;
    world.destination.set_mode(Mode::Slow(Duration::from_millis(500)));
    for _ in 0..10 {
        post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(100, false)).await;
    }
    let shutdown = world.lambda.shutdown(Reason::Spindown).await;
    assert_eq!(shutdown.extension("spanlayer").exit, Exit::Code(0));
    assert_eq!(world.destination.spans().len(), 1000, "each once");
    let line = world.says("shut down").await;
    assert!(line.contains("\"delivered\":1000") && line.contains("\"lost\":0"), "{line}");
}

#[tokio::test]
async fn what_a_destination_that_never_answers_does_not_take_is_in_dead_letters_within_the_window() {
    for (letters, dead, lost) in [("stdout", 7, 0), ("off", 0, 7)] {
        let world =
            World::idle(|builder| nothing_of_its_own(builder).env("SPANLAYER_DEAD_LETTERS", letters)).await;
        world.invoke_times(3).await;
        world.destination.set_mode(Mode::Hanging);
        post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(7, false)).await;
        let shutdown = world.lambda.shutdown(Reason::Spindown).await;
        let ours = shutdown.extension("spanlayer");
        assert_eq!((ours.exit, ours.killed), (Exit::Code(0), false));
        let line = world.says("shut down before").await;
        let figures = [format!("\"deadLettered\":{dead}"), format!("\"lost\":{lost}")];
        assert!(line.contains("\"ERROR\"") && figures.iter().all(|one| line.contains(one)), "{line}");
        let output = world.lambda.extension_output("spanlayer");
        assert_eq!(output.iter().filter(|line| line.contains("\"deadLetter\":")).count(), dead.min(1));
    }
}

#[tokio::test]
async fn words_spoken_just_before_the_end_are_heard() {
    let world = World::wrapped(Mode::Healthy, Duration::from_millis(1), |builder| builder).await;
    world.invoke_times(6).await;
    world.lambda.shutdown(Reason::Spindown).await;
    assert_eq!(world.destination.wait_for_spans(6, SOON).await.unwrap().len(), 6);
}

#[tokio::test]
async fn a_sigterm_flushes_what_is_left() {
    let world =
        World::idle(|builder| builder.telemetry_api(spanlayer_emulator::TelemetryApi::NotSupported)).await;
    post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(9, false)).await;
    let pid = Pid::from_raw(world.lambda.extension_pid("spanlayer").unwrap() as i32).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
    world.says("\"reason\":\"terminated\"").await;
    assert_eq!(world.destination.wait_for_spans(9, SOON).await.unwrap().len(), 9);
    assert!(EXTENSION.ends_with("spanlayer"));
}
