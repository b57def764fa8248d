//! The guide against the code: its tables are the program's, and its examples can be run.
//!
//! `UPDATE_DOCUMENTS=1` writes the tables.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use spanlayer_config::{Surroundings, load, tables};
use spanlayer_host::vars::{Process, Vars};
use std::{collections::HashMap, path::Path};

const BEGIN: &str = "<!-- components: compared with the code by config/tests/guide.rs -->\n";

const END: &str = "<!-- end of components -->\n";

fn guide() -> (std::path::PathBuf, String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let text = std::fs::read_to_string(&path).unwrap();
    (path, text)
}

#[test]
fn the_guides_tables_are_those_of_the_code() {
    let (path, text) = guide();
    let (head, rest) = text.split_once(BEGIN).unwrap();
    let (written, tail) = rest.split_once(END).unwrap();
    let meant = format!("\n{}\n", tables().trim_end());
    if Process.get("UPDATE_DOCUMENTS").is_some() {
        std::fs::write(path, format!("{head}{BEGIN}{meant}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(written, meant, "UPDATE_DOCUMENTS=1 writes it");
}

#[test]
fn the_files_of_the_patterns_beside_lambda_can_be_run() {
    let (path, _) = guide();
    let text = std::fs::read_to_string(path.with_file_name("deployment.md")).unwrap();
    let (_, patterns) = text.split_once("\n## Beside Lambda\n").unwrap();
    let vars = HashMap::from([("VENDOR_KEY", "k"), ("NODE_NAME", "n")]);
    // What is right within a network of one's own, and is not to be in a function.
    let for_functions = ["listens on every interface", "can be read on the way"];
    for pattern in ["Sidecar", "Agent on every node", "Gateway", "Hybrid", "Proxy"] {
        let (_, section) = patterns.split_once(&format!("\n### {pattern}\n")).unwrap();
        let section = section.split("\n### ").next().unwrap();
        let mut blocks = section.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let file = blocks.find(|block| block.contains("\nreceivers:\n")).unwrap();
        let loaded = load(file, Surroundings::here(&vars));
        let is_told =
            |one: &&spanlayer_config::Problem| !for_functions.iter().any(|what| one.what.ends_with(what));
        let told: Vec<_> = loaded.problems.iter().filter(is_told).collect();
        assert!(told.is_empty(), "{pattern}: {told:#?}");
        assert!(loaded.plan.is_some(), "{pattern}");
    }
}

#[test]
fn the_guides_examples_can_be_run_without_a_word() {
    let (path, guide) = guide();
    let authentication = std::fs::read_to_string(path.with_file_name("authentication.md")).unwrap();
    let examples: Vec<&str> = [&guide, &authentication]
        .into_iter()
        .flat_map(|text| text.split("```yaml\n").skip(1))
        .map(|rest| rest.split("```").next().unwrap())
        // Others set variables.
        .filter(|example| example.contains("service:"))
        .collect();
    assert!(examples.len() >= 3);
    let vars = HashMap::from([("MAIN_KEY", "k"), ("LOGS_TOKEN", "t"), ("INGEST_KEY", "i")]);
    for example in examples {
        let loaded = load(example, Surroundings::here(&vars));
        assert_eq!(loaded.problems, [], "{example}");
        assert!(loaded.plan.is_some(), "{example}");
    }
}

#[test]
fn the_use_cases_can_be_run_without_a_word_and_the_guide_has_each() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations");
    let told = std::fs::read_to_string(folder.join("use-cases.md")).unwrap();
    let mut vars: HashMap<&str, &str> = [
        "OTLP_ENDPOINT",
        "CANDIDATE_ENDPOINT",
        "OTHER_REGION_ENDPOINT",
        "LAKE_ENDPOINT",
        "OLD_VENDOR_ENDPOINT",
        "EU_ENDPOINT",
        "US_ENDPOINT",
    ]
    .map(|name| (name, "https://otlp.example.com"))
    .into();
    vars.extend([("ACME_KEY", "k"), ("OLD_VENDOR_KEY", "k"), ("AUDIT_KEY", "of sixteen bytes or more")]);
    let mut files = 0;
    for entry in std::fs::read_dir(folder.join("use-cases")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        // As `spanlayer-cli check` does: certificates are where the file will be.
        let loaded = load(&text, Surroundings::elsewhere(&vars));
        assert_eq!(loaded.problems, [], "{name}");
        assert_eq!(loaded.unset, Vec::<String>::new(), "{name}");
        assert!(loaded.plan.is_some(), "{name}");
        assert!(text.starts_with("# "), "{name} says what it is for");
        assert!(told.contains(&format!("(use-cases/{name})")), "{name} is not in the guide");
        files += 1;
    }
    assert_eq!(files, 15, "ten uses and five scenarios");
}
