//! Lines in a file: one JSON object a span; log records and metrics as OTLP/JSON, one line a batch.

mod lines;

use std::path::PathBuf;

use spanlayer_host::clock;
use spanlayer_otlp::json;

use super::turns::Turns;
use crate::{Batch, BatchLimits, Deadline, Destination, Export, Mapping, Outcome, Signal};
use lines::Lines;

/// A file of JSON lines: where, how large, and how safe.
///
/// ```
/// use spanlayer_pipeline::{Destination, Durability, JsonLines, Rotation};
///
/// let mut file = JsonLines::at("/tmp/spans.jsonl");
/// file.rotation = Some(Rotation::new(10 << 20, 2));
/// file.durability = Durability::Synced;
/// let destination = Destination::file(file);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JsonLines {
    /// The file, made when there is something to write. Whoever takes it away gets it made anew.
    pub path: PathBuf,
    /// When to begin a new one.
    pub rotation: Option<Rotation>,
    /// When a batch counts as delivered.
    pub durability: Durability,
    /// The shape of lines of its signal, by default [`Mapping::span_lines`]; those of other signals are OTLP/JSON, and
    /// without a mapping those of all.
    pub mapping: Option<Mapping>,
}

impl JsonLines {
    /// A file of at most 64 MiB, with three former ones beside it, flushed after each batch.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            rotation: Some(Rotation::default()),
            durability: Durability::default(),
            mapping: Some(Mapping::span_lines()),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for JsonLines {
    fn from(path: P) -> Self {
        Self::at(path)
    }
}

/// How files are kept small: the full one is renamed to `<name>.1`, that to `<name>.2`, and so on; the last is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotation {
    /// The most a file may hold. A batch is never torn apart, so one that is larger by itself makes a larger file.
    pub max_bytes: u64,
    /// How many former files are kept.
    pub keep: u32,
}

impl Rotation {
    /// Files of so many bytes, and so many former ones.
    pub const fn new(max_bytes: u64, keep: u32) -> Self {
        Self { max_bytes, keep }
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, keep: 3 }
    }
}

/// When a batch that is written to a file counts as delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Durability {
    /// Once it is in our own memory, which is written out when 64 KiB have come together, on [demand](Export::drain), and
    /// at the end. Fastest; what has not been written is lost when the process dies.
    None,
    /// Once the operating system has it: lost only when the machine goes down.
    #[default]
    Flushed,
    /// Once it is on the disk (`fdatasync`): as slow as that is.
    Synced,
}

impl Destination {
    /// A file that lines are appended to: an object for each span ([`Mapping::span_lines`]), and for log records and
    /// metrics a line of OTLP/JSON for each batch (OpenTelemetry specification, *OpenTelemetry Protocol File Exporter*). Takes
    /// all signals; `jq` reads it.
    ///
    /// | | default |
    /// |---|---|
    /// | batch | 8,192 items, 1 MiB |
    /// | limit of an attempt | 10 s |
    /// | size, rotation | 64 MiB, three former files ([`Rotation`]) |
    /// | delivered | once flushed ([`Durability`]) |
    ///
    /// A batch that cannot be written in whole (a full disk, no permission) is taken back from the file and stays
    /// queued, to be tried again; the file never holds half of one. Two destinations, or processes, must not share a
    /// file.
    ///
    /// ```
    /// use spanlayer_pipeline::{Deadline, Destination, Pipeline, Settings};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let file = Destination::file("/tmp/spans.jsonl");
    /// let pipeline = Pipeline::new(Settings::to([file]));
    /// pipeline.shutdown(Deadline::never()).await;
    /// # }
    /// ```
    pub fn file(file: impl Into<JsonLines>) -> Self {
        let file = file.into();
        let name = file.path.display().to_string();
        let destination = Self::custom(name, Signal::ALL, FileExport::new(file));
        Self { batch: BatchLimits { bytes: 1 << 20, items: 8192 }, ..destination }
            .speaking("spanlayer_file", None)
    }
}

/// Writes to a file, off the thread that serves the receivers.
struct FileExport {
    mapping: Option<Mapping>,
    lines: Turns<Lines>,
}

impl FileExport {
    fn new(file: JsonLines) -> Self {
        let lines = Lines::new(file.path, file.rotation, file.durability);
        Self { mapping: file.mapping, lines: Turns::new(lines) }
    }
}

impl Export for FileExport {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        if batch.items() == 0 {
            return Outcome::DELIVERED; // nothing to say
        }
        let mapping = self.mapping.clone();
        let written = self.lines.next(move |lines| {
            let text = match text(mapping.as_ref(), &batch) {
                Ok(text) => text,
                Err(why) => return Outcome::refused(why),
            };
            match lines.append(batch.idempotency_key(), &text) {
                Ok(()) => Outcome::DELIVERED,
                Err(error) => Outcome::retry(format!("cannot write: {error}")),
            }
        });
        written.await.unwrap_or_else(|| Outcome::retry("the program is ending"))
    }

    /// Writes what was promised and not written yet ([`Durability::None`]).
    async fn drain(&self, by: Deadline) -> Outcome {
        match by.bound(self.lines.next(Lines::write_out)).await {
            Some(Some(Ok(()))) => Outcome::DELIVERED,
            Some(Some(Err(error))) => Outcome::retry(format!("cannot write: {error}")),
            Some(None) => Outcome::retry("the program is ending"),
            None => Outcome::retry("no answer by the deadline"),
        }
    }
}

fn text(mapping: Option<&Mapping>, batch: &Batch) -> Result<String, String> {
    if let Some(mapping) = mapping.filter(|mapping| mapping.signal() == batch.signal()) {
        return Ok(mapping.lines(&batch.request(), clock::unix_nanos()));
    }
    let mut line =
        json::from_protobuf(batch.signal(), &batch.request()).map_err(|error| error.to_string())?;
    line.push('\n');
    Ok(line)
}

#[cfg(test)]
mod tests;
