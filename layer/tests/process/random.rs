//! Random requests through every way in: what comes out at the destination is what was sent.

use crate::{
    support::{Placed, Random, items},
    world::{JSON, PROTOBUF, SOON, World, nothing_of_its_own, post},
};
use spanlayer_emulator::Reason;
use spanlayer_otlp::{Signal, json};
use spanlayer_pipeline::{Deadline, Destination, Payload, Pipeline, Settings, settings::Otlp};

#[derive(Clone, Copy, Debug)]
enum Way {
    Protobuf,
    Json,
    Grpc,
}

#[tokio::test]
async fn what_random_requests_hold_is_delivered_as_it_was_sent_whichever_way_it_came() {
    for way in [Way::Protobuf, Way::Json, Way::Grpc] {
        let world =
            World::idle(|builder| nothing_of_its_own(builder).env("SPANLAYER_QUEUE_BYTES", "64MiB")).await;
        let (http, grpc) = (world.otlp().await, format!("http://{}", world.grpc().await));
        let sender = Pipeline::new(Settings::to([Destination::otlp(Otlp::grpc(&grpc).unwrap(), None)]));
        let mut sent: [Vec<Placed>; 3] = Default::default();
        for seed in 0..60 {
            for signal in Signal::ALL {
                let mut random = Random::new(seed + 7_000);
                random.wild = true;
                let request = random.request(signal);
                sent[signal as usize].extend(items(signal, &request));
                let answer = match way {
                    Way::Protobuf => post(http, signal.path(), PROTOBUF, &request).await,
                    Way::Json => {
                        let text = json::from_protobuf(signal, &request).unwrap();
                        post(http, signal.path(), JSON, text.as_bytes()).await
                    }
                    Way::Grpc => {
                        sender.accept(Payload::scan(signal, request.into()).unwrap());
                        continue;
                    }
                };
                assert_eq!(answer.status, 200, "{way:?} {seed} {signal}: {}", answer.text());
            }
        }
        assert_eq!(sender.flush(Deadline::within(SOON)).await.left, 0);
        world.lambda.shutdown(Reason::Spindown).await;
        let mut received: [Vec<Placed>; 3] = Default::default();
        for request in world.destination.requests() {
            let signal = Signal::ALL.into_iter().find(|signal| signal.path() == request.path).unwrap();
            received[signal as usize].extend(items(signal, &request.body));
        }
        for signal in Signal::ALL {
            let (sent, received) = (&mut sent[signal as usize], &mut received[signal as usize]);
            sent.sort();
            received.sort();
            assert_eq!(received.len(), sent.len(), "{way:?} {signal}");
            assert!(received == sent, "{way:?} {signal}");
        }
    }
}
