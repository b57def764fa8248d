//! Started by hand.

use crate::world::EXTENSION;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(EXTENSION).args(arguments).env_clear().output().unwrap()
}

#[test]
fn outside_lambda_it_explains_itself_and_exits_with_2() {
    let output = run(&[]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("/opt/extensions") && said.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{said}");
}

#[test]
fn asked_for_help_or_its_version_it_answers() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("/opt/extensions"));
    let help = run(&["run", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8(help.stdout).unwrap().contains("--config FILE"));
    let version = run(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert!(String::from_utf8(version.stdout).unwrap().contains(env!("CARGO_PKG_VERSION")));
}
