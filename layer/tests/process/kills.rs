//! Killed at random moments under load: what was acknowledged is delivered.

use crate::world::{PROTOBUF, World, exchange_or_nothing, spans};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spanlayer_emulator::{Event, Exit, Reason};
use std::{collections::HashMap, time::Duration};

/// Which of the two is killed.
#[derive(Clone, Copy, PartialEq)]
enum Killed {
    Extension,
    Function,
}

/// The ids of all spans of a request.
fn span_ids(request: &[u8]) -> Vec<Vec<u8>> {
    let request = ExportTraceServiceRequest::decode(request).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).map(|span| span.span_id).collect()
}

async fn at_random_moments(kills: usize, killed: Killed, spool: &str) {
    let world = World::idle(|builder| {
        builder.env("SPANLAYER_FLUSH", "continuous").env("SPANLAYER_SPOOL_BYTES", spool)
    })
    .await;
    let mut seed = 17u64;
    let (mut acknowledged, mut sent) = (0u64, 0u64);
    // With the number of the kill after which each was sent.
    let mut ids: HashMap<Vec<u8>, usize> = HashMap::new();
    for number in 0..kills {
        // Its listener is told of at each start.
        let address = world.otlp_of(if killed == Killed::Extension { number + 1 } else { 1 }).await;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_micros((seed >> 33) % 20_000);
        let load = async {
            for _ in 0..20 {
                let body = spans(5, false);
                sent += 5;
                match exchange_or_nothing(address, "/v1/traces", PROTOBUF, &body).await {
                    Some(200) => {
                        acknowledged += 5;
                        ids.extend(span_ids(&body).into_iter().map(|id| (id, number)));
                    }
                    _ => break,
                }
            }
        };
        let kill = async {
            tokio::time::sleep(moment).await;
            match killed {
                Killed::Extension => world.lambda.kill_extension("spanlayer"),
                Killed::Function => world.lambda.kill_runtime(),
            }
        };
        tokio::join!(load, kill);
        // Lambda notices with the next invocation, which fails, and the one after it has a new environment.
        world.lambda.invoke(Event::new("{}")).await;
        world.lambda.invoke(Event::new("{}")).await.payload();
    }
    assert_eq!(world.lambda.shutdown(Reason::Spindown).await.extension("spanlayer").exit, Exit::Code(0));
    let requests = world.destination.requests();
    let traces = requests.iter().filter(|request| request.path == "/v1/traces");
    let mut keys: HashMap<&str, usize> = HashMap::new();
    // The keys of the batches that each span came in, once for each time.
    let mut came: HashMap<Vec<u8>, Vec<&str>> = HashMap::new();
    for request in traces {
        let key = request.header("idempotency-key").unwrap();
        *keys.entry(key).or_default() += 1;
        span_ids(&request.body).into_iter().for_each(|id| came.entry(id).or_default().push(key));
    }
    let missing: Vec<_> = ids.iter().filter(|(id, _)| !came.contains_key(*id)).collect();
    let in_memory =
        world.log().iter().filter(|line| line.contains("memory only")).cloned().collect::<Vec<_>>();
    let lost = world.log().iter().filter(|line| line.contains("ERROR")).cloned().collect::<Vec<_>>();
    assert!(missing.is_empty(), "{missing:?} of {acknowledged} spans; {in_memory:?} {lost:?}");
    let repeated: usize = keys.values().map(|count| count - 1).sum();
    let twice = came.values().filter(|keys| keys.len() > 1).count();
    println!(
        "{kills} kills: {sent} spans sent, {acknowledged} acknowledged, {repeated} batches and {twice} spans twice"
    );
    // As many as are in flight to one destination at a time.
    assert!(repeated <= 4 * kills, "only what was in flight comes twice: {repeated}");
    let renamed = came.values().filter(|keys| keys.iter().any(|key| *key != keys[0])).count();
    assert_eq!(renamed, 0, "what comes twice comes under one key");
}

#[tokio::test]
async fn nothing_acknowledged_is_missing_after_the_extension_was_killed_at_random_moments() {
    at_random_moments(50, Killed::Extension, "auto").await;
}

#[tokio::test]
async fn nothing_acknowledged_is_missing_after_the_function_was_killed_at_random_moments() {
    at_random_moments(50, Killed::Function, "auto").await;
}

/// `make chaos`.
#[tokio::test]
#[ignore = "takes minutes"]
async fn nothing_acknowledged_is_missing_after_a_thousand_kills() {
    at_random_moments(1000, Killed::Extension, "auto").await;
}
