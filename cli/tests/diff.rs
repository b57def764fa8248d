//! In what pipeline files differ: what is told is pinned. `UPDATE_GOLDEN=1` writes what is told now.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use spanlayer_host::vars::{Process, Vars};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diff")
}

/// The exit status, and what was told.
fn diff(args: &[&str]) -> (Option<i32>, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_spanlayer-cli"))
        .arg("diff")
        .args(args)
        .current_dir(files())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let told = String::from_utf8([program.stdout, program.stderr].concat()).unwrap();
    assert!(!told.contains("s3cret") && !told.contains('\x1b'), "{told}");
    (program.status.code(), told)
}

#[track_caller]
fn pinned(name: &str, told: &str) {
    let path = files().join(name);
    if Process.get("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, told).unwrap();
    }
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(told, pinned, "{} (UPDATE_GOLDEN=1 writes it)", path.display());
}

#[test]
fn what_is_there_more_or_less_or_otherwise_is_told_by_part() {
    let (code, told) = diff(&["old.yaml", "new.yaml"]);
    assert_eq!(code, Some(1));
    pinned("old-new.txt", &told);
    let (code, told) = diff(&["old.yaml", "new.yaml", "--json"]);
    assert_eq!(code, Some(1));
    pinned("old-new.json", &told);
}

#[test]
fn the_other_way_round_everything_is_the_other_way_round() {
    let told = |args: &[&str]| -> serde_json::Value { serde_json::from_str(&diff(args).1).unwrap() };
    let (there, back) =
        (told(&["old.yaml", "new.yaml", "--json"]), told(&["new.yaml", "old.yaml", "--json"]));
    let (there, back) = (there["differences"].as_array().unwrap(), back["differences"].as_array().unwrap());
    assert!(there.len() == back.len() && there.len() > 8);
    for (there, back) in there.iter().zip(back) {
        assert_eq!(there["part"], back["part"]);
        let expected = match there["change"].as_str().unwrap() {
            "added" => "removed",
            "removed" => "added",
            same => same,
        };
        assert_eq!(back["change"], expected);
        let options = there["options"].as_array().unwrap().iter().zip(back["options"].as_array().unwrap());
        options.for_each(|(there, back)| {
            assert_eq!((&there["old"], &there["new"]), (&back["new"], &back["old"]))
        });
    }
}

#[test]
fn what_is_written_otherwise_and_means_the_same_is_no_difference() {
    for (old, new) in [("old.yaml", "same.yaml"), ("new.yaml", "new.yaml")] {
        let (code, told) = diff(&[old, new]);
        assert_eq!(code, Some(0), "{told}");
        assert!(told.contains("Both ask for the same."), "{told}");
    }
    pinned("old-same.txt", &diff(&["old.yaml", "same.yaml"]).1);
}

#[test]
fn what_cannot_be_compared_is_an_error_and_no_difference() {
    for (args, said) in [
        (&["old.yaml", "none.yaml"][..], "none.yaml cannot be read"),
        (&["-", "old.yaml"], "nothing in - can be run"),
        (&["-", "-"], "not both"),
        (&["old.yaml"], "<NEW>"),
    ] {
        let (code, told) = diff(args);
        assert_eq!(code, Some(2), "{told}");
        assert!(told.contains(said), "{told}");
    }
}
