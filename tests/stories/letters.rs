//! The end of an environment: everything is delivered in the time that Lambda leaves, or kept as dead letters.

use crate::world::World;
use serde_json::json;
use spanlayer_emulator::{Destination, Exit, Mode};
use spanlayer_pipeline::{
    Deadline, Outcome,
    letters::{Courier, Part, Pile},
    settings::Otlp,
};
use std::{collections::HashSet, time::Duration};

async fn ten_thousand_spans() -> World {
    let world = World::with(|builder| {
        let builder =
            builder.env("SPANLAYER_FLUSH", "periodic,3600000").env("SPANLAYER_QUEUE_BYTES", "16MiB");
        builder.env("SPANLAYER_MAX_STALENESS", "1h").timeout(Duration::from_secs(30))
    })
    .await;
    for _ in 0..10 {
        world.invoke(&json!({ "do": "work", "count": 1000 })).await.payload();
    }
    world
}

#[tokio::test]
async fn ten_thousand_spans_reach_a_slow_destination_within_the_window() {
    let world = ten_thousand_spans().await;
    world.destination.set_mode(Mode::Slow(Duration::from_millis(1200)));
    let shutdown = world.shutdown().await;
    assert_eq!(shutdown.extension("spanlayer").exit, Exit::Code(0));
    let ids: HashSet<String> = world.spans().iter().map(|span| span.span_id()).collect();
    assert_eq!(ids.len(), 10_010);
}

#[tokio::test]
async fn what_a_destination_that_never_answers_does_not_take_is_in_dead_letters_and_can_be_delivered() {
    let world = ten_thousand_spans().await;
    world.destination.set_mode(Mode::Hanging);
    let before: HashSet<String> = world.spans().iter().map(|span| span.span_id()).collect();
    let shutdown = world.shutdown().await;
    assert_eq!(shutdown.extension("spanlayer").exit, Exit::Code(0));
    let mut pile = Pile::default();
    let output = world.lambda.extension_output("spanlayer");
    output.iter().filter_map(|line| Part::find(line)).for_each(|part| pile.add(part.unwrap()));
    let (letters, torn) = pile.sort();
    assert!(torn.is_empty() && !letters.is_empty());
    let other = Destination::start(Mode::Healthy).await.unwrap();
    let destination = spanlayer_pipeline::Destination::otlp(Otlp::http(&other.url()).unwrap(), None);
    let courier = Courier::to(&destination);
    for letter in letters {
        let delivered = courier.deliver(letter.batch().unwrap(), Deadline::never()).await;
        assert!(matches!(delivered, Outcome::Delivered { .. }));
    }
    let after: HashSet<String> = other
        .spans()
        .iter()
        .filter(|span| !matches!(span.span.name.as_str(), "init" | "platform.report"))
        .map(|span| span.span_id())
        .collect();
    assert!(before.is_disjoint(&after));
    assert_eq!(before.len() + after.len(), 10_010);
}
