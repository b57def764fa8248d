//! What the function has not sent yet, in a file of its own: nobody is woken to take note of it, and nothing of it is
//! lost with the function.
//!
//! A frame on the socket wakes the extension, which may share the function's only core. So what is of use only if the
//! function dies is written here, by one write into the page cache, and taken back as soon as the same has gone over the
//! socket. The extension looks into the file when the function's connection has ended, and the next one when it finds
//! the file of a function that went down together with its extension.
//!
//! The file begins with [`MAGIC`], followed by entries until one is not whole. The first holds the *hello*, and stays.
//!
//! | Bytes | Meaning |
//! |---|---|
//! | 4 | length of the frames, little-endian; 0 where nothing follows |
//! | 8 | check, little-endian: over the frames and the check before |
//! | length | frames, as on the socket |
//!
//! An entry that was cut off, and what is left of earlier ones behind the last, fails its check.

use crate::{decoder::Decoder, frame::Frame, records::Hello};
use spanlayer_host::random;
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

/// What the names of all journals begin with.
const NAME: &str = "journal-";

/// The first bytes of every journal.
const MAGIC: [u8; 8] = *b"spanjrn1";

/// Bytes before the frames of an entry.
const HEAD: usize = 12;

/// What nobody reads further than: a writer has sent what it holds long before.
const LONGEST: u64 = 16 << 20;

/// The function's end: what would be lost with the process.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Where entries begin that can be taken back, and the check before them.
    base: (u64, u64),
    /// Where the next entry goes, and the check before it.
    end: (u64, u64),
    /// The next entry, as it grows.
    entry: Vec<u8>,
}

impl Journal {
    /// Makes a journal in the state directory, for this user only. Its name goes into the *hello*, which the journal
    /// keeps as well: whoever finds it knows whose it is.
    ///
    /// # Errors
    ///
    /// There is no such directory, or no file can be made in it.
    pub fn create(directory: &Path, hello: &mut Hello) -> io::Result<Self> {
        hello.journal = format!("{NAME}{:016x}", u64::from_le_bytes(random::bytes()));
        let path = directory.join(&hello.journal);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all_at(&MAGIC, 0)?;
        let start = (MAGIC.len() as u64, 0);
        let mut journal = Self { file, path, base: start, end: start, entry: Vec::new() };
        journal.write([&Frame::Hello(hello.clone())])?;
        journal.base = journal.end;
        Ok(journal)
    }

    /// Writes frames, all of them or none.
    ///
    /// # Errors
    ///
    /// The file took none or not all of them, as when there is no more space.
    pub fn write<'a>(&mut self, frames: impl IntoIterator<Item = &'a Frame>) -> io::Result<()> {
        self.entry.clear();
        self.entry.extend_from_slice(&[0; HEAD]);
        frames.into_iter().for_each(|frame| frame.encode(&mut self.entry));
        let (at, before) = self.end;
        let length = u32::try_from(self.entry.len() - HEAD).map_err(|_| io::ErrorKind::InvalidInput)?;
        let check = check(before, &self.entry[HEAD..]);
        self.entry[..4].copy_from_slice(&length.to_le_bytes());
        self.entry[4..HEAD].copy_from_slice(&check.to_le_bytes());
        self.file.write_all_at(&self.entry, at)?;
        self.end = (at + self.entry.len() as u64, check);
        Ok(())
    }

    /// Takes everything back but the *hello*: it has gone over the socket.
    ///
    /// # Errors
    ///
    /// The file could not be written.
    pub fn clear(&mut self) -> io::Result<()> {
        if !self.is_empty() {
            self.file.write_all_at(&[0; HEAD], self.base.0)?;
            self.end = self.base;
        }
        Ok(())
    }

    /// Whether there is nothing in it that was not sent.
    pub fn is_empty(&self) -> bool {
        self.end == self.base
    }

    /// Names what it holds, for whoever is [told](Frame::Said) that all of this was sent: between that and its being
    /// [taken back](Self::clear), the function may die. `None` when it holds nothing.
    pub fn mark(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.end.1)
    }

    /// How long it is, in bytes.
    pub fn len(&self) -> u64 {
        self.end.0
    }
}

impl Drop for Journal {
    /// Whoever gives it up has other ways.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The extension's end: somebody else's journal.
#[derive(Debug)]
pub struct Testament {
    file: File,
    path: PathBuf,
    /// The mark up to which everything is known.
    known: Option<u64>,
}

impl Testament {
    /// Opens the journal that a *hello* named. It can be read from then on even if the function removes the file.
    ///
    /// # Errors
    ///
    /// There is no such file, or the name is not that of a journal.
    pub fn open(directory: &Path, name: &str) -> io::Result<Self> {
        let random = name.strip_prefix(NAME).unwrap_or_default();
        if random.is_empty() || !random.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let path = directory.join(name);
        Ok(Self { file: File::open(&path)?, path, known: None })
    }

    /// All journals in a state directory but that of this name: left by functions whose extension went down with them,
    /// or before.
    pub fn left_in(directory: &Path, but: &str) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name != but).filter_map(|name| Self::open(directory, &name).ok()).collect()
    }

    /// The function has said everything up to this [mark](Journal::mark).
    pub fn said(&mut self, mark: u64) {
        self.known = Some(mark);
    }

    /// What the function had not sent, in the order of writing; the *hello* first.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read(&self) -> io::Result<Vec<Frame>> {
        Ok(self.entries()?.0)
    }

    /// The same, less what this has given before.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn read_on(&mut self) -> io::Result<Vec<Frame>> {
        let (frames, last) = self.entries()?;
        self.known = Some(last);
        Ok(frames)
    }

    /// The frames of all entries that are not known, and the mark of the last one.
    fn entries(&self) -> io::Result<(Vec<Frame>, u64)> {
        let mut bytes = vec![0; usize::try_from(self.file.metadata()?.len().min(LONGEST)).unwrap_or(0)];
        // It only grows, but for what whoever removes it may do.
        self.file.read_exact_at(&mut bytes, 0)?;
        let mut decoder = Decoder::new();
        let mut frames = Vec::new();
        let mut before = 0;
        let Some(mut rest) = bytes.strip_prefix(&MAGIC) else { return Ok((frames, before)) };
        while let Some((entry, told, after)) = split(rest) {
            if check(before, entry) != told {
                break;
            }
            decoder.push(entry);
            frames.extend(std::iter::from_fn(|| decoder.next_frame().ok().flatten()));
            if self.known == Some(told) {
                // But for the *hello*, which is not repeated.
                frames.truncate(1);
            }
            (before, rest) = (told, after);
        }
        Ok((frames, before))
    }

    /// When it was last written, in Unix nanoseconds; `None` where the file system does not say.
    pub fn written_unix_nano(&self) -> Option<u64> {
        let since = self.file.metadata().ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        u64::try_from(since.as_nanos()).ok()
    }

    /// Removes the file: it was read, or there is nothing in it.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The frames of the first entry, its check, and what follows.
fn split(bytes: &[u8]) -> Option<(&[u8], u64, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (told, rest) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok().filter(|length| *length > 0)?;
    let (entry, after) = rest.split_at_checked(length)?;
    Some((entry, u64::from_le_bytes(*told), after))
}

/// A sum in which every bit of what comes before and of the bytes counts: against accidents, not against anybody who
/// means it. Eight bytes at a time, since it is part of every invocation.
fn check(before: u64, bytes: &[u8]) -> u64 {
    let mix = |sum: u64, word: u64| (sum ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    let (words, rest) = bytes.as_chunks::<8>();
    let sum = words.iter().fold(!before, |sum, word| mix(sum, u64::from_le_bytes(*word)));
    rest.iter().fold(mix(sum, bytes.len() as u64), |sum, byte| mix(sum, u64::from(*byte)))
}
