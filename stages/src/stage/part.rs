//! `routing`: the part of a payload that one row of a table takes, or what no row takes. Every part is made of the same
//! payload by a stage of its own, at the head of the way of that part.
//!
//! ```text
//! payload ─┬─▶ row 0 ─▶ …      each row takes from what the rows before it left,
//!          ├─▶ row 1 ─▶ …      so that every item is in exactly one part
//!          └─▶ the rest ─▶ …
//! ```

use super::{Counts, OnError, Report, or_else};
use crate::{
    ottl::{Condition, Failed},
    record::Record,
    scene::{Level, try_walk, walk},
};
use spanlayer_otlp::Signal;
use spanlayer_process::redact::Tally;
use std::sync::Arc;

/// Who takes what, the first first.
#[derive(Debug, Default)]
pub struct Table {
    /// In their order.
    pub rows: Vec<Row>,
    /// What is done when a condition cannot be evaluated.
    pub on_error: OnError,
}

/// Places that somebody takes: resources with all that belongs to them, or single spans, metrics, data points, records.
#[derive(Debug)]
pub struct Row {
    /// Which.
    pub condition: Condition,
    /// Of which data; for others it is as if it were not there.
    pub signals: Vec<Signal>,
}

/// One part of what a table divides.
#[derive(Debug)]
pub struct Part {
    /// The table.
    pub table: Arc<Table>,
    /// What the row of this number takes; without a number, what none takes.
    pub row: Option<usize>,
}

impl Part {
    pub(super) fn looks_at(&self, signal: Signal) -> bool {
        self.table.of(signal).next().is_some()
    }

    /// Leaves this part.
    pub(super) fn run(&self, signal: Signal, root: &mut Record, report: &mut Report) -> Result<bool, Failed> {
        let before = items(signal, root);
        let done = self.divide(signal, root, report);
        let after = match (self.row, done.is_ok()) {
            (_, true) => items(signal, root),
            (Some(_), false) => 0,
            (None, false) => before,
        };
        answer_for(self.row.is_none(), before, after, report);
        done
    }

    fn divide(&self, signal: Signal, root: &mut Record, report: &mut Report) -> Result<bool, Failed> {
        if self.table.on_error == OnError::Propagate && self.row.is_some() {
            // Nobody gets anything of a payload that one of the rows cannot be asked about.
            let mut rest = root.clone();
            for (_, row) in self.table.of(signal) {
                self.table.walk(signal, &mut rest, row, false, report)?;
            }
        }
        let mut changed = false;
        for (number, row) in self.table.of(signal) {
            let own = self.row == Some(number);
            changed |= self.table.walk(signal, root, row, own, report)?;
            if own {
                // What a later version may have beside resources is left to the rest.
                let resources = root.take(1);
                changed |= !root.is_empty();
                *root = Record::default();
                root.put(1, resources);
                break;
            }
        }
        Ok(changed)
    }
}

impl Table {
    fn of(&self, signal: Signal) -> impl Iterator<Item = (usize, &Row)> {
        self.rows.iter().enumerate().filter(move |(_, row)| row.signals.contains(&signal))
    }

    /// Leaves what a row takes, or what it does not.
    fn walk(
        &self,
        signal: Signal,
        root: &mut Record,
        row: &Row,
        own: bool,
        report: &mut Report,
    ) -> Result<bool, Failed> {
        // What has no such place is nobody's, and must not be in every part.
        try_walk(signal, root, row.condition.context().level(), own, &mut |scene| {
            or_else(row.condition.holds(scene), self.on_error, false, report).map(|takes| takes == own)
        })
    }
}

/// What went elsewhere is no business of this way, nor is what was before: of that the way of the rest tells, which is
/// always gone.
pub(super) fn answer_for(is_rest: bool, before: usize, after: usize, report: &mut Report) {
    if is_rest {
        report.items = report.items.saturating_sub(before - after);
    } else {
        report.items = after;
        (report.sampled, report.redacted) = (0, Tally::default());
        report.counts = Counts::default();
    }
}

/// Spans, data points and log records.
pub(super) fn items(signal: Signal, root: &mut Record) -> usize {
    let level = if signal == Signal::Metrics { Level::Part } else { Level::Item };
    let mut items = 0;
    walk(signal, root, level, &mut |_| {
        items += 1;
        true
    });
    items
}
