//! Documents and code agree. The tables between markers are made from the code: `UPDATE_DOCUMENTS=1 cargo test --test
//! documents` writes them anew.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expected by failing")]

use spanlayer_host::vars::{Process, Row, Vars};
use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Two sections of one document may be written by two tests.
static WRITING: Mutex<()> = Mutex::new(());

/// Compares what stands between two markers of a document with what the code says.
fn compare(path: &str, section: &str, expected: &str) {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let text = read(path);
    let (begin, end) = (format!("<!-- {section}: "), format!("<!-- end of {section} -->"));
    let from = text.find(&begin).unwrap_or_else(|| panic!("{path} has no marker `{begin}`"));
    let from = from + text[from..].find("-->\n").expect("the marker is closed") + 4;
    let to = text.find(&end).unwrap_or_else(|| panic!("{path} has no marker `{end}`"));
    if text[from..to] == *expected {
        return;
    }
    if Process.get("UPDATE_DOCUMENTS").is_some() {
        fs::write(root().join(path), format!("{}{expected}{}", &text[..from], &text[to..])).unwrap();
        return;
    }
    panic!(
        "{path}, {section}: differs from the code, which says\n\n{expected}\nUPDATE_DOCUMENTS=1 writes it."
    );
}

fn table(title: &str, rows: &[Row], seen: &mut BTreeSet<&'static str>) -> String {
    let mut out = format!("| {title} | Default | Meaning |\n|---|---|---|\n");
    for row in rows.iter().filter(|row| seen.insert(row.name)) {
        let default = match row.default {
            "" => "–".to_owned(),
            default if default.contains(' ') => default.to_owned(),
            default => format!("`{default}`"),
        };
        writeln!(out, "| `{}` | {default} | {} |", row.name, row.about).unwrap();
    }
    out
}

#[test]
fn the_settings_of_the_readme_are_those_of_the_code() {
    let mut seen = BTreeSet::new();
    let expected = format!(
        "{}\nEach of these also exists for one signal (`…_OTLP_TRACES_…`, `…_OTLP_METRICS_…`, `…_OTLP_LOGS_…`), and \
         all of them with `OTEL_`\nin the place of `SPANLAYER_`. Once a `SPANLAYER_…_ENDPOINT` applies to a signal, no \
         `OTEL_EXPORTER_OTLP_*` value is used for it, so that\nSDKs in the function can be pointed at the extension.\n\n{}\n{}",
        table("Where to", &spanlayer_pipeline::settings::TABLE, &mut seen),
        table("Extension", spanlayer_extension::config::VARIABLES, &mut seen),
        table("Function", &spanlayer::settings::VARIABLES, &mut seen),
    );
    compare("README.md", "settings", &expected);
}

#[test]
fn the_triggers_of_the_readme_are_those_of_the_code() {
    let mut expected =
        "| Trigger | Detected by | Span name | Kind | `faas.trigger` |\n|---|---|---|---|---|\n".to_owned();
    for source in spanlayer::trigger::SOURCES {
        let kind = format!("{:?}", source.kind).to_lowercase();
        writeln!(
            expected,
            "| {} | {} | {} | {kind} | `{}` |",
            source.name, source.detected_by, source.span_name, source.faas_trigger
        )
        .unwrap();
    }
    compare("README.md", "triggers", &expected);
}

#[test]
fn the_metrics_of_the_guide_are_those_of_the_code() {
    let mut expected = "| Metric | Instrument | Unit | What it says |\n|---|---|---|---|\n".to_owned();
    for [name, instrument, unit, about] in spanlayer_extension::ledger::metrics_table() {
        writeln!(expected, "| `{name}` | {instrument} | `{unit}` | {about} |").unwrap();
    }
    compare("docs/telemetry.md", "metrics", &expected);
}

#[test]
fn the_pipelines_own_metrics_of_the_guide_are_those_of_the_code() {
    let mut expected =
        "| Metric | Instrument | Unit | In Prometheus | Attributes | What it says |\n|---|---|---|---|---|---|\n"
            .to_owned();
    for [name, instrument, unit, scraped, attributes, about] in spanlayer_pipeline::metrics::table() {
        writeln!(expected, "| `{name}` | {instrument} | `{unit}` | `{scraped}` | {attributes} | {about} |")
            .unwrap();
    }
    compare("docs/telemetry.md", "own metrics", &expected);
}

/// Names of attributes, of these families, that stand between two of `quote`.
fn attributes(text: &str, quote: char) -> BTreeSet<String> {
    const FAMILIES: &str = "aws client cloud cpu error exception faas graphql http messaging network otel.component otel.sdk process rpc \
                            server service spanlayer url user_agent";
    let mut found = BTreeSet::new();
    for family in FAMILIES.split_whitespace() {
        let begin = format!("{quote}{family}.");
        for (at, _) in text.match_indices(&begin) {
            let rest = &text[at + 1..];
            let name: String = rest
                .chars()
                .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_'))
                .collect();
            if rest[name.len()..].starts_with(quote) && !name.ends_with('.') {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn every_attribute_of_ours_is_in_the_guide_and_no_other() {
    let mut code = String::new();
    for folder in ["src", "layer/src/ledger", "pipeline/src/metrics"] {
        sources_but_tests(&root().join(folder), &mut code);
    }
    let (written, told) = (attributes(&code, '"'), attributes(&read("docs/telemetry.md"), '`'));
    assert!(written.len() > 80, "{}", written.len());
    let missing: Vec<_> = written.difference(&told).collect();
    assert!(missing.is_empty(), "not in docs/telemetry.md: {missing:?}");
    let invented: Vec<_> = told.difference(&written).collect();
    assert!(invented.is_empty(), "in docs/telemetry.md, and nobody writes it: {invented:?}");
}

/// Every `.rs` file of a folder as one text, without what only tests have.
fn sources_but_tests(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.file_stem().unwrap_or_default().to_str() {
            Some("tests") => {}
            _ if path.is_dir() => sources_but_tests(&path, into),
            _ => {
                let text = fs::read_to_string(&path).unwrap();
                into.push_str(text.split("#[cfg(test)]\nmod tests {").next().unwrap());
            }
        }
    }
}

/// Relative links of a Markdown text.
fn links(text: &str) -> Vec<String> {
    text.match_indices("](")
        .filter_map(|(at, _)| text[at + 2..].split([')', '#']).next())
        .filter(|link| !link.is_empty() && !link.contains("://"))
        .map(str::to_owned)
        .collect()
}

fn documents() -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"]
        .iter()
        .map(|name| root().join(name))
        .collect();
    for folder in ["docs", "docs/operations"] {
        found.extend(fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    found.retain(|path| path.extension().is_some_and(|kind| kind == "md"));
    found
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for link in links(&text) {
            let target = document.parent().unwrap_or(Path::new("")).join(&link);
            assert!(target.exists(), "{} links to {link}, which is not there", document.display());
            checked += 1;
        }
    }
    assert!(checked > 5, "the documents link to each other");
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_heading_that_a_document_links_to_is_there() {
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let links = text.match_indices("](").filter_map(|(at, _)| text[at + 2..].split(')').next());
        for (file, heading) in
            links.filter(|link| !link.contains("://")).filter_map(|link| link.split_once('#'))
        {
            let target = match file {
                "" => document.clone(),
                file => document.parent().unwrap_or(Path::new("")).join(file),
            };
            let there = fs::read_to_string(&target).unwrap();
            let found = there.lines().any(|line| line.starts_with('#') && anchor(line) == heading);
            assert!(found, "{} links to {file}#{heading}, which is not there", document.display());
            checked += 1;
        }
    }
    assert!(checked > 50, "{checked}");
}

#[test]
fn every_make_target_that_a_document_names_exists() {
    let makefile = read("Makefile");
    let mut checked = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (at, _) in text.match_indices("`make ").chain(text.match_indices("$ make ")) {
            let rest = text[at..].split_once("make ").unwrap().1;
            let target: String =
                rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            assert!(makefile.contains(&format!("\n{target}:")), "{}: make {target}", document.display());
            checked += 1;
        }
    }
    assert!(checked > 4, "the documents name targets");
}

#[test]
fn every_variable_of_ours_that_a_document_names_exists() {
    let known: BTreeSet<&str> = spanlayer_pipeline::settings::TABLE
        .iter()
        .chain(spanlayer_extension::config::VARIABLES)
        .chain(&spanlayer::settings::VARIABLES)
        .map(|row| row.name)
        .collect();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for (at, _) in text.match_indices("SPANLAYER_") {
            let name: String =
                text[at..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            // `SPANLAYER_` by itself, and with `…` or `*`, speaks of a family.
            let family = name.ends_with('_') && known.iter().any(|known| known.starts_with(&name));
            let of_a_signal = ["TRACES_", "METRICS_", "LOGS_"]
                .iter()
                .any(|signal| known.contains(name.replacen(signal, "", 1).as_str()));
            assert!(
                known.contains(name.as_str()) || family || of_a_signal,
                "{} names {name}, which nothing reads",
                document.display()
            );
        }
    }
}

/// Every `.rs` file of the workspace's own, as one text.
fn sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, into);
        } else if name.ends_with(".rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_invariant_is_held_by_a_test_that_exists() {
    let mut code = String::new();
    sources(&root(), &mut code);
    let document = read("ARCHITECTURE.md");
    let rows = document.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let names: Vec<&str> = rows
        .flat_map(|row| row.rsplit("| ").next().unwrap_or_default().split('`').skip(1).step_by(2))
        .filter(|name| name.contains('_'))
        .collect();
    assert!(names.len() > 8, "the invariants name their tests");
    for name in names {
        assert!(code.contains(&format!("fn {name}(")), "{name} is named as holding an invariant");
    }
}

#[test]
fn no_document_has_a_gap_left_to_fill() {
    for document in documents() {
        assert!(!fs::read_to_string(&document).unwrap().contains("@@"), "{}", document.display());
    }
}
