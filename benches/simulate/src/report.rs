//! The tables, and where the default policy is dominated.

use crate::{figures::Figures, shape::Shape, strategy::Strategy};
use std::fmt::Write;

/// What a shape came to under every strategy.
#[derive(Debug)]
pub struct Result<'a> {
    /// The shape.
    pub shape: &'a Shape,
    /// In the order of [`Strategy::ALL`].
    pub figures: Vec<Figures>,
}

impl Result<'_> {
    /// The strategies that cost no more than ours and deliver no later, neither half of what there is nor the slowest
    /// hundredth, and are better by more than two percent, the figures' resolution, in one of these.
    pub fn dominating(&self) -> Vec<Strategy> {
        self.better(|figures| [figures.per_thousand() + 1.0, figures.staleness(0.5), figures.staleness(0.99)])
    }

    /// The same by cost and the slowest hundredth alone.
    pub fn cheaper_and_no_later_at_last(&self) -> Vec<Strategy> {
        self.better(|figures| [figures.per_thousand() + 1.0, figures.staleness(0.99)])
    }

    /// The strategies, but for the clairvoyant, of which no figure is above ours, and one is below.
    fn better<const N: usize>(&self, of: impl Fn(&Figures) -> [f64; N]) -> Vec<Strategy> {
        let Some(ours) = self.figures.first().map(&of) else { return Vec::new() };
        let better = |figures: &Figures| {
            let pairs = || of(figures).into_iter().zip(ours);
            pairs().all(|(theirs, ours)| theirs <= ours * SAME)
                && pairs().any(|(theirs, ours)| theirs * SAME < ours)
        };
        let others = Strategy::ALL.iter().zip(&self.figures).skip(1);
        let others = others.filter(|(strategy, _)| **strategy != Strategy::Clairvoyant);
        others.filter(|(_, figures)| better(figures)).map(|(strategy, _)| *strategy).collect()
    }

    /// The table of this shape.
    pub fn table(&self) -> String {
        let Shape { name, about, .. } = self.shape;
        let first = self.figures.first();
        let (invocations, environments) =
            first.map_or((0, 0), |figures| (figures.invocations, figures.environments));
        let mut out = format!(
            "### {name}\n\n{about}; {invocations} invocations, {environments} environments.\n\n\
             | | billed ms per 1,000 | staleness p50 | p99 | worst | lost | exports per 1,000 |\n|---|---:|---:|---:|---:|---:|---:|\n"
        );
        for (strategy, figures) in Strategy::ALL.iter().zip(&self.figures) {
            let lost = per_thousand(figures.lost, figures.invocations);
            let row = [
                strategy.name().to_owned(),
                format!("{:.0}", figures.per_thousand()),
                seconds(figures.staleness(0.5)),
                seconds(figures.staleness(0.99)),
                seconds(figures.worst()),
                lost,
                format!("{:.0}", figures.exports as f64 * 1e3 / figures.invocations.max(1) as f64),
            ];
            let _ = writeln!(out, "| {} |", row.join(" | "));
        }
        let dominating = self.dominating();
        if !dominating.is_empty() {
            let names: Vec<_> = dominating.iter().map(|strategy| strategy.name()).collect();
            let _ = writeln!(out, "\nDominated here by: {}.", names.join(", "));
        }
        for (strategy, figures) in Strategy::ALL.iter().zip(&self.figures) {
            let is_it = self.cheaper_and_no_later_at_last().contains(strategy);
            if let (true, false, Some(ours)) = (is_it, dominating.contains(strategy), first) {
                let _ = writeln!(
                    out,
                    "\nBy cost and the slowest hundredth alone, within two percent, *{}* is ahead: {:.0} ms and {}, ours {:.0} ms and {}. \
                     Its median is {}, ours {}.",
                    strategy.name(),
                    figures.per_thousand(),
                    seconds(figures.staleness(0.99)),
                    ours.per_thousand(),
                    seconds(ours.staleness(0.99)),
                    seconds(figures.staleness(0.5)),
                    seconds(ours.staleness(0.5)),
                );
            }
        }
        out
    }
}

/// All tables.
pub fn tables(results: &[Result<'_>]) -> String {
    results.iter().map(Result::table).collect::<Vec<_>>().join("\n")
}

/// Puts generated text between the markers of a document; an error when they are not there.
pub fn replace(document: &str, generated: &str) -> std::result::Result<String, String> {
    let missing = || format!("expected the lines `{BEGIN}` and `{END}`, in this order");
    let (before, rest) = document.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}\n\n{generated}\n{END}{after}"))
}

fn seconds(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{:.0} ms", seconds * 1e3),
        seconds if seconds < 100.0 => format!("{seconds:.1} s"),
        seconds => format!("{seconds:.0} s"),
    }
}

fn per_thousand(count: u64, of: u64) -> String {
    match count {
        0 => "0".to_owned(),
        count => format!("{:.2} ‰", count as f64 * 1e3 / of.max(1) as f64),
    }
}

const BEGIN: &str = "<!-- make simulate: from here -->";
const END: &str = "<!-- make simulate: to here -->";

/// Two percent.
const SAME: f64 = 1.02;
