//! Where the spool lies, and how large it may become.

use std::path::PathBuf;

/// A spool, as a pipeline's settings have it.
///
/// ```
/// use spanlayer_pipeline::{Destination, Settings, Spool};
///
/// let mut settings = Settings::to([Destination::file("/tmp/spans.jsonl")]);
/// settings.spool = Some(Spool::at("/tmp/shop/spool", 64 << 20));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Spool {
    /// A directory for this pipeline alone; made if need be, for this user only.
    pub directory: PathBuf,
    /// The most that its files may hold, in bytes. A tenth of what the file system has free is never exceeded.
    pub limit: u64,
    /// Nothing is touched before [`Pipeline::recover`](crate::Pipeline::recover), as where a snapshot is made of this
    /// process first. Otherwise the first payload opens the spool, and recovery reads what was there before.
    pub deferred: bool,
}

impl Spool {
    /// In this directory, of so many bytes, opened by the first payload.
    pub fn at(directory: impl Into<PathBuf>, limit: u64) -> Self {
        Self { directory: directory.into(), limit, deferred: false }
    }
}
