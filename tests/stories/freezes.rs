//! Frozen for seconds, wherever one was: nothing is lost by it, and little is asked for again.

use crate::world::World;
use serde_json::json;
use spanlayer_emulator::{Exit, Mode};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

/// Longer than anything of the extension's waits, a timeout of an attempt excepted.
const FREEZE: Duration = Duration::from_secs(3);

impl World {
    /// Stands still, while `meanwhile` happens to others.
    async fn frozen(&self, meanwhile: impl FnOnce()) {
        self.frozen_for(FREEZE, meanwhile).await;
    }

    async fn frozen_for(&self, time: Duration, meanwhile: impl FnOnce()) {
        self.lambda.freeze();
        meanwhile();
        tokio::time::sleep(time).await;
        self.lambda.thaw();
    }

    /// How many requests for traces came under each key.
    fn keys(&self) -> HashMap<String, usize> {
        let mut keys = HashMap::new();
        for request in self.destination.requests().iter().filter(|request| request.path == "/v1/traces") {
            *keys.entry(request.header("idempotency-key").unwrap().to_owned()).or_default() += 1;
        }
        keys
    }

    /// Ends, and says how many spans there are, and how many of them came once.
    async fn ended(&self) -> (usize, usize) {
        assert_eq!(self.shutdown().await.extension("spanlayer").exit, Exit::Code(0));
        let spans = self.spans();
        let ids: HashSet<String> = spans.iter().map(|span| span.span_id()).collect();
        (ids.len(), spans.len())
    }
}

#[tokio::test]
async fn connections_that_were_closed_meanwhile_cost_neither_a_batch_nor_a_wait() {
    for flush in ["adaptive", "end"] {
        let world = World::with(|builder| builder.env("SPANLAYER_FLUSH", flush)).await;
        let work = json!({ "do": "work", "count": 2 });
        for _ in 0..3 {
            world.invoke(&work).await.payload();
        }
        for _ in 0..2 {
            world
                .frozen(|| {
                    // Whoever stops listening closes the connections there are.
                    world.destination.set_mode(Mode::Refusing);
                    world.destination.set_mode(Mode::Healthy);
                })
                .await;
            let invocation = world.invoke(&work).await;
            invocation.payload();
            assert!(invocation.tail < Duration::from_millis(500), "{flush}: {:?}", invocation.tail);
        }
        assert_eq!(world.ended().await, (15, 15), "{flush}");
        assert!(
            world.keys().values().all(|count| *count <= 2),
            "{flush}: at most one retry: {:?}",
            world.keys()
        );
    }
}

#[tokio::test]
async fn a_request_that_was_in_flight_is_not_sent_again_if_it_was_answered_meanwhile() {
    let world = World::with(|builder| builder).await;
    let work = json!({ "do": "work", "count": 2 });
    for _ in 0..2 {
        world.invoke(&work).await.payload();
    }
    world.destination.set_mode(Mode::Slow(Duration::from_millis(400)));
    for _ in 0..2 {
        world.invoke(&work).await.payload();
        world.frozen(|| ()).await;
    }
    world.destination.set_mode(Mode::Healthy);
    world.invoke(&work).await.payload();
    assert_eq!(world.ended().await, (15, 15));
    assert!(world.keys().values().all(|count| *count == 1), "{:?}", world.keys());
}

#[tokio::test]
async fn a_request_whose_answer_was_lost_meanwhile_comes_once_more_under_its_key() {
    let world = World::with(|builder| builder.env("SPANLAYER_FLUSH", "end")).await;
    let work = json!({ "do": "work", "count": 2 });
    world.invoke(&work).await.payload();
    world.destination.queue([Mode::AnswerLost]);
    world.invoke(&work).await.payload();
    world.frozen(|| ()).await;
    world.invoke(&work).await.payload();
    assert_eq!(world.ended().await.0, 9);
    let twice: Vec<usize> = world.keys().into_values().filter(|count| *count > 1).collect();
    assert!(twice.is_empty() || twice == [2], "{:?}", world.keys());
}

#[tokio::test]
async fn timers_that_are_late_make_no_storm() {
    let world = World::with(|builder| builder.env("SPANLAYER_FLUSH", "periodic,20")).await;
    let work = json!({ "do": "work", "count": 2 });
    world.invoke(&work).await.payload();
    let before: usize = world.keys().into_values().sum();
    world.frozen(|| ()).await;
    world.invoke(&work).await.payload();
    let after: usize = world.keys().into_values().sum();
    assert!(after - before <= 3, "150 periods passed, and {} requests were made", after - before);
    assert_eq!(world.ended().await, (6, 6));
}

/// Minutes in earnest, longer than anybody keeps a connection or waits for an answer, and a request in flight. `make chaos`.
#[tokio::test]
#[ignore = "takes five minutes"]
async fn frozen_for_minutes_with_a_request_in_flight_nothing_is_lost_and_little_is_asked_for_again() {
    let story = async |flush: &str| {
        let world = World::with(|builder| builder.env("SPANLAYER_FLUSH", flush)).await;
        let work = json!({ "do": "work", "count": 2 });
        for _ in 0..3 {
            world.invoke(&work).await.payload();
        }
        world.destination.set_mode(Mode::Slow(Duration::from_millis(400)));
        for _ in 0..2 {
            world.invoke(&work).await.payload();
            world
                .frozen_for(Duration::from_secs(150), || {
                    world.destination.set_mode(Mode::Refusing);
                    world.destination.set_mode(Mode::Healthy);
                })
                .await;
            let before: usize = world.keys().into_values().sum();
            let invocation = world.invoke(&work).await;
            invocation.payload();
            assert!(invocation.tail < Duration::from_millis(1500), "{flush}: {:?}", invocation.tail);
            let after: usize = world.keys().into_values().sum();
            assert!(after - before <= 4, "{flush}: {} requests after the thaw", after - before);
        }
        assert_eq!(world.ended().await.0, 21, "{flush}");
        let keys = world.keys();
        assert!(keys.values().all(|count| *count <= 2), "{flush}: at most one retry: {keys:?}");
    };
    tokio::join!(story("adaptive"), story("end"), story("periodic,1000"), story("continuous"));
}
