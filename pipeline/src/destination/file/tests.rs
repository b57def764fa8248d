use std::{
    fs,
    io::{self, Write},
    path::Path,
    sync::{Arc, Mutex},
};

use super::{
    lines::{Append, Open},
    *,
};
use crate::stage::scripted::{batch, spans};

/// A directory of this test's own, gone when it is over.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("spanlayer-file-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path); // what an earlier process of the same number left
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("spans.jsonl")
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap_or_default()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // the system sees to what stays
    }
}

#[tokio::test]
async fn every_span_is_a_line_appended_to_what_is_there() {
    let place = Place::new("append");
    fs::write(place.file(), "{\"mine\":1}\n").unwrap();
    let export = FileExport::new(JsonLines::at(place.file()));
    for count in [2, 1] {
        assert_eq!(export.export(batch(count), Deadline::never()).await, Outcome::DELIVERED);
    }
    let text = place.read("spans.jsonl");
    let names: Vec<String> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["name"].to_string())
        .collect();
    assert_eq!(names, ["null", "\"span 0\"", "\"span 1\"", "\"span 0\""]);
    assert!(text.ends_with('\n'));
}

#[tokio::test]
async fn logs_and_metrics_are_lines_of_otlp_json() {
    let place = Place::new("otlp");
    let export = FileExport::new(JsonLines::at(place.file()));
    let json = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a\nb"}}]}]}]}"#;
    let logs = json::to_protobuf(Signal::Logs, json.as_bytes()).unwrap();
    let logs = Batch::of([crate::Payload::scan(Signal::Logs, logs.into()).unwrap()]).unwrap();
    assert_eq!(export.export(logs, Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!(place.read("spans.jsonl"), format!("{json}\n"));
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_made_anew_and_one_that_cannot_be_made_is_an_error() {
    let place = Place::new("taken");
    let export = FileExport::new(JsonLines::at(place.file()));
    assert_eq!(export.export(batch(1), Deadline::never()).await, Outcome::DELIVERED);
    fs::rename(place.file(), place.0.join("archive")).unwrap();
    assert_eq!(export.export(batch(1), Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!(place.read("spans.jsonl").lines().count(), 1);

    let nowhere = FileExport::new(JsonLines::at(place.0.join("missing/spans.jsonl")));
    let outcome = nowhere.export(batch(1), Deadline::never()).await;
    assert!(
        matches!(&outcome, Outcome::Retry { why, .. } if why.starts_with("cannot write: ")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_batch_whose_attempt_was_given_up_is_not_written_twice() {
    let place = Place::new("twice");
    let export = FileExport::new(JsonLines::at(place.file()));
    let batch = batch(3);
    for _ in 0..2 {
        assert_eq!(export.export(batch.clone(), Deadline::never()).await, Outcome::DELIVERED);
    }
    assert_eq!(place.read("spans.jsonl").lines().count(), 3);
}

#[test]
fn a_full_file_makes_room_for_the_next_and_the_oldest_goes() {
    let place = Place::new("rotate");
    let rotation = Some(Rotation { max_bytes: 10, keep: 2 });
    let mut lines = Lines::new(place.file(), rotation, Durability::Flushed);
    for (key, text) in
        ["aaaa\n", "bbbb\n", "cccc\n", "larger than all\n", "dddd\n", "eeee\n", "f\n"].iter().enumerate()
    {
        lines.append(&key.to_string(), text).unwrap();
    }
    assert_eq!(place.read("spans.jsonl"), "f\n");
    assert_eq!(place.read("spans.jsonl.1"), "dddd\neeee\n");
    assert_eq!(place.read("spans.jsonl.2"), "larger than all\n");
    assert!(!place.0.join("spans.jsonl.3").exists());

    let endless = Some(Rotation { max_bytes: 1, keep: u32::MAX });
    let mut lines = Lines::new(place.file(), endless, Durability::Flushed);
    lines.append("h", "h\n").unwrap();
    assert_eq!(
        ["", ".1", ".2", ".3"].map(|end| place.read(&format!("spans.jsonl{end}"))),
        ["h\n", "f\n", "dddd\neeee\n", "larger than all\n"]
    );

    let mut lines = Lines::new(place.file(), Some(Rotation { max_bytes: 1, keep: 0 }), Durability::Flushed);
    lines.append("g", "g\n").unwrap();
    assert_eq!((place.read("spans.jsonl"), place.read("spans.jsonl.1")), ("g\n".into(), "f\n".into()));
}

#[test]
fn without_durability_lines_wait_in_memory_until_the_end_or_until_they_are_many() {
    let place = Place::new("memory");
    let mut lines = Lines::new(place.file(), None, Durability::None);
    lines.append("1", "one\n").unwrap();
    assert!(!place.file().exists());
    lines.append("2", &"x".repeat(64 << 10)).unwrap();
    assert_eq!(place.read("spans.jsonl").len(), 4 + (64 << 10));
    lines.append("3", "three\n").unwrap();
    drop(lines);
    assert!(place.read("spans.jsonl").ends_with("three\n"));
}

/// A disk that has so much room, and may fail to cut or to synchronize.
#[derive(Clone)]
struct Small(Arc<Mutex<Disk>>);

struct Disk {
    data: Vec<u8>,
    room: usize,
    cuts: bool,
    syncs: bool,
    synced: usize,
}

impl Small {
    fn new(room: usize) -> Self {
        Self(Arc::new(Mutex::new(Disk { data: Vec::new(), room, cuts: true, syncs: true, synced: 0 })))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Disk) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    fn text(&self) -> String {
        self.with(|disk| String::from_utf8(disk.data.clone()).unwrap())
    }

    fn lines(&self, durability: Durability) -> Lines<Self> {
        Lines::on(self.clone(), "spans.jsonl".into(), None, durability)
    }
}

impl Open for Small {
    type File = Self;

    fn open(&self, _: &Path) -> io::Result<Self> {
        Ok(self.clone())
    }
}

impl Write for Small {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|disk| match disk.room.saturating_sub(disk.data.len()).min(bytes.len()) {
            0 => Err(io::ErrorKind::StorageFull.into()),
            taken => {
                disk.data.extend_from_slice(&bytes[..taken]);
                Ok(taken)
            }
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Append for Small {
    fn length(&self) -> io::Result<u64> {
        Ok(self.with(|disk| disk.data.len() as u64))
    }

    fn cut(&self, length: u64) -> io::Result<()> {
        self.with(|disk| match disk.cuts {
            true => {
                disk.data.truncate(length as usize);
                Ok(())
            }
            false => Err(io::ErrorKind::PermissionDenied.into()),
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.with(|disk| {
            disk.synced += 1;
            if disk.syncs { Ok(()) } else { Err(io::ErrorKind::Other.into()) }
        })
    }
}

#[test]
fn a_full_disk_is_an_error_with_nothing_half_written() {
    let disk = Small::new(10);
    let mut lines = disk.lines(Durability::Flushed);
    lines.append("1", "12345\n").unwrap();
    assert_eq!(lines.append("2", "6789012\n").unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.text(), "12345\n");
    disk.with(|disk| disk.room = 100);
    lines.append("2", "6789012\n").unwrap();
    assert_eq!(disk.text(), "12345\n6789012\n");
}

#[test]
fn half_a_batch_that_could_not_be_taken_back_is_cut_off_before_the_next() {
    let disk = Small::new(10);
    let mut lines = disk.lines(Durability::Flushed);
    lines.append("1", "12345\n").unwrap();
    disk.with(|disk| disk.cuts = false);
    lines.append("2", "6789012\n").unwrap_err();
    assert_eq!(disk.text(), "12345\n6789");
    lines.append("3", "a\n").unwrap_err();
    disk.with(|disk| disk.cuts = true);
    lines.append("3", "a\n").unwrap();
    assert_eq!(disk.text(), "12345\na\n");
}

#[test]
fn what_was_promised_without_durability_outlives_a_full_disk() {
    let disk = Small::new(0);
    let mut lines = disk.lines(Durability::None);
    lines.append("1", "promised\n").unwrap();
    let large = "x".repeat(64 << 10);
    lines.append("2", &large).unwrap_err();
    disk.with(|disk| disk.room = 1 << 20);
    lines.append("2", &large).unwrap();
    assert_eq!(disk.text(), format!("promised\n{large}"));
}

#[test]
fn synced_means_that_the_disk_said_so() {
    let disk = Small::new(100);
    disk.lines(Durability::Flushed).append("1", "a\n").unwrap();
    assert_eq!(disk.with(|disk| disk.synced), 0);
    let mut lines = disk.lines(Durability::Synced);
    lines.append("2", "b\n").unwrap();
    assert_eq!(disk.with(|disk| disk.synced), 1);
    disk.with(|disk| disk.syncs = false);
    lines.append("3", "c\n").unwrap_err();
    assert_eq!(disk.text(), "a\nb\n", "what may not be on the disk is taken back");
}

/// The kernel's own full disk.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_space_left_on_a_device_is_told_and_may_be_tried_again() {
    let export = FileExport::new(JsonLines::at("/dev/full"));
    let outcome = export.export(batch(1), Deadline::never()).await;
    assert!(matches!(&outcome, Outcome::Retry { why, .. } if why.contains("No space left")), "{outcome:?}");
}

#[tokio::test]
async fn an_empty_batch_makes_no_file() {
    let place = Place::new("empty");
    let export = FileExport::new(JsonLines::at(place.file()));
    let empty = Batch::of([spans(0, "", false)]).unwrap();
    assert_eq!(export.export(empty, Deadline::never()).await, Outcome::DELIVERED);
    assert!(!place.file().exists());
}

#[tokio::test]
async fn what_was_only_promised_is_written_on_demand_and_a_failure_is_told() {
    let place = Place::new("promised");
    let mut file = JsonLines::at(place.0.join("later/spans.jsonl"));
    file.durability = Durability::None;
    let export = FileExport::new(file);
    assert_eq!(export.export(batch(2), Deadline::never()).await, Outcome::DELIVERED);
    let Outcome::Retry { why, .. } = export.drain(Deadline::never()).await else {
        panic!("there is no such directory")
    };
    assert!(why.starts_with("cannot write: "), "{why}");
    fs::create_dir(place.0.join("later")).unwrap();
    assert_eq!(export.drain(Deadline::never()).await, Outcome::DELIVERED);
    assert_eq!(place.read("later/spans.jsonl").lines().count(), 2);
}
