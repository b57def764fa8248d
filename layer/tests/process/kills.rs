//! Killed at random moments under load: what was acknowledged is delivered.

use crate::world::{PROTOBUF, World, exchange_or_nothing, spans};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use spanlayer_emulator::{Event, Exit, Reason};
use spanlayer_host::clock;
use std::{collections::HashMap, fs, io::Write, path::PathBuf, process::Command, time::Duration};

/// Which of the two is killed.
#[derive(Clone, Copy, PartialEq)]
enum Killed {
    Extension,
    Function,
}

/// The ids of all spans of a request.
pub(crate) fn span_ids(request: &[u8]) -> Vec<Vec<u8>> {
    let request = ExportTraceServiceRequest::decode(request).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).map(|span| span.span_id).collect()
}

/// A file system of its own, which somebody else fills up.
struct Disk(PathBuf);

impl Disk {
    /// `None` where this user may not mount any.
    fn small() -> Option<Self> {
        let path = std::env::temp_dir().join(format!("spanlayer-disk-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=4m", "spanlayer"];
        let mounted =
            Command::new("mount").args(mount).arg(&path).output().is_ok_and(|done| done.status.success());
        mounted.then_some(Self(path))
    }

    /// Takes all that is free, or gives it back.
    fn toggle(&self) {
        let all = self.0.join("all");
        if fs::remove_file(&all).is_ok() {
            return;
        }
        let mut file = fs::File::create(&all).unwrap();
        while file.write_all(&[0; 1 << 10]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l".as_ref(), self.0.as_os_str()]).output();
        let _ = fs::remove_dir(&self.0);
    }
}

/// When each extension said that it holds in memory only what comes in, in milliseconds of the day, by the number of the
/// extension.
fn in_memory_since(log: &[String]) -> HashMap<usize, u64> {
    let (mut number, mut since) = (0, HashMap::new());
    for line in log {
        if line.contains("\"variable\":\"SPANLAYER_OTLP_HTTP\"") {
            number += 1;
        }
        if line.contains("memory only") {
            let (_, time) = line.split_once('T').unwrap();
            let fields: Vec<u64> = time[..12].split([':', '.']).map(|field| field.parse().unwrap()).collect();
            since.entry(number).or_insert(((fields[0] * 60 + fields[1]) * 60 + fields[2]) * 1000 + fields[3]);
        }
    }
    since
}

async fn at_random_moments(kills: usize, killed: Killed, disk: Option<&Disk>) {
    let world = World::idle(|builder| {
        let builder = builder.env("SPANLAYER_FLUSH", "continuous");
        match disk {
            Some(disk) => builder.directory(&disk.0),
            None => builder,
        }
    })
    .await;
    let mut seed = 17u64;
    let (mut acknowledged, mut sent) = (0u64, 0u64);
    // With the number of the extension that took each, and when.
    let mut ids: HashMap<Vec<u8>, (usize, u64)> = HashMap::new();
    for number in 0..kills {
        // Its listener is told of at each start.
        // With the function its environment is begun anew, and the extension with it.
        let extension = number + 1;
        let address = world.otlp_of(extension).await;
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let moment = Duration::from_micros((seed >> 33) % 20_000);
        let load = async {
            for one in 0..20 {
                if let Some(disk) = disk.filter(|_| one == seed >> 12 & 31) {
                    disk.toggle();
                }
                let body = spans(5, false);
                sent += 5;
                match exchange_or_nothing(address, "/v1/traces", PROTOBUF, &body).await {
                    Some(200) => {
                        acknowledged += 5;
                        let when = (extension, clock::unix_millis() % 86_400_000);
                        ids.extend(span_ids(&body).into_iter().map(|id| (id, when)));
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
    let memory = in_memory_since(&world.log());
    assert!(disk.is_some() || memory.is_empty(), "{memory:?}");
    // What was taken when the extension had said that there is no room is lost with it, and nothing else.
    let (told, missing): (Vec<_>, Vec<_>) = ids
        .iter()
        .filter(|(id, _)| !came.contains_key(*id))
        .partition(|(_, (extension, at))| memory.get(extension).is_some_and(|since| since <= at));
    let lost = world.log().iter().filter(|line| line.contains("ERROR")).cloned().collect::<Vec<_>>();
    assert!(missing.is_empty(), "{missing:?} of {acknowledged} spans; {memory:?} {lost:?}");
    let repeated: usize = keys.values().map(|count| count - 1).sum();
    let twice = came.values().filter(|keys| keys.len() > 1).count();
    println!(
        "{kills} kills: {sent} spans sent, {acknowledged} acknowledged, {repeated} batches and {twice} spans twice; \
         {} extensions without room, {} spans lost with them",
        memory.len(),
        told.len()
    );
    // As many as are in flight to one destination at a time.
    assert!(repeated <= 4 * kills, "only what was in flight comes twice: {repeated}");
    let renamed = came.values().filter(|keys| keys.iter().any(|key| *key != keys[0])).count();
    // The key of a batch that could not be written is not known to the next extension.
    assert!(disk.is_some() || renamed == 0, "what comes twice comes under one key: {renamed}");
}

#[tokio::test]
async fn nothing_acknowledged_is_missing_after_the_extension_was_killed_at_random_moments() {
    at_random_moments(50, Killed::Extension, None).await;
}

#[tokio::test]
async fn nothing_acknowledged_is_missing_after_the_function_was_killed_at_random_moments() {
    at_random_moments(50, Killed::Function, None).await;
}

#[tokio::test]
async fn what_was_written_before_the_disk_was_full_survives_a_kill_and_the_rest_is_told_of() {
    let Some(disk) = Disk::small() else { return println!("not tried: it takes the right to mount") };
    at_random_moments(30, Killed::Extension, Some(&disk)).await;
}

/// `make chaos`.
#[tokio::test]
#[ignore = "takes minutes"]
async fn nothing_acknowledged_is_missing_after_a_thousand_kills() {
    at_random_moments(1000, Killed::Extension, None).await;
}

/// `make chaos`.
#[tokio::test]
#[ignore = "takes minutes"]
async fn nothing_acknowledged_is_missing_after_a_thousand_kills_of_the_function() {
    at_random_moments(1000, Killed::Function, None).await;
}

/// `make chaos`.
#[tokio::test]
#[ignore = "takes minutes, and the right to mount"]
async fn nothing_that_was_written_is_missing_after_a_thousand_kills_with_a_disk_that_fills_up() {
    let disk = Disk::small().expect("the right to mount");
    at_random_moments(1000, Killed::Extension, Some(&disk)).await;
}
