//! Where an extension's lines are read from, dead letters and others: files, directories of files, buckets, and standard
//! input; as they were written, among others, or as `aws logs` puts them out.

use crate::{failure::Failure, screen::Screen};
use serde_json::Value;
use spanlayer_pipeline::letters::{Objects, Part};
use std::{
    collections::HashSet,
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// Text with such lines in it.
pub(crate) struct Source {
    origin: Origin,
    text: String,
}

/// Where what was delivered can be taken away.
enum Origin {
    Nowhere,
    File(PathBuf),
    Object {
        objects: Objects,
        key: String,
        /// The keys of the letters in it.
        letters: HashSet<String>,
    },
}

impl Source {
    /// Everything that is named: `-` is standard input; a directory stands for its files, a prefix for its objects.
    pub(crate) async fn find(names: &[PathBuf], screen: &Screen) -> Result<Vec<Self>, Failure> {
        let mut found = Vec::new();
        for name in names {
            let wrong = |error: io::Error| Failure::usage(format!("{}: {error}", name.display()));
            if name.as_os_str() == "-" {
                let mut bytes = Vec::new();
                io::stdin().read_to_end(&mut bytes).map_err(wrong)?;
                found.push(Self {
                    origin: Origin::Nowhere,
                    text: String::from_utf8_lossy(&bytes).into_owned(),
                });
            } else if let Some(address) = bucket(name) {
                let objects =
                    Objects::parse(address).map_err(|what| Failure::usage(format!("{address}: {what}")))?;
                Self::objects(&objects, &mut found, screen).await?;
            } else if name.is_dir() {
                let mut files: Vec<PathBuf> =
                    fs::read_dir(name).map_err(wrong)?.flatten().map(|entry| entry.path()).collect();
                files.retain(|path| path.is_file() && path.extension().is_none_or(|last| last != "replayed"));
                files.sort();
                for file in files {
                    found.push(Self::file(&file).map_err(wrong)?);
                }
            } else {
                found.push(Self::file(name).map_err(wrong)?);
            }
        }
        Ok(found)
    }

    fn file(path: &Path) -> io::Result<Self> {
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        Ok(Self { origin: Origin::File(path.to_owned()), text })
    }

    async fn objects(objects: &Objects, found: &mut Vec<Self>, screen: &Screen) -> Result<(), Failure> {
        let wrong = |failure| Failure::run(format!("{objects}: {failure}"));
        let (mut page, mut count) = (None, 0);
        loop {
            let listed = objects.list(page.as_deref()).await.map_err(wrong)?;
            for key in listed.keys {
                count += 1;
                screen.progress(&format!("reading {count} of {objects}"));
                let text = objects.read(&key).await.map_err(wrong)?;
                let mut one = Self { origin: Origin::Nowhere, text };
                let mut letters = HashSet::new();
                one.each_part(|part| letters.extend(part.ok().map(|part| part.key().to_owned())));
                one.origin = Origin::Object { objects: objects.clone(), key, letters };
                found.push(one);
            }
            page = listed.next;
            if page.is_none() {
                screen.done();
                return Ok(());
            }
        }
    }

    /// Every line of a letter, or what is wrong with it.
    pub(crate) fn each_part(&self, mut take: impl FnMut(Result<Part, String>)) {
        self.each_line(|line| Part::find(line).into_iter().for_each(&mut take));
    }

    /// Every line.
    pub(crate) fn each_line(&self, take: impl FnMut(&str)) {
        match events(&self.text) {
            Some(messages) => messages.iter().flat_map(|text| text.lines()).for_each(take),
            None => self.text.lines().for_each(take),
        }
    }

    /// Whether it is an object that holds lines of this letter: such a one goes as soon as it has served.
    pub(crate) fn is_object_of(&self, letter: &str) -> bool {
        matches!(&self.origin, Origin::Object { letters, .. } if letters.contains(letter))
    }

    /// Takes out the lines of letters that were delivered; whether that could be done. What else a file holds stays; one
    /// with nothing left in it goes.
    pub(crate) async fn remove(&mut self, delivered: impl Fn(&str) -> bool) -> Result<bool, Failure> {
        match &self.origin {
            // What `aws logs` put out is a copy, and not ours to change.
            Origin::Nowhere => Ok(false),
            Origin::File(_) if events(&self.text).is_some() => Ok(false),
            Origin::File(path) => remove_lines(path, &self.text, delivered),
            Origin::Object { objects, key, letters } => {
                if letters.is_empty() || !letters.iter().all(|letter| delivered(letter)) {
                    return Ok(true);
                }
                objects.delete(key).await.map_err(|failure| {
                    Failure::run(format!("what was delivered is still in {objects}: {failure}"))
                        .hint("Run it again: it is not sent twice.")
                })?;
                // It is gone, and has nothing that could be taken out.
                self.origin =
                    Origin::Object { objects: objects.clone(), key: key.clone(), letters: HashSet::new() };
                Ok(true)
            }
        }
    }
}

fn remove_lines(path: &Path, text: &str, delivered: impl Fn(&str) -> bool) -> Result<bool, Failure> {
    let is_done = |line: &str| matches!(Part::find(line), Some(Ok(part)) if delivered(part.key()));
    let left: Vec<&str> = text.split_inclusive('\n').filter(|line| !is_done(line)).collect();
    let left = left.concat();
    if left.len() == text.len() {
        return Ok(true);
    }
    let wrong = |error| {
        Failure::run(format!("what was delivered is still in {}: {error}", path.display()))
            .hint("Run it again: it is not sent twice.")
    };
    // Somebody may have added to it meanwhile.
    let now = fs::read(path).map_err(wrong)?;
    let added = now.get(text.len()..).filter(|_| now.starts_with(text.as_bytes()));
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

fn bucket(name: &Path) -> Option<&str> {
    name.to_str().filter(|text| text.starts_with("s3:"))
}

/// Where to note what was delivered: beside the first source, or in the current directory.
pub(crate) fn journal(sources: &[PathBuf]) -> PathBuf {
    match sources.iter().find(|name| name.as_os_str() != "-") {
        Some(name) if bucket(name).is_some() => {
            let rest = bucket(name).unwrap_or_default().trim_start_matches("s3:").trim_matches('/');
            format!("{}.replayed", rest.replace('/', "-")).into()
        }
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

    #[test]
    fn the_journal_lies_beside_its_source_and_for_a_bucket_in_the_current_directory() {
        for (source, expected) in [
            ("letters.json", "letters.json.replayed"),
            ("s3://letters/prod/", "letters-prod.replayed"),
            ("s3://letters", "letters.replayed"),
            ("-", "spanlayer.replayed"),
        ] {
            assert_eq!(journal(&[source.into()]), PathBuf::from(expected));
        }
    }
}
