//! The table: one figure a row, ours beside the baseline and the budget.

use crate::sample::Sample;
use serde_json::{Value, json};
use std::fmt::Write;

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Micros,
    Millis,
    MiB,
    MB,
    /// Spans per second of CPU time.
    SpansPerSecond,
    /// A count of things.
    Count,
}

/// The most (or least) a figure may be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Budget {
    /// No limit: shown for comparison.
    None,
    /// At most this, in the figure's unit.
    AtMost(f64),
    /// At most so many times the baseline.
    Ratio(f64),
    /// At most so many times the baseline, or so much more than it.
    RatioOrExtra(f64, f64),
    /// At least this, in the figure's unit.
    AtLeast(f64),
    /// At least this share of the baseline.
    ShareOfBaseline(f64),
}

/// One row.
pub(crate) struct Row {
    pub(crate) section: &'static str,
    pub(crate) figure: String,
    pub(crate) unit: Unit,
    pub(crate) ours: Sample,
    pub(crate) baseline: Option<Sample>,
    pub(crate) budget: Budget,
    pub(crate) note: String,
}

/// A figure that could not be taken, and why.
pub(crate) struct Missing {
    pub(crate) section: &'static str,
    pub(crate) why: String,
}

/// Whether a figure is within its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Free,
    Ok,
    Over,
}

impl Row {
    pub(crate) fn new(section: &'static str, figure: impl Into<String>, unit: Unit, ours: Sample) -> Self {
        Self {
            section,
            figure: figure.into(),
            unit,
            ours,
            baseline: None,
            budget: Budget::None,
            note: String::new(),
        }
    }

    pub(crate) fn against(self, baseline: Sample) -> Self {
        Self { baseline: Some(baseline), ..self }
    }

    pub(crate) fn budget(self, budget: Budget) -> Self {
        Self { budget, ..self }
    }

    pub(crate) fn note(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }

    /// Ours over the baseline, of the medians.
    fn ratio(&self) -> Option<f64> {
        let baseline = self.baseline.as_ref()?.median();
        (baseline > 0.0).then(|| self.ours.median() / baseline)
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let ours = self.ours.median();
        // Nothing measured is nothing kept: NaN fails every comparison, and so every budget.
        let kept = match self.budget {
            Budget::None => return Verdict::Free,
            Budget::AtMost(most) => ours <= most,
            Budget::AtLeast(least) => ours >= least,
            Budget::Ratio(most) => self.ratio().is_some_and(|ratio| ratio <= most),
            Budget::ShareOfBaseline(least) => self.ratio().is_some_and(|ratio| ratio >= least),
            Budget::RatioOrExtra(most, extra) => {
                self.ratio().is_some_and(|ratio| ratio <= most)
                    || self
                        .baseline
                        .as_ref()
                        .is_some_and(|baseline| self.ours.paired_difference(baseline) <= extra)
            }
        };
        if kept { Verdict::Ok } else { Verdict::Over }
    }

    fn cells(&self) -> [String; 8] {
        let (low, high) = self.ours.spread();
        let spread = if self.ours.len() > 1 {
            format!("{}–{}", number(self.unit, low), number(self.unit, high))
        } else {
            String::new()
        };
        let baseline = self.baseline.as_ref();
        [
            self.figure.clone(),
            value(self.unit, self.ours.median()),
            spread,
            baseline.map(|baseline| value(self.unit, baseline.median())).unwrap_or_default(),
            self.ratio().map(|ratio| format!("{ratio:.2} ×")).unwrap_or_default(),
            self.budget.text(self.unit),
            match self.verdict() {
                Verdict::Free => String::new(),
                Verdict::Ok => "ok".to_owned(),
                Verdict::Over => "OVER".to_owned(),
            },
            self.note.clone(),
        ]
    }

    fn json(&self) -> Value {
        let sample = |sample: &Sample| {
            let (low, high) = sample.spread();
            json!({ "median": sample.median(), "p10": low, "p90": high, "measurements": sample.len() })
        };
        json!({
            "section": self.section,
            "figure": self.figure,
            "unit": self.unit.name(),
            "ours": sample(&self.ours),
            "baseline": self.baseline.as_ref().map(sample),
            "ratio": self.ratio(),
            "budget": self.budget.text(self.unit),
            "within": match self.verdict() { Verdict::Free => None, verdict => Some(verdict == Verdict::Ok) },
            "note": self.note,
        })
    }
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Micros => "µs",
            Self::Millis => "ms",
            Self::MiB => "MiB",
            Self::MB => "MB",
            Self::SpansPerSecond => "spans/s",
            Self::Count => "",
        }
    }
}

impl Budget {
    fn text(self, unit: Unit) -> String {
        match self {
            Self::None => String::new(),
            Self::AtMost(most) => format!("≤ {}", value(unit, most)),
            Self::AtLeast(least) => format!("≥ {}", value(unit, least)),
            Self::Ratio(most) => format!("≤ {most:.2} ×"),
            Self::ShareOfBaseline(least) => format!("≥ {least:.2} ×"),
            Self::RatioOrExtra(most, extra) => format!("≤ {most:.2} × or + {}", value(unit, extra)),
        }
    }
}

/// The whole table, in Markdown, columns aligned so that it also reads in a terminal.
pub(crate) fn table(rows: &[Row], missing: &[Missing]) -> String {
    let mut lines = vec![HEAD.map(str::to_owned)];
    lines.extend(rows.iter().map(Row::cells));
    let widths: [usize; 8] =
        std::array::from_fn(|column| lines.iter().map(|line| columns(&line[column])).max().unwrap_or(0));
    let mut out = String::new();
    for (nth, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(widths) {
            let _ = write!(out, "| {cell}{} ", " ".repeat(width - columns(cell)));
        }
        out.push_str("|\n");
        if nth == 0 {
            for width in widths {
                let _ = write!(out, "|{}", "-".repeat(width + 2));
            }
            out.push_str("|\n");
        }
    }
    for missing in missing {
        let _ = writeln!(out, "\nnot measured: {}: {}", missing.section, missing.why);
    }
    out
}

/// The same as JSON, for whoever follows figures over time.
pub(crate) fn json(rows: &[Row], missing: &[Missing]) -> Value {
    let missing: Vec<_> = missing.iter().map(|m| json!({ "section": m.section, "why": m.why })).collect();
    json!({ "rows": rows.iter().map(Row::json).collect::<Vec<_>>(), "notMeasured": missing })
}

fn value(unit: Unit, value: f64) -> String {
    let number = number(unit, value);
    if unit.name().is_empty() { number } else { format!("{number} {}", unit.name()) }
}

fn number(unit: Unit, value: f64) -> String {
    match unit {
        Unit::SpansPerSecond if value >= 1e6 => format!("{:.2}M", value / 1e6),
        Unit::SpansPerSecond => format!("{:.0}k", value / 1e3),
        Unit::Count => format!("{value:.0}"),
        _ if value.abs() >= 100.0 => format!("{value:.0}"),
        _ if value.abs() >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Columns of text without characters of double width, which is all this table has.
fn columns(text: &str) -> usize {
    text.chars().count()
}

const HEAD: [&str; 8] = ["figure", "ours", "p10–p90", "baseline", "ratio", "budget", "", "note"];

#[cfg(test)]
mod tests {
    use super::*;

    fn row(ours: &[f64], baseline: &[f64], budget: Budget) -> Row {
        let ours = ours.iter().copied().collect();
        Row::new("s", "figure", Unit::Micros, ours).against(baseline.iter().copied().collect()).budget(budget)
    }

    #[test]
    fn a_budget_is_judged_by_medians() {
        assert_eq!(row(&[1.0, 11.0, 90.0], &[10.0], Budget::Ratio(1.1)).verdict(), Verdict::Ok);
        assert_eq!(row(&[12.0], &[10.0], Budget::Ratio(1.1)).verdict(), Verdict::Over);
        assert_eq!(row(&[12.0], &[10.0], Budget::RatioOrExtra(1.1, 2.0)).verdict(), Verdict::Ok);
        assert_eq!(row(&[6.0], &[10.0], Budget::ShareOfBaseline(0.65)).verdict(), Verdict::Over);
        assert_eq!(row(&[6.0], &[10.0], Budget::None).verdict(), Verdict::Free);
    }

    #[test]
    fn what_was_not_measured_never_counts_as_kept() {
        for budget in
            [Budget::AtMost(1.0), Budget::AtLeast(1.0), Budget::Ratio(1.0), Budget::RatioOrExtra(1.0, 1.0)]
        {
            assert_eq!(row(&[], &[], budget).verdict(), Verdict::Over);
        }
    }

    #[test]
    fn the_table_is_markdown_with_aligned_columns() {
        let text = table(&[row(&[12.0, 14.0], &[10.0], Budget::Ratio(1.1))], &[]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| columns(line) == columns(lines[0])), "{text}");
        assert!(lines[2].contains("1.30 ×") && lines[2].contains("OVER"), "{text}");
    }
}
