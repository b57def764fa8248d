//! The program as its users meet it: what it prints, and how it exits.

use std::process::{Command, Output, Stdio};

fn spanlayer_cli(args: &[&str]) -> Output {
    let program = Command::new(env!("CARGO_BIN_EXE_spanlayer-cli")).args(args).output();
    program.unwrap_or_else(|error| panic!("the program does not start: {error}"))
}

#[track_caller]
fn refused(args: &[&str], code: i32, said: &str) {
    let output = spanlayer_cli(args);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?} said {stderr}");
    assert!(stderr.contains(said), "{args:?} said {stderr}");
    assert!(!stderr.contains('\x1b') && !stderr.contains("panicked"), "{args:?} said {stderr}");
}

#[test]
fn what_is_wrong_with_the_command_line_is_said_before_anything_starts() {
    refused(&["local"], 2, "--function");
    refused(&["local", "--function", "nowhere"], 2, "does not exist");
    refused(&["local", "--function", "Cargo.toml"], 2, "chmod +x");
    refused(&["local", "--function", "/bin/sh", "--event", "nowhere.json"], 2, "nowhere.json cannot be read");
    refused(&["local", "--function", "/bin/sh", "--event", "Cargo.toml"], 2, "is not JSON");
    refused(&["local", "--function", "/bin/sh", "--env", "novalue"], 2, "NAME=VALUE");
    refused(&["local", "--function", "/bin/sh", "--timeout", "0"], 2, "seconds between");
    refused(&["local", "--function", "/bin/sh", "--repeat", "0"], 2, "1..=100000");
    refused(
        &["local", "--function", "/bin/sh", "--extension", "nowhere"],
        2,
        "extension nowhere does not exist",
    );
    refused(&["demo", "--extension", "src"], 2, "is a directory");
    refused(&["dmeo"], 2, "demo");
}

#[test]
fn a_function_that_ends_before_its_first_event_is_said_to_with_what_to_do() {
    // An extension that asks for nothing would hold the start back, so the same program plays both.
    refused(&["local", "--function", "/bin/false", "--extension", "/bin/false"], 1, "did not come up");
}

#[test]
fn help_teaches_by_example() {
    for command in ["", "local", "replay", "check", "explain", "diff", "cost"] {
        let args: Vec<&str> = [command, "--help"].into_iter().filter(|word| !word.is_empty()).collect();
        let output = spanlayer_cli(&args);
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("Examples:") && text.contains("Exit status:"), "{text}");
    }
}

#[test]
fn a_reader_that_has_had_enough_ends_it_without_a_word() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_spanlayer-cli"));
    command.arg("schema").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().unwrap_or_else(|error| panic!("the program does not start: {error}"));
    drop(program.stdout.take());
    let output = program.wait_with_output().unwrap_or_else(|error| panic!("it does not end: {error}"));
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(1), ""));
}
