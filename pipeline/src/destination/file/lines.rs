//! Appending whole batches to a file that turns over when it is full.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Durability, Rotation};

/// A file that grows by whole batches.
pub(super) struct Lines<O: Open = Disk> {
    path: PathBuf,
    rotation: Option<Rotation>,
    durability: Durability,
    /// What was promised and not written yet ([`Durability::None`]).
    pending: Vec<u8>,
    /// The length that the file must be cut to before anything else is written: what follows is half a batch.
    torn: Option<u64>,
    /// Keys of the batches written last. An attempt that was given up may have come to its end all the same, and the
    /// batch must not be written twice.
    written: VecDeque<String>,
    open: O,
}

/// Where files come from; a test has disks that fail.
pub(super) trait Open {
    type File: Append;

    /// Opens a file for appending, making it if it is not there.
    fn open(&self, path: &Path) -> io::Result<Self::File>;
}

/// A file open for appending.
pub(super) trait Append: Write {
    fn length(&self) -> io::Result<u64>;
    fn cut(&self, length: u64) -> io::Result<()>;
    fn sync(&self) -> io::Result<()>;
}

/// The file system.
pub(super) struct Disk;

impl Open for Disk {
    type File = File;

    fn open(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).open(path)
    }
}

impl Append for File {
    fn length(&self) -> io::Result<u64> {
        self.metadata().map(|metadata| metadata.len())
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

impl Lines {
    pub(super) fn new(path: PathBuf, rotation: Option<Rotation>, durability: Durability) -> Self {
        Self::on(Disk, path, rotation, durability)
    }
}

impl<O: Open> Lines<O> {
    pub(super) fn on(open: O, path: PathBuf, rotation: Option<Rotation>, durability: Durability) -> Self {
        let (pending, written) = (Vec::new(), VecDeque::new());
        Self { path, rotation, durability, pending, torn: None, written, open }
    }

    /// Appends a batch, or nothing.
    pub(super) fn append(&mut self, key: &str, text: &str) -> io::Result<()> {
        if self.written.iter().any(|written| written == key) {
            return Ok(());
        }
        let promised = self.pending.len();
        self.pending.extend_from_slice(text.as_bytes());
        let due = self.durability != Durability::None || self.pending.len() >= ENOUGH;
        if due && let Err(error) = self.write_out() {
            self.pending.truncate(promised);
            return Err(error);
        }
        if self.written.len() == REMEMBERED {
            self.written.pop_front();
        }
        self.written.push_back(key.to_owned());
        Ok(())
    }

    /// Writes what is pending, all of it or nothing.
    pub(super) fn write_out(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        // Opened each time: whoever moves the file away, or deletes it, has it made anew.
        let mut file = self.open.open(&self.path)?;
        if let Some(length) = self.torn {
            // A file that is shorter than that is another one by now.
            if file.length()? > length {
                file.cut(length)?;
            }
            self.torn = None;
        }
        let mut length = file.length()?;
        if let Some(rotation) = self.rotation
            && length > 0
            && length.saturating_add(self.pending.len() as u64) > rotation.max_bytes
        {
            turn_over(&self.path, rotation.keep)?;
            file = self.open.open(&self.path)?;
            length = file.length()?;
        }
        let mut outcome = file.write_all(&self.pending).and_then(|()| file.flush());
        if self.durability == Durability::Synced {
            outcome = outcome.and_then(|()| file.sync());
        }
        match outcome {
            Ok(()) => {
                self.pending.clear();
                Ok(())
            }
            Err(error) => {
                if file.cut(length).is_err() {
                    self.torn = Some(length);
                }
                Err(error)
            }
        }
    }
}

impl<O: Open> Drop for Lines<O> {
    fn drop(&mut self) {
        // The last chance of what was promised without being written, which is what was asked for.
        let _ = self.write_out();
    }
}

/// `a` becomes `a.1`, `a.1` becomes `a.2`; what would become more than `keep` is deleted.
fn turn_over(path: &Path, keep: u32) -> io::Result<()> {
    let numbered = |number: u32| -> PathBuf {
        let mut name = OsString::from(path);
        if number > 0 {
            name.push(format!(".{number}"));
        }
        name.into()
    };
    if keep == 0 {
        return fs::remove_file(path);
    }
    // There may not be that many yet, and never will be where all are to be kept.
    let there = (1..keep).take_while(|number| numbered(*number).exists()).last().unwrap_or(0);
    (0..=there).rev().try_for_each(|number| fs::rename(numbered(number), numbered(number + 1)))
}

/// What is written at a time when nothing else asks for it.
const ENOUGH: usize = 64 << 10;

/// Batches whose keys are remembered: more than a lane has under way at a time.
const REMEMBERED: usize = 16;
