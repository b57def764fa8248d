//! How many spans a CPU-second moves, from the encoded request to the socket: `cargo run --release -p
//! spanlayer-pipeline --example throughput`, maybe followed by `-- zstd:1 gzip:6` for these alone.
//!
//! With `redact` as the first argument it compares pipelines that redact with one that does not, in the same rounds: no
//! hit, and a hit in every request.
//!
//! The pipeline has one thread, whose CPU time is what counts; a sink on another thread takes the requests. "Alone" is
//! the compressor by itself, on the same requests joined the same way; "spooled" is with every request appended to files
//! in the temporary directory before it is accepted.

use std::{
    error::Error,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use flate2::{Compression as Level, write::GzEncoder};
use spanlayer_otlp::{merge, wire};
use spanlayer_pipeline::{
    Compression, Deadline, Destination, Payload, Pipeline, Redactor, Settings, Signal, Spool, process::Rules,
    settings::Otlp,
};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let sink = sink()?;
    let requests: Vec<Bytes> = (0..REQUESTS).map(request).collect();
    let bytes: usize = requests.iter().map(Bytes::len).sum();
    println!("{REQUESTS} requests of {SPANS} spans, {} bytes a span", bytes / (REQUESTS * SPANS));
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|first| first == "redact").is_some() {
        return redacting(&runtime, sink, &requests, &arguments.collect::<Vec<_>>());
    }
    println!(
        "{:>8} {:>14} {:>14} {:>8} {:>8} {:>14}",
        "", "spans/CPU-s", "alone", "share", "ratio", "spooled"
    );
    let named: Vec<Compression> = arguments.map(|name| name.parse()).collect::<Result<_, _>>()?;
    let all = [Compression::None].into_iter();
    let all = all.chain((1..=6).map(Compression::Gzip)).chain([1, 2, 3, 4, 6].map(Compression::Zstd));
    for compression in if named.is_empty() { all.collect() } else { named } {
        let mut best = (0.0, 0.0, 0.0, 0.0);
        for _ in 0..ROUNDS {
            let (memory, ratio) = runtime.block_on(through(sink, &requests, compression, false, None))?;
            let alone = alone(&requests, compression)?;
            let directory = std::env::temp_dir().join(format!("spanlayer-throughput-{}", std::process::id()));
            let spool = Spool::at(directory.clone(), 128 << 20);
            let (spooled, _) = runtime.block_on(through(sink, &requests, compression, false, Some(spool)))?;
            std::fs::remove_dir_all(directory)?;
            best = (f64::max(best.0, memory), f64::max(best.1, alone), ratio, f64::max(best.3, spooled));
        }
        let (through, alone, ratio, spooled) = best;
        let name = format!("{compression:?}");
        if compression == Compression::None {
            println!("{name:>8} {through:>14.0} {:>14} {:>8} {ratio:>8.1} {spooled:>14.0}", "", "");
        } else {
            println!(
                "{name:>8} {through:>14.0} {alone:>14.0} {:>8.2} {ratio:>8.1} {spooled:>14.0}",
                through / alone
            );
        }
    }
    Ok(())
}

/// What the default redaction costs: shares of what the same pipeline does without it.
fn redacting(
    runtime: &tokio::runtime::Runtime,
    sink: SocketAddr,
    clean: &[Bytes],
    named: &[String],
) -> Result<(), Box<dyn Error>> {
    let planted: Vec<Bytes> = clean.iter().map(|request| plant(request)).collect();
    println!("{:>8} {:>14} {:>14} {:>14}", "", "without", "no hit", "a hit in each");
    let usual = ["none".to_owned(), "zstd".to_owned(), "gzip".to_owned()];
    for name in if named.is_empty() { &usual } else { named } {
        let compression: Compression = name.parse()?;
        let mut best = [0.0; 3];
        for _ in 0..ROUNDS {
            let run = |requests, redact| runtime.block_on(through(sink, requests, compression, redact, None));
            let rates = [run(clean, false)?.0, run(clean, true)?.0, run(&planted, true)?.0];
            best.iter_mut().zip(rates).for_each(|(best, rate)| *best = f64::max(*best, rate));
        }
        let [without, no_hit, hit] = best;
        println!("{name:>8} {without:>14.0} {:>14.2} {:>14.2}", no_hit / without, hit / without);
    }
    Ok(())
}

/// The request with a password among the attributes of one more resource.
fn plant(request: &[u8]) -> Bytes {
    let mut out = request.to_vec();
    wire::message_field(&mut out, 1, |resource_spans| {
        wire::message_field(resource_spans, 1, |resource| attribute(resource, 1, "db.password", "hunter2"));
    });
    out.into()
}

/// Spans per CPU-second through a pipeline, and how much smaller they became.
async fn through(
    sink: SocketAddr,
    requests: &[Bytes],
    compression: Compression,
    redact: bool,
    spool: Option<Spool>,
) -> Result<(f64, f64), Box<dyn Error>> {
    let mut http = Otlp::http(&format!("http://{sink}"))?;
    http.compression = compression;
    let destinations = vec![Destination::otlp(http, Some(Duration::from_secs(10)))];
    let redactor = if redact { Some(Arc::new(Redactor::new(Rules::default())?)) } else { None };
    let limit = 64 << 20;
    let mut settings = Settings::to(destinations);
    (settings.redactor, settings.limit, settings.spool) = (redactor, limit, spool);
    let pipeline = Pipeline::new(settings);
    pipeline.recover().await;
    pipeline.flush(Deadline::never()).await;
    let start = cpu_time()?;
    for chunk in requests.chunks(80) {
        for request in chunk {
            pipeline.accept(Payload::scan(Signal::Traces, request.clone())?);
        }
        pipeline.flush(Deadline::never()).await;
    }
    let took = cpu_time()? - start;
    let stats = pipeline.stats();
    let seen = &stats.destinations[0];
    assert_eq!(seen.signal(Signal::Traces).delivered, (REQUESTS * SPANS) as u64);
    let ratio = seen.traffic.bytes as f64 / seen.traffic.compressed_bytes as f64;
    Ok(((REQUESTS * SPANS) as f64 / took.as_secs_f64(), ratio))
}

/// Spans per CPU-second through the compressor.
fn alone(requests: &[Bytes], compression: Compression) -> Result<f64, Box<dyn Error>> {
    let batches = requests.chunks(80).map(|chunk| {
        let mut joined = Vec::new();
        merge::concat(Signal::Traces, chunk, &mut joined);
        joined
    });
    let batches: Vec<Vec<u8>> = batches.collect();
    let start = cpu_time()?;
    for batch in &batches {
        match compression {
            Compression::Gzip(level) => {
                let mut encoder =
                    GzEncoder::new(Vec::with_capacity(batch.len() / 8), Level::new(level.into()));
                encoder.write_all(batch)?;
                std::hint::black_box(encoder.finish()?);
            }
            Compression::Zstd(level) => {
                std::hint::black_box(zstd::bulk::compress(batch, level.into())?);
            }
            _ => {}
        }
    }
    Ok((REQUESTS * SPANS) as f64 / (cpu_time()? - start).as_secs_f64())
}

/// CPU time of this thread.
fn cpu_time() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanos = stat.split_whitespace().next().ok_or("an empty schedstat")?;
    Ok(Duration::from_nanos(nanos.parse()?))
}

/// Takes requests and answers 200 to each.
fn sink() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || serve(connection));
        }
    });
    Ok(address)
}

fn serve(mut connection: TcpStream) -> Option<()> {
    let mut buffer = vec![0; 1 << 16];
    let mut head = Vec::new();
    loop {
        let read = connection.read(&mut buffer).ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&buffer[..read]);
        let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&head[..end]).to_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        let mut left = length.trim().parse::<usize>().ok()?.saturating_sub(head.len() - end - 4);
        while left > 0 {
            left -= connection.read(&mut buffer).ok().filter(|read| *read > 0)?.min(left);
        }
        connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").ok()?;
        head.clear();
    }
}

/// A request of spans such as a service behind an API makes: few names, many values, random ids.
fn request(n: usize) -> Bytes {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(n as u64 + 1);
    let mut draw = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut out = Vec::new();
    wire::message_field(&mut out, 1, |resource_spans| {
        wire::message_field(resource_spans, 1, |resource| {
            for (key, value) in RESOURCE {
                attribute(resource, 1, key, value);
            }
        });
        wire::message_field(resource_spans, 2, |scope_spans| {
            wire::message_field(scope_spans, 1, |scope| wire::bytes_field(scope, 1, b"orders-api"));
            for _ in 0..SPANS {
                wire::message_field(scope_spans, 2, |span| one_span(span, &mut draw));
            }
        });
    });
    out.into()
}

fn one_span(span: &mut Vec<u8>, draw: &mut impl FnMut() -> u64) {
    let trace = [draw().to_le_bytes(), draw().to_le_bytes()].concat();
    wire::bytes_field(span, 1, &trace);
    wire::bytes_field(span, 2, &(draw() | 1).to_le_bytes());
    wire::bytes_field(span, 4, &(draw() | 1).to_le_bytes());
    let route = ROUTES[draw() as usize % ROUTES.len()];
    wire::bytes_field(span, 5, format!("GET {route}").as_bytes());
    wire::varint_field(span, 6, 2);
    let start = 1_767_000_000_000_000_000 + draw() % 3_600_000_000_000;
    wire::fixed64_field(span, 7, start);
    wire::fixed64_field(span, 8, start + draw() % 50_000_000);
    attribute(span, 9, "http.request.method", "GET");
    attribute(span, 9, "http.route", route);
    attribute(span, 9, "url.path", &route.replace("{id}", &(draw() % 100_000).to_string()));
    attribute(span, 9, "http.response.status_code", if draw().is_multiple_of(20) { "404" } else { "200" });
    attribute(span, 9, "client.address", &format!("10.{}.{}.7", draw() % 256, draw() % 256));
    attribute(span, 9, "user.id", &format!("{:08x}", draw() as u32));
    attribute(span, 9, "db.query.text", "SELECT id, state, total FROM orders WHERE id = $1");
}

fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &str) {
    wire::message_field(out, field, |pair| {
        wire::bytes_field(pair, 1, key.as_bytes());
        wire::message_field(pair, 2, |any| wire::bytes_field(any, 1, value.as_bytes()));
    });
}

const RESOURCE: [(&str, &str); 6] = [
    ("service.name", "orders-api"),
    ("cloud.provider", "aws"),
    ("cloud.region", "eu-central-1"),
    ("faas.name", "orders-api"),
    ("faas.version", "$LATEST"),
    ("faas.instance", "2026/11/20/[$LATEST]0123456789abcdef0123456789abcdef"),
];

const ROUTES: [&str; 6] = [
    "/orders/{id}",
    "/orders",
    "/customers/{id}",
    "/customers/{id}/orders",
    "/health",
    "/stock/{id}/reserve",
];

const SPANS: usize = 100;
const REQUESTS: usize = 4000;
const ROUNDS: usize = 3;
