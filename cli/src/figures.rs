//! What it cost: counts, bytes, times, as the lines below the traces.

use crate::{
    paint::{Paint, Tone},
    tree::duration,
};
use std::{fmt::Write, time::Duration};

/// The middle of several durations; zero of none.
pub fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    match sorted.len() {
        0 => Duration::ZERO,
        n if n % 2 == 1 => sorted[n / 2],
        n => (sorted[n / 2 - 1] + sorted[n / 2]) / 2,
    }
}

/// A duration as text.
pub fn time(time: Duration) -> String {
    duration(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

/// Several durations as text: the middle, and how far they lie apart.
pub fn times(times: &[Duration]) -> String {
    match (times.iter().min(), times.iter().max()) {
        (Some(least), Some(most)) if times.len() > 1 => {
            format!("{} ({} to {}, {} times)", time(median(times)), time(*least), time(*most), times.len())
        }
        _ => time(median(times)),
    }
}

/// Bytes as text: `812 B`, `2.1 kB`, `3.4 MB`, `5.6 GB`.
pub fn bytes(count: u64) -> String {
    match count {
        0..=999 => format!("{count} B"),
        1_000..=999_949 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..=999_949_999 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// A number of things as text: `1 line`, `2 lines`.
pub fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// Lines of a label and what there is to say about it, aligned.
#[derive(Debug, Default)]
pub struct Figures(Vec<(String, String)>);

impl Figures {
    /// One more line.
    pub fn push(&mut self, label: &str, text: impl Into<String>) {
        self.0.push((label.to_owned(), text.into()));
    }

    /// All lines, below a heading.
    pub fn text(&self, heading: &str, paint: Paint) -> String {
        let widest = self.0.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0);
        let mut out = format!("{}\n", paint.tone(Tone::Strong, heading));
        for (label, text) in &self.0 {
            let _ = writeln!(out, "  {}  {text}", paint.tone(Tone::Faint, &format!("{label:<widest$}")));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_lies_in_the_middle() {
        let ms = |n: u64| Duration::from_millis(n);
        assert_eq!(median(&[ms(30), ms(10), ms(20)]), ms(20));
        assert_eq!(median(&[ms(30), ms(10)]), ms(20));
        assert_eq!(median(&[]), Duration::ZERO);
        assert_eq!(times(&[ms(30), ms(10), ms(20)]), "20.0 ms (10.0 ms to 30.0 ms, 3 times)");
    }

    #[test]
    fn figures_stand_in_columns() {
        let mut figures = Figures::default();
        figures.push("spans", "14");
        figures.push("cold start", bytes(2_050));
        assert_eq!(figures.text("Cost", Paint::PLAIN), "Cost\n  spans       14\n  cold start  2.0 kB\n");
    }
}
