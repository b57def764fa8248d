//! What a function leaves behind: all that it had not sent, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use bytes::Bytes;
use spanlayer_link::{Frame, Hello, Journal, Started, Testament};
use spanlayer_otlp::Signal;
use std::{fs, path::PathBuf};

/// A state directory, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let name = format!("spanlayer-journal-{:016x}", u64::from_le_bytes(spanlayer_host::random::bytes()));
        let directory = std::env::temp_dir().join(name);
        fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    /// A journal, and what its function says of itself.
    fn journal(&self) -> (Journal, Hello) {
        let mut hello = Hello { version: "1".to_owned(), ..Hello::default() };
        let journal = Journal::create(&self.0, &mut hello).unwrap();
        (journal, hello)
    }

    fn read(&self, hello: &Hello) -> Vec<Frame> {
        Testament::open(&self.0, &hello.journal).unwrap().read().unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn started(request_id: &str) -> Frame {
    let (trace_id, span_id) = ([1; 16], [2; 8]);
    Frame::Started(Started { request_id: request_id.to_owned(), trace_id, span_id, ..Started::default() })
}

fn spans(length: usize) -> Frame {
    Frame::Telemetry(Signal::Traces, Bytes::from(vec![7; length]))
}

#[test]
fn what_was_written_is_read_in_order_after_the_hello() {
    let place = Place::new();
    let (mut journal, hello) = place.journal();
    assert!(journal.is_empty());
    assert_eq!(place.read(&hello), [Frame::Hello(hello.clone())]);
    journal.write([&started("a")]).unwrap();
    journal.write([&spans(300), &spans(0)]).unwrap();
    let all = [Frame::Hello(hello.clone()), started("a"), spans(300), spans(0)];
    assert_eq!(place.read(&hello), all);
    assert!(!journal.is_empty());
}

#[test]
fn what_was_taken_back_does_not_come_again_whatever_is_written_over_it() {
    let place = Place::new();
    let (mut journal, hello) = place.journal();
    for length in [1, 10, 100, 99, 1000, 5] {
        // Entries of the same lengths at the same places: the old ones would fit behind the new ones.
        for _ in 0..3 {
            journal.write([&spans(length)]).unwrap();
        }
        journal.clear().unwrap();
        assert!(journal.is_empty());
        assert_eq!(place.read(&hello), [Frame::Hello(hello.clone())]);
        journal.write([&Frame::Telemetry(Signal::Logs, Bytes::from(vec![8; length]))]).unwrap();
        assert_eq!(place.read(&hello).len(), 2, "length {length}");
        journal.clear().unwrap();
    }
}

#[test]
fn what_was_said_does_not_count_though_it_was_not_taken_back_yet() {
    let place = Place::new();
    let (mut journal, hello) = place.journal();
    assert_eq!(journal.mark(), None, "nothing");
    let mut testament = Testament::open(&place.0, &hello.journal).unwrap();
    journal.write([&started("a")]).unwrap();
    journal.write([&spans(10), &spans(11)]).unwrap();
    let mark = journal.mark().unwrap();
    assert_eq!(testament.read().unwrap().len(), 4);
    testament.said(mark);
    assert_eq!(testament.read().unwrap(), [Frame::Hello(hello.clone())]);
    journal.write([&started("b")]).unwrap();
    assert_eq!(testament.read().unwrap()[1..], [started("b")], "what came after that");
    // Taken back, and begun anew: what was said is not there any more.
    journal.clear().unwrap();
    journal.write([&started("c")]).unwrap();
    assert_eq!(testament.read_on().unwrap()[1..], [started("c")]);
    journal.write([&started("d")]).unwrap();
    assert_eq!(testament.read_on().unwrap()[1..], [started("d")], "what was read is not read again");
    assert_eq!(testament.read_on().unwrap().len(), 1);
}

#[test]
fn an_entry_that_was_cut_off_anywhere_costs_itself_and_no_other() {
    let place = Place::new();
    let (mut journal, hello) = place.journal();
    journal.write([&started("a")]).unwrap();
    let whole = usize::try_from(journal.len()).unwrap();
    journal.write([&spans(200)]).unwrap();
    let path = place.0.join(&hello.journal);
    let bytes = fs::read(&path).unwrap();
    for end in whole..bytes.len() {
        fs::write(&path, &bytes[..end]).unwrap();
        assert_eq!(place.read(&hello).len(), 2, "cut off at {end}");
        // The same where the place had been written before.
        let mut torn = bytes[..end].to_vec();
        torn.resize(bytes.len() + 8, 0xaa);
        fs::write(&path, &torn).unwrap();
        assert_eq!(place.read(&hello).len(), 2, "torn at {end}");
    }
}

#[test]
fn whoever_has_opened_it_reads_on_after_it_was_deleted() {
    let place = Place::new();
    let (mut journal, hello) = place.journal();
    let testament = Testament::open(&place.0, &hello.journal).unwrap();
    fs::remove_dir_all(&place.0).unwrap();
    journal.write([&started("a")]).unwrap();
    assert_eq!(testament.read().unwrap(), [Frame::Hello(hello), started("a")]);
}

#[test]
fn what_others_left_is_found_and_nothing_else() {
    let place = Place::new();
    let (mut dead, _) = place.journal();
    dead.write([&started("a")]).unwrap();
    std::mem::forget(dead); // killed
    let (_alive, hello) = place.journal();
    fs::write(place.0.join("link.sock"), "").unwrap();
    fs::write(place.0.join("journal-"), "").unwrap();
    let mut left = Testament::left_in(&place.0, &hello.journal);
    let [testament] = &left[..] else { panic!("{left:?}") };
    assert_eq!(testament.read().unwrap()[1..], [started("a")]);
    assert!(testament.written_unix_nano().is_some());
    left.remove(0).remove();
    assert!(Testament::left_in(&place.0, &hello.journal).is_empty());
}

#[test]
fn a_journal_that_is_given_up_leaves_nothing() {
    let place = Place::new();
    let (journal, hello) = place.journal();
    drop(journal);
    assert!(Testament::open(&place.0, &hello.journal).is_err());
    assert!(Journal::create(&place.0.join("nowhere"), &mut Hello::default()).is_err());
}

#[test]
fn garbage_and_names_that_lead_elsewhere_are_not_read() {
    let place = Place::new();
    for (name, bytes) in [("journal-1", &b""[..]), ("journal-2", b"spanjrn1"), ("journal-3", &[0xff; 500])] {
        fs::write(place.0.join(name), bytes).unwrap();
        assert_eq!(Testament::open(&place.0, name).unwrap().read().unwrap(), []);
    }
    fs::write(place.0.join("other"), "").unwrap();
    for name in ["", "other", "journal-", "journal-../other", "journal-1/../other"] {
        assert!(Testament::open(&place.0, name).is_err(), "{name}");
    }
}
