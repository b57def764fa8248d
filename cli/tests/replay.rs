//! Dead letters of several destinations, delivered: each where it belongs.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use spanlayer_emulator::{Destination as Sink, Mode};
use spanlayer_pipeline::{
    Deadline, Destination, Memory, Outcome, Payload, Pipeline, Route, Settings, Signal, letters::Letters,
};
use std::{path::Path, process::Command};

/// Letters of two destinations, the one's name the beginning of the other's.
async fn letters(file: &Path) {
    let to = |name: &str| {
        let mut destination = Destination::memory(Memory::always(Outcome::refused("not today")));
        destination.name = name.into();
        destination
    };
    let mut settings =
        Settings::to([to("otlphttp/a (https://a.example.com)"), to("otlphttp/ab (https://b.example.com)")]);
    settings.letters = Letters::File(file.to_owned());
    let pipeline = Pipeline::new(settings);
    for (lane, name) in ["for-a", "for-b"].into_iter().enumerate() {
        let json = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"0102030405060708090a0b0c0d0e0f10","spanId":"0102030405060708","name":"{name}"}}]}}]}}]}}"#
        );
        let bytes = spanlayer_otlp::json::to_protobuf(Signal::Traces, json.as_bytes()).unwrap();
        let route = Route::to([lane].into_iter().collect());
        pipeline.accept_routed(Payload::scan(Signal::Traces, bytes.into()).unwrap(), route);
    }
    pipeline.flush(Deadline::never()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_of_several_destinations_are_not_sent_to_one_unless_somebody_says_so() {
    let place = std::env::temp_dir().join(format!("spanlayer-replay-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).unwrap();
    let file = place.join("letters");
    letters(&file).await;
    let sink = Sink::start(Mode::Healthy).await.unwrap();
    let replay = |more: &[&str]| {
        let fixed = ["replay", file.to_str().unwrap(), "--to", &sink.url()].map(str::to_owned);
        let output =
            Command::new(env!("CARGO_BIN_EXE_spanlayer-cli")).args(fixed).args(more).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    let names = || sink.spans().into_iter().map(|span| span.span.name).collect::<Vec<_>>();
    for choice in [&[][..], &["--destination", "otlphttp"]] {
        let (succeeded, told) = replay(choice);
        assert!(
            !succeeded && told.contains("several destinations") && told.contains("otlphttp/ab"),
            "{told}"
        );
        assert_eq!(names(), Vec::<String>::new());
    }
    let (succeeded, told) = replay(&["--destination", "otlphttp/a"]);
    assert!(succeeded, "{told}");
    assert_eq!(names(), ["for-a"], "{told}");
    let (succeeded, told) = replay(&["--destination", "*"]);
    assert!(succeeded, "{told}");
    assert_eq!(names(), ["for-a", "for-b"], "{told}");
    std::fs::remove_dir_all(&place).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_is_told_of_whatever_it_is_called_and_fails_the_replay() {
    let place = std::env::temp_dir().join(format!("spanlayer-damaged-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&place);
    std::fs::create_dir_all(&place).unwrap();
    let file = place.join("letters");
    letters(&file).await;
    let text = std::fs::read_to_string(&file).unwrap();
    // A member with another value.
    let with = |line: &str, member: &str, value: &str| {
        let (before, rest) = line.split_once(&format!("\"{member}\":\"")).unwrap();
        let (_, after) = rest.split_once('"').unwrap();
        format!("{before}\"{member}\":\"{value}\"{after}")
    };
    let line = with(text.lines().next().unwrap(), "data", "AAAA");
    std::fs::write(&file, with(&line, "key", "kéééé\\u001b[31m") + "\n").unwrap();
    let sink = Sink::start(Mode::Healthy).await.unwrap();
    for (more, code, told) in [(&[][..], 0, "1 chosen"), (&["--to", &sink.url()], 1, "damaged")] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_spanlayer-cli")).arg("replay").arg(&file).args(more).output();
        let output = output.unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(told) && !text.contains('\x1b'), "{text}");
    }
    std::fs::remove_dir_all(&place).unwrap();
}
