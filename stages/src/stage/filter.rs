//! `filter`: leaves out what any of its conditions holds for, and what is then empty.

use super::{OnError, Report, or_else, select::Select};
use crate::{
    ottl::{Condition, Failed},
    record::Record,
    scene::{Level, try_walk, walk},
};
use spanlayer_otlp::Signal;

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Filter {
    /// What goes.
    pub conditions: Vec<(Signal, Condition)>,
    /// What stays, in the older form: spans that are selected.
    pub spans: Option<Select>,
    /// What is done when a condition cannot be evaluated.
    pub on_error: OnError,
}

impl Filter {
    pub(super) fn looks_at(&self, signal: Signal) -> bool {
        self.conditions.iter().any(|(of, _)| *of == signal)
            || self.spans.is_some() && signal == Signal::Traces
    }

    /// From the outside in, so that what is gone is not looked into.
    pub(super) fn run(&self, signal: Signal, root: &mut Record, report: &mut Report) -> Result<bool, Failed> {
        let mut changed = false;
        for level in [Level::Resource, Level::Scope, Level::Item, Level::Part] {
            let of_level = |(of, one): &&(Signal, Condition)| *of == signal && one.context().level() == level;
            if self.conditions.iter().any(|one| of_level(&one)) {
                changed |= try_walk(signal, root, level, false, &mut |scene| {
                    for (_, condition) in self.conditions.iter().filter(of_level) {
                        if or_else(condition.holds(scene), self.on_error, false, report)? {
                            return Ok(false);
                        }
                    }
                    Ok(true)
                })?;
            }
        }
        if let Some(select) = self.spans.as_ref().filter(|_| signal == Signal::Traces) {
            changed |= walk(signal, root, Level::Item, &mut |scene| select.takes(signal, scene));
        }
        Ok(changed)
    }
}
