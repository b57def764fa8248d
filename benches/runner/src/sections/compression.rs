//! What compressors make of real spans: those that the example functions sent (`captured/capture`), in batches of several
//! sizes, through the pipeline's own encoder. lz4, which no OTLP receiver takes, is there for comparison.

use crate::{
    process::own_cpu_nanos,
    progress::Progress,
    report::{Row, Unit},
    sample::Sample,
    world::World,
};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    trace::v1::{ResourceSpans, ScopeSpans},
};
use prost::Message as _;
use spanlayer_otlp::{Signal, json};
use spanlayer_pipeline::{Batch, Compression, Payload};
use std::io::{Read as _, Write as _};

const SECTION: &str = "compression";

pub(crate) async fn run(world: &World, progress: &mut Progress) -> Result<Vec<Row>, String> {
    let spans = captured()?;
    let mut rows = Vec::new();
    for (done, size) in SIZES.into_iter().enumerate() {
        progress.step("batches", done, SIZES.len());
        let batches = batches(&spans, size)?;
        for with in WITH {
            rows.push(row(with, size, &batches, world).await?);
        }
    }
    Ok(rows)
}

/// One way to make a batch smaller.
#[derive(Clone, Copy)]
enum With {
    Ours(Compression),
    Lz4,
}

impl With {
    fn name(self) -> String {
        match self {
            Self::Ours(Compression::Gzip(level)) => format!("gzip {level}"),
            Self::Ours(Compression::Zstd(level)) => format!("zstd {level}"),
            Self::Ours(_) => "none".to_owned(),
            Self::Lz4 => "lz4".to_owned(),
        }
    }

    /// How many bytes a batch becomes.
    async fn size(self, payload: &Payload) -> Result<usize, String> {
        match self {
            Self::Ours(compression) => {
                // A batch is compressed once: each time a new one.
                let batch = Batch::of([payload.clone()]).ok_or("an empty batch")?;
                let body = batch.encoded(compression).await.map_err(|error| error.to_string())?;
                Ok(body.len())
            }
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(payload.bytes()).map_err(|error| error.to_string())?;
                Ok(encoder.finish().map_err(|error| error.to_string())?.len())
            }
        }
    }
}

async fn row(with: With, size: usize, batches: &[Payload], world: &World) -> Result<Row, String> {
    let before: usize = batches.iter().map(|payload| payload.bytes().len()).sum();
    let mut after = 0;
    for payload in batches {
        after += with.size(payload).await?;
    }
    let (mut speed, mut spans_per_second) = (Sample::default(), Sample::default());
    for _ in 0..world.times(5) {
        let start = own_cpu_nanos().ok_or("no CPU time in /proc")?;
        let (mut bytes, mut spans, mut used) = (0, 0, 0);
        // The scheduler counts in steps of a few milliseconds.
        while used < 60_000_000 {
            for payload in batches {
                with.size(payload).await?;
                (bytes, spans) = (bytes + payload.bytes().len(), spans + size);
            }
            used = own_cpu_nanos().ok_or("no CPU time in /proc")?.saturating_sub(start);
        }
        let seconds = used as f64 / 1e9;
        speed.push(bytes as f64 / 1e6 / seconds);
        spans_per_second.push(spans as f64 / seconds);
    }
    let figure = format!("{}, batches of {size}", with.name());
    Ok(Row::new(SECTION, figure, Unit::SpansPerSecond, spans_per_second).note(format!(
        "{:.1} times smaller, {:.0} bytes a span, {:.0} MB/s",
        before as f64 / after as f64,
        after as f64 / (batches.len() * size) as f64,
        speed.median(),
    )))
}

/// Every span by itself, with its resource and scope.
fn captured() -> Result<Vec<ResourceSpans>, String> {
    let mut text = String::new();
    GzDecoder::new(CAPTURED).read_to_string(&mut text).map_err(|error| error.to_string())?;
    let mut all = Vec::new();
    for line in text.lines() {
        let bytes = json::to_protobuf(Signal::Traces, line.as_bytes()).map_err(|error| error.to_string())?;
        let request =
            ExportTraceServiceRequest::decode(bytes.as_slice()).map_err(|error| error.to_string())?;
        for of_resource in request.resource_spans {
            for of_scope in &of_resource.scope_spans {
                for span in &of_scope.spans {
                    let scope_spans =
                        vec![ScopeSpans { spans: vec![span.clone()], ..without_spans(of_scope) }];
                    all.push(ResourceSpans { scope_spans, ..of_resource_alone(&of_resource) });
                }
            }
        }
    }
    Ok(all)
}

fn without_spans(of: &ScopeSpans) -> ScopeSpans {
    ScopeSpans { scope: of.scope.clone(), spans: Vec::new(), schema_url: of.schema_url.clone() }
}

fn of_resource_alone(of: &ResourceSpans) -> ResourceSpans {
    ResourceSpans {
        resource: of.resource.clone(),
        scope_spans: Vec::new(),
        schema_url: of.schema_url.clone(),
    }
}

/// So many neighbours each, of one resource and scope where they share them.
fn batches(spans: &[ResourceSpans], size: usize) -> Result<Vec<Payload>, String> {
    let chunks = spans.chunks_exact(size).step_by((spans.len() / size / BATCHES).max(1));
    let payloads = chunks.map(|chunk| {
        let mut request = ExportTraceServiceRequest::default();
        for one in chunk {
            let last = request.resource_spans.last_mut();
            match last.filter(|last| last.resource == one.resource) {
                Some(last) => join(last, one),
                None => request.resource_spans.push(one.clone()),
            }
        }
        Payload::scan(Signal::Traces, request.encode_to_vec().into()).map_err(|error| error.to_string())
    });
    let payloads: Vec<Payload> = payloads.collect::<Result<_, _>>()?;
    if payloads.is_empty() { Err(format!("fewer than {size} spans were captured")) } else { Ok(payloads) }
}

fn join(last: &mut ResourceSpans, one: &ResourceSpans) {
    for of_scope in &one.scope_spans {
        match last.scope_spans.last_mut().filter(|last| last.scope == of_scope.scope) {
            Some(last) => last.spans.extend(of_scope.spans.iter().cloned()),
            None => last.scope_spans.push(of_scope.clone()),
        }
    }
}

/// Spans that `orders-api` and `orders-worker` sent, as `captured/capture` writes them.
const CAPTURED: &[u8] = include_bytes!("../../captured/spans.jsonl.gz");

const SIZES: [usize; 4] = [1, 10, 100, 1000];

/// At most so many different batches of a size.
const BATCHES: usize = 50;

const WITH: [With; 10] = [
    With::Ours(Compression::None),
    With::Ours(Compression::Gzip(1)),
    With::Ours(Compression::Gzip(2)),
    With::Ours(Compression::Gzip(3)),
    With::Ours(Compression::Gzip(6)),
    With::Ours(Compression::Gzip(9)),
    With::Ours(Compression::Zstd(1)),
    With::Ours(Compression::Zstd(3)),
    With::Ours(Compression::Zstd(9)),
    With::Lz4,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_captured_is_enough_for_every_size() {
        let spans = captured().unwrap();
        for size in SIZES {
            let batches = batches(&spans, size).unwrap();
            assert!(!batches.is_empty() && batches.len() <= 2 * BATCHES, "{size}: {}", batches.len());
            assert!(batches.iter().all(|payload| payload.items() == size), "{size}");
        }
    }
}
