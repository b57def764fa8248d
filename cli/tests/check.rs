//! Pipeline files as people write them, and what they are told: every message is pinned.
//!
//! `UPDATE_GOLDEN=1` writes what is told now.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use spanlayer_host::vars::{Process, Vars};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn run(directory: &Path, args: &[&str]) -> Output {
    let program =
        Command::new(env!("CARGO_BIN_EXE_spanlayer-cli")).args(args).current_dir(directory).output();
    program.unwrap_or_else(|error| panic!("the program does not start: {error}"))
}

fn files(kind: &str) -> (PathBuf, Vec<String>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/tests").join(kind);
    let names =
        std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".yaml")).collect();
    names.sort();
    (directory, names)
}

#[track_caller]
fn compare(path: &Path, told: &str) {
    if Process.get("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, told).unwrap();
    }
    let pinned = std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(told, pinned, "{} (UPDATE_GOLDEN=1 writes it)", path.display());
}

#[test]
fn each_mistake_is_told_with_its_line_and_what_to_do() {
    let (directory, names) = files("broken");
    assert!(names.len() >= 30);
    for name in names {
        let output = run(&directory, &["check", &name]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {told}");
        assert!(output.stderr.is_empty() && !told.contains('\x1b'), "{name}");
        let text = std::fs::read_to_string(directory.join(&name)).unwrap();
        let line = 1 + text.lines().position(|line| line.contains("<- wrong")).unwrap();
        let told_there = told
            .lines()
            .any(|said| said.starts_with(&format!("{name}:{line}:")) && said.contains(": error: "));
        assert!(told_there, "{name}, line {line}: {told}");
        let (errors, remedies) = (told.matches(": error: ").count(), told.matches("\n").count());
        assert!(errors > 0 && remedies > 3, "{told}");
        compare(&directory.join(name.replace(".yaml", ".txt")), &told);
    }
}

#[test]
fn the_collector_layers_files_and_their_variations_can_be_run() {
    let (directory, names) = files("good");
    assert!(names.len() >= 12);
    for name in names {
        let output = run(&directory, &["check", &name]);
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {told}");
        let output = run(&directory, &["explain", &name]);
        assert_eq!(output.status.code(), Some(0), "{name}");
        compare(&directory.join(name.replace(".yaml", ".txt")), &String::from_utf8(output.stdout).unwrap());
    }
}

#[test]
fn warnings_fail_only_where_that_is_asked_for() {
    let (directory, _) = files("good");
    let file = "01-layer-default.yaml";
    assert_eq!(run(&directory, &["check", file]).status.code(), Some(0));
    assert_eq!(run(&directory, &["check", file, "--strict"]).status.code(), Some(1));
    assert_eq!(run(&directory, &["check", "none.yaml"]).status.code(), Some(2));
}

#[test]
fn a_secret_is_warned_of_and_not_repeated() {
    let directory = std::env::temp_dir();
    let file = directory.join(format!("spanlayer-secret-{}.yaml", std::process::id()));
    let text = "receivers: {otlp: {protocols: {http: }}}\nexporters:\n  otlphttp:\n    endpoint: https://u:s3cret@h.example.com\n    \
                headers:\n      api-key: s3cret\n      authorization: \"s3cret\\n\"\nservice: {pipelines: {traces: {receivers: \
                [otlp], exporters: [otlphttp]}}}\n";
    std::fs::write(&file, text).unwrap();
    let name = file.to_str().unwrap();
    for args in [&["check", name][..], &["check", name, "--json"], &["explain", name]] {
        let output = run(&directory, args);
        let told = [output.stdout, output.stderr].concat();
        assert!(
            !String::from_utf8_lossy(&told).contains("s3cret"),
            "{args:?}: {}",
            String::from_utf8_lossy(&told)
        );
    }
    let told = String::from_utf8(run(&directory, &["check", name]).stdout).unwrap();
    std::fs::remove_file(file).unwrap();
    assert!(told.matches("a secret stands in the file").count() >= 2, "{told}");
}

#[test]
fn other_mistakes_in_a_secrets_line_do_not_show_it_and_of_a_long_line_a_part_is_shown() {
    let told = |text: &str| {
        let file = std::env::temp_dir().join(format!("spanlayer-line-{}.yaml", std::process::id()));
        std::fs::write(&file, text).unwrap();
        let output = run(Path::new("."), &["check", file.to_str().unwrap()]);
        std::fs::remove_file(file).unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let rest = "receivers: {otlp: {protocols: {http: }}}\nexporters: {otlphttp: {endpoint: 'https://h.example.com'}}\nservice: \
                {pipelines: {traces: {receivers: [otlp], exporters: [otlphttp]}}}\n";
    let one =
        told(&format!("extensions: {{bearertokenauth: {{nope: 1, token: s3cret, none: s3cret}}}}\n{rest}"));
    assert!(!one.contains("s3cret"), "{one}");
    assert!(one.contains(" 1 | extensions: {bearertokenauth: {nope: 1, token: •••\n   |                                ^^^^\n"), "{one}");
    let behind = " 1 | extensions: {bearertokenauth: {nope: 1, token: ••• … none\n   |";
    let at = one.find(behind).unwrap_or_else(|| panic!("{one}")) + behind.len();
    assert_eq!(one[at..].lines().next().unwrap().trim_end(), format!(" {}^^^^", " ".repeat(53)), "{one}");
    let long = told(&format!("attributes: [{}]\n{rest}", "x, ".repeat(5000)));
    assert!(long.len() < 2000, "{long}");
    let far = told(&format!(
        "receivers: {{otlp: {{protocols: {{http: }}}}, {}here: }}\n{}",
        " ".repeat(5000),
        &rest[41..]
    ));
    assert!(far.len() < 2000 && far.lines().any(|line| line.ends_with("here: }")), "{far}");
}

#[test]
fn what_is_likely_not_meant_is_told_with_what_would_be() {
    let file = std::env::temp_dir().join(format!("spanlayer-meant-{}.yaml", std::process::id()));
    let text = "receivers: {otlp: {protocols: {http: }}}\nexporters:\n  otlp: {endpoint: \"https://h.example.com:4318\"}\n  \
                otlp/path: {endpoint: \"https://h.example.com/v1/traces\"}\n  otlphttp: {endpoint: \"https://h.example.com:4317\"}\n  \
                otlphttp/key: {endpoint: \"https://h.example.com\", headers: {api-key: $THAT_KEY, token: Bearer $THAT_TOKEN}}\n\
                processors:\n  redaction:\n  tail_sampling/a: {policies: [{name: a, type: always_sample}]}\n  \
                tail_sampling/b: {policies: [{name: a, type: always_sample}]}\n\
                service: {pipelines: {traces: {receivers: [otlp], processors: [redaction, tail_sampling/a, tail_sampling/b], \
                exporters: [otlp, otlp/path, otlphttp, otlphttp/key]}}}\n";
    std::fs::write(&file, text).unwrap();
    let told = String::from_utf8(run(Path::new("."), &["check", file.to_str().unwrap()]).stdout).unwrap();
    std::fs::remove_file(file).unwrap();
    for (said, times) in [
        ("`otlp` is for another protocol than this port looks like", 1),
        ("`otlp` is for another protocol than this path looks like", 1),
        ("use `otlphttp`, or correct the endpoint", 2),
        ("`otlphttp` is for another protocol than this port looks like", 1),
        ("this is a text where no such variable is set", 2),
        ("a secret stands in the file", 0),
        ("no attribute stays", 1),
        ("only the first `tail_sampling` of `traces` decides", 1),
    ] {
        assert_eq!(told.matches(said).count(), times, "{said}: {told}");
    }
}

#[test]
fn json_has_what_the_text_has() {
    let (directory, names) = files("broken");
    for name in names {
        let output = run(&directory, &["check", &name, "--json"]);
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let problems = told["problems"].as_array().unwrap();
        let errors = problems.iter().filter(|one| one["severity"] == "error").count();
        assert_eq!(told["errors"], errors, "{name}");
        for one in problems {
            assert!(
                one["line"].as_u64().unwrap() > 0 && one["column"].as_u64().unwrap() > 0,
                "{name}: {one}"
            );
            assert!(!one["remedy"].as_str().unwrap().is_empty(), "{name}: {one}");
        }
    }
}

#[test]
fn the_schema_is_json_and_names_every_component() {
    let output = run(Path::new("."), &["schema"]);
    let schema: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let sections: BTreeMap<&str, &serde_json::Value> = schema["properties"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .collect();
    for role in spanlayer_config::Role::ALL {
        let patterns = sections[role.section()]["patternProperties"].as_object().unwrap();
        for one in role.components() {
            assert!(patterns.keys().any(|pattern| pattern.contains(one.name)), "{}", one.name);
        }
    }
}
