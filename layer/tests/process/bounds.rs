//! What may be used, whatever happens: descriptors, threads, memory.

use crate::{
    support::Random,
    world::{PROTOBUF, SOON, World, nothing_of_its_own, post, spans},
};
use spanlayer_emulator::{Exit, Mode, Reason};
use spanlayer_otlp::wire::message_field;
use std::{
    collections::HashSet,
    fs,
    io::Write,
    net::{SocketAddr, TcpStream},
    time::Duration,
};
use tokio::time::Instant;

impl World {
    fn pid(&self) -> u32 {
        self.lambda.extension_pid("spanlayer").unwrap()
    }

    /// Entries of a directory of the process's.
    fn count(&self, of: &str) -> usize {
        fs::read_dir(format!("/proc/{}/{of}", self.pid())).unwrap().count()
    }

    /// Resident memory in bytes.
    fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }
}

/// Connections that say half of something, or nothing.
fn idlers(to: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect(to).unwrap();
            if number % 2 == 0 {
                stream.write_all(b"POST /v1/traces HTTP/1.1\r\nHost: x\r\n").unwrap();
            }
            stream
        })
        .collect()
}

#[tokio::test]
async fn a_flood_of_connections_takes_no_more_descriptors_and_threads_than_there_are_places() {
    let world = World::idle(nothing_of_its_own).await;
    world.invoke().await.payload();
    let (http, grpc, platform) = (world.otlp().await, world.grpc().await, world.platform().await);
    let (descriptors, threads) = (world.count("fd"), world.count("task"));
    let flood: Vec<_> = [http, grpc, platform].map(|port| idlers(port, 240)).into();
    world.invoke().await.payload();
    // Three receivers with 128 places each; the others wait in the queue of the socket.
    let most = descriptors + 3 * 128 + 16;
    assert!(world.count("fd") > descriptors + 128, "they were accepted");
    assert!(world.count("fd") <= most, "{} of at most {most}", world.count("fd"));
    drop(flood);
    world.destination.set_mode(Mode::Refusing);
    for _ in 0..100 {
        let sent =
            (0..8).map(|_| async { post(http, "/v1/traces", PROTOBUF, &spans(20, false)).await.status });
        for sending in sent {
            assert_eq!(sending.await, 200);
        }
    }
    assert!(world.count("task") <= threads + 8, "{} threads after {threads}", world.count("task"));
    assert!(world.count("fd") <= descriptors + 32, "{} descriptors after {descriptors}", world.count("fd"));
    assert_eq!(world.lambda.shutdown(Reason::Spindown).await.extension("spanlayer").exit, Exit::Code(0));
}

/// A request of about so many bytes that no compressor makes smaller.
fn bulky(random: &mut Random, error: bool, bytes: usize) -> Vec<u8> {
    let mut request = spans(4, error);
    message_field(&mut request, 1, |resource_spans| {
        message_field(resource_spans, 1, |resource| {
            message_field(resource, 1, |attribute| {
                spanlayer_otlp::wire::bytes_field(attribute, 1, b"noise");
                message_field(attribute, 2, |value| {
                    let noise: String =
                        (0..bytes / 8).map(|_| format!("{:08x}", random.next() as u32)).collect();
                    spanlayer_otlp::wire::bytes_field(value, 1, noise.as_bytes());
                });
            });
        });
    });
    request
}

#[tokio::test]
async fn an_outage_stays_within_its_memory_and_costs_no_error_while_there_is_something_healthy() {
    const BOUND: u64 = 4 << 20;
    let world = World::idle(|builder| nothing_of_its_own(builder).env("SPANLAYER_QUEUE_BYTES", "4MiB")).await;
    world.destination.set_mode(Mode::Refusing);
    let mut random = Random::new(7);
    // What an extension is that has compressed and failed once.
    post(world.otlp().await, "/v1/traces", PROTOBUF, &bulky(&mut random, false, 10_000)).await;
    world.invoke().await.payload();
    let before = world.resident();
    let (mut errors, mut most) = (HashSet::new(), 0);
    // Ten times the bound, an eighth of it errors, so that these fit and the rest does not.
    for number in 0..400 {
        let error = number % 16 == 5;
        let request = bulky(&mut random, error, 100_000);
        if error {
            errors.extend(crate::kills::span_ids(&request));
        }
        let answer = post(world.otlp().await, "/v1/traces", PROTOBUF, &request).await;
        assert_eq!(answer.status, 200);
        if number % 20 == 0 {
            world.invoke().await.payload();
        }
        most = most.max(world.resident());
    }
    let grown = most - before;
    println!("{} KiB more than before, with a bound of {} KiB", grown >> 10, BOUND >> 10);
    assert!(grown <= BOUND + (8 << 20), "{} KiB more than before", grown >> 10);
    world.destination.set_mode(Mode::Healthy);
    // Not by the end of the environment: this is about what is held, not about how much can be compressed in two seconds.
    let by = Instant::now() + 6 * SOON;
    let mut came: HashSet<Vec<u8>> = HashSet::new();
    while !errors.is_subset(&came) && Instant::now() < by {
        world.invoke().await.payload();
        tokio::time::sleep(Duration::from_millis(100)).await;
        came = world.destination.spans().iter().map(|span| span.span.span_id.clone()).collect();
    }
    let missing = errors.iter().filter(|id| !came.contains(*id)).count();
    assert_eq!(missing, 0, "of {} spans of requests with errors; {} came in all", errors.len(), came.len());
}
