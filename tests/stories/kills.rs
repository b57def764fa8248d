//! The extension is killed, at any moment, and nothing that it had accepted is lost.

use crate::world::{SOON, World};
use serde_json::json;
use spanlayer_emulator::{Exit, Mode};
use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

#[tokio::test]
async fn fifty_invocations_of_an_outage_survive_a_kill_and_are_delivered() {
    let world = World::with(|builder| builder.env("SPANLAYER_LOG", "debug")).await;
    world.destination.set_mode(Mode::Refusing);
    for _ in 0..50 {
        world.invoke(&json!({ "do": "work", "count": 2 })).await.payload();
    }
    // What it has not read from the link yet it has not accepted.
    tokio::time::timeout(SOON, world.started(50)).await.unwrap();
    world.lambda.kill_extension("spanlayer");
    // Lambda notices with the next invocation, which fails, and resets the environment.
    world.invoke(&json!({ "do": "answer" })).await.error();
    world.destination.set_mode(Mode::Healthy);
    world.invoke(&json!({ "do": "work", "count": 2 })).await.payload();
    assert_eq!(world.shutdown().await.extension("spanlayer").exit, Exit::Code(0));
    let spans = world.spans();
    let ids: HashSet<String> = spans.iter().map(|span| span.span_id()).collect();
    assert!(ids.len() >= 51 * 3, "{} of {}", ids.len(), 51 * 3);
    assert!(world.lambda.extension_output("spanlayer").iter().any(|line| line.contains("was killed")));
    let left = std::fs::read_dir(world.lambda.state_dir().join("spool")).unwrap();
    let left: Vec<_> = left.flatten().map(|file| file.file_name()).collect();
    assert_eq!(left, ["lock"], "a clean end leaves nothing behind");
}

#[tokio::test]
async fn an_invocation_whose_extension_is_killed_still_gets_its_span() {
    let world =
        World::with(|builder| builder.timeout(Duration::from_secs(20)).env("SPANLAYER_LOG", "debug")).await;
    world.invoke(&json!({ "do": "work", "count": 1 })).await.payload();
    let slow = json!({ "do": "answer", "ms": 5000 });
    let kill = async {
        // It is under way once the function has said so.
        tokio::time::timeout(SOON, world.started(2)).await.unwrap();
        world.lambda.kill_extension("spanlayer");
    };
    let (killed, ()) = tokio::join!(world.invoke(&slow), kill);
    killed.error();
    world.invoke(&json!({ "do": "work", "count": 1 })).await.payload();
    world.shutdown().await;
    let invocations = world.invocations();
    let mut spans: HashMap<String, usize> = HashMap::new();
    invocations.iter().for_each(|span| *spans.entry(span.span_id()).or_default() += 1);
    assert_eq!(spans.len(), 3, "{spans:?}");
    assert!(spans.values().all(|count| *count == 1), "{spans:?}");
    assert_eq!(invocations.iter().filter(|span| span.is_error()).count(), 1);
}
