//! `spanlayer-cli diff`: in what two pipeline files differ, read as `check` and the extension read them.

use crate::{
    args, check,
    failure::Failure,
    paint::{Paint, Tone},
    screen::{Screen, print, say},
};
use serde_json::{Value, json};
use spanlayer_config::{MASKED, Plan, Role, Severity};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

/// Says in what two files differ.
///
/// # Errors
///
/// When they do; when one cannot be read, or nothing in it can be run.
pub fn run(args: &args::Diff, screen: &Screen) -> Result<(), Failure> {
    if args.old == args.new && args.old == Path::new("-") {
        return Err(Failure::usage("standard input can be one of the files, not both"));
    }
    let plan = |file: &Path| {
        let loaded = check::read(&check::text_of(file)?, &args.env);
        let shown = file.display();
        let why = format!("spanlayer-cli check {shown} says why");
        let Some(plan) = loaded.plan else {
            return Err(Failure::usage(format!("nothing in {shown} can be run")).hint(why));
        };
        if loaded.problems.iter().any(|one| one.severity == Severity::Error) {
            eprintln!("{shown} is compared without what is wrong in it: {why}");
        }
        Ok(plan)
    };
    let plans = [plan(&args.old)?, plan(&args.new)?];
    let names = [&args.old, &args.new].map(|file| file.display().to_string());
    let difference = Difference::of(&plans[0], &plans[1]);
    let hashes = [plans[0].hash(), plans[1].hash()];
    if args.json {
        say(&format!("{:#}", difference.json(&names, &hashes)))?;
    } else {
        print(&difference.text(&names, &hashes, screen.paint))?;
    }
    if difference.parts.is_empty() { Ok(()) } else { Err(Failure::told(1)) }
}

/// What differs, by part: a component, a pipeline, the service.
#[derive(Debug)]
struct Difference {
    parts: BTreeMap<String, Part>,
    /// Paths of secrets that both have.
    secrets: Vec<String>,
}

#[derive(Debug)]
struct Part {
    change: Change,
    options: Vec<Changed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Added,
    Removed,
    Changed,
}

/// An option with what it was and what it is; not there, if nothing.
#[derive(Debug)]
struct Changed {
    name: String,
    old: Option<String>,
    new: Option<String>,
}

type Options<'p> = BTreeMap<&'p str, &'p str>;

impl Difference {
    fn of(old: &Plan, new: &Plan) -> Self {
        let (old, new) = (parts(old), parts(new));
        let (mut differ, mut secrets) = (BTreeMap::new(), Vec::new());
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let change = match (old.get(name), new.get(name)) {
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
                _ => Change::Changed,
            };
            let of = |parts: &BTreeMap<String, Options<'_>>, option: &str| {
                parts.get(name).and_then(|options| options.get(option)).map(|value| (*value).to_owned())
            };
            let all = [&old, &new].into_iter().filter_map(|parts| parts.get(name)).flat_map(Options::keys);
            let mut options = Vec::new();
            for option in all.copied().collect::<BTreeSet<&str>>() {
                let (old, new) = (of(&old, option), of(&new, option));
                if old != new {
                    options.push(Changed { name: option.replace("::", "."), old, new });
                } else if old.is_some_and(|value| value.contains(MASKED)) {
                    secrets.push(format!("{name}::{option}"));
                }
            }
            if change != Change::Changed || !options.is_empty() {
                differ.insert(name.clone(), Part { change, options });
            }
        }
        Self { parts: differ, secrets }
    }

    fn text(&self, names: &[String; 2], hashes: &[String; 2], paint: Paint) -> String {
        let mut out = String::new();
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or_default();
        for ((name, hash), (sign, tone)) in
            names.iter().zip(hashes).zip([("---", Tone::Bad), ("+++", Tone::Good)])
        {
            let _ = writeln!(out, "{} {name:<width$}  {hash}", paint.tone(tone, sign)); // cannot fail
        }
        for (name, part) in &self.parts {
            let (sign, tone) = part.change.sign();
            let _ = writeln!(out, "\n{} {}", paint.tone(tone, sign), paint.tone(Tone::Strong, name));
            for Changed { name, old, new } in &part.options {
                let _ = match (old, new) {
                    (Some(old), Some(new)) => writeln!(out, "    {name}: {old} → {new}"),
                    (Some(old), None) if part.change == Change::Changed => writeln!(out, "  - {name}: {old}"),
                    (None, Some(new)) if part.change == Change::Changed => writeln!(out, "  + {name}: {new}"),
                    (value, None) | (None, value) => {
                        writeln!(out, "    {name}: {}", value.as_deref().unwrap_or_default())
                    }
                };
            }
        }
        let _ = match self.parts.len() {
            0 => writeln!(out, "\nBoth ask for the same."),
            _ => writeln!(out, "\n{}", self.sum()),
        };
        if !self.secrets.is_empty() {
            let note = format!("Not compared, since they are secret: {}", self.secrets.join(", "));
            let _ = writeln!(out, "{}", paint.tone(Tone::Faint, &note));
        }
        out
    }

    fn sum(&self) -> String {
        let count = |change| self.parts.values().filter(|part| part.change == change).count();
        let counts =
            [Change::Added, Change::Removed, Change::Changed].map(|change| (count(change), change.name()));
        let told =
            counts.iter().filter(|(count, _)| *count > 0).map(|(count, name)| format!("{count} {name}"));
        told.collect::<Vec<_>>().join(", ")
    }

    fn json(&self, names: &[String; 2], hashes: &[String; 2]) -> Value {
        let parts = self.parts.iter().map(|(name, part)| {
            let options = part.options.iter();
            let options = options.map(|one| json!({ "option": one.name, "old": one.old, "new": one.new }));
            json!({ "part": name, "change": part.change.name(), "options": options.collect::<Vec<_>>() })
        });
        json!({
            "same": self.parts.is_empty(),
            "old": { "file": names[0], "hash": hashes[0] },
            "new": { "file": names[1], "hash": hashes[1] },
            "differences": parts.collect::<Vec<_>>(),
            "secretsNotCompared": self.secrets,
        })
    }
}

impl Change {
    fn sign(self) -> (&'static str, Tone) {
        match self {
            Self::Added => ("+", Tone::Good),
            Self::Removed => ("-", Tone::Bad),
            Self::Changed => ("~", Tone::Warn),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// Each part with its options: `exporters::otlp/a`, `service::pipelines::traces`, `service::telemetry`.
fn parts(plan: &Plan) -> BTreeMap<String, Options<'_>> {
    let mut parts: BTreeMap<String, Options<'_>> = BTreeMap::new();
    for (path, value) in plan.effective() {
        let depth = if path.starts_with(PIPELINES) { 3 } else { 2 };
        let at = path.match_indices("::").nth(depth - 1).map_or(path.len(), |(at, _)| at);
        let (part, option) = (&path[..at], path[at..].trim_start_matches("::"));
        parts.entry(part.to_owned()).or_default().insert(option, value);
        if part.starts_with(PIPELINES) {
            // There are components that have no options.
            for id in value.trim_matches(['[', ']']).split(", ").filter(|id| !id.is_empty()) {
                if let Some(role) = role(option, id) {
                    parts.entry(format!("{}::{id}", role.section())).or_default();
                }
            }
        }
    }
    parts
}

/// What a component is that stands there in a pipeline: connectors stand at either end.
fn role(list: &str, id: &str) -> Option<Role> {
    let kind = id.split('/').next().unwrap_or_default();
    let is = |role: &Role| role.components().iter().any(|one| one.name == kind);
    let of_list = |role: &Role| role.section() == list || *role == Role::Connector && list != "processors";
    Role::ALL.into_iter().filter(of_list).find(is)
}

const PIPELINES: &str = "service::pipelines::";
