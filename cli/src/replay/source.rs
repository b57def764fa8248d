//! Where dead letters are read from: files, directories of files, and standard input; as they were written, as lines among
//! others, or as `aws logs` puts them out.

use crate::failure::Failure;
use serde_json::Value;
use spanlayer_pipeline::letters::Part;
use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Text with letters in it.
pub(super) struct Source {
    /// Where it can be written back to.
    path: Option<PathBuf>,
    text: String,
}

impl Source {
    /// Everything that is named: `-` is standard input; a directory stands for its files.
    pub(super) fn find(names: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        let mut found = Vec::new();
        for name in names {
            let wrong = |error: io::Error| Failure::usage(format!("{}: {error}", name.display()));
            if name.as_os_str() == "-" {
                let mut bytes = Vec::new();
                io::stdin().read_to_end(&mut bytes).map_err(wrong)?;
                found.push(Self { path: None, text: String::from_utf8_lossy(&bytes).into_owned() });
            } else if name.starts_with("s3:") {
                return Err(Failure::usage(format!("{}: S3 is not read directly", name.display()))
                    .hint("Fetch it first: aws s3 cp --recursive s3://… DIRECTORY"));
            } else if name.is_dir() {
                let mut files: Vec<PathBuf> =
                    fs::read_dir(name).map_err(wrong)?.flatten().map(|entry| entry.path()).collect();
                files.retain(|path| path.is_file() && path.extension().is_none_or(|last| last != "replayed"));
                files.sort();
                for file in files {
                    found.push(Self::read(&file).map_err(wrong)?);
                }
            } else {
                found.push(Self::read(name).map_err(wrong)?);
            }
        }
        Ok(found)
    }

    fn read(path: &Path) -> io::Result<Self> {
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        Ok(Self { path: Some(path.to_owned()), text })
    }

    /// Every line of a letter, or what is wrong with it.
    pub(super) fn each_part(&self, mut take: impl FnMut(Result<Part, String>)) -> Result<(), Failure> {
        match events(&self.text) {
            Some(messages) => {
                messages.iter().flat_map(|text| text.lines()).filter_map(Part::find).for_each(take);
            }
            None => self.text.lines().filter_map(Part::find).for_each(&mut take),
        }
        Ok(())
    }

    /// Takes out the lines of letters that were delivered; whether that could be done. What else a file holds stays; one
    /// with nothing left in it goes.
    pub(super) fn remove(&self, delivered: impl Fn(&str) -> bool) -> Result<bool, Failure> {
        let is_done = |line: &str| matches!(Part::find(line), Some(Ok(part)) if delivered(part.key()));
        // What `aws logs` put out is a copy, and not ours to change.
        let Some(path) = self.path.as_ref().filter(|_| events(&self.text).is_none()) else {
            return Ok(false);
        };
        let left: Vec<&str> = self.text.split_inclusive('\n').filter(|line| !is_done(line)).collect();
        let left = left.concat();
        if left.len() == self.text.len() {
            return Ok(true);
        }
        let wrong = |error| {
            Failure::run(format!("what was delivered is still in {}: {error}", path.display()))
                .hint("Run it again: it is not sent twice.")
        };
        // Somebody may have added to it meanwhile.
        let now = fs::read(path).map_err(wrong)?;
        let added = now.get(self.text.len()..).filter(|_| now.starts_with(self.text.as_bytes()));
        let Some(added) = added else { return Ok(false) };
        let left = [left.as_bytes(), added].concat();
        if left.is_empty() {
            fs::remove_file(path).map_err(wrong)?;
        } else {
            let beside = path.with_extension("replacing");
            fs::write(&beside, left).and_then(|()| fs::rename(&beside, path)).map_err(wrong)?;
        }
        Ok(true)
    }
}

/// The messages of `aws logs filter-log-events` and `get-log-events`, if that is what this is: one document, or one after
/// another.
fn events(text: &str) -> Option<Vec<String>> {
    if !text.trim_start().starts_with('{') || !text.contains("\"events\"") {
        return None;
    }
    let mut messages = Vec::new();
    for document in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let document = document.ok()?;
        for event in document.get("events")?.as_array()? {
            messages.extend(event["message"].as_str().map(str::to_owned));
        }
    }
    Some(messages)
}

/// Where to note what was delivered: beside the first source, or in the current directory.
pub(super) fn journal(sources: &[PathBuf]) -> PathBuf {
    match sources.iter().find(|name| name.as_os_str() != "-") {
        Some(path) if path.is_dir() => path.join("spanlayer.replayed"),
        Some(path) => {
            let mut name = path.as_os_str().to_owned();
            name.push(".replayed");
            name.into()
        }
        None => PathBuf::from("spanlayer.replayed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_taken_out_of_what_aws_logs_prints() {
        let text = r#"{"events":[{"message":"one\ntwo","timestamp":1},{"message":"three"}]}{"events":[]}"#;
        assert_eq!(events(text).unwrap(), ["one\ntwo", "three"]);
        assert!(events(r#"{"spanlayer":"0.1.0","deadLetter":{}}"#).is_none());
        assert!(events("START").is_none());
    }
}
