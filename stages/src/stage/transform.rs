//! `transform`: statements, in groups that are gone through one after the other.

use super::{OnError, Report, or_else};
use crate::{
    ottl::{Condition, Context, Failed, Statement},
    record::Record,
    scene::{Scene, try_walk},
};
use spanlayer_otlp::Signal;

/// See the module's documentation.
#[derive(Debug)]
pub struct Transform {
    /// In their order.
    pub groups: Vec<Group>,
}

/// Statements about the same kind of places.
#[derive(Debug)]
pub struct Group {
    /// Of which data.
    pub signal: Signal,
    /// Which places.
    pub context: Context,
    /// Of those, the ones that any of these hold for; all, if there are none.
    pub conditions: Vec<Condition>,
    /// What is done, in this order.
    pub statements: Vec<Statement>,
    /// What is done when one of them cannot be evaluated.
    pub on_error: OnError,
}

impl Transform {
    pub(super) fn looks_at(&self, signal: Signal) -> bool {
        self.groups.iter().any(|group| group.signal == signal)
    }

    pub(super) fn run(&self, signal: Signal, root: &mut Record, report: &mut Report) -> Result<bool, Failed> {
        let mut changed = false;
        for group in self.groups.iter().filter(|group| group.signal == signal) {
            changed |= try_walk(signal, root, group.context.level(), false, &mut |scene| {
                group.run(scene, report).map(|()| true)
            })?;
        }
        Ok(changed)
    }
}

impl Group {
    fn run(&self, scene: &mut Scene<'_>, report: &mut Report) -> Result<(), Failed> {
        let mut concerned = self.conditions.is_empty();
        for condition in &self.conditions {
            concerned = concerned || or_else(condition.holds(scene), self.on_error, false, report)?;
        }
        if concerned {
            for statement in &self.statements {
                or_else(statement.run(scene), self.on_error, (), report)?;
            }
        }
        Ok(())
    }
}
