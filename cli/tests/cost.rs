//! What telemetry cost: what is told is pinned. `UPDATE_GOLDEN=1` writes what is told now. That the figures are right is shown
//! where there is something to count (`tests/stories/cost.rs`).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use spanlayer_host::vars::{Process, Vars};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cost")
}

/// The exit status, and what was told.
fn cost(args: &[&str], input: &str) -> (Option<i32>, String) {
    let program = Command::new(env!("CARGO_BIN_EXE_spanlayer-cli"))
        .arg("cost")
        .args(args)
        .current_dir(files())
        .stdin(match input {
            "" => Stdio::null(),
            file => std::fs::File::open(files().join(file)).unwrap().into(),
        })
        .output()
        .unwrap();
    let told = String::from_utf8([program.stdout, program.stderr].concat()).unwrap();
    assert!(!told.contains('\x1b'), "{told}");
    (program.status.code(), told)
}

#[track_caller]
fn pinned(name: &str, (code, told): (Option<i32>, String)) {
    assert_eq!(code, Some(0), "{told}");
    let path = files().join(name);
    if Process.get("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &told).unwrap();
    }
    let pinned = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(told, pinned, "{} (UPDATE_GOLDEN=1 writes it)", path.display());
}

#[test]
fn what_was_sent_and_saved_is_told_by_service_and_destination() {
    let prices = ["--price-per-gb", "1000", "--price-per-million-spans", "2"];
    pinned("ends.txt", cost(&["ends.log"], ""));
    pinned("prices.txt", cost(&[&["ends.log", "again.json"], &prices[..]].concat(), ""));
    pinned("prices.json", cost(&[&["ends.log", "--json"], &prices[..]].concat(), ""));
}

#[test]
fn a_line_counts_once_in_whichever_form_and_from_wherever_it_comes() {
    let alone = cost(&["again.json", "--json"], "");
    assert_eq!(cost(&["-", "--json"], "again.json"), alone);
    let (_, twice) = cost(&["again.json", "-", "--json"], "again.json");
    assert_eq!(twice, alone.1.replace("\"linesCountedOnce\": 0", "\"linesCountedOnce\": 1"));
    assert_ne!(twice, alone.1);
}

#[test]
fn where_there_are_no_figures_it_is_told_how_to_get_some() {
    for (args, code, said) in [
        (&["-"][..], 1, "filter-log-events"),
        (&["none.log"], 2, "none.log"),
        (&[], 2, "SOURCE"),
        (&["ends.log", "--price-per-gb", "cheap"], 2, "expected a number"),
        (&["ends.log", "--price-per-gb=-1"], 2, "expected a number"),
    ] {
        let (status, told) = cost(args, "");
        assert_eq!(status, Some(code), "{told}");
        assert!(told.contains(said), "{told}");
    }
}
