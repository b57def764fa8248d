//! The function's end never waits, loses nothing unsaid, and keeps frames whole.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use socket2::{Domain, SockAddr, Socket, Type};
use spanlayer_link::{Decoder, Ended, Frame, Hello, Priority, Sender};
use spanlayer_otlp::{
    Signal,
    wire::{bytes_field, message_field},
};
use std::{
    io::{self, Read},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
};

/// A directory for a socket, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let name = format!("spanlayer-link-{:016x}", u64::from_le_bytes(spanlayer_host::random::bytes()));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Self(directory)
    }

    fn socket(&self) -> PathBuf {
        self.0.join("link.sock")
    }

    fn listen(&self) -> UnixListener {
        let _ = std::fs::remove_file(self.socket());
        UnixListener::bind(self.socket()).unwrap()
    }

    /// A sender, and the end of its connection that a test may read.
    fn connected(&self) -> (Sender, UnixStream) {
        let listener = self.listen();
        let sender = Sender::connect(&self.socket()).unwrap();
        (sender, listener.accept().unwrap().0)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A request of so many spans of about a kilobyte each, and a number to tell it by.
fn telemetry(number: u8, spans: usize) -> Frame {
    let mut request = Vec::new();
    message_field(&mut request, 1, |out| {
        message_field(out, 2, |out| {
            for _ in 0..spans {
                message_field(out, 2, |out| {
                    bytes_field(out, 1, &[1; 16]);
                    bytes_field(out, 2, &[number.max(1); 8]);
                    bytes_field(out, 5, &[b'n'; 1000]);
                });
            }
        });
    });
    Frame::Telemetry(Signal::Traces, request.into())
}

fn ended(request_id: &str) -> Frame {
    Frame::Ended(Ended { request_id: request_id.to_owned(), ..Default::default() })
}

/// Reads and pumps until the sender has nothing left; then what came.
fn read_all(sender: &mut Sender, stream: &mut UnixStream) -> Vec<Frame> {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    stream.set_nonblocking(true).unwrap();
    let mut buffer = vec![0; 1 << 16];
    loop {
        sender.pump();
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => decoder.push(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && sender.pending() == 0 => break,
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        while let Some(frame) = decoder.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    assert_eq!(decoder.pending(), 0, "the last frame is whole");
    frames
}

fn spans_in(frames: &[Frame]) -> u64 {
    let count = |frame: &Frame| match frame {
        Frame::Telemetry(signal, request) => spanlayer_otlp::scan(*signal, request).unwrap().items as u64,
        _ => 0,
    };
    frames.iter().map(count).sum()
}

fn reported(frames: &[Frame]) -> u64 {
    let report = |frame: &Frame| if let Frame::Ended(ended) = frame { ended.dropped_spans } else { 0 };
    frames.iter().map(report).sum()
}

#[test]
fn frames_arrive_in_order() {
    let place = Place::new();
    let (mut sender, mut stream) = place.connected();
    let frames = [Frame::Hello(Hello::default()), telemetry(1, 3), ended("a"), telemetry(2, 1), ended("b")];
    for frame in &frames {
        sender.send(frame, Priority::Control);
    }
    assert_eq!(sender.pending(), 0, "an idle socket takes everything at once");
    assert_eq!(read_all(&mut sender, &mut stream), frames);
}

#[test]
fn a_peer_that_does_not_read_is_not_waited_for_and_every_span_is_accounted_for() {
    let place = Place::new();
    let (mut sender, mut stream) = place.connected();
    let mut sent = 0;
    // Ten times what socket and backlog can hold together. If a write could block, this would hang.
    for number in 0..200 {
        sender.send(&telemetry(number, 100), Priority::Healthy);
        sent += 100;
        assert!(sender.pending() <= (1 << 20) + 120_000, "the backlog is bounded");
    }
    assert!(sender.dropped() > 0 && !sender.is_broken());
    sender.send(&ended("r"), Priority::Control);
    assert_eq!(sender.dropped(), 0, "it is said now");
    let frames = read_all(&mut sender, &mut stream);
    assert_eq!(spans_in(&frames) + reported(&frames), sent);
    assert_eq!(frames.last().map(|frame| matches!(frame, Frame::Ended(_))), Some(true));
}

#[test]
fn healthy_telemetry_goes_first_and_the_oldest_of_it() {
    let place = Place::new();
    let (sender, mut stream) = place.connected();
    let mut sender = sender.with_backlog(250_000);
    // Fills the socket, until one is half written.
    while sender.pending() == 0 {
        sender.send(&telemetry(255, 100), Priority::Healthy);
    }
    sender.send(&ended("before"), Priority::Control);
    sender.send(&telemetry(1, 100), Priority::Error);
    for number in 2..6 {
        sender.send(&telemetry(number, 100), Priority::Healthy);
    }
    sender.send(&ended("after"), Priority::Control);
    let frames = read_all(&mut sender, &mut stream);
    let rest: Vec<&Frame> = frames.iter().skip_while(|frame| **frame == telemetry(255, 100)).collect();
    let after =
        Frame::Ended(Ended { request_id: "after".to_owned(), dropped_spans: 300, ..Default::default() });
    assert_eq!(rest, [&ended("before"), &telemetry(1, 100), &telemetry(5, 100), &after]);
}

#[test]
fn a_lost_report_is_reported_again() {
    let mut sender = Sender::disconnected().with_backlog(150);
    let first = Frame::Ended(Ended { request_id: "x".repeat(100), dropped_spans: 7, ..Default::default() });
    sender.send(&first, Priority::Control);
    assert_eq!(sender.dropped(), 0);
    sender.send(&ended(&"y".repeat(100)), Priority::Control);
    assert_eq!(sender.dropped(), 7);
}

#[test]
fn a_vanished_peer_breaks_the_connection_and_nothing_else() {
    let place = Place::new();
    let (mut sender, stream) = place.connected();
    drop(stream);
    sender.send(&telemetry(1, 1), Priority::Healthy);
    assert!(sender.is_broken());
    sender.send(&ended("r"), Priority::Control);
    assert!(sender.pending() > 0, "frames wait");

    let listener = place.listen();
    let hello = Hello { version: "0.1.0".to_owned(), ..Hello::default() };
    sender.reconnect(&place.socket(), &hello).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    assert!(!sender.is_broken());
    let frames = read_all(&mut sender, &mut stream);
    assert_eq!(frames, [Frame::Hello(hello), telemetry(1, 1), ended("r")]);
}

#[test]
fn a_frame_that_was_half_out_starts_again_on_the_next_connection() {
    let place = Place::new();
    let (mut sender, stream) = place.connected();
    let giant = telemetry(9, 2000);
    sender.send(&giant, Priority::Healthy);
    assert!(sender.pending() > 0, "the socket does not hold it");
    drop(stream);
    sender.pump();
    assert!(sender.is_broken());
    let listener = place.listen();
    sender.reconnect(&place.socket(), &Hello::default()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    assert_eq!(read_all(&mut sender, &mut stream), [Frame::Hello(Hello::default()), giant]);
}

#[test]
fn a_greeting_that_never_went_out_is_not_sent_beside_the_new_one() {
    let place = Place::new();
    let mut sender = Sender::disconnected();
    sender.send(&Frame::Hello(Hello { version: "old".to_owned(), ..Default::default() }), Priority::Control);
    sender.send(&ended("r"), Priority::Control);
    let before = sender.pending();
    assert!(sender.reconnect(&place.socket(), &Hello::default()).is_err());
    assert_eq!(sender.pending(), before, "what waits keeps waiting");
    let listener = place.listen();
    sender.reconnect(&place.socket(), &Hello::default()).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    assert_eq!(read_all(&mut sender, &mut stream), [Frame::Hello(Hello::default()), ended("r")]);
}

#[test]
fn a_listener_that_does_not_accept_is_not_waited_for() {
    let place = Place::new();
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&SockAddr::unix(place.socket()).unwrap()).unwrap();
    listener.listen(1).unwrap();
    let mut connected = Vec::new();
    let refused = loop {
        match Sender::connect(&place.socket()) {
            Ok(sender) => connected.push(sender),
            Err(error) => break error,
        }
        assert!(connected.len() < 100, "the queue is short");
    };
    assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
}

#[test]
fn nobody_there_is_an_error_at_once() {
    let place = Place::new();
    assert_eq!(Sender::connect(&place.socket()).unwrap_err().kind(), io::ErrorKind::NotFound);
    drop(place.listen());
    assert_eq!(Sender::connect(&place.socket()).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    assert!(Sender::connect(&place.0.join("x".repeat(200))).is_err());
}
