//! Frames survive any way of cutting, and nothing that is not a frame does harm.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should end")]

use bytes::Bytes;
use spanlayer_link::{BadFrame, Decoder, Ended, Frame, Hello, MAX_LENGTH, Started, Unfinished};
use spanlayer_otlp::{Signal, wire::varint_field};

fn frames() -> Vec<Frame> {
    let started = Started {
        request_id: "8f5ee1c0-61c3-4a3f-8a4c-5e1a3b6c7d8e".to_owned(),
        trace_id: [1; 16],
        span_id: [2; 8],
        parent_span_id: Some([0; 8]),
        flags: 1,
        trace_state: "vendor=x".to_owned(),
        name: "GET /orders/{id}".to_owned(),
        kind: 2,
        start_unix_nano: 1_767_000_000_000_000_001,
        deadline_unix_millis: u64::MAX,
        coldstart: true,
        attributes: Bytes::from_static(b"\x4a\x02\x0a\x00"),
    };
    let bare =
        Started { request_id: "r".to_owned(), trace_id: [1; 16], span_id: [2; 8], ..Default::default() };
    vec![
        Frame::Hello(Hello {
            version: "0.1.0".to_owned(),
            resource: Bytes::from_static(b"resource"),
            journal: "journal-1".to_owned(),
        }),
        Frame::Started(started),
        Frame::Telemetry(Signal::Traces, Bytes::from(vec![7; 100_000])),
        Frame::Telemetry(Signal::Metrics, Bytes::new()),
        Frame::Telemetry(Signal::Logs, Bytes::from_static(b"logs")),
        Frame::Ended(Ended {
            request_id: "r".to_owned(),
            end_unix_nano: 5,
            error: true,
            dropped_spans: 1 << 40,
        }),
        Frame::Unfinished(Unfinished {
            request_id: "r".to_owned(),
            spans: Bytes::from_static(b"spans"),
            name: "renamed".to_owned(),
            attributes: Bytes::from_static(b"attributes"),
        }),
        Frame::Said(0x0102_0304_0506_0708),
        Frame::Hello(Hello::default()),
        Frame::Started(bare),
        Frame::Ended(Ended { request_id: "r".to_owned(), ..Default::default() }),
    ]
}

fn encoded(frames: &[Frame]) -> Vec<u8> {
    let mut out = Vec::new();
    frames.iter().for_each(|frame| frame.encode(&mut out));
    out
}

fn raw(kind: u8, payload: &[u8]) -> Vec<u8> {
    [&u32::try_from(payload.len() + 1).unwrap().to_le_bytes()[..], &[kind], payload].concat()
}

/// Pushes chunks of so many bytes and takes frames after each.
fn decode_in_chunks(bytes: &[u8], length: usize) -> Vec<Frame> {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for chunk in bytes.chunks(length) {
        decoder.push(chunk);
        while let Some(frame) = decoder.next_frame().unwrap() {
            frames.push(frame);
        }
    }
    assert_eq!(decoder.pending(), 0);
    frames
}

/// A small generator: the same noise in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

#[test]
fn frames_come_out_as_they_went_in_however_the_stream_is_cut() {
    let bytes = encoded(&frames());
    for length in [1, 2, 3, 7, 4096, 65_536, bytes.len()] {
        assert_eq!(decode_in_chunks(&bytes, length), frames(), "chunks of {length}");
    }
}

#[test]
fn the_bytes_are_those_of_the_documentation() {
    let ended = Ended { request_id: "r-1".to_owned(), end_unix_nano: 5, error: true, dropped_spans: 300 };
    let fields = [&b"\x0a\x03r-1"[..], b"\x11\x05\0\0\0\0\0\0\0", b"\x18\x01", b"\x20\xac\x02"].concat();
    assert_eq!(encoded(&[Frame::Ended(ended)]), [&b"\x14\0\0\0\x03"[..], &fields].concat());
    let request = Frame::Telemetry(Signal::Logs, Bytes::from_static(b"abc"));
    assert_eq!(encoded(&[request]), b"\x04\0\0\0\x06abc");
}

#[test]
fn a_truncated_stream_gives_its_whole_frames_and_waits() {
    let all = frames();
    let bytes = encoded(&all);
    let ends: Vec<usize> = (0..=all.len()).map(|count| encoded(&all[..count]).len()).collect();
    for end in (0..bytes.len()).filter(|end| *end < 1000 || end % 997 == 0 || bytes.len() - end < 300) {
        let mut decoder = Decoder::new();
        decoder.push(&bytes[..end]);
        let whole = ends.iter().filter(|frame_end| **frame_end <= end).count() - 1;
        for frame in &all[..whole] {
            assert_eq!(decoder.next_frame().unwrap().as_ref(), Some(frame));
        }
        assert_eq!(decoder.next_frame(), Ok(None), "cut at {end}");
        decoder.push(&bytes[end..]);
        assert_eq!(decoder.next_frame().unwrap().as_ref(), Some(&all[whole]), "cut at {end}");
    }
}

#[test]
fn kinds_and_fields_of_a_newer_version_are_passed_over() {
    let ended = Frame::Ended(Ended { request_id: "r".to_owned(), ..Default::default() });
    let mut payload = encoded(std::slice::from_ref(&ended)).split_off(5);
    varint_field(&mut payload, 1000, 5);
    let bytes = [raw(0, b""), raw(200, b"future"), raw(3, &payload), raw(255, &[0; 1000])].concat();
    assert_eq!(decode_in_chunks(&bytes, 11), [ended]);
}

#[test]
fn a_length_that_no_frame_has_ends_the_stream() {
    for length in [0, u32::try_from(MAX_LENGTH).unwrap() + 1, u32::MAX] {
        let mut decoder = Decoder::new();
        decoder.push(&length.to_le_bytes());
        decoder.push(&encoded(&frames()));
        let bad = decoder.next_frame().unwrap_err();
        assert_eq!(bad, BadFrame::Length(length));
        assert!(bad.is_fatal());
        assert_eq!(decoder.next_frame(), Err(bad), "it does not find its way back by chance");
    }
}

#[test]
fn the_longest_frame_passes() {
    let longest = Frame::Telemetry(Signal::Traces, Bytes::from(vec![1; MAX_LENGTH - 1]));
    assert_eq!(decode_in_chunks(&encoded(std::slice::from_ref(&longest)), 1 << 20), [longest]);
}

#[test]
fn a_length_alone_reserves_no_memory() {
    let mut decoder = Decoder::new();
    decoder.push(&u32::try_from(MAX_LENGTH).unwrap().to_le_bytes());
    decoder.push(&[4]);
    assert_eq!(decoder.next_frame(), Ok(None));
    assert!(decoder.buffer().capacity() < 64 * 1024);
}

#[test]
fn memory_taken_for_a_long_frame_is_given_back() {
    let mut decoder = Decoder::new();
    decoder.push(&encoded(&[Frame::Telemetry(Signal::Traces, Bytes::from(vec![1; 10 << 20]))]));
    drop(decoder.next_frame().unwrap().unwrap());
    assert_eq!(decoder.next_frame(), Ok(None));
    assert!(decoder.buffer().capacity() <= 256 * 1024);
}

#[test]
fn a_bad_record_costs_only_itself() {
    let good = Frame::Ended(Ended { request_id: "r".to_owned(), ..Default::default() });
    for (kind, payload, name) in [
        (1, &b"\x0a\x02\xff\xff"[..], "hello"),
        (1, b"\x08\x01", "hello"),
        (2, b"", "started"),
        (2, b"\x12\x03abc", "started"),
        (2, b"\x28\x80\x02", "started"),
        (3, b"", "ended"),
        (3, b"\x0a", "ended"),
    ] {
        let mut decoder = Decoder::new();
        decoder.push(&raw(kind, payload));
        decoder.push(&encoded(std::slice::from_ref(&good)));
        let bad = decoder.next_frame().unwrap_err();
        assert!(bad.to_string().contains(name) && !bad.is_fatal(), "{bad}");
        assert_eq!(decoder.next_frame().unwrap().as_ref(), Some(&good));
    }
}

#[test]
fn noise_never_panics_and_is_never_hoarded() {
    for seed in 0..2000 {
        let mut decoder = Decoder::new();
        let noise = noise(seed, 4096);
        'stream: for chunk in noise.chunks(1 + seed as usize % 300) {
            decoder.push(chunk);
            loop {
                match decoder.next_frame() {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(bad) if bad.is_fatal() => break 'stream,
                    Err(_) => {}
                }
            }
            assert!(decoder.pending() <= 4096);
        }
    }
}

#[test]
fn damaged_frames_never_panic() {
    let bytes = encoded(&[&frames()[..2], &frames()[4..]].concat());
    for at in 0..bytes.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let mut decoder = Decoder::new();
            decoder.push(&damaged);
            let mut steps = 0;
            while !matches!(decoder.next_frame(), Ok(None) | Err(BadFrame::Length(_))) {
                steps += 1;
                assert!(steps < 100, "every step gets on");
            }
        }
    }
}

#[test]
fn a_frame_that_is_given_up_is_passed_over_and_the_next_one_read() {
    let mut bytes = Vec::new();
    Frame::Telemetry(Signal::Traces, vec![7; 100_000].into()).encode(&mut bytes);
    let length = bytes.len();
    Frame::Telemetry(Signal::Logs, vec![1; 3].into()).encode(&mut bytes);
    for given_up_at in [4, 5, 50_000, length - 1] {
        for step in [1, 777, bytes.len()] {
            let mut decoder = Decoder::new();
            decoder.push(&bytes[..given_up_at]);
            assert_eq!(decoder.next_frame().unwrap(), None);
            assert_eq!(decoder.skip_frame(), Some(length));
            assert_eq!(decoder.pending(), 0, "nothing is kept of it");
            let mut frames = Vec::new();
            for piece in bytes[given_up_at..].chunks(step) {
                decoder.push(piece);
                frames.extend(decoder.next_frame().unwrap());
                assert!(decoder.pending() < 777);
            }
            assert_eq!(frames, [Frame::Telemetry(Signal::Logs, vec![1; 3].into())]);
        }
    }
    let mut decoder = Decoder::new();
    decoder.push(&bytes[..3]);
    assert_eq!(decoder.skip_frame(), None, "its length has not come");
}
