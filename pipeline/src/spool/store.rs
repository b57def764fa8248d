//! Where segments are kept: a directory in earnest, memory that can be cut off at any byte in tests.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, IoSlice, Read as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FlockOperation, flock, fstatvfs},
    io::{Errno, pwritev},
};

/// Numbered segments: one is written at its end, all can be read and removed.
pub(crate) trait Store: fmt::Debug + Send {
    /// The numbers of the segments that are there, in order.
    fn list(&self) -> io::Result<Vec<u64>>;
    /// All of a segment.
    fn read(&self, segment: u64) -> io::Result<Vec<u8>>;
    /// Makes a segment, which is the one to be written from here on. Behind what is [appended](Self::append) may be
    /// what another segment held, after [`END`].
    fn create(&mut self, segment: u64) -> io::Result<()>;
    /// Appends to the segment that was made last: all of it or nothing.
    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()>;
    /// Removes a segment.
    fn remove(&mut self, segment: u64) -> io::Result<()>;
    /// Removes a segment whose room may be kept for one that is made later.
    fn retire(&mut self, segment: u64) -> io::Result<()>;
    /// Gives up the room that was kept.
    fn forget_retired(&mut self);
    /// Whether what was written is still where it was written to.
    fn is_there(&self) -> bool;
}

/// A directory that nobody else uses.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    /// Held while it is locked.
    lock: File,
    current: Option<Current>,
}

/// The segment that is being written.
#[derive(Debug)]
struct Current {
    file: File,
    length: u64,
    /// What another segment held is still behind that.
    reused: bool,
}

impl Directory {
    /// Makes the directory if need be, and locks it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { lock: lock(path)?, path: path.to_owned(), current: None })
    }

    /// Bytes that the file system has free.
    pub(crate) fn free(&self) -> u64 {
        fstatvfs(&self.lock).map_or(u64::MAX, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    /// Where a retired segment waits: one, which the system has pages for. Writing over them takes a tenth of the time that
    /// finding new ones takes, and giving those back.
    fn retired(&self) -> PathBuf {
        self.path.join("retired")
    }

    fn file(&self, segment: u64) -> PathBuf {
        self.path.join(format!("{segment:016x}.{SUFFIX}"))
    }
}

/// A lock goes with the process, whatever ends it; a file without an owner says nothing.
fn lock(path: &Path) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let lock =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path.join("lock"))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(Errno::WOULDBLOCK) => Err(io::Error::new(io::ErrorKind::WouldBlock, "another process uses it")),
        Err(error) => Err(error.into()),
    }
}

impl Store for Directory {
    fn list(&self) -> io::Result<Vec<u64>> {
        let mut numbers = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let name = entry?.file_name();
            let stem = name.to_str().and_then(|name| name.strip_suffix(SUFFIX)?.strip_suffix('.'));
            numbers.extend(stem.and_then(|stem| u64::from_str_radix(stem, 16).ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    fn read(&self, segment: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.file(segment))?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn create(&mut self, segment: u64) -> io::Result<()> {
        if self.lock.metadata()?.nlink() == 0 {
            // The function emptied its `/tmp`.
            self.lock = lock(&self.path)?;
        }
        if let Some(Current { file, length, reused: true }) = &self.current
            && file.metadata()?.len() > length + MOST_BEHIND
        {
            file.set_len(*length)?;
        }
        let path = self.file(segment);
        let reused = fs::rename(self.retired(), &path).is_ok();
        let file = OpenOptions::new().create(true).truncate(!reused).write(true).mode(0o600).open(path)?;
        self.current = Some(Current { file, length: 0, reused });
        Ok(())
    }

    fn append(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let Some(Current { file, length, reused }) = &mut self.current else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let end: &[u8] = if *reused { END } else { &[] };
        match write_all(file, *length, pieces, end) {
            Ok(written) => {
                *length += written - end.len() as u64;
                Ok(())
            }
            Err(error) => {
                // Half a record would hide those after it.
                let _ = file.set_len(*length);
                self.current = None;
                Err(error)
            }
        }
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        fs::remove_file(self.file(segment))
    }

    fn retire(&mut self, segment: u64) -> io::Result<()> {
        fs::rename(self.file(segment), self.retired())
    }

    fn forget_retired(&mut self) {
        // There may be none.
        let _ = fs::remove_file(self.retired());
    }

    fn is_there(&self) -> bool {
        let current = self.current.as_ref();
        current.is_some_and(|Current { file, .. }| file.metadata().is_ok_and(|metadata| metadata.nlink() > 0))
    }
}

/// In one call where the system takes it all at once, as it does unless there is no more room.
fn write_all(file: &File, mut at: u64, pieces: &[&[u8]], end: &[u8]) -> io::Result<u64> {
    let mut slices: Vec<IoSlice<'_>> = pieces.iter().chain([&end]).map(|piece| IoSlice::new(piece)).collect();
    let (mut slices, began) = (slices.as_mut_slice(), at);
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match pwritev(file, slices, at) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => {
                at += count as u64;
                IoSlice::advance_slices(&mut slices, count);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(at - began)
}

/// What is behind this is not of the segment: where a record would begin, a length of none.
pub(crate) const END: &[u8] = &[0; super::record::FRAME];

/// As much of what another segment held is left where it is.
const MOST_BEHIND: u64 = 256 << 10;

const SUFFIX: &str = "seg";
