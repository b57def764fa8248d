//! A directory of one's own that goes away with its owner: what `/tmp` is to an execution environment.

use std::{fs, io, path::PathBuf};

/// A temporary directory, removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    keep: bool,
}

impl Scratch {
    pub(crate) fn new() -> io::Result<Self> {
        let name = format!("spanlayer-{:016x}", u64::from_le_bytes(spanlayer_host::random::bytes()));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("state"))?;
        fs::create_dir_all(path.join("tmp"))?;
        Ok(Self { path, keep: false })
    }

    /// A directory that the caller owns, so that it outlives the emulator.
    pub(crate) fn given(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(path.join("state"))?;
        fs::create_dir_all(path.join("tmp"))?;
        Ok(Self { path, keep: true })
    }

    /// Where extension and function keep their state (`SPANLAYER_STATE_DIR`).
    pub(crate) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// What `TMPDIR` names.
    pub(crate) fn tmp(&self) -> PathBuf {
        self.path.join("tmp")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.keep {
            // A process that is being killed may still hold the directory; a leftover in the temporary directory
            // harms nobody.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
