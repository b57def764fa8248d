//! The end: everything that is there goes out, by the deadline, and what does not is counted.

use crate::world::{EXTENSION, PROTOBUF, SOON, World, nothing_of_its_own, post, spans};
use rustix::process::{Pid, kill_process};
use spanlayer_emulator::{Exit, Mode, Reason};
use spanlayer_link::{Frame, Hello, Journal, Priority, SOCKET, Sender};
use spanlayer_otlp::Signal;
use std::{collections::HashMap, time::Duration};

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

/// How many times each span came.
fn times(world: &World) -> Vec<usize> {
    let mut times = HashMap::new();
    world.destination.spans().iter().for_each(|span| *times.entry(span.span_id()).or_default() += 1);
    times.into_values().collect()
}

#[tokio::test]
async fn an_answer_that_is_on_its_way_at_the_end_is_waited_for_and_nothing_is_sent_twice() {
    let world = World::idle(|builder| nothing_of_its_own(builder).env("SPANLAYER_FLUSH", "continuous")).await;
    world.invoke_times(2).await;
    post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(1, false)).await;
    world.destination.wait_for_spans(1, SOON).await.unwrap();
    // A destination that usually answers at once is slow for once, longer than anybody would call usual.
    world.destination.set_mode(Mode::Slow(Duration::from_millis(1000)));
    post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(3, false)).await;
    world.destination.wait_for_spans(4, SOON).await.unwrap();
    let shutdown = world.lambda.shutdown(Reason::Spindown).await;
    assert_eq!(shutdown.extension("spanlayer").exit, Exit::Code(0));
    let line = world.says("shut down").await;
    assert!(line.contains("\"delivered\":4") && line.contains("\"deadLettered\":0"), "{line}");
    assert_eq!(times(&world), [1; 4], "each once");
}

#[tokio::test]
async fn what_a_function_has_sent_and_not_taken_back_from_its_journal_yet_counts_once() {
    for telling in [true, false] {
        let world = World::idle(nothing_of_its_own).await;
        let directory = world.lambda.state_dir().to_owned();
        let mut hello = Hello::default();
        let mut journal = Journal::create(&directory, &mut hello).unwrap();
        let mut link = Sender::connect(&directory.join(SOCKET)).unwrap();
        link.send(&Frame::Hello(hello), Priority::Control);
        let [sent, kept] = [2, 3].map(|count| Frame::Telemetry(Signal::Traces, spans(count, false).into()));
        journal.write([&sent]).unwrap();
        link.queue(&sent, Priority::Healthy);
        if telling {
            link.queue(&Frame::Said(journal.mark().unwrap()), Priority::Control);
        }
        link.send_queued();
        // It dies here, having begun something else.
        journal.write([&kept]).unwrap();
        std::mem::forget(journal);
        drop(link);
        world.lambda.shutdown(Reason::Spindown).await;
        let mut times = times(&world);
        times.sort_unstable();
        assert_eq!(times, if telling { [1, 1, 1, 1, 1] } else { [1, 1, 1, 2, 2] });
    }
}

#[tokio::test]
async fn what_was_lost_for_good_is_told_as_an_error_at_the_end() {
    let world = World::idle(|builder| nothing_of_its_own(builder).env("SPANLAYER_DEAD_LETTERS", "off")).await;
    world.destination.set_mode(Mode::status(401));
    post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(3, false)).await;
    world.lambda.shutdown(Reason::Spindown).await;
    let line = world.says("shut down before").await;
    assert!(line.contains("\"ERROR\"") && line.contains("\"refused\":3"), "{line}");
}

#[tokio::test]
async fn letters_of_the_last_moment_say_how_the_destination_failed() {
    let world = World::idle(nothing_of_its_own).await;
    world.destination.set_mode(Mode::status(503));
    post(world.otlp().await, "/v1/traces", PROTOBUF, &spans(3, false)).await;
    world.lambda.shutdown(Reason::Spindown).await;
    let letter = world.says("\"deadLetter\":").await;
    assert!(letter.contains("\"reason\":\"503"), "{letter}");
    assert!(letter.contains("; there was no time left to deliver it\""), "{letter}");
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
    kill_process(pid, rustix::process::Signal::TERM).unwrap();
    world.says("\"reason\":\"terminated\"").await;
    assert_eq!(world.destination.wait_for_spans(9, SOON).await.unwrap().len(), 9);
    assert!(EXTENSION.ends_with("spanlayer"));
}
