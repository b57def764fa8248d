//! `spanlayer-cli check`, `explain` and `schema`: a pipeline file, before it is deployed.
//!
//! What is known here is what the extension knows: both read a file with `spanlayer_config`.

use crate::{
    args,
    failure::Failure,
    figures::counted,
    paint::{Paint, Tone},
    screen::{Screen, print, say},
};
use spanlayer_config::{Loaded, MASKED, Problem, Severity, Surroundings, explain, load, schema};
use spanlayer_host::vars::{Process, Vars};
use std::{fmt::Write as _, io::Read, path::Path};

/// Says everything that is wrong with a file, and whether it can be deployed.
///
/// # Errors
///
/// When the file cannot be read, or something in it is wrong.
pub fn check(args: &args::Check, screen: &Screen) -> Result<(), Failure> {
    let text = text_of(&args.file)?;
    let loaded = read(&text, &args.env);
    let name = args.file.display().to_string();
    if args.json {
        say(&json(&name, &loaded))?;
    } else {
        print(&report(&name, &text, &loaded, screen.paint))?;
    }
    let errors = count(&loaded, Severity::Error);
    let fails = if args.strict { !loaded.problems.is_empty() } else { errors > 0 };
    if fails { Err(Failure::told(1)) } else { Ok(()) }
}

/// Shows what a file asks for.
///
/// # Errors
///
/// When the file cannot be read, or nothing in it can be run.
pub fn explain_file(args: &args::Explain) -> Result<(), Failure> {
    let loaded = read(&text_of(&args.file)?, &args.env);
    let errors = count(&loaded, Severity::Error);
    let plan = loaded.plan.ok_or_else(|| {
        let what = format!("nothing in {} can be run", args.file.display());
        Failure::run(what).hint(format!("spanlayer-cli check {} says why", args.file.display()))
    })?;
    if errors > 0 {
        say(&format!("{errors} of its parts cannot be used; `check` says which.\n"))?;
    }
    print(&explain(&plan))
}

/// Prints the JSON schema of pipeline files.
///
/// # Errors
///
/// When it cannot be written.
pub fn print_schema() -> Result<(), Failure> {
    print(&schema())
}

pub(crate) fn text_of(file: &Path) -> Result<String, Failure> {
    let read = if file == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|error| Failure::usage(format!("{} cannot be read: {error}", file.display())))
}

pub(crate) fn read(text: &str, env: &[(String, String)]) -> Loaded {
    load(text, Surroundings::elsewhere(&Variables(env)))
}

/// Those of the command line, then those of the process.
struct Variables<'a>(&'a [(String, String)]);

impl Vars for Variables<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let own = self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        own.or_else(|| Process.get(name)).filter(|value| !value.is_empty())
    }
}

/// Every problem with its line, and a sum.
fn report(name: &str, text: &str, loaded: &Loaded, paint: Paint) -> String {
    let mut out = String::new();
    let lines: Vec<&str> = text.lines().collect();
    for problem in &loaded.problems {
        // What is about a reference shows it, also where a secret was expected.
        let secrets = loaded.problems.iter().filter(|one| {
            one.secret && one.at.line == problem.at.line && (problem.secret || one.at != problem.at)
        });
        let secret = secrets.map(|one| one.at.column).min();
        show(&mut out, name, &lines, problem, secret, paint);
    }
    let (errors, warnings) = (count(loaded, Severity::Error), count(loaded, Severity::Warning));
    if !loaded.unset.is_empty() {
        let _ = writeln!(out, "Not known here, so not checked: {}", loaded.unset.join(", ")); // cannot fail
    }
    let verdict = match (errors, &loaded.plan) {
        (0, Some(plan)) => format!("{name} can be run. Hash of the effective configuration: {}", plan.hash()),
        (_, Some(_)) => format!("{name} is run without what is wrong"),
        (_, None) => format!("nothing in {name} can be run: the variables' destinations would count instead"),
    };
    let _ = writeln!(
        out,
        "{}, {}: {verdict}",
        counted(errors as u64, "error"),
        counted(warnings as u64, "warning")
    );
    out
}

fn show(out: &mut String, name: &str, lines: &[&str], problem: &Problem, secret: Option<u32>, paint: Paint) {
    let tone = match problem.severity {
        Severity::Error => Tone::Bad,
        Severity::Warning => Tone::Warn,
    };
    let at = problem.at;
    let about = if problem.path.is_empty() { String::new() } else { format!("{}: ", problem.path) };
    let kind = paint.tone(tone, &format!("{}:", problem.severity.name()));
    let _ = writeln!(out, "{name}:{}:{}: {kind} {about}{}", at.line, at.column, problem.what);
    let line = (at.line as usize).checked_sub(1).and_then(|n| lines.get(n)).copied().unwrap_or_default();
    let number = at.line.to_string();
    let (line, column, width) = excerpt(line.trim_end(), problem, secret);
    let gap = " ".repeat(number.len());
    let caret = paint.tone(tone, &"^".repeat(width));
    let _ = writeln!(out, " {gap} |\n {number} | {line}\n {gap} | {}{caret}", " ".repeat(column));
    if !problem.remedy.is_empty() {
        let _ = writeln!(out, " {gap} = {}", problem.remedy);
    }
    out.push('\n');
}

/// What is shown of a line, and the place and width of what is meant in it. What may be a secret, the first of which
/// begins at the column `secret`, is not repeated into the log of a build, nor what stands behind it.
fn excerpt(line: &str, problem: &Problem, secret: Option<u32>) -> (String, usize, usize) {
    let characters: Vec<char> = line.chars().collect();
    let place = |column: u32| (column.max(1) as usize - 1).min(characters.len());
    let from = place(problem.at.column);
    let to = (from + problem.at.width as usize).min(characters.len());
    let meant = || if problem.secret { MASKED.chars().collect() } else { characters[from..to].to_vec() };
    let (shown, column, width) = match secret.map(place) {
        None => (characters.clone(), from, to - from),
        Some(secret) => {
            let mut shown = characters[..secret].to_vec();
            shown.extend(MASKED.chars());
            if from > secret {
                shown.extend(" … ".chars());
                let (column, meant) = (shown.len(), meant());
                shown.extend(&meant);
                (shown, column, meant.len())
            } else {
                let end = if problem.secret { from + MASKED.chars().count() } else { to.min(shown.len()) };
                (shown, from, end - from)
            }
        }
    };
    if shown.len() <= LONGEST {
        return (shown.into_iter().collect(), column, width.max(1));
    }
    // A part of it, around what is meant.
    let start = column.saturating_sub(LONGEST / 3);
    let end = (start + LONGEST).min(shown.len());
    let before = if start > 0 { "…" } else { "" };
    let behind = if end < shown.len() { "…" } else { "" };
    let part: String = shown[start..end].iter().collect();
    let column = before.chars().count() + column - start;
    (format!("{before}{part}{behind}"), column, width.clamp(1, LONGEST - LONGEST / 3))
}

/// The most characters that are shown of a line.
const LONGEST: usize = 240;

fn json(name: &str, loaded: &Loaded) -> String {
    let problems: Vec<serde_json::Value> = loaded
        .problems
        .iter()
        .map(|problem| {
            serde_json::json!({
                "severity": problem.severity.name(),
                "file": name,
                "line": problem.at.line,
                "column": problem.at.column,
                "width": problem.at.width,
                "path": problem.path,
                "message": problem.what,
                "remedy": problem.remedy,
            })
        })
        .collect();
    let whole = serde_json::json!({
        "runs": loaded.plan.is_some(),
        "hash": loaded.plan.as_ref().map(|plan| plan.hash()),
        "errors": count(loaded, Severity::Error),
        "warnings": count(loaded, Severity::Warning),
        "unset": loaded.unset,
        "problems": problems,
    });
    format!("{whole:#}")
}

fn count(loaded: &Loaded, severity: Severity) -> usize {
    loaded.problems.iter().filter(|problem| problem.severity == severity).count()
}
