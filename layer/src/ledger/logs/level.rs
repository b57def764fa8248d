//! Severity, from the words and numbers that loggers use for it.

/// How severe a record is, as OTLP numbers it: 1 to 24; 0 when nobody said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Severity(u8);

impl Severity {
    /// Not said.
    pub const UNSPECIFIED: Self = Self(0);
    /// `TRACE`.
    pub const TRACE: Self = Self(1);
    /// `DEBUG`.
    pub const DEBUG: Self = Self(5);
    /// `INFO`.
    pub const INFO: Self = Self(9);
    /// `WARN`.
    pub const WARN: Self = Self(13);
    /// `ERROR`.
    pub const ERROR: Self = Self(17);
    /// `FATAL`.
    pub const FATAL: Self = Self(21);

    /// Reads a level's name in any case; `None` for words that are none.
    pub fn parse(word: &str) -> Option<Self> {
        // The longest is `information`.
        if word.len() > 11 {
            return None;
        }
        Some(match word.to_ascii_lowercase().as_str() {
            "trace" | "verbose" | "finest" => Self::TRACE,
            "debug" | "finer" | "fine" => Self::DEBUG,
            "info" | "information" | "config" => Self::INFO,
            "notice" => Self(10),
            "warn" | "warning" => Self::WARN,
            "error" | "err" | "severe" => Self::ERROR,
            "critical" | "crit" => Self(18),
            "alert" => Self(19),
            "fatal" | "panic" => Self::FATAL,
            "emergency" | "emerg" => Self(22),
            _ => return None,
        })
    }

    /// Reads a level that is given as a number: 10 for trace up to 60 for fatal, as bunyan and pino count.
    pub fn from_number(number: f64) -> Option<Self> {
        Some(match number {
            n if (10.0..20.0).contains(&n) => Self::TRACE,
            n if (20.0..30.0).contains(&n) => Self::DEBUG,
            n if (30.0..40.0).contains(&n) => Self::INFO,
            n if (40.0..50.0).contains(&n) => Self::WARN,
            n if (50.0..60.0).contains(&n) => Self::ERROR,
            n if (60.0..=100.0).contains(&n) => Self::FATAL,
            _ => return None,
        })
    }

    /// `SeverityNumber`.
    pub const fn number(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_other_words_are_none() {
        for (word, number) in
            [("INFO", 9), ("Warning", 13), ("error", 17), ("CRITICAL", 18), ("fatal", 21), ("TRACE", 1)]
        {
            assert_eq!(Severity::parse(word).map(Severity::number), Some(number), "{word}");
        }
        for word in ["", "informative", "information!", "no", "errors", "\u{130}nfo"] {
            assert_eq!(Severity::parse(word), None, "{word}");
        }
    }

    #[test]
    fn numbers_count_in_tens() {
        for (number, severity) in [(10.0, 1), (35.0, 9), (50.0, 17), (60.0, 21)] {
            assert_eq!(Severity::from_number(number).map(Severity::number), Some(severity));
        }
        for number in [f64::NAN, -1.0, 0.0, 6.0, 1e9] {
            assert_eq!(Severity::from_number(number), None);
        }
    }
}
