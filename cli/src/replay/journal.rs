//! What a replay has delivered so far, and to where: a key and an endpoint a line, in a file that outlives an interruption.

use crate::failure::Failure;
use std::{
    collections::HashSet,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::PathBuf,
};

pub(super) struct Journal {
    path: PathBuf,
    /// What was delivered elsewhere is not delivered here.
    to: String,
    file: Option<File>,
    lines: HashSet<String>,
}

impl Journal {
    /// Reads what an earlier run left, if there was one.
    pub(super) fn open(path: PathBuf, to: String) -> Result<Self, Failure> {
        let lines = match fs::read_to_string(&path) {
            Ok(text) => text.lines().map(str::to_owned).collect(),
            Err(error) if error.kind() == ErrorKind::NotFound => HashSet::new(),
            Err(error) => return Err(Failure::usage(format!("{}: {error}", path.display()))),
        };
        Ok(Self { path, to, file: None, lines })
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.lines.contains(&self.line(key))
    }

    /// Notes a key, on the disk when this returns.
    pub(super) fn add(&mut self, key: &str) -> Result<(), Failure> {
        let wrong = |error| {
            Failure::run(format!("cannot note what was delivered: {}: {error}", self.path.display()))
                .hint("Name another file with --journal.")
        };
        let line = self.line(key);
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().create(true).append(true).open(&self.path).map_err(wrong)?);
        }
        if let Some(file) = &mut self.file {
            file.write_all(format!("{line}\n").as_bytes()).and_then(|()| file.sync_data()).map_err(wrong)?;
        }
        self.lines.insert(line);
        Ok(())
    }

    fn line(&self, key: &str) -> String {
        format!("{key} {}", self.to)
    }

    /// It has served.
    pub(super) fn remove(self) {
        let _ = fs::remove_file(&self.path);
    }
}
