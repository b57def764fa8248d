//! The extension's own log: one JSON object a line on standard error, where Lambda collects it.
//!
//! Every line carries `"source":"spanlayer"`, the marker by which our own lines are recognised and never taken for
//! the function's. A few functions do; a logging framework would weigh more than the extension's lifecycle.

use spanlayer_host::clock;
use std::{
    fmt,
    io::Write,
    sync::atomic::{AtomicU8, Ordering},
};

/// How much is said. Each level includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing at all.
    Off,
    /// Something was lost, with a count.
    Error,
    /// Something is wrong, and nothing was lost.
    Warn,
    /// Milestones: the first delivery, what was found at start-up.
    Info,
    /// What each invocation did.
    Debug,
}

impl Level {
    /// Reads `SPANLAYER_LOG`.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "off" | "none" => Ok(Self::Off),
            "error" => Ok(Self::Error),
            "warn" | "warning" => Ok(Self::Warn),
            "info" => Ok(Self::Info),
            "debug" | "trace" => Ok(Self::Debug),
            _ => Err("expected off, error, warn, info or debug".to_owned()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Off => "OFF",
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

/// Says from now on what `level` includes. Before the configuration is read, that is `warn`.
pub fn set_level(level: Level) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Whether lines of `level` are said, for those that are costly to put together.
pub fn says(level: Level) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}

/// A field of a line: its name, and how it reads.
pub type Field<'a> = (&'a str, &'a dyn fmt::Display);

/// Something was lost.
pub fn error(message: &str, fields: &[Field<'_>]) {
    say(Level::Error, message, fields);
}

/// Something is wrong, and nothing was lost.
pub fn warn(message: &str, fields: &[Field<'_>]) {
    say(Level::Warn, message, fields);
}

/// A milestone.
pub fn info(message: &str, fields: &[Field<'_>]) {
    say(Level::Info, message, fields);
}

/// A detail.
pub fn debug(message: &str, fields: &[Field<'_>]) {
    say(Level::Debug, message, fields);
}

/// A milestone that is said by default too: there are few of them, and they answer the first questions.
pub fn always(level: Level, message: &str, fields: &[Field<'_>]) {
    if says(Level::Warn) {
        write(level, message, fields, "");
    }
}

/// The line that says how it ended, by default too. It has `more` members, which are JSON already.
pub fn last(level: Level, message: &str, fields: &[Field<'_>], more: &str) {
    if says(level.min(Level::Warn)) {
        write(level, message, fields, more);
    }
}

fn say(level: Level, message: &str, fields: &[Field<'_>]) {
    if says(level) {
        write(level, message, fields, "");
    }
}

fn write(level: Level, message: &str, fields: &[Field<'_>], more: &str) {
    let line = line(clock::unix().as_millis(), level, message, fields, more);
    // In one write, so that lines of several processes do not mix. Nowhere to say it: nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}

fn line(unix_millis: u128, level: Level, message: &str, fields: &[Field<'_>], more: &str) -> String {
    let mut line = format!(r#"{{"timestamp":"{}","level":"{}""#, Timestamp(unix_millis), level.name());
    line.push_str(r#","source":"spanlayer","message":"#);
    push_json(&mut line, message);
    for (name, value) in fields {
        line.push(',');
        push_json(&mut line, name);
        line.push(':');
        let value = value.to_string();
        // Counts stay numbers, so that a log query can add them up.
        if value.parse::<u64>().is_ok_and(|number| number.to_string() == value) {
            line.push_str(&value);
        } else {
            push_json(&mut line, &value);
        }
    }
    line.push_str(more);
    line.push_str("}\n");
    line
}

/// Adds a text as JSON has it.
pub(crate) fn push_json(out: &mut String, text: &str) {
    // Text always has a JSON form.
    out.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Unix milliseconds as RFC 3339 writes them, in UTC.
pub(crate) struct Timestamp(pub(crate) u128);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0 / 1000, self.0 % 1000);
        let (days, second) = (seconds / 86_400, seconds % 86_400);
        // Days to date by Howard Hinnant's `civil_from_days`: years of 365.2425 days that begin on 1 March.
        let days = days + 719_468;
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year_of_era + era * 400 + u128::from(month <= 2);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
    }
}

static LEVEL: AtomicU8 = AtomicU8::new(Level::Warn as u8);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_with_its_marker() {
        let line = line(
            0,
            Level::Warn,
            "a \"word\"\n",
            &[("error", &"x\ty"), ("spans", &12), ("none", &0)],
            ",\"more\":{}",
        );
        assert!(line.ends_with("}\n"));
        assert_eq!(line.matches('\n').count(), 1);
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["source"], "spanlayer");
        assert_eq!(json["level"], "WARN");
        assert_eq!(json["message"], "a \"word\"\n");
        assert_eq!(json["error"], "x\ty");
        assert_eq!(json["spans"], 12);
        assert_eq!(json["none"], 0);
        assert!(json["more"].is_object());
    }

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (1_772_323_200_000, "2026-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(millis).to_string(), text);
        }
    }

    #[test]
    fn levels_include_those_before_them() {
        assert!(Level::Error < Level::Warn && Level::Warn < Level::Info);
        assert!(Level::parse("loud").is_err());
        assert_eq!(Level::parse("WARN"), Ok(Level::Warn));
    }
}
