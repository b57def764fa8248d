//! What operators are given agrees with the code: metrics that exist, messages that are said, runbooks that are there.
//! What the rules do is tested by `make operations`.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test says what it expected by failing")]

use spanlayer_pipeline::{Notice, Signal};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

const OPERATIONS: &str = "docs/operations";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The files below a folder that end so, each with its text.
fn texts(folder: &Path, kinds: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(texts(&path, kinds));
        } else if kinds.iter().any(|kind| name.ends_with(kind)) {
            found.push((path.clone(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

/// Everything that names metrics: documents, rules, dashboards, and the rules' own tests.
fn all() -> Vec<(PathBuf, String)> {
    let mut all = texts(&root().join(OPERATIONS), &[".md", ".yaml", ".json"]);
    all.extend(texts(&root().join("tests/operations"), &[".yaml"]));
    assert!(all.len() > 20, "{}", all.len());
    all
}

/// Names that begin so, as long as `belongs` says.
fn names(text: &str, begin: &str, belongs: impl Fn(char) -> bool) -> BTreeSet<String> {
    let starts = text.match_indices(begin).filter(|(at, _)| {
        // In the middle of another name it is none.
        !text[..*at]
            .ends_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.' | '/' | '-'))
    });
    starts.map(|(at, _)| text[at..].chars().take_while(|c| belongs(*c)).collect()).collect()
}

fn is_of_a_metric(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// What a scraper sees: names of series, and their labels.
fn scraped() -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut series, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for [_, instrument, _, name, attributes, _] in spanlayer_pipeline::metrics::table() {
        if instrument == "histogram" {
            series.extend(["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")));
        } else {
            series.insert(name);
        }
        labels.extend(attributes.split('`').skip(1).step_by(2).map(|one| one.replace('.', "_")));
    }
    (series, labels)
}

#[test]
fn every_metric_and_every_label_that_operators_are_given_exists() {
    let (series, labels) = scraped();
    let mut used = BTreeSet::new();
    for (path, text) in all() {
        for begin in ["otel_", "spanlayer_", "process_"] {
            for name in names(&text, begin, is_of_a_metric) {
                let known = series.contains(&name) || labels.contains(&name);
                assert!(known, "{}: nothing is called {name}", path.display());
                used.insert(name);
            }
        }
    }
    assert!(used.len() > 30, "{used:?}");
}

/// Lines such as `      - record: spanlayer:…`.
fn entries(text: &str, key: &str) -> BTreeSet<String> {
    let begin = format!("- {key}: ");
    text.lines().filter_map(|line| line.trim().strip_prefix(&begin)).map(str::to_owned).collect()
}

#[test]
fn every_recorded_series_that_is_used_is_recorded_and_the_other_way_round() {
    let recorded = entries(&read("docs/operations/recording.yaml"), "record");
    let mut used = BTreeSet::new();
    for (path, text) in all() {
        // Where it is made is no use of it.
        let text = text.replace("- record: spanlayer:", "- record: ");
        for name in names(&text, "spanlayer:", |c| is_of_a_metric(c) || c == ':') {
            assert!(recorded.contains(&name), "{}: nothing records {name}", path.display());
            used.insert(name);
        }
    }
    let idle: Vec<_> = recorded.difference(&used).collect();
    assert!(idle.is_empty(), "recorded, and of no use: {idle:?}");
}

/// What GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()))
        .collect()
}

#[test]
fn every_alert_and_every_panel_leads_to_a_runbook_that_is_there_and_each_runbook_has_an_alert() {
    const RUNBOOKS: &str = "/docs/operations/runbooks.md#";
    let there = anchors(&read("docs/operations/runbooks.md"));
    let mut alerted = BTreeSet::new();
    for (path, text) in all() {
        for (at, _) in text.match_indices(RUNBOOKS) {
            let to: String = text[at + RUNBOOKS.len()..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect();
            assert!(there.contains(&to), "{}: no runbook #{to}", path.display());
            if path.ends_with("docs/operations/alerts.yaml") {
                alerted.insert(to);
            }
        }
    }
    let alerts = read("docs/operations/alerts.yaml");
    assert_eq!(alerts.matches("runbook_url:").count(), entries(&alerts, "alert").len());
    let runbooks: BTreeSet<_> = there.into_iter().filter(|one| one.starts_with('f')).collect();
    assert_eq!(runbooks, alerted, "runbooks, and those that alerts lead to");
}

#[test]
fn every_alert_that_is_named_exists_and_is_in_a_runbook_and_in_a_test() {
    let alerts = entries(&read("docs/operations/alerts.yaml"), "alert");
    for (path, text) in all() {
        for name in names(&text, "Spanlayer", |c| c.is_ascii_alphanumeric()) {
            // The project itself, and AWS's names of what belongs to one function.
            let is_alert = name.len() > "Spanlayer".len() && !path.ends_with("cloudwatch.yaml");
            assert!(!is_alert || alerts.contains(&name), "{}: no alert {name}", path.display());
        }
    }
    let (runbooks, faults) =
        (read("docs/operations/runbooks.md"), texts(&root().join("tests/operations"), &[".yaml"]));
    for alert in alerts {
        assert!(runbooks.contains(&format!("`{alert}`")), "{alert} is in no runbook");
        let quoted = format!("\"{alert}\"");
        assert!(faults.iter().any(|(_, text)| text.contains(&quoted)), "nothing shows that {alert} fires");
    }
    let template = read("docs/operations/cloudwatch.yaml");
    let alarms = template.match_indices("AlarmName: !Sub \"${FunctionName}-").map(|(at, begin)| {
        let rest = &template[at + begin.len()..];
        rest.split('"').next().unwrap()
    });
    let mut count = 0;
    for alarm in alarms {
        assert!(
            alarm == "ExtensionPanics" || runbooks.contains(&format!("`{alarm}`")),
            "{alarm} is in no runbook"
        );
        count += 1;
    }
    assert!(count > 10, "{count}");
}

/// The sources without what only tests have, with texts that go over several lines as one.
fn code() -> String {
    let mut code = String::new();
    for folder in ["src", "host", "otlp", "stages", "pipeline/src", "config/src", "layer/src"] {
        for (path, text) in texts(&root().join(folder), &[".rs"]) {
            if path.file_stem().is_some_and(|name| name != "tests") {
                code.push_str(text.split("#[cfg(test)]\nmod tests {").next().unwrap());
            }
        }
    }
    let mut joined = String::with_capacity(code.len());
    for part in code.split("\\\n") {
        joined.push_str(if joined.is_empty() { part } else { part.trim_start() });
    }
    joined
}

/// Whether the code can say it: the pieces between what varies are in it.
fn assert_said(code: &str, message: &str, varies: char, whose: &str) {
    for piece in message.split(varies).filter(|piece| !piece.is_empty()) {
        assert!(code.contains(piece), "{whose}: nobody says {piece:?}");
    }
}

#[test]
fn every_message_that_is_quoted_is_said() {
    let (code, mut quoted) = (code(), 0);
    for (path, text) in texts(&root().join(OPERATIONS), &[".md"]) {
        for message in text.split("`\"").skip(1).filter_map(|rest| rest.split("\"`").next()) {
            assert_said(&code, message, '…', &path.display().to_string());
            quoted += 1;
        }
    }
    assert!(quoted > 40, "{quoted}");
}

#[test]
fn every_line_that_cloudwatch_looks_for_is_written_with_the_fields_it_counts() {
    // What a destination answers is not in our code.
    const ANSWERS: [&str; 5] = ["429 ", "401 ", "403 ", "UNAUTHENTICATED", "PERMISSION_DENIED"];
    let (code, template) = (code(), read("docs/operations/cloudwatch.yaml"));
    let mut patterns = 0;
    for pattern in template.lines().filter_map(|line| line.trim().strip_prefix("FilterPattern: ")) {
        let pattern = pattern.replace("''", "'");
        for message in pattern.split("$.message = \"").skip(1).filter_map(|rest| rest.split('"').next()) {
            let message =
                ANSWERS.iter().fold(message.to_owned(), |message, answer| message.replace(answer, "*"));
            assert_said(&code, &message, '*', "cloudwatch.yaml");
            patterns += 1;
        }
        assert!(pattern.contains("$.source = \"spanlayer\""), "{pattern}");
    }
    assert!(patterns > 20, "{patterns}");
    for field in template.split("MetricValue: \"$.").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(code.contains(&format!("\"{field}\"")), "no line has a field {field}");
    }
}

/// Names of the metric filters, each with the messages that it looks for.
fn filters() -> Vec<(String, Vec<String>)> {
    let (mut filters, mut name): (Vec<(String, Vec<String>)>, _) = (Vec::new(), String::new());
    for line in read("docs/operations/cloudwatch.yaml").lines() {
        if let Some(filter) = line.strip_suffix("Filter:") {
            name = filter.trim().to_owned();
        } else if let Some(pattern) = line.trim().strip_prefix("FilterPattern: ") {
            let pattern = pattern.replace("''", "'");
            let globs = pattern.split("$.message = \"").skip(1).filter_map(|rest| rest.split('"').next());
            filters.push((name.clone(), globs.map(str::to_owned).collect()));
        }
    }
    filters
}

/// Whether a text is as the pattern has it, in which `*` stands for anything.
fn matches(glob: &str, text: &str) -> bool {
    match glob.split_once('*') {
        None => glob == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            (0..=text.len()).filter(|at| text.is_char_boundary(*at)).any(|at| matches(rest, &text[at..]))
        }),
    }
}

#[test]
fn cloudwatch_counts_each_turning_point_as_what_it_is() {
    let (destination, signal) = ("https://otlp.example.com", Signal::Traces);
    let failing = |why| Notice::Failing { destination, why }.to_string();
    let refused = |why| Notice::Refused { destination, signal, items: 12, why }.to_string();
    let expires = |days: u64| {
        let left = Duration::from_secs(days * 86_400);
        Notice::CertificateExpires { destination, file: Path::new("/var/task/client.pem"), left }.to_string()
    };
    let not_taken = Notice::NotTaken { destination, batches: 3, why: "429 Too Many Requests: no" };
    let told: [(String, &[&str]); 15] = [
        (not_taken.to_string(), &["Failing", "Throttled"]),
        (failing("cannot connect: connection refused"), &["Failing"]),
        (failing("503 Service Unavailable: try later"), &["Failing"]),
        (failing("429 Too Many Requests"), &["Failing", "Throttled"]),
        (
            failing("no value for authorization: ${ssm:/token}: not found"),
            &["Failing", "AuthenticationFailed"],
        ),
        (refused("401 Unauthorized"), &["AuthenticationFailed"]),
        (refused("PERMISSION_DENIED: not yours"), &["AuthenticationFailed"]),
        (refused("400 Bad Request: span 401 is too long"), &[]),
        (Notice::FirstDelivery { destination }.to_string(), &[]),
        (Notice::Recovered { destination, after: Duration::from_secs(7) }.to_string(), &["Recovered"]),
        (expires(10), &["CertificateExpires"]),
        (expires(0), &["CertificateExpires"]),
        (Notice::NotSpooled { why: "no room" }.to_string(), &["NotSpooled"]),
        (Notice::Found { items: 500 }.to_string(), &["Killed"]),
        ("a setting is ignored".to_owned(), &["SettingIgnored"]),
    ];
    let filters = filters();
    let counted = |message: &str| -> Vec<&str> {
        let looks = |globs: &[String]| globs.iter().any(|glob| matches(glob, message));
        filters.iter().filter(|(_, globs)| looks(globs)).map(|(name, _)| name.as_str()).collect()
    };
    for (message, expected) in &told {
        assert_eq!(counted(message), *expected, "{message}");
    }
    let last = counted("shut down");
    assert_eq!(last, counted("shut down before everything was delivered"));
    assert!(last.len() > 12 && last.contains(&"Lost"), "{last:?}");
}
