//! Environment variables: declared once as a [`Var`], read through [`Vars`], problems collected and named.
//!
//! ```
//! use spanlayer_host::vars::{Reading, Var, duration};
//! use std::{collections::HashMap, time::Duration};
//!
//! const STALENESS: Var<Duration> = Var {
//!     name: "SPANLAYER_MAX_STALENESS",
//!     default: "30s",
//!     parse: duration,
//!     about: "longest that data waits while invocations keep coming",
//! };
//!
//! let vars = HashMap::from([("SPANLAYER_MAX_STALENESS", "soon")]);
//! let mut reading = Reading::new(&vars);
//! assert_eq!(reading.get(&STALENESS), Duration::from_secs(30), "a faulty value costs only itself");
//! assert!(reading.problems()[0].to_string().contains("SPANLAYER_MAX_STALENESS"));
//! ```

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fmt,
    hash::BuildHasher,
    time::Duration,
};

/// A source of environment variables: the process, or a map in a test.
pub trait Vars {
    /// The value of a variable; `None` when unset **or empty** (OpenTelemetry specification, *Environment Variable
    /// Specification*, "empty value").
    fn get(&self, name: &str) -> Option<String>;

    /// Whether any variable's name may begin so: where none does, none of those names has to be looked up.
    fn any(&self, _prefix: &str) -> bool {
        true
    }
}

/// The process's own environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process;

impl Process {
    /// The environment as it is now, to read many variables from: looking one up in the process goes through a lock and
    /// every variable's text.
    pub fn snapshot(self) -> Snapshot {
        Snapshot(std::env::vars_os().collect())
    }
}

/// See [`Process::snapshot`].
#[derive(Clone)]
pub struct Snapshot(Vec<(OsString, OsString)>);

impl fmt::Debug for Snapshot {
    /// Without the values, which may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Vars for Snapshot {
    fn get(&self, name: &str) -> Option<String> {
        // A name stands there once, or the first counts, as for `getenv`.
        let (_, value) = self.0.iter().find(|(known, _)| known.as_encoded_bytes() == name.as_bytes())?;
        readable(value)
    }

    fn any(&self, prefix: &str) -> bool {
        self.0.iter().any(|(name, _)| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
    }
}

/// A value that is not Unicode is read with replacement characters, so that its parser can refuse it by name.
fn readable(value: &OsStr) -> Option<String> {
    (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
}

impl Vars for Process {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn get(&self, name: &str) -> Option<String> {
        readable(&std::env::var_os(name)?)
    }
}

impl<K, V, S> Vars for HashMap<K, V, S>
where
    K: std::borrow::Borrow<str> + Eq + std::hash::Hash,
    V: AsRef<str>,
    S: BuildHasher,
{
    fn get(&self, name: &str) -> Option<String> {
        HashMap::get(self, name).map(|v| v.as_ref().to_owned()).filter(|v| !v.is_empty())
    }
}

/// One variable, declared once: the parser, the README's table and the tests all read this.
#[derive(Debug)]
pub struct Var<T> {
    /// The variable's name.
    pub name: &'static str,
    /// What is parsed when the variable is unset. A test parses every default.
    pub default: &'static str,
    /// Turns the text into a value, or says what would have been right ("a duration such as 30s").
    pub parse: fn(&str) -> Result<T, String>,
    /// What it means, in one line.
    pub about: &'static str,
}

impl<T> Var<T> {
    /// The variable as documents have it.
    pub const fn row(&self) -> Row {
        Row { name: self.name, default: self.default, about: self.about }
    }
}

/// One line of a table of variables, for documents and the tests that compare them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The variable's name.
    pub name: &'static str,
    /// What holds when it is unset.
    pub default: &'static str,
    /// What it means, in one line.
    pub about: &'static str,
}

/// A variable whose value cannot be used, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: String,
    /// What is wrong with its value and what would be right. Never the value itself: it may be a secret.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

impl std::error::Error for Problem {}

/// Reads variables and collects every problem instead of stopping at the first.
pub struct Reading<'v> {
    vars: &'v dyn Vars,
    problems: Vec<Problem>,
}

impl<'v> Reading<'v> {
    /// Starts reading from `vars`.
    pub fn new(vars: &'v dyn Vars) -> Self {
        Self { vars, problems: Vec::new() }
    }

    /// The variable's value; its default when it is unset or faulty (the fault is noted).
    ///
    /// # Panics
    ///
    /// When the declared default does not parse, which a test of each table excludes.
    pub fn get<T>(&mut self, var: &Var<T>) -> T {
        self.find(var).unwrap_or_else(|| match (var.parse)(var.default) {
            Ok(value) => value,
            Err(why) => unreachable!("the default of {} does not parse: {why}", var.name),
        })
    }

    /// The variable's value if it is set and right; a fault is noted.
    pub fn find<T>(&mut self, var: &Var<T>) -> Option<T> {
        self.find_as(var.name, var.parse)
    }

    /// Like [`find`](Self::find) for a name that is put together at run time (per-signal variables).
    pub fn find_as<T>(&mut self, name: &str, parse: fn(&str) -> Result<T, String>) -> Option<T> {
        match parse(self.vars.get(name)?.trim()) {
            Ok(value) => Some(value),
            Err(what) => {
                self.note(name, what);
                None
            }
        }
    }

    /// Notes a problem that only shows when several variables are seen together.
    pub fn note(&mut self, name: impl Into<String>, what: impl Into<String>) {
        self.problems.push(Problem { name: name.into(), what: what.into() });
    }

    /// What was found wrong so far.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Ends the reading and hands over what was found wrong.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}

/// Parses a Boolean as OpenTelemetry does: only `true`, in any case, is true; but what is neither `true` nor `false`
/// is a mistake worth a word.
pub fn boolean(text: &str) -> Result<bool, String> {
    if text.eq_ignore_ascii_case("true") {
        Ok(true)
    } else if text.eq_ignore_ascii_case("false") {
        Ok(false)
    } else {
        Err("expected true or false".to_owned())
    }
}

/// Parses a duration: a number with `ms`, `s`, `m` or `h`; a bare number is milliseconds, as in OpenTelemetry's own
/// variables. At most a year (365 days): what is longer is a mistake, and could not be added to a point in time.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a duration such as 500ms, 30s or 2m, at most a year".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let scale = match unit.trim() {
        "" | "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(number * scale).ok().filter(|duration| *duration <= YEAR).ok_or_else(wrong)
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// Parses a size in bytes: a number with nothing, `KiB`, `MiB` or `GiB` (also `K`, `M`, `G`).
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size such as 65536, 512KiB or 16MiB".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let shift = match unit.trim() {
        "" | "B" => 0,
        "K" | "KiB" => 10,
        "M" | "MiB" => 20,
        "G" | "GiB" => 30,
        _ => return Err(wrong()),
    };
    number.checked_mul(1 << shift).ok_or_else(wrong)
}

/// Takes any text as it is.
pub fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_take_the_usual_units_and_bare_milliseconds() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("250"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5 m"), Ok(Duration::from_secs(90)));
        for wrong in ["", "soon", "-1s", "1d", "1e400s", "."] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_duration_is_at_most_a_year_and_a_longer_one_is_refused_by_name() {
        for year in ["8760h", "525600m", "31536000s", "31536000000"] {
            assert_eq!(duration(year), Ok(Duration::from_secs(31_536_000)), "{year}");
        }
        for longer in ["8760.1h", "31536000001ms", "9300000000000000000s", "99999999999999999999999h"] {
            let vars = HashMap::from([("WAIT", longer)]);
            let mut reading = Reading::new(&vars);
            assert_eq!(reading.find_as("WAIT", duration), None, "{longer}");
            let said = reading.problems()[0].to_string();
            assert!(said.starts_with("WAIT: ") && said.ends_with(", at most a year"), "{said}");
        }
    }

    #[test]
    fn sizes_never_wrap() {
        assert_eq!(bytes("16MiB"), Ok(16 << 20));
        assert!(bytes("99999999999999999GiB").is_err());
        assert!(bytes("-1").is_err());
    }

    #[test]
    fn every_problem_is_reported_by_name_and_without_the_value() {
        let vars = HashMap::from([("A", "lots"), ("B", "s3cret")]);
        let mut reading = Reading::new(&vars);
        assert_eq!(reading.find_as("A", bytes), None);
        assert_eq!(reading.find_as("B", boolean), None);
        let said: Vec<String> = reading.into_problems().iter().map(ToString::to_string).collect();
        assert!(said[0].starts_with("A: ") && said[1].starts_with("B: "));
        assert!(!said.concat().contains("s3cret"));
    }

    #[test]
    fn an_empty_value_counts_as_unset() {
        let vars = HashMap::from([("A", "")]);
        assert_eq!(Vars::get(&vars, "A"), None);
    }
}
