//! Spans per second of CPU time of the extension, through its OTLP/HTTP receiver, gzip, to a sink; and what the
//! compressor alone would do with the same bytes.

use crate::{
    load::{self, Client},
    process,
    progress::Progress,
    report::{Budget, Row, Unit},
    sample::Sample,
    sink::Sink,
    world::{World, name, said},
};
use flate2::write::GzEncoder;
use spanlayer_emulator::{Emulator, Event, FunctionError, Reason};
use spanlayer_host::clock;
use spanlayer_pipeline::Compression;
use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

const SECTION: &str = "throughput";

/// Different requests sent in turn.
const DIFFERENT: usize = 64;

pub(crate) async fn run(world: &World, progress: &mut Progress) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    // The level that the extension compresses with unless told otherwise.
    let Compression::Gzip(level) = Compression::default() else {
        return Err("the default is not gzip".to_owned());
    };
    let alone = compressor(level)?;
    let mut usual = Sample::default();
    for (nth, spans) in [100, 10, 1].into_iter().enumerate() {
        progress.step("spans per request", nth + 1, 3);
        let rate = rate(world, spans, &[], None).await?;
        let note =
            format!("{:.0} bytes a span on the wire; resident {:.0} MiB at the most", rate.bytes, rate.peak);
        let row =
            Row::new(SECTION, format!("gzip, {spans} spans per request"), Unit::SpansPerSecond, rate.per_cpu);
        let row = row.note(note);
        if spans == 100 {
            rows.push(row.budget(Budget::AtLeast(600_000.0)));
            usual = rows.last().map(|row: &Row| row.ours.clone()).unwrap_or_default();
            rows.push(
                Row::new(
                    SECTION,
                    format!("the same against gzip {level} alone"),
                    Unit::SpansPerSecond,
                    usual.clone(),
                )
                .against(alone.clone())
                .budget(Budget::ShareOfBaseline(0.65)),
            );
        } else {
            rows.push(row);
        }
    }
    progress.step("redaction", 1, 2);
    let without = rate(world, 100, &[("SPANLAYER_REDACT", "off")], None).await?.per_cpu;
    progress.step("redaction", 2, 2);
    let hits = rate(world, 100, &[], Some(SECRET)).await?.per_cpu;
    for (figure, ours, share) in [
        ("redaction, nothing to redact, 100 spans per request", usual, 0.8),
        ("redaction, one secret in each request", hits, 0.4),
    ] {
        rows.push(
            Row::new(SECTION, figure, Unit::SpansPerSecond, ours)
                .against(without.clone())
                .budget(Budget::ShareOfBaseline(share))
                .note("baseline: `SPANLAYER_REDACT=off`"),
        );
    }
    progress.step("zstd", 1, 1);
    let zstd = [("SPANLAYER_EXPORTER_OTLP_COMPRESSION", "zstd")];
    rows.push(
        Row::new(
            SECTION,
            "zstd, 100 spans per request",
            Unit::SpansPerSecond,
            rate(world, 100, &zstd, None).await?.per_cpu,
        )
        .budget(Budget::AtLeast(1_200_000.0)),
    );
    progress.step("memory at 10,000 spans/s", 1, 1);
    rows.push(
        Row::new(SECTION, "resident memory at 10,000 spans/s", Unit::MiB, steady(world).await?)
            .budget(Budget::AtMost(16.0)),
    );
    Ok(rows)
}

/// What one run of load gave.
struct Rate {
    per_cpu: Sample,
    bytes: f64,
    peak: f64,
}

/// An extension whose function works until told otherwise: load comes during an invocation, as it does in life.
struct Busy {
    lambda: Arc<Emulator>,
    receiver: SocketAddr,
    done: Arc<Notify>,
    invocation: tokio::task::JoinHandle<()>,
    pid: u32,
}

impl Busy {
    async fn start(world: &World, sink: &Sink, flush: &str, env: &[(&str, &str)]) -> Result<Self, String> {
        let receiver = free_port()?;
        let done = Arc::new(Notify::new());
        let told = Arc::clone(&done);
        let layered =
            env.iter().fold(world.layered(&sink.url()), |layered, (name, value)| layered.env(*name, *value));
        let lambda = layered
            .env("SPANLAYER_OTLP_HTTP", receiver.to_string())
            .env("SPANLAYER_FLUSH", flush)
            .timeout(Duration::from_secs(120))
            .memory_mb(1024)
            .handler(move |event: Event| {
                let told = Arc::clone(&told);
                async move {
                    told.notified().await;
                    Ok::<_, FunctionError>(event.payload().clone())
                }
            })
            .start()
            .await
            .map_err(said)?;
        let pid = lambda.extension_pid(&name(&world.extension)).ok_or("the extension is gone")?;
        let lambda = Arc::new(lambda);
        let invoked = Arc::clone(&lambda);
        let invocation = tokio::spawn(async move { drop(invoked.invoke("{}").await) });
        Ok(Self { lambda, receiver, done, invocation, pid })
    }

    async fn stop(self) -> Result<(), String> {
        self.done.notify_one();
        self.invocation.await.map_err(said)?;
        self.lambda.shutdown(Reason::Spindown).await;
        Ok(())
    }
}

/// Spans per second of the extension's CPU time, in several stretches, each until its last span has come out. One span of
/// each request holds `secret`, if there is one.
async fn rate(
    world: &World,
    spans: usize,
    env: &[(&str, &str)],
    secret: Option<&str>,
) -> Result<Rate, String> {
    let sink = Arc::new(Sink::start().map_err(said)?);
    let busy = Busy::start(world, &sink, "continuous", env).await?;
    let (receiver, pid) = (busy.receiver, busy.pid);
    let stretch = match spans {
        100 => world.times(3000),
        10 => world.times(8000),
        _ => world.times(20_000),
    };
    let requests = load::requests(spans, DIFFERENT, secret);
    let mut per_cpu = Sample::default();
    let mut sent_spans = 0;
    for _ in 0..STRETCHES {
        let cpu_before = process::cpu_nanos(pid).ok_or("the extension is gone")?;
        let requests = requests.clone();
        let sink = Arc::clone(&sink);
        let sent = tokio::task::spawn_blocking(move || send(receiver, &sink, &requests, spans, stretch));
        sent.await.map_err(said)??;
        let cpu_after = process::cpu_nanos(pid).ok_or("the extension is gone")?;
        sent_spans += stretch * spans;
        per_cpu.push((stretch * spans) as f64 / ((cpu_after - cpu_before) as f64 / 1e9));
    }
    let peak = process::peak_mib(pid).unwrap_or(f64::NAN);
    busy.stop().await?;
    Ok(Rate { per_cpu, bytes: sink.bytes() as f64 / sent_spans as f64, peak })
}

/// Sends `count` requests over two connections, never further ahead of what the sink has than a moment's work: a
/// figure for spans that were dropped would be none. Returns when all have come out.
fn send(
    receiver: SocketAddr,
    sink: &Sink,
    requests: &[Vec<u8>],
    spans: usize,
    count: usize,
) -> Result<(), String> {
    let before = sink.spans();
    let sent = AtomicU64::new(0);
    let came_within = |ahead: u64| -> Result<(), String> {
        let start = clock::monotonic();
        while sent.load(Ordering::Relaxed) > sink.spans() - before + ahead {
            if start.elapsed() > PATIENCE {
                let (sent, came) = (sent.load(Ordering::Relaxed), sink.spans() - before);
                return Err(format!(
                    "of {sent} spans sent, {came} came out, and then nothing for {PATIENCE:?}"
                ));
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    };
    let client = |nth: usize| -> Result<(), String> {
        let mut client = Client::connect(receiver).map_err(said)?;
        for at in (nth..count).step_by(CLIENTS) {
            came_within(AHEAD)?;
            let status = client.send(&requests[at % requests.len()]).map_err(said)?;
            if status != 200 {
                return Err(format!("the receiver answered {status}"));
            }
            sent.fetch_add(spans as u64, Ordering::Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|nth| scope.spawn(move || client(nth))).collect();
        clients
            .into_iter()
            .try_for_each(|thread| thread.join().map_err(|_| "a client panicked".to_owned())?)
    })?;
    came_within(0)
}

/// Resident memory while 100 requests a second bring 100 spans each.
async fn steady(world: &World) -> Result<Sample, String> {
    let sink = Sink::start().map_err(said)?;
    let busy = Busy::start(world, &sink, "adaptive", &[]).await?;
    let (receiver, pid) = (busy.receiver, busy.pid);
    let requests = load::requests(100, DIFFERENT, None);
    let count = world.times(600);
    let measured = tokio::task::spawn_blocking(move || -> Result<Sample, String> {
        let mut client = Client::connect(receiver).map_err(said)?;
        let mut resident = Sample::default();
        let start = clock::monotonic();
        for at in 0..count {
            let due = Duration::from_millis(10) * u32::try_from(at).map_err(said)?;
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            client.send(&requests[at % requests.len()]).map_err(said)?;
            if at % 20 == 19 {
                resident.push(process::resident_mib(pid).ok_or("the extension is gone")?);
            }
        }
        Ok(resident)
    });
    let resident = measured.await.map_err(said)??;
    busy.stop().await?;
    Ok(resident)
}

/// Spans per second of CPU time of the compressor, on 8,000 spans in requests of 100.
fn compressor(level: u8) -> Result<Sample, String> {
    let spans = 8_000;
    let requests: Vec<u8> = load::requests(100, spans / 100, None).concat();
    let mut sample = Sample::default();
    for _ in 0..STRETCHES {
        let before = process::own_cpu_nanos().ok_or("no schedstat in /proc")?;
        let mut encoder =
            GzEncoder::new(Vec::with_capacity(requests.len() / 2), flate2::Compression::new(level.into()));
        encoder.write_all(&requests).map_err(said)?;
        let compressed = encoder.finish().map_err(said)?;
        let used = process::own_cpu_nanos().ok_or("no schedstat in /proc")? - before;
        if compressed.is_empty() || used == 0 {
            return Err("the compressor did nothing".to_owned());
        }
        sample.push(spans as f64 / (used as f64 / 1e9));
    }
    Ok(sample)
}

/// A port that was free a moment ago. The extension chooses one itself when asked for port 0, but then only it knows.
fn free_port() -> Result<SocketAddr, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(said)?;
    listener.local_addr().map_err(said)
}

const STRETCHES: usize = 5;

/// A credential that the rules know which hold unless told otherwise.
const SECRET: &str =
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";

const CLIENTS: usize = 2;

/// How many spans may be on their way: several full batches.
const AHEAD: u64 = 40_000;

const PATIENCE: Duration = Duration::from_secs(10);
